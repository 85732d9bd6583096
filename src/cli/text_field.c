/* text_field.c - see text_field.h. The control keys are those of shells and of libedit. */
#include "cli/text_field.h"

#include "data/label_draft.h"

#include <string.h>

enum {
    CTRL_A = 1,
    CTRL_D = 4,
    CTRL_E = 5,
    CTRL_J = 10,
    CTRL_K = 11,
    CTRL_U = 21,
    CTRL_W = 23
};
enum { MOST_BYTES = 1 << 20 };

void text_field_start(TextField *f, Span text, bool lines)
{
    str_reset(&f->text);
    str_span_append(&f->text, text);
    f->at = f->text.len;
    f->lines = lines;
}

void text_field_release(TextField *f)
{
    str_release(&f->text);
    *f = (TextField){0};
}

static bool continues(const TextField *f, size_t at)
{
    return at < f->text.len && ((unsigned char)f->text.ptr[at] & 0xc0) == 0x80;
}

static size_t before(const TextField *f)
{
    size_t at = f->at;
    do {
        at -= at > 0;
    } while (at > 0 && continues(f, at));
    return at;
}

static size_t after(const TextField *f)
{
    size_t at = f->at;
    do {
        at += at < f->text.len;
    } while (continues(f, at));
    return at;
}

static void remove_range(TextField *f, size_t from, size_t to)
{
    if (to > from)
        memmove(f->text.ptr + from, f->text.ptr + to, f->text.len - to);
    str_truncate(&f->text, f->text.len - (to - from));
    f->at = from;
}

static void insert(TextField *f, const char *bytes, size_t n)
{
    if (f->text.len + n > MOST_BYTES)
        return;
    str_append(&f->text, bytes, n);
    if (f->text.failed)
        return;
    memmove(f->text.ptr + f->at + n, f->text.ptr + f->at, f->text.len - n - f->at);
    memcpy(f->text.ptr + f->at, bytes, n);
    f->at += n;
}

static void insert_code(TextField *f, int32_t code)
{
    char b[4];
    uint32_t c = (uint32_t)code;
    if (c < 0x80) {
        b[0] = (char)c;
        insert(f, b, 1);
    } else if (c < 0x800) {
        b[0] = (char)(0xc0 | c >> 6);
        b[1] = (char)(0x80 | (c & 0x3f));
        insert(f, b, 2);
    } else if (c < 0x10000) {
        b[0] = (char)(0xe0 | c >> 12);
        b[1] = (char)(0x80 | (c >> 6 & 0x3f));
        b[2] = (char)(0x80 | (c & 0x3f));
        insert(f, b, 3);
    } else {
        b[0] = (char)(0xf0 | c >> 18);
        b[1] = (char)(0x80 | (c >> 12 & 0x3f));
        b[2] = (char)(0x80 | (c >> 6 & 0x3f));
        b[3] = (char)(0x80 | (c & 0x3f));
        insert(f, b, 4);
    }
}

static size_t line_start(const TextField *f)
{
    size_t at = f->at;
    while (at > 0 && f->text.ptr[at - 1] != '\n')
        at--;
    return at;
}

static size_t line_end(const TextField *f)
{
    size_t at = f->at;
    while (at < f->text.len && f->text.ptr[at] != '\n')
        at++;
    return at;
}

static size_t word_start(const TextField *f)
{
    size_t at = f->at;
    while (at > 0 && strchr(" \n", f->text.ptr[at - 1]))
        at--;
    while (at > 0 && !strchr(" \n", f->text.ptr[at - 1]))
        at--;
    return at;
}

/* Keys that move or remove; false for others. */
static bool edit(TextField *f, int32_t key)
{
    switch (key) {
    case KEY_LEFT:
        f->at = before(f);
        return true;
    case KEY_RIGHT:
        f->at = after(f);
        return true;
    case KEY_HOME:
    case CTRL_A:
        f->at = line_start(f);
        return true;
    case KEY_END:
    case CTRL_E:
        f->at = line_end(f);
        return true;
    case KEY_BACKSPACE:
        remove_range(f, before(f), f->at);
        return true;
    case KEY_DELETE:
    case CTRL_D:
        remove_range(f, f->at, after(f));
        return true;
    case CTRL_U:
        remove_range(f, line_start(f), f->at);
        return true;
    case CTRL_K:
        remove_range(f, f->at, line_end(f));
        return true;
    case CTRL_W:
        remove_range(f, word_start(f), f->at);
        return true;
    default:
        return false;
    }
}

FieldEvent text_field_key(TextField *f, int32_t key, bool pasted)
{
    if (edit(f, key))
        return FIELD_STAY;
    if (key == KEY_ESCAPE && !pasted)
        return FIELD_CANCEL;
    if (key == CTRL_J || (key == KEY_ENTER && pasted))
        insert(f, f->lines ? "\n" : " ", 1);
    else if (key == KEY_ENTER)
        return FIELD_DONE;
    else if (key == '\t' || (key >= ' ' && key < KEY_ENTER))
        insert_code(f, key);
    return FIELD_STAY;
}
