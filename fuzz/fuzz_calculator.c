// floor: think
/* Any bytes: the calculator gives a result or says what is wrong, and a result is an
 * expression that gives itself. */
#include "base/err.h"
#include "think/calculator.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Err err = {0};
    Str out = {0}, again = {0};
    Span expression = {(const char *)data, size};
    Status status = calculator_evaluate(expression, &out, &err);
    if (status != OK) {
        ASSERT(err.msg[0] && out.len == 0);
    } else if (calculator_evaluate(str_span(&out), &again, &err) == OK) {
        ASSERT(span_equal(str_span(&out), str_span(&again)));
    } else {
        /* Only a result with so many digits that its decimals do not fit a fraction. */
        ASSERT(err.code == ERR_LIMIT && out.len > 20);
    }
    str_release(&out);
    str_release(&again);
    return 0;
}
