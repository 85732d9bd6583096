/* tasks.h - small worlds for the study of System 2: questions without number whose answers
 * a program knows, written in several ways (variants) of which a model learns some. The
 * same question in two variants differs in its tag and in what the answer says on its way,
 * so strategies are compared on the same questions and with the same weights.
 *
 * Same options, same bytes, on every machine. What is trained on and what is asked in
 * tests are disjoint by a hash of the question, whatever the variant.
 *
 * Files written into a folder:
 *
 *   train.jsonl heldout.jsonl   {"messages": [...], "expected"}: demonstrations, variants mixed by
 *                               their weights; heldout is of test questions, to watch the
 *                               loss
 *   text.jsonl                  {"text"}: some of train.jsonl as plain text, for a vocabulary
 *                               and the first steps of a base model
 *   tests/VARIANT.jsonl         {"prompt", "question", "expected"}; row i of every file asks
 *                               the same question
 *
 *   tests also hold {"documents"} where a task has records to be searched.
 *
 * An answer of multiply, sums, facts and people, and a chain of countdown, has a '#' and
 * behind it what was asked for, up to white space, ';' or the end: one extractor serves
 * them. Those of the other tasks are read whole. */
#ifndef DATA_TASKS_TASKS_H
#define DATA_TASKS_TASKS_H

#include "base/err.h"
#include "base/options.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct TasksOptions {
    int64_t seed;
    int task;       /* number in tasks_names */
    char *variants; /* "direct:1,chain:3"; NULL: all with the task's weights */
    int64_t size, size2;
    int64_t examples, heldout, texts; /* rows of train, heldout and text.jsonl */
    int64_t tests;                    /* rows of every tests/VARIANT.jsonl */
} TasksOptions;
extern const OptTable tasks_options;
extern const char *const tasks_names[]; /* ended by NULL */

/* Writes all files into `folder`, which is made if needed. ERR_OPTION: a variant that the
 * task has not, or fewer questions than tests. */
NODISCARD Status tasks_write(const TasksOptions *o, const char *folder, Err *err);

/* What an answer says: what stands behind its last '#'; of length 0: it is invalid.
 * Borrowed from text. */
Span tasks_answer(Span text);

/* countdown: do the lines of `chain` lead from the numbers of "7,3,8,2:24" to the target by
 * steps that the rules allow, each number used once? What stands behind a step, and behind
 * the last one, is not read. */
bool countdown_is_solved(Span question, Span chain);

#endif
