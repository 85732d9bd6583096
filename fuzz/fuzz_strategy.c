// floor: think
/* fuzz_strategy.c - no text makes a chain of strategies that is not its own
 * specification. */
#include "think/strategy/strategy.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Err err = {0};
    Strategy *s, *again;
    Str spec = {0}, back = {0};
    if (strategy_parse(&s, (Span){(const char *)data, size}, &err) != OK) {
        if (err.msg[0] == '\0')
            abort();
        return 0;
    }
    strategy_spec(s, &spec);
    if (strategy_parse(&again, str_span(&spec), &err) != OK)
        abort();
    strategy_spec(again, &back);
    if (!span_equal(str_span(&spec), str_span(&back)))
        abort();
    strategy_free(s);
    strategy_free(again);
    str_release(&spec);
    str_release(&back);
    return 0;
}
