/* checkpoint.h - checkpoints/step-N/: a model folder that anybody can open, and in
 * training/ all that a resumed run needs to go on as if it had never been cut.
 *
 *   step-N/config.json model.safetensors tokenizer.json ...     learner 0
 *   step-N/training/state.json             step, fingerprint, what the loop and the
 *                                          objective keep (TrainState)
 *   step-N/training/<name>.safetensors     moments "m" and "v" of the learner <name>
 *   step-N/training/<name>/                the model folder of learner 1
 *
 * A checkpoint is written under the name step-N.tmp, every file and folder is synced,
 * and one rename makes it a checkpoint: whatever has the name step-N is whole. It is
 * never written again. Knows nothing of objectives. */
#ifndef TRAIN_CHECKPOINT_H
#define TRAIN_CHECKPOINT_H

#include "train/guard.h"
#include "train/journal.h"
#include "train/trainer.h"

/* The loop's own state. */
typedef struct TrainState {
    int64_t step; /* updates done */
    uint64_t fingerprint;
    LossGuard guard;
    double first_loss, last_loss;
    double seconds, tokens, flops; /* of all runs so far */
    int64_t journal[JOURNAL_FILES];
    json_t *evaluation; /* the last one, or NULL; owned */
    json_t *objective;  /* Objective.state(), or NULL; owned */
} TrainState;
void train_state_release(TrainState *s);

/* What is saved and loaded: borrowed. */
typedef struct CheckpointParts {
    Learner *const *learners;
    int n_learners;
    const Tokenizer *tok;
    const ModelSpecials *specials;
} CheckpointParts;

/* Writes <folder>/checkpoints/step-N unless it is there. */
NODISCARD Status checkpoint_save(const char *folder, const CheckpointParts *parts,
                                 const TrainState *state, Err *err);
/* Loads the newest checkpoint that can be read into the learners and *state; *found is
 * false when there is none. One that is broken is set aside as step-N.broken, with a
 * warning, and the one before it is tried. Leftovers of cut writes are removed.
 * ERR_OPTION when the checkpoint was made under another fingerprint. */
NODISCARD Status checkpoint_resume(const char *folder, const CheckpointParts *parts,
                                   uint64_t fingerprint, TrainState *state, bool *found,
                                   Err *err);
/* Removes all but the newest `keep`. */
NODISCARD Status checkpoint_prune(const char *folder, int64_t keep, Err *err);
/* "<folder>/checkpoints/step-N" of the newest, "" when there is none. */
void checkpoint_newest(const char *folder, Str *out);
/* Moves the files of learner 0's model into `folder` itself, config.json last: there it
 * is the mark of a finished stage. */
NODISCARD Status checkpoint_publish(const char *folder, const CheckpointParts *parts,
                                    Err *err);

#endif
