// floor: engine
/* Any bytes: a JSON Schema as a grammar, or an error that says why; the shortest text of
 * what compiles is JSON. */
#include "walk.h"

#include "format/grammar/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Grammar g = {0};
    Err err = {0};
    int32_t node = 0;
    Status status = schema_parse(&g, (Span){(const char *)data, size}, &node, &err);
    Str text = walk_to_an_end(&g, node, status, &err);
    if (text.len > 0) {
        json_t *value = json_loadb(text.ptr, text.len, JSON_DECODE_ANY, NULL);
        ASSERT(value);
        json_decref(value);
    }
    str_release(&text);
    grammar_release(&g);
    return 0;
}
