/* schema_dsl.h - JSON Schemas written short, as simonw/llm has them:
 *
 *     name, age int, bio                     an object of three texts, one an integer
 *     name: the full name, age int: in years  what a member is, behind a colon
 *     one member a line                      then descriptions may have commas
 *
 * Types: str (when there is none), int, float, bool. All members are required and no others
 * are allowed, as strict endpoints want it. Pure; fuzz/fuzz_schema_dsl.c. */
#ifndef FORMAT_SCHEMA_DSL_H
#define FORMAT_SCHEMA_DSL_H

#include "base/err.h"
#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>

enum { SCHEMA_DSL_MEMBERS = 100, SCHEMA_DSL_BYTES = 1 << 16 };

/* The schema, a new tree. several: an object {"items": [such objects]}. A text that begins
 * with { is JSON Schema itself (then `several` wraps it too). ERR_FORMAT says which member
 * is at fault. */
NODISCARD Status schema_dsl_parse(Span text, bool several, json_t **out, Err *err);

#endif
