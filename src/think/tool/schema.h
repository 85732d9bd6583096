/* schema.h - does a JSON value hold to a JSON Schema? Of the standard (draft 2020-12) what
 * the arguments of tools are described with:
 *
 *     type (one or several)  enum  const  anyOf  oneOf  allOf  not
 *     properties  required  additionalProperties  minProperties  maxProperties
 *     items  prefixItems  minItems  maxItems  uniqueItems
 *     minimum  maximum  exclusiveMinimum  exclusiveMaximum  multipleOf
 *     minLength  maxLength  pattern  $ref to "#" and "#/..."
 *
 * Other words say nothing about validity (title, format), as the standard has it. A
 * schema may come from anywhere: work and depth are limited. */
#ifndef THINK_TOOL_SCHEMA_H
#define THINK_TOOL_SCHEMA_H

#include "base/err.h"

#include <jansson.h>

/* ERR_FORMAT says where and what, for the model that wrote it: "'count' must be an
 * integer, not \"many\"". `what` names the value as a whole. ERR_LIMIT: the schema asks
 * for too much work. */
NODISCARD Status schema_check(const json_t *schema, const json_t *value,
                              const char *what, Err *err);
/* Is this the schema of an object with parameters: an object of type "object"? ERR_FORMAT
 * says what is wrong; words that hold something else than they should are found here, not
 * in the middle of a call. */
NODISCARD Status schema_is_parameters(const json_t *schema, Err *err);

#endif
