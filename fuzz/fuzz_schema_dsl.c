// floor: format
/* fuzz_schema_dsl.c - a short schema that is accepted is an object all of whose members are
 * required and have one of four types; one that is refused says why. */
#include "format/schema_dsl.h"

#include "format/json.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(json_t *schema)
{
    const char *key;
    json_t *member, *properties = json_object_get(schema, "properties");
    size_t n = json_object_size(properties);
    ASSERT(n > 0 && n <= SCHEMA_DSL_MEMBERS);
    ASSERT(json_array_size(json_object_get(schema, "required")) == n);
    ASSERT(json_is_false(json_object_get(schema, "additionalProperties")));
    json_object_foreach(properties, key, member)
    {
        const char *type = json_string_value(json_object_get(member, "type"));
        ASSERT(key[0] && !strchr(key, ' ') && !strchr(key, '\n'));
        ASSERT(strstr("string integer number boolean", type));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int several = 0; several < 2; several++) {
        Err err = {0};
        json_t *schema = NULL;
        Span text = {(const char *)data, size};
        Status status = schema_dsl_parse(text, several, &schema, &err);
        ASSERT(status == OK ? schema != NULL : err.msg[0] && !schema);
        bool is_json = span_starts(span_trim(text), SPAN("{"));
        if (status == OK && !several && !is_json)
            check(schema);
        json_decref(schema);
    }
    return 0;
}
