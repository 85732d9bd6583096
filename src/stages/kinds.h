/* kinds.h - the table of all stages: name, options and function. The recipe and the
 * commands know stages only through it, so a new stage is one file and one entry. */
#ifndef STAGES_KINDS_H
#define STAGES_KINDS_H

#include "stages/stage.h"

typedef struct StageKind {
    const char *name; /* "pretrain": the command, and the key in a recipe */
    const char *help;
    const OptTable *options;
    const char *default_name; /* of its folder in a run: "base" */
    const char *example;      /* one line for --help */
    bool trains;              /* takes TrainOptions too */
    bool adapts;              /* can train an adapter: takes LoraOptions too */
    bool reads;               /* data files: takes CorpusOptions too */
    bool makes_data;          /* its folder is <run>/data/<name>, not <run>/<name> */
    Status (*run)(const StageEnv *env, const void *options, const TrainOptions *train,
                  StageReport *report, Err *err);
} StageKind;

extern const StageKind stage_kinds[];               /* ended by name NULL */
const StageKind *stage_kind_find(const char *name); /* or NULL */

/* Options of one stage: the stage's own struct, TrainOptions, CorpusOptions and
 * LoraOptions, filled together. */
typedef struct StageOptions {
    const StageKind *kind;
    void *own;
    TrainOptions train;
    CorpusOptions corpus;
    LoraOptions lora;
} StageOptions;
/* The tables that the kind takes, with their structs; returns how many. */
enum { STAGE_TABLES = 4 };
size_t stage_options_tables(StageOptions *o, OptBinding tables[STAGE_TABLES]);
NODISCARD Status stage_options_new(StageOptions *out, const StageKind *kind, Err *err);
void stage_options_release(StageOptions *o);
/* From a recipe's mapping: each key belongs to one of the tables; an unknown one is
 * an error that names the nearest. */
NODISCARD Status stage_options_read(StageOptions *o, const json_t *mapping, Err *err);
json_t *stage_options_record(const StageOptions *o); /* all values, resolved */

#endif
