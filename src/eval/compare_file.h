/* compare_file.h - what is to be compared: prompts x providers x tests, in promptfoo's YAML
 * layout as far as it goes.
 *
 *     description: sums
 *     prompts:
 *       - "What is {{a}} + {{b}}?"
 *       - {label: polite, raw: "Please tell me: {{a}} + {{b}}?"}
 *     providers:                       # a model folder, or an endpoint
 *       - runs/demo/ppo
 *       - id: runs/demo/ppo
 *         label: eight chains
 *         config: {think: "cot+consistency:8", temperature: 0.7, max_tokens: 200, seed: 1,
 *                  system: "Be brief.", vote_stop: 1}      # and what strategies take
 *     defaultTest:
 *       options: {extract: number}     # as --extract of `tame ask` (think/extract.h)
 *       assert: [{type: equals, value: "{{expected}}"}]
 *     tests:                           # a list, or "file://questions.jsonl"
 *       - vars: {a: 2, b: 3, expected: 5}
 *         assert: [{type: latency, threshold: 2000}]
 *
 * A row of a file of tests is such a test, or, where it has no "vars", the variables. Keys
 * that promptfoo has and we have not are refused by name. Pure, but for
 * compare_file_read. */
#ifndef EVAL_COMPARE_FILE_H
#define EVAL_COMPARE_FILE_H

#include "engine/engine.h"
#include "eval/assertion.h"
#include "think/strategy/strategy.h"

typedef struct ComparePrompt {
    const char *label, *text; /* borrowed from the tree */
} ComparePrompt;

typedef struct CompareProvider {
    const char *id, *label;     /* folder or endpoint; what tables call it */
    const char *think, *system; /* a strategy; NULL: no system text */
    ThinkOptions thinking;      /* owned */
    SampleOptions sample;
} CompareProvider;

typedef struct CompareTest {
    const json_t *vars; /* an object */
    Assertion *asserts; /* owned; those of defaultTest included */
    size_t n;
} CompareTest;

typedef struct CompareFile {
    json_t *tree; /* owned; all texts and values point into it */
    ComparePrompt *prompts;
    CompareProvider *providers;
    CompareTest *tests;
    size_t n_prompts, n_providers, n_tests;
    const char *extract;    /* what the asserts read of an answer; NULL: all of it */
    const char *tests_file; /* "file://..." when the tests are in a file; else NULL */
} CompareFile;
void compare_file_release(CompareFile *f); /* accepts zeroed */

/* Tests of a file are not there yet. */
NODISCARD Status compare_file_parse(Span yaml, CompareFile *out, Err *err);
/* Adds the tests of JSON Lines. */
NODISCARD Status compare_file_add_tests(CompareFile *f, Span lines, Err *err);
/* Reads the file, and the file of its tests, whose path is from the file's folder. */
NODISCARD Status compare_file_read(const char *path, CompareFile *out, Err *err);

#endif
