/* str.h - Str, a growable byte string that is always NUL-terminated, and Span, a
 * borrowed view of bytes. Appending never fails in the caller's face: running out of
 * memory sets `failed`, further appends do nothing, and str_check() reports it once. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "base/err.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct Str {
    char *ptr; /* NULL only when empty and never used; use str_c() to read */
    size_t len, cap;
    bool failed;
} Str;

typedef struct Span {
    const char *ptr; /* borrowed, may hold NULs */
    size_t len;
} Span;

#define SPAN(literal) ((Span){(literal), sizeof(literal) - 1})
Span span_of(const char *c_string);
Span str_span(const Str *s);
bool span_equal(Span a, Span b);
bool span_starts(Span s, Span prefix);
/* Position of needle in s at or after from, or -1. */
ptrdiff_t span_find(Span s, Span needle, size_t from);
Span span_trim(Span s); /* without white space (ASCII) at both ends */
/* Bytes (1 to 4) of the well-formed UTF-8 character at position `at` < s.len, or 0:
 * overlong forms, surrogates and anything above U+10FFFF are not well-formed. */
size_t span_utf8(Span s, size_t at);

void str_append(Str *s, const char *bytes, size_t len);
void str_span_append(Str *s, Span span);
void str_puts(Str *s, const char *c_string);
void str_putc(Str *s, char c);
void str_printf(Str *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
void str_vprintf(Str *s, const char *fmt, va_list args) PRINTF_LIKE(2, 0);
void str_reserve(Str *s, size_t more); /* room for `more` bytes beyond len */
void str_reset(Str *s);                /* empty and not failed, memory kept */
void str_truncate(Str *s, size_t n);   /* keep the first n bytes */
const char *str_c(const Str *s);       /* "" when empty or failed */
/* The bytes, now the caller's to mem_free; s is empty. NULL when s has failed. */
char *str_take(Str *s);
NODISCARD Status str_check(const Str *s, Err *err); /* ERR_NOMEM when failed */
void str_release(Str *s);

/* Appends a printable form for error messages, without quotes around it: "\n",
 * "\x00", UTF-8 as it is; "..." stands for what is beyond max_bytes. */
void str_quote(Str *s, Span bytes, size_t max_bytes);

#endif
