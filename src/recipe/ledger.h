/* ledger.h - ledger.json: what each stage of a run took and gave. */
#ifndef RECIPE_LEDGER_H
#define RECIPE_LEDGER_H

#include "format/json.h"
#include "stages/stage.h"

/* Reads <run>/ledger.json, or makes an empty one: {"stages": [...]}. */
NODISCARD Status ledger_open(const char *run_folder, json_t **out, Err *err);
/* Replaces or appends the line of `name` and writes the file. Hashes what the stage
 * started from (its model.safetensors) so that the chain of custody can be checked. */
NODISCARD Status ledger_put(json_t *ledger, const char *run_folder, const char *name,
                            const char *kind, const json_t *options,
                            const StageReport *report, Err *err);
/* The line of `name`, or NULL (borrowed). */
const json_t *ledger_find(const json_t *ledger, const char *name);
/* The ledger as an aligned text table (or Markdown). */
void ledger_table(const json_t *ledger, bool markdown, Str *out);

#endif
