// floor: format
/* fuzz_json.c - what parses prints, reads back equal, and prints the same again; any
 * bytes become a string literal that parses. */
#include "format/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Err err = {0};
    Span bytes = {(const char *)data, size};
    json_t *tree, *back;
    Status status = json_parse(bytes, &tree, &err);
    ASSERT((status == OK) == (tree != NULL));
    ASSERT(status == OK || (err.code == status && err.msg[0]));
    Str text = {0}, again = {0};
    if (tree) {
        json_append(&text, tree);
        ASSERT(json_parse(str_span(&text), &back, &err) == OK);
        ASSERT(json_equal(tree, back));
        json_append(&again, back);
        ASSERT(span_equal(str_span(&text), str_span(&again)));
        json_decref(back);
        json_decref(tree);
    }

    str_reset(&text);
    json_append_string(&text, bytes);
    ASSERT(json_parse(str_span(&text), &back, &err) == OK);
    json_t *direct = json_from_bytes(bytes);
    ASSERT(direct && json_equal(back, direct));
    json_decref(direct);
    json_decref(back);
    str_release(&text);
    str_release(&again);
    return 0;
}
