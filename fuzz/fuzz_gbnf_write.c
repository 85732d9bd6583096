// floor: format
/* fuzz_gbnf_write.c - a regular expression, a schema or a grammar that is accepted is
 * written as a grammar that is accepted, too. The first byte says which it is. */
#include "format/grammar/gbnf.h"
#include "format/grammar/gbnf_write.h"
#include "format/grammar/regex.h"
#include "format/grammar/schema.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static Status parse(Grammar *g, int kind, Span text, int32_t *node, Err *err)
{
    switch (kind) {
    case 0:
        return regex_parse(g, text, (RegexOptions){0}, node, err);
    case 1:
        return schema_parse(g, text, node, err);
    default:
        return gbnf_parse(g, text, node, err);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Err err = {0};
    Grammar g = {0}, back = {0};
    Str text = {0};
    int32_t node = 0;
    /* Writing a tree takes its size; some trees are large. */
    if (size == 0 || size > 2048)
        return 0;
    Status status =
        parse(&g, data[0] % 3, (Span){(const char *)data + 1, size - 1}, &node, &err);
    if (status == OK && grammar_check(&g, &err) == OK) {
        status = gbnf_write(&g, node, &text, &err);
        if (status == OK)
            status = gbnf_parse(&back, str_span(&text), &node, &err);
        ASSERT(status == OK || status == ERR_OPTION || status == ERR_LIMIT);
    }
    str_release(&text);
    grammar_release(&g);
    grammar_release(&back);
    return 0;
}
