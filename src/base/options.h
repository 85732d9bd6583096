/* options.h - one table per options struct gives its defaults, ranges, CLI flags,
 * YAML/JSON keys, --help text and the record kept with a run.
 *
 *     typedef struct SftOptions { double lr; int64_t epochs; char *data; } SftOptions;
 *     static const OptField fields[] = {
 *         OPT_REAL(SftOptions, lr, 1e-3, 0, 1, "peak learning rate"),
 *         OPT_INT (SftOptions, epochs, 2, 1, 1000, "passes over the data"),
 *         OPT_TEXT(SftOptions, data, NULL, "file, glob or mixture"),
 *         OPT_END
 *     };
 *     const OptTable sft_options = {"sft", "supervised fine-tuning",
 *                                   sizeof(SftOptions), fields};
 *
 * Field types in the struct: OPT_REAL double, OPT_INT int64_t, OPT_BOOL bool,
 * OPT_TEXT char* (owned; freed by opt_release), OPT_TREE the same, which may be a list or
 * a mapping in a recipe, OPT_CHOICE int (index into a NULL-terminated list of names). A
 * field `warmup_steps` has CLI flag
 * `--warmup-steps` and key `warmup_steps`; both spellings are accepted everywhere.
 * An unknown key is an error that names the nearest one (edit distance). */
#ifndef BASE_OPTIONS_H
#define BASE_OPTIONS_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum OptType { OPT_REAL_, OPT_INT_, OPT_BOOL_, OPT_TEXT_, OPT_CHOICE_ } OptType;

typedef struct OptField {
    const char *name; /* NULL ends the table */
    OptType type;
    size_t offset;
    double def, min, max;     /* numbers; BOOL and CHOICE use def */
    const char *def_text;     /* TEXT; NULL = unset */
    const char *const *names; /* CHOICE */
    const char *help;         /* one line: what it is, unit, what 0 means */
    bool tree; /* TEXT: a list or a mapping in its place is kept as its JSON text */
} OptField;

typedef struct OptTable {
    const char *name; /* YAML section, e.g. "ppo" */
    const char *help;
    size_t size; /* of the struct */
    const OptField *fields;
} OptTable;

/* clang-format off */
#define OPT_REAL(S, f, d, lo, hi, h)   {#f, OPT_REAL_, offsetof(S, f), (d), (lo), (hi), NULL, NULL, (h), false}
#define OPT_INT(S, f, d, lo, hi, h)    {#f, OPT_INT_, offsetof(S, f), (double)(d), (double)(lo), (double)(hi), NULL, NULL, (h), false}
#define OPT_BOOL(S, f, d, h)           {#f, OPT_BOOL_, offsetof(S, f), (d), 0, 1, NULL, NULL, (h), false}
#define OPT_TEXT(S, f, d, h)           {#f, OPT_TEXT_, offsetof(S, f), 0, 0, 0, (d), NULL, (h), false}
#define OPT_TREE(S, f, d, h)           {#f, OPT_TEXT_, offsetof(S, f), 0, 0, 0, (d), NULL, (h), true}
#define OPT_CHOICE(S, f, d, list, h)   {#f, OPT_CHOICE_, offsetof(S, f), (d), 0, 0, NULL, (list), (h), false}
#define OPT_END                        {NULL, OPT_REAL_, 0, 0, 0, 0, NULL, NULL, NULL, false}
/* clang-format on */

/* Fills *o (table->size bytes) with the defaults. Release with opt_release. */
NODISCARD Status opt_defaults(const OptTable *table, void *o, Err *err);
void opt_release(const OptTable *table, void *o);

/* Sets one field from text ("1e-3", "true", "cosine"); checks type and range. BOOL
 * accepts true/false/yes/no/on/off/1/0. Integers accept 1e6, 512k, 8M, 2G (powers of
 * 1000). An empty text unsets a TEXT. */
NODISCARD Status opt_set(const OptTable *table, void *o, const char *key,
                         const char *value, Err *err);
/* The same for a word that is no option of `table`: ERR_OPTION that names the nearest. */
Status opt_unknown(const OptTable *table, const char *key, Err *err);
/* The field, or NULL. Accepts '-' for '_'. */
const OptField *opt_find(const OptTable *table, const char *key);
/* The value of a field as text that opt_set reads back to the same value. */
void opt_value(const OptField *field, const void *o, Str *out);
/* The name of `key`'s nearest neighbour among n names, or NULL if none is near. */
const char *opt_nearest(const char *key, const char *const *names, size_t n);

/* "--name X   help (default ...; range ...)" lines for --help. */
void opt_help(const OptTable *table, Str *out);

/* Command lines. Parses argv[1..argc): flags of any of the n tables (first match
 * wins), `--flag value`, `--flag=value`, `--bool`, `--no-bool`; `--` ends flags.
 * Positional words are collected into words[] (borrowed from argv), at most
 * max_words, else ERR_OPTION. */
typedef struct OptBinding {
    const OptTable *table;
    void *o;
} OptBinding;
NODISCARD Status opt_parse_args(const OptBinding *bindings, size_t n, int argc,
                                char **argv, const char **words, size_t max_words,
                                size_t *n_words, Err *err);

#endif
