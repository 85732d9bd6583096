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

void str_append(Str *s, const char *bytes, size_t len);
void str_span_append(Str *s, Span span);
void str_puts(Str *s, const char *c_string);
void str_putc(Str *s, char c);
void str_printf(Str *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
void str_reset(Str *s);              /* empty, memory kept */
void str_truncate(Str *s, size_t n); /* keep the first n bytes */
const char *str_c(const Str *s);     /* "" when empty */
char *str_take(Str *s); /* the bytes, now the caller's to mem_free; s is empty */
NODISCARD Status str_check(const Str *s, Err *err); /* ERR_NOMEM when failed */
void str_release(Str *s);

/* Appends a C/JSON-style printable form: "\n", "\x00"; for error messages. */
void str_quote(Str *s, Span bytes, size_t max_bytes);

#endif
