/* schema.h - JSON Schema as a grammar of JSON texts, pure. Each text that the grammar
 * allows is valid under the schema; what the schema allows beside them (spaces, other
 * orders of keys, additional properties that nobody asked for) is not written.
 *
 *     any      type (one or a list), enum, const, $ref within the document (recursive too),
 *              anyOf, oneOf, allOf of one; true, {}
 *     object   properties in their order, required, additionalProperties (true, false, a
 *              schema; absent: none, unless there are no properties), minProperties and
 *              maxProperties without properties
 *     array    items, prefixItems, minItems, maxItems
 *     string   minLength, maxLength; or pattern (regex.h; found anywhere in the string, as
 *              the standard says); or format: date, time, date-time, uuid, email, ipv4
 *     integer  minimum, maximum, exclusiveMinimum, exclusiveMaximum
 *     number   the same with bounds that are whole numbers
 *
 * Annotations (title, description, default, examples, ...) say nothing. Any other keyword
 * is an error that names it: what is left out silently is found by nobody. oneOf is
 * refused where two of its schemas might allow the same value.
 *
 * Texts are compact JSON, with one space or none behind ':' and ','. Numbers have up to 16
 * digits. Keys of additional properties may repeat, and are written without escapes. */
#ifndef FORMAT_GRAMMAR_SCHEMA_H
#define FORMAT_GRAMMAR_SCHEMA_H

#include "format/grammar/grammar.h"

#include <jansson.h>

/* ERR_FORMAT with line and column where it is no JSON, else with the place in the schema:
 * "at '#/properties/age': ...". */
NODISCARD Status schema_parse(Grammar *g, Span text, int32_t *node, Err *err);
NODISCARD Status schema_from_tree(Grammar *g, const json_t *schema, int32_t *node,
                                  Err *err);

#endif
