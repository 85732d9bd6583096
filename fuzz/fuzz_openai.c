// floor: think
/* fuzz_openai.c - whatever an endpoint sends, as a whole reply, as a stream or as a
 * refusal, gives answers within their bounds or an error that says why. The first byte:
 * how many answers were asked for, and whether they are choices. */
#include "think/lm/openai.h"

#include "think/lm/sse.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 3 };

static void check_answers(const LmAnswer *answers, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        ASSERT(answers[i].tokens >= 0 && answers[i].n_calls <= OPENAI_MAX_CALLS);
        ASSERT(isnan(answers[i].logprob) || answers[i].logprob <= 0);
        ASSERT(isnan(answers[i].entropy) || answers[i].entropy >= -1e-6);
        for (size_t k = 0; k < answers[i].n_calls; k++)
            ASSERT(!answers[i].calls[k].arguments.failed);
    }
}

typedef struct Seen {
    OpenaiReply *reply;
    size_t shown;
} Seen;

static bool on_text(void *self, Span text)
{
    Seen *seen = self;
    seen->shown += text.len;
    return true;
}

static Status on_event(void *self, Span data, Err *err)
{
    Seen *seen = self;
    return openai_reply_event(seen->reply, data, err);
}

static void read_reply(const LmRequest *r, int32_t n, Span bytes, bool stream)
{
    Err err = {0};
    OpenaiReply reply;
    LmAnswer answers[MOST] = {0};
    Seen seen = {.reply = &reply};
    Sse sse = {0};
    LmRequest request = *r;
    const OpenaiWay way = {.model = SPAN("m")};
    request.on_text = on_text;
    request.self = &seen;
    ASSERT(openai_reply_begin(&reply, &request, &way, answers, n, &err) == OK);
    Status status = stream ? sse_feed(&sse, bytes, on_event, &seen, &err)
                           : openai_reply_whole(&reply, bytes, &err);
    int32_t ended = openai_reply_ended(&reply);
    ASSERT(ended >= 0 && ended <= n);
    if (status == OK)
        status = openai_reply_finish(&reply, bytes.len, &err);
    if (status == OK)
        check_answers(answers, n);
    else
        ASSERT(err.code == status && err.msg[0]);
    ASSERT(reply.usage.prompt_tokens >= 0 && reply.usage.answer_tokens >= 0);
    for (int32_t i = 0; i < n; i++)
        lm_answer_release(&answers[i]);
    openai_reply_release(&reply);
    sse_release(&sse);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    static const Span words[] = {{"yes", 3}, {"no", 2}};
    const LmConstraint choices = {LM_CHOICES, {0}, words, 2};
    const LmRequest r = {.n = 1, .constraint = data[0] & 4 ? &choices : NULL};
    Span bytes = {(const char *)data + 1, size - 1};
    int32_t n = 1 + data[0] % 3;
    Str text = {0};
    read_reply(&r, n, bytes, true);
    read_reply(&r, n, bytes, false);
    openai_refusal(bytes, &text);
    for (size_t i = 0; i < text.len; i++)
        ASSERT((unsigned char)text.ptr[i] >= ' ');
    Err err = {0};
    str_reset(&text);
    ASSERT(openai_only_model(bytes, &text, &err) == OK || err.msg[0]);
    str_release(&text);
    return 0;
}
