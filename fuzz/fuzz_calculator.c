// floor: think
/* Any bytes: the calculator gives a result or says what is wrong, and a result is an
 * expression that gives itself, but for the mark of a rounded one. */
#include "base/err.h"
#include "think/tool/calculator.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static Span unmarked(const Str *result)
{
    Span mark = SPAN("\u2248"), s = str_span(result);
    return span_starts(s, mark) ? (Span){s.ptr + mark.len, s.len - mark.len} : s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Err err = {0};
    Str out = {0}, again = {0};
    Span expression = {(const char *)data, size};
    Status status = calculator_evaluate(expression, &out, &err);
    if (status != OK) {
        ASSERT(err.msg[0] && out.len == 0);
    } else {
        Span result = unmarked(&out);
        if (calculator_evaluate(result, &again, &err) == OK)
            ASSERT(span_equal(result, unmarked(&again)));
        else /* only a result longer than an expression may be */
            ASSERT(err.code == ERR_LIMIT && result.len > 256);
    }
    str_release(&out);
    str_release(&again);
    return 0;
}
