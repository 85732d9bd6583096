/* err.c - filling and extending error messages, and the end of the program at a bug.
 *
 * A message lives in a fixed buffer, so that "out of memory" needs none. What does
 * not fit is cut, and never within a UTF-8 character. The text is formatted into a
 * second buffer first: an argument may then be the old message itself. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MSG_SIZE = sizeof((Err *)0)->msg };

/* Cuts a character that lost its last bytes. Only a full buffer can hold one. */
static void cut_at_character(char *msg)
{
    size_t n = strlen(msg), lead = n;
    if (n < MSG_SIZE - 1)
        return;
    while (lead > 0 && ((unsigned char)msg[lead - 1] & 0xc0) == 0x80)
        lead--;
    if (lead == 0 || (unsigned char)msg[lead - 1] < 0xc0)
        return;
    unsigned char b = (unsigned char)msg[lead - 1];
    size_t want = b >= 0xf0 ? 4 : b >= 0xe0 ? 3 : 2;
    if (n - (lead - 1) < want)
        msg[lead - 1] = 0;
}

Status err_set(Err *err, Status code, const char *fmt, ...)
{
    ASSERT(code != OK);
    if (!err)
        return code;
    char text[MSG_SIZE];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    cut_at_character(text);
    memcpy(err->msg, text, strlen(text) + 1);
    err->code = code;
    return code;
}

Status err_context(Err *err, const char *fmt, ...)
{
    if (!err)
        return ERR_FORMAT;
    ASSERT(err->code != OK);
    char text[MSG_SIZE];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text - 2, fmt, args);
    va_end(args);
    size_t front = strlen(text);
    text[front++] = ':';
    text[front++] = ' ';
    size_t old = strlen(err->msg);
    size_t room = MSG_SIZE - 1 - front;
    if (old > room)
        old = room;
    memmove(err->msg + front, err->msg, old);
    memcpy(err->msg, text, front);
    err->msg[front + old] = 0;
    cut_at_character(err->msg);
    return err->code;
}

const char *err_reason(char out[128])
{
    int number = errno;
    if (strerror_r(number, out, 128) != 0)
        snprintf(out, 128, "error %d", number);
    return out;
}

Status err_system(Err *err, const char *verb, const char *path)
{
    Status code = errno == ENOMEM ? ERR_NOMEM : ERR_IO;
    char why[128];
    return err_set(err, code, "cannot %s '%s': %s", verb, path, err_reason(why));
}

void err_assert_failed(const char *cond, const char *file, int line)
{
    fprintf(stderr, "%s:%d: bug: '%s' does not hold\n", file, line, cond);
    abort();
}
