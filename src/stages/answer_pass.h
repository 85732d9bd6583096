/* answer_pass.h - one number for each of many answers, forward and backward: what reward
 * modelling, DPO and KTO are made of. The number is a reward model's score, read at the
 * answer's last token, or, of a language model, the log-probability of the answer: the sum
 * over the tokens of it that are learned (documents.h), the end of turn among them, a
 * tool's results not.
 *
 *     answer_pass_clear(p);
 *     while (answer_pass_add(p, &docs, d)) ...     as many as fit
 *     answer_pass_forward(p);                      p->value[k] of each
 *     ... p->dvalue[k] = dL/dvalue ...
 *     answer_pass_backward(p);                     gradients += */
#ifndef STAGES_ANSWER_PASS_H
#define STAGES_ANSWER_PASS_H

#include "stages/documents.h"
#include "train/memory.h"

typedef struct AnswerPass {
    Model *model; /* borrowed */
    Tape *tape;
    Batch *batch;
    int64_t n;                 /* answers in the pass */
    float *value, *dvalue;     /* of each; [most tokens], like all arrays here */
    int64_t *tokens;           /* of each: what the sum goes over; 1 for a score */
    int32_t *rows;             /* of each: its last, where a score is read */
    float *weights;            /* of the ids of one document */
    float *logprob, *dlogprob; /* of each learned token */
} AnswerPass;

/* For passes of up to most_tokens tokens. All memory is taken here. */
NODISCARD Status answer_pass_new(AnswerPass **out, Model *model, int64_t most_tokens,
                                 TapeOptions o, Err *err);
void answer_pass_free(AnswerPass *p); /* accepts NULL */
void answer_pass_clear(AnswerPass *p);
/* Appends document d; false when it does not fit. */
bool answer_pass_add(AnswerPass *p, const Documents *docs, int64_t d);
void answer_pass_forward(AnswerPass *p);
void answer_pass_backward(AnswerPass *p);
/* The numbers of documents [0, n), in passes of their own. `progress` (or NULL) names the
 * work; ERR_STOPPED when it is interrupted. */
NODISCARD Status answer_pass_values(AnswerPass *p, const Documents *docs, int64_t n,
                                    float *value, const char *progress, Err *err);

#endif
