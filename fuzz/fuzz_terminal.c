// floor: cli
/* fuzz_terminal.c - whatever a terminal sends becomes keys, each of at least one byte, and
 * keys a text that stays UTF-8; whatever it holds is broken into lines that fit and hold
 * no control character. */
#include "cli/terminal.h"
#include "cli/text_field.h"
#include "cli/wrap.h"
#include "text/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_lines(Span text, int columns)
{
    Str out = {0};
    size_t at = 0;
    wrap_text(&out, text, columns, "", "", 0);
    for (size_t i = 0; i < out.len; i++) {
        unsigned char c = (unsigned char)out.ptr[i];
        ASSERT(c == '\n' || (c >= ' ' && c != 127));
        if (c != '\n')
            continue;
        ASSERT(wrap_columns((Span){out.ptr + at, i - at}) <= columns);
        at = i + 1;
    }
    ASSERT(at == out.len && utf8_valid_prefix(str_span(&out)) == out.len);
    str_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    TextField field = {.lines = true};
    bool pasted = false;
    for (size_t at = 0; at < size;) {
        size_t used;
        int32_t key = terminal_decode(data + at, size - at, &used);
        if (used == 0)
            break; /* more would have to come */
        ASSERT(used <= size - at);
        at += used;
        pasted = key == KEY_PASTE || (pasted && key != KEY_PASTE_END);
        text_field_key(&field, key, pasted);
        ASSERT(field.at <= field.text.len);
    }
    ASSERT(utf8_valid_prefix(str_span(&field.text)) == field.text.len);
    check_lines((Span){(const char *)data, size}, 1 + (int)(size % 60));
    check_lines(str_span(&field.text), 7);
    text_field_release(&field);
    return 0;
}
