/* stream.c - see stream.h. Each id is shown by decoding its turn again and putting out
 * what is new: a tokenizer may spell an id differently at the beginning of a text, and a
 * turn is short. */
#include "cli/stream.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void put_note(const char *note, char end)
{
    if (isatty(STDOUT_FILENO))
        printf("\033[2m%s\033[0m%c", note, end);
    else
        fprintf(stderr, "%s\n", note);
    fflush(stdout);
}

void stream_note(const char *note)
{
    put_note(note, '\n');
}

/* Decodes the turn into s->text. */
static void decode(Stream *s)
{
    Err err = {0};
    str_reset(&s->text);
    if (tokenizer_decode(s->tok, s->turn.ptr, s->turn.len, false, &s->text, &err) != OK)
        s->failed = true;
}

static void put_out(Stream *s)
{
    if (!s->whole.failed && s->whole.len > 0)
        fwrite(s->whole.ptr, 1, s->whole.len, stdout);
    fflush(stdout);
}

/* Puts out what is new in s->text. */
static void show(Stream *s)
{
    if (s->text.failed || s->text.len <= s->shown)
        return;
    str_reset(&s->whole);
    utf8_stream_put(&s->utf8, (Span){s->text.ptr + s->shown, s->text.len - s->shown},
                    &s->whole);
    s->shown = s->text.len;
    put_out(s);
}

static void begin_turn(Stream *s)
{
    ids_reset(&s->turn);
    s->shown = 0;
    s->is_call = s->is_result = false;
}

void stream_init(Stream *s, const Tokenizer *tok, const ChatTemplate *chat,
                 const int32_t *context, size_t n)
{
    *s = (Stream){.tok = tok, .chat = chat};
    Err err = {0};
    s->failed = ids_append(&s->turn, context, n, &err) != OK;
    decode(s);
    s->shown = s->text.len;
}

void stream_show_context(Stream *s)
{
    s->shown = 0;
    show(s);
}

/* "calculator(12*7)" in s->call becomes "[calculator 12*7", and s->text its result. */
static void note_call(Stream *s, bool has_result)
{
    Span call = span_trim(str_span(&s->call));
    ptrdiff_t open = span_find(call, SPAN("("), 0);
    Str note = {0};
    str_putc(&note, '[');
    if (open > 0 && call.ptr[call.len - 1] == ')') {
        str_append(&note, call.ptr, (size_t)open);
        str_putc(&note, ' ');
        str_append(&note, call.ptr + open + 1, call.len - (size_t)open - 2);
    } else {
        str_span_append(&note, call);
    }
    if (has_result) {
        str_puts(&note, " = ");
        str_span_append(&note, str_span(&s->text));
    }
    str_putc(&note, ']');
    put_note(str_c(&note), ' '); /* the answer goes on behind it */
    str_release(&note);
}

/* A special token of the template; true when it was one. */
static bool take_special(Stream *s, int32_t id)
{
    if (id == template_call(s->chat) && s->turn.len == 0) {
        s->is_call = true;
    } else if (id == template_id(s->chat, ROLE_TOOL)) {
        decode(s);
        str_reset(&s->call);
        str_span_append(&s->call, str_span(&s->text));
        begin_turn(s);
        s->is_result = true;
    } else if (id == template_id(s->chat, ROLE_ASSISTANT)) {
        decode(s);
        if (s->is_result)
            note_call(s, true);
        begin_turn(s);
    } else {
        return tokenizer_is_special(s->tok, id);
    }
    return true;
}

void stream_put(Stream *s, int32_t id)
{
    Err err = {0};
    if (id >= tokenizer_vocab(s->tok) || (s->chat && take_special(s, id)))
        return;
    if (ids_push(&s->turn, id, &err) != OK)
        s->failed = true;
    if (s->is_call || s->is_result)
        return;
    decode(s);
    show(s);
}

void stream_end(Stream *s)
{
    if (s->is_call) {
        decode(s);
        str_reset(&s->call);
        str_span_append(&s->call, str_span(&s->text));
        note_call(s, false);
    }
    str_reset(&s->whole);
    utf8_stream_end(&s->utf8, &s->whole);
    put_out(s);
    begin_turn(s);
}

void stream_release(Stream *s)
{
    ids_release(&s->turn);
    str_release(&s->text);
    str_release(&s->call);
    str_release(&s->whole);
}
