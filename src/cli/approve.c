/* approve.c - see approve.h. */
#include "cli/approve.h"

#include "text/utf8.h"

#include <stdio.h>
#include <string.h>

static bool is_hidden(uint32_t c)
{
    return c < ' ' || (c >= 0x7f && c < 0xa0) || c == 0xad ||
           (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
           (c >= 0xe0000 && c <= 0xe007f);
}

void approve_show(Span text, Str *out)
{
    for (size_t at = 0; at < text.len;) {
        uint32_t code = 0xfffd;
        int n = utf8_decode((Span){text.ptr + at, text.len - at}, &code);
        if (n > 0 && !is_hidden(code))
            str_append(out, text.ptr + at, (size_t)n);
        else
            str_printf(out, "<U+%04X>", (unsigned)code);
        at += n > 0 ? (size_t)n : 1;
    }
}

static bool is_always(const Approver *a, const Tool *tool)
{
    for (size_t i = 0; i < a->n_always; i++) {
        if (a->always[i] == tool)
            return true;
    }
    return false;
}

/* The first letter of the answer, in lower case; 0: there is none. */
static char ask(FILE *terminal, const Tool *tool, const char *arguments)
{
    char line[64];
    Str shown = {0};
    approve_show(span_of(arguments), &shown);
    (void)fprintf(terminal,
                  "\nRun %s with %s? [y]es, [n]o, [a]lways this tool: ", tool->name,
                  str_c(&shown));
    str_release(&shown);
    (void)fflush(terminal);
    if (!fgets(line, sizeof line, terminal))
        return 0;
    return (char)(line[0] >= 'A' && line[0] <= 'Z' ? line[0] - 'A' + 'a' : line[0]);
}

bool approve_at_terminal(void *self, const Tool *tool, const char *arguments)
{
    Approver *a = self;
    if (a->yes || is_always(a, tool))
        return true;
    FILE *terminal = fopen("/dev/tty", "r+");
    if (!terminal) {
        (void)fprintf(stderr,
                      "tame: %s was not run: there is no terminal to ask at; --yes "
                      "runs it without asking\n",
                      tool->name);
        return false;
    }
    char answer = ask(terminal, tool, arguments);
    (void)fclose(terminal);
    if (answer == 'a' && a->n_always < APPROVE_ALWAYS)
        a->always[a->n_always++] = tool;
    return answer == 'y' || answer == 'a';
}
