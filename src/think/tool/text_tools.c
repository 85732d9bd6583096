/* text_tools.c - what a model that sees tokens cannot see: the letters in them. A
 * character is a grapheme cluster (Unicode annex 29, by utf8proc): "é" is one whether it
 * is written in one code point or in two. */
#include "think/tool/builtin_internal.h"

#include "base/mem.h"
#include "format/json.h"
#include "text/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

static Span text_of(const json_t *arguments, const char *key)
{
    const json_t *given = json_object_get(arguments, key);
    return (Span){json_string_value(given), json_string_length(given)};
}

/* The next character from *at on, which moves behind it; text is valid UTF-8. */
static Span next_character(Span text, size_t *at)
{
    size_t start = *at;
    uint32_t code = 0, next = 0;
    utf8proc_int32_t state = 0;
    int n = utf8_decode((Span){text.ptr + *at, text.len - *at}, &code);
    *at += n > 0 ? (size_t)n : 1;
    while (*at < text.len) {
        n = utf8_decode((Span){text.ptr + *at, text.len - *at}, &next);
        if (n <= 0 || utf8proc_grapheme_break_stateful((utf8proc_int32_t)code,
                                                       (utf8proc_int32_t)next, &state))
            break;
        code = next;
        *at += (size_t)n;
    }
    return (Span){text.ptr + start, *at - start};
}

/* In NFC, without case unless it matters: what is equal has equal bytes. *out is freed
 * with free(). */
static Status normal_form(Span text, bool case_sensitive, Span *out, Err *err)
{
    utf8proc_uint8_t *bytes = NULL;
    int options = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    if (!case_sensitive)
        options |= UTF8PROC_CASEFOLD;
    utf8proc_ssize_t n =
        utf8proc_map((const utf8proc_uint8_t *)text.ptr, (utf8proc_ssize_t)text.len,
                     &bytes, (utf8proc_option_t)options);
    if (n < 0)
        return err_set(err, n == UTF8PROC_ERROR_NOMEM ? ERR_NOMEM : ERR_FORMAT, "%s",
                       utf8proc_errmsg(n));
    *out = (Span){(const char *)bytes, (size_t)n};
    return OK;
}

static void free_form(Span form)
{
    union {
        const char *given;
        void *wanted;
    } bytes = {.given = form.ptr};
    free(bytes.wanted);
}

static int64_t count(Span text, Span character)
{
    int64_t n = 0;
    for (size_t at = 0; at < text.len;)
        n += span_equal(next_character(text, &at), character);
    return n;
}

static void put_counts(Span text, Span letters, Str *out)
{
    const char *before = "";
    for (size_t at = 0; at < letters.len;) {
        size_t start = at;
        Span letter = next_character(letters, &at);
        if (letter.ptr[0] == ' ' || letter.ptr[0] == ',' ||
            count((Span){letters.ptr, start}, letter) > 0)
            continue; /* between letters, or counted already */
        str_puts(out, before);
        str_span_append(out, letter);
        str_printf(out, ": %lld", (long long)count(text, letter));
        before = ", ";
    }
}

Status count_letters_call(void *self, const json_t *arguments, Str *out, bool *failed,
                          Err *err)
{
    (void)self;
    bool exact = json_is_true(json_object_get(arguments, "case_sensitive"));
    Span text = {0}, letters = {0};
    Status status = normal_form(text_of(arguments, "text"), exact, &text, err);
    if (status == OK)
        status = normal_form(text_of(arguments, "letters"), exact, &letters, err);
    if (status == OK)
        put_counts(text, letters, out);
    if (status == OK && out->len == 0) {
        *failed = true;
        str_puts(out, "'letters' holds no letter");
    }
    free_form(text);
    free_form(letters);
    return status == OK ? str_check(out, err) : status;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The next word from *at on, or a span of length 0. */
static Span next_word(Span text, size_t *at)
{
    while (*at < text.len && is_space(text.ptr[*at]))
        ++*at;
    size_t start = *at;
    while (*at < text.len && !is_space(text.ptr[*at]))
        ++*at;
    return (Span){text.ptr + start, *at - start};
}

Status length_call(void *self, const json_t *arguments, Str *out, bool *failed,
                   Err *err)
{
    (void)self, (void)failed;
    Span text = text_of(arguments, "text");
    int64_t characters = 0, words = 0, lines = text.len > 0;
    for (size_t at = 0; at < text.len; characters++)
        (void)next_character(text, &at);
    for (size_t at = 0; next_word(text, &at).len > 0;)
        words++;
    for (size_t i = 0; i + 1 < text.len; i++)
        lines += text.ptr[i] == '\n';
    str_printf(out, "%lld characters, %lld words, %lld lines", (long long)characters,
               (long long)words, (long long)lines);
    return str_check(out, err);
}

/* Appends the parts that next() finds, the last one first. */
static Status put_reversed(Span text, Span (*next)(Span, size_t *), const char *between,
                           Str *out, Err *err)
{
    Span *parts = NULL;
    size_t n = 0, cap = 0;
    Status status = OK;
    for (size_t at = 0; status == OK && at < text.len;) {
        Span part = next(text, &at);
        if (part.len == 0)
            break;
        status = MEM_PUSH_ROOM(&parts, n, &cap, err);
        if (status == OK)
            parts[n++] = part;
    }
    for (size_t i = n; status == OK && i > 0; i--) {
        str_puts(out, i < n ? between : "");
        str_span_append(out, parts[i - 1]);
    }
    mem_free(parts);
    return status == OK ? str_check(out, err) : status;
}

Status reverse_call(void *self, const json_t *arguments, Str *out, bool *failed,
                    Err *err)
{
    (void)self, (void)failed;
    Span text = text_of(arguments, "text");
    const char *by = json_string_value(json_object_get(arguments, "by"));
    if (by && strcmp(by, "words") == 0)
        return put_reversed(text, next_word, " ", out, err);
    return put_reversed(text, next_character, "", out, err);
}

/* --- sort ---------------------------------------------------------------------------- */

typedef struct Item {
    Span shown, form; /* what is written, what is compared */
    double number;
    size_t place; /* in the list: equal ones keep their order */
} Item;

/* Numbers before texts. */
static int compare(const void *a, const void *b)
{
    const Item *x = a, *y = b;
    bool x_text = x->form.ptr, y_text = y->form.ptr;
    if (x_text != y_text)
        return x_text ? 1 : -1;
    if (!x_text && x->number != y->number)
        return x->number < y->number ? -1 : 1;
    if (x_text) {
        size_t n = x->form.len < y->form.len ? x->form.len : y->form.len;
        int order = memcmp(x->form.ptr, y->form.ptr, n);
        if (order != 0)
            return order;
        if (x->form.len != y->form.len)
            return x->form.len < y->form.len ? -1 : 1;
    }
    return x->place < y->place ? -1 : x->place > y->place;
}

/* "10" in a list of texts is a number too. */
static bool reads_as_number(Span text, double *out)
{
    char digits[64], *end;
    if (text.len == 0 || text.len >= sizeof digits || is_space(text.ptr[0]) ||
        strspn(text.ptr, "0123456789+-.eE") < text.len)
        return false;
    memcpy(digits, text.ptr, text.len);
    digits[text.len] = '\0';
    *out = strtod(digits, &end);
    return *end == '\0';
}

static Status read_item(const json_t *given, size_t place, Item *out, Err *err)
{
    out->place = place;
    out->shown = (Span){json_string_value(given), json_string_length(given)};
    if (!json_is_string(given)) {
        out->number = json_number_value(given);
        return OK;
    }
    if (reads_as_number(out->shown, &out->number))
        return OK;
    return normal_form(out->shown, false, &out->form, err);
}

Status sort_call(void *self, const json_t *arguments, Str *out, bool *failed, Err *err)
{
    (void)self, (void)failed;
    const json_t *list = json_object_get(arguments, "items");
    bool descending = json_is_true(json_object_get(arguments, "descending"));
    size_t n = json_array_size(list);
    Item *items = NULL;
    Status status = MEM_ARRAY(&items, n, err);
    for (size_t i = 0; status == OK && i < n; i++)
        status = read_item(json_array_get(list, i), i, &items[i], err);
    if (status == OK && n > 0)
        qsort(items, n, sizeof *items, compare);
    for (size_t i = 0; status == OK && i < n; i++) {
        const Item *item = &items[descending ? n - 1 - i : i];
        str_puts(out, i ? ", " : "");
        if (item->shown.ptr)
            str_span_append(out, item->shown);
        else
            json_append(out, json_array_get(list, item->place));
    }
    for (size_t i = 0; items && i < n; i++)
        free_form(items[i].form);
    mem_free(items);
    return status == OK ? str_check(out, err) : status;
}
