/* report.h - report.html: the picture of the recipe drawn from one run: four columns
 * (pretraining, SFT, reward modelling, RL), in each the data, the algorithm, the model
 * and its cost; below it the curves of every stage and samples. One file, no scripts,
 * nothing fetched. */
#ifndef RECIPE_REPORT_H
#define RECIPE_REPORT_H

#include "base/err.h"

/* Reads ledger.json and each stage's metrics.jsonl and samples.jsonl. */
NODISCARD Status report_write(const char *run_folder, Err *err);

#endif
