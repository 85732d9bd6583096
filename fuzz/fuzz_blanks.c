// floor: engine
/* Any bytes: a template with blanks or an error that says why; the shortest text that fills
 * it is read back as one of it, its fixed parts as they were written. */
#include "walk.h"

#include "engine/constraint/filled.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_filled(const Blanks *b, Span text)
{
    Err err = {0};
    Span values[64];
    if (b->n > 64)
        return;
    Status status = filled_read(b, text, NULL, values, &err);
    ASSERT(status == OK || status == ERR_LIMIT);
    for (size_t i = 0; status == OK && i < b->n; i++)
        ASSERT(b->parts[i].name || span_equal(values[i], str_span(&b->parts[i].text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Blanks b;
    Err err = {0};
    const BlanksValue values[] = {{SPAN("prompt"), SPAN("Kora {{")}};
    if (blanks_parse(&b, (Span){(const char *)data, size}, values, 1, &err) != OK) {
        ASSERT(err.msg[0] && b.n == 0);
        return 0;
    }
    NodeList nodes = {0};
    for (size_t i = 0; i < b.n; i++)
        node_list_add(&nodes, &b.g, b.parts[i].node);
    int32_t all = grammar_sequence(&b.g, nodes.ptr, nodes.n);
    Str text = walk_to_an_end(&b.g, all, grammar_check(&b.g, &err), &err);
    if (text.len > 0)
        check_filled(&b, str_span(&text));
    str_release(&text);
    node_list_release(&nodes);
    blanks_release(&b);
    return 0;
}
