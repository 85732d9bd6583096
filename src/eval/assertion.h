/* assertion.h - what an answer must be, in promptfoo's words: a type, perhaps with "not-" in
 * front, and a value in which {{name}} stands for the question's variables.
 *
 *     equals              the whole answer, white space at its ends aside
 *     contains icontains starts-with
 *     contains-any contains-all icontains-any icontains-all       of a list
 *     regex               somewhere in it (PCRE2)
 *     is-json contains-json
 *     latency             no more than `threshold` milliseconds */
#ifndef EVAL_ASSERTION_H
#define EVAL_ASSERTION_H

#include "base/err.h"
#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>

typedef enum AssertKind {
    ASSERT_EQUALS,
    ASSERT_CONTAINS,
    ASSERT_ICONTAINS,
    ASSERT_CONTAINS_ANY,
    ASSERT_CONTAINS_ALL,
    ASSERT_ICONTAINS_ANY,
    ASSERT_ICONTAINS_ALL,
    ASSERT_STARTS_WITH,
    ASSERT_REGEX,
    ASSERT_IS_JSON,
    ASSERT_CONTAINS_JSON,
    ASSERT_LATENCY,
    ASSERT_KINDS
} AssertKind;

typedef struct Assertion {
    AssertKind kind;
    bool negated;
    json_t *value;    /* a text, number or list of them; borrowed; NULL: none */
    double threshold; /* milliseconds */
} Assertion;

/* From {"type", "value", "threshold"}, whose value it borrows. ERR_OPTION names the nearest
 * type, or what is missing. */
NODISCARD Status assertion_parse(const json_t *tree, Assertion *out, Err *err);
/* `output` is valid UTF-8. Where it does not hold, *why gets a line for people. */
NODISCARD Status assertion_holds(const Assertion *a, const json_t *vars, Span output,
                                 double seconds, bool *holds, Str *why, Err *err);

/* Appends `text` with each {{name}} replaced by the variable of that name: a text as it is,
 * anything else as JSON. ERR_OPTION: there is no such variable; {% %} and filters, which
 * are not supported. */
NODISCARD Status vars_render(Span text, const json_t *vars, Str *out, Err *err);

#endif
