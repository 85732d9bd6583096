// floor: engine
/* Any bytes: a grammar or an error that says why; what compiles has a text that it accepts,
 * reached by always taking a byte that leads nearer to an end. */
#include "walk.h"

#include "format/grammar/gbnf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Grammar g = {0};
    Err err = {0};
    int32_t node = 0;
    Status status = gbnf_parse(&g, (Span){(const char *)data, size}, &node, &err);
    Str text = walk_to_an_end(&g, node, status, &err);
    str_release(&text);
    grammar_release(&g);
    return 0;
}
