/* answer_reader.c - see answer_reader.h. */
#include "think/lm/answer_reader.h"

#include "think/tool/call_format.h"

#include <string.h>

void answer_reader_init(AnswerReader *r, const Tokenizer *tok, const ChatTemplate *chat)
{
    *r = (AnswerReader){.tok = tok, .chat = chat, .before = -1};
}

void answer_reader_release(AnswerReader *r)
{
    str_release(&r->call);
    str_release(&r->text);
    str_release(&r->whole);
}

/* Takes the bytes of one id. */
static void take(AnswerReader *r, int32_t id)
{
    r->n++;
    if (id >= tokenizer_vocab(r->tok))
        return;
    if (tokenizer_is_special(r->tok, id)) {
        r->is_call = r->is_call || (r->chat && id == template_call(r->chat));
    } else {
        Span bytes = tokenizer_bytes_after(r->tok, r->before, id);
        str_span_append(r->is_call ? &r->call : &r->text, bytes);
    }
    r->before = id;
}

static size_t beginning(const AnswerReader *r)
{
    return r->skip_space && r->text.len > 0 && r->text.ptr[0] == ' ';
}

/* Could a text that ends the answer begin at `at`? Whole or as far as there is text. */
static bool may_stop(const AnswerReader *r, size_t at)
{
    Span rest = {r->text.ptr + at, r->text.len - at};
    for (int32_t i = 0; i < r->n_stops; i++) {
        size_t n = rest.len < r->stops[i].len ? rest.len : r->stops[i].len;
        if (memcmp(rest.ptr, r->stops[i].ptr, n) == 0)
            return true;
    }
    return false;
}

/* Text up to `end` that was not shown yet. */
static bool show(AnswerReader *r, size_t end, bool last)
{
    size_t from = r->shown < beginning(r) ? beginning(r) : r->shown;
    str_reset(&r->whole);
    if (end > from) {
        utf8_stream_put(&r->utf8, (Span){r->text.ptr + from, end - from}, &r->whole);
        r->shown = end;
    }
    if (last)
        utf8_stream_end(&r->utf8, &r->whole);
    return r->whole.failed || r->whole.len == 0 ||
           r->on_text(r->self, str_span(&r->whole));
}

bool answer_reader_put(AnswerReader *r, int32_t id)
{
    take(r, id);
    if (!r->on_text || r->text.failed)
        return true;
    size_t safe = r->shown;
    while (safe < r->text.len && !may_stop(r, safe))
        safe++;
    return show(r, safe, false);
}

void answer_reader_end(AnswerReader *r, const EngineResult *result, Str *text)
{
    while (r->n < result->n)
        take(r, result->ids[r->n]);
    size_t tail = (size_t)result->stop_tail;
    if (!r->is_call && tail > 0)
        str_truncate(&r->text, r->text.len > tail ? r->text.len - tail : 0);
    if (r->on_text)
        (void)show(r, r->text.len, true);
    Utf8Stream utf8 = {0};
    size_t from = beginning(r);
    if (r->text.failed) {
        text->failed = true;
    } else if (r->text.len > from) {
        utf8_stream_put(&utf8, (Span){r->text.ptr + from, r->text.len - from}, text);
        utf8_stream_end(&utf8, text);
    }
}

/* --- calls --------------------------------------------------------------------------- */
Status answer_reader_call(const AnswerReader *r, const Toolbox *tools, LmCall *out,
                          Err *err)
{
    CallText read = {0};
    Err why;
    TRY(str_check(&r->call, err));
    Status status =
        call_text_parse(CALL_NATIVE, tools, str_span(&r->call), &read, &why);
    if (status == OK && read.n == 1) {
        *out = read.calls[0];
        read.calls[0] = (LmCall){0};
    } else if (status == ERR_NOMEM) {
        call_text_release(&read);
        return err_set(err, status, "%s", why.msg);
    } else {
        str_span_append(&out->name, span_trim(str_span(&r->call)));
        str_puts(&out->arguments, "{}");
    }
    call_text_release(&read);
    TRY(str_check(&out->name, err));
    return str_check(&out->arguments, err);
}
