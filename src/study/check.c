/* check.c - see check.h. */
#include "study/check.h"

#include <stdarg.h>
#include <stdio.h>

enum { PART = 600 };

void check_part(Check *c, bool holds, const char *fmt, ...)
{
    char text[PART];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (c->figure.len > 0)
        str_puts(&c->figure, "; ");
    str_puts(&c->figure, text);
    if (!holds) {
        str_puts(&c->figure, " (missed)");
        c->verdict = CHECK_MISS;
    }
}

void check_why(Check *c, const char *fmt, ...)
{
    char text[PART];
    va_list args;
    if (c->verdict != CHECK_MISS)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (c->why.len > 0)
        str_putc(&c->why, ' ');
    str_puts(&c->why, text);
}

void check_open(Check *c, const char *fmt, ...)
{
    char text[PART];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (c->verdict == CHECK_PASS)
        c->verdict = CHECK_OPEN;
    if (c->why.len > 0)
        str_putc(&c->why, ' ');
    str_puts(&c->why, text);
}

void check_release(Check *c)
{
    str_release(&c->figure);
    str_release(&c->why);
}

const char *verdict_name(Verdict v)
{
    static const char *const names[] = {"miss", "pass", "open"};
    return names[v];
}
