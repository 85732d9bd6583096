// floor: think
/* Any answer in any format (the first byte says which): calls come out with arguments that
 * are JSON objects and are written so that they read the same, or an error says why not. */
#include "base/err.h"
#include "format/json.h"
#include "think/tool/call_format.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_call(CallFormat format, const LmCall *call)
{
    json_t *tree = NULL;
    Err err = {0};
    Str text = {0}, result = {0};
    CallText back = {0};
    if (format == CALL_HERMES || format == CALL_OPENAI) {
        ASSERT(json_parse(str_span(&call->arguments), &tree, &err) == OK);
        ASSERT(json_is_object(tree));
        call_write(format, call, 1, &text);
        ASSERT(call_text_parse(format, NULL, str_span(&text), &back, &err) == OK);
        ASSERT(back.n == 1);
        ASSERT(span_equal(str_span(&back.calls[0].name), str_span(&call->name)));
    }
    call_result_write(format, call, str_span(&call->arguments), &result);
    str_release(&text);
    str_release(&result);
    call_text_release(&back);
    json_decref(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    CallFormat format = (CallFormat)(data[0] % 4);
    Err err = {0};
    CallText c = {0};
    Span answer = {(const char *)data + 1, size - 1};
    if (call_text_parse(format, NULL, answer, &c, &err) != OK)
        ASSERT(err.msg[0]);
    else
        for (size_t i = 0; i < c.n; i++)
            check_call(format, &c.calls[i]);
    call_text_release(&c);
    return 0;
}
