/* check.c - see check.h. */
#include "study/check.h"

#include <stdarg.h>

void check_part(Check *c, bool holds, const char *fmt, ...)
{
    va_list args;
    if (c->figure.len > 0)
        str_puts(&c->figure, "; ");
    va_start(args, fmt);
    str_vprintf(&c->figure, fmt, args);
    va_end(args);
    if (!holds) {
        str_puts(&c->figure, " (missed)");
        c->verdict = CHECK_MISS;
    }
}

/* One sentence more. */
PRINTF_LIKE(2, 0) static void say(Check *c, const char *fmt, va_list args)
{
    if (c->why.len > 0)
        str_putc(&c->why, ' ');
    str_vprintf(&c->why, fmt, args);
}

void check_why(Check *c, const char *fmt, ...)
{
    va_list args;
    if (c->verdict != CHECK_MISS)
        return;
    va_start(args, fmt);
    say(c, fmt, args);
    va_end(args);
}

void check_open(Check *c, const char *fmt, ...)
{
    va_list args;
    if (c->verdict == CHECK_PASS)
        c->verdict = CHECK_OPEN;
    va_start(args, fmt);
    say(c, fmt, args);
    va_end(args);
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
