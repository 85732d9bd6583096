/* lm_document.c - see lm_document.h. */
#include "think/lm/lm_document.h"

/* What stands before a turn. A call and its result are lines of the answer that made
 * it. */
static const char *const labels[] = {[ROLE_SYSTEM] = "",
                                     [ROLE_USER] = "Question: ",
                                     [ROLE_ASSISTANT] = "Answer: ",
                                     [ROLE_TOOL] = "Result: "};

Status lm_document_render(const Conversation *talk, Str *out, Err *err)
{
    for (size_t i = 0; i < talk->n; i++) {
        const Message *m = &talk->messages[i];
        bool call = m->call_name != NULL;
        if (m->len > 0 || !call) {
            str_puts(out, labels[m->role]);
            str_append(out, m->content, m->len);
            str_putc(out, '\n');
        }
        if (call) {
            str_printf(out, "Call: %s", m->call_name);
            if (m->call_args)
                str_printf(out, "(%s)", m->call_args);
            str_putc(out, '\n');
        }
        if (m->role == ROLE_SYSTEM || (m->role == ROLE_ASSISTANT && !call))
            str_putc(out, '\n');
    }
    str_puts(out, "Answer:");
    return str_check(out, err);
}
