// floor: engine
/* Any bytes, of which the first says how they are meant: a regular expression or an error that says why; what compiles has a text that it accepts,
 * reached by always taking a byte that leads nearer to an end. */
#include "walk.h"

#include "format/grammar/regex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    RegexOptions options = {.json = data[0] & 1, .search = data[0] & 2};
    Grammar g = {0};
    Err err = {0};
    int32_t node = 0;
    Status status =
        regex_parse(&g, (Span){(const char *)data + 1, size - 1}, options, &node, &err);
    Str text = walk_to_an_end(&g, node, status, &err);
    str_release(&text);
    grammar_release(&g);
    return 0;
}
