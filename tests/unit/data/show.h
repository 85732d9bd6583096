/* show.h - a record as one line of text, so that a test compares it at a glance: "chat
 * [user] hi [assistant] hello", a call as "[assistant] <name(args)>" or, when it is not
 * of that form, "[assistant] <text>", answers of a ranking as " | 1: [assistant] ...",
 * with a margin as " | 1 (0.5): ...", rated ones as " | +: ...", " | -: ...". */
#ifndef UNIT_DATA_SHOW_H
#define UNIT_DATA_SHOW_H

#include "base/str.h"
#include "data/record.h"

static inline void show_chat(const Conversation *c, Str *out)
{
    for (size_t i = 0; i < c->n; i++) {
        const Message *m = &c->messages[i];
        str_printf(out, " [%s] %s", role_name(m->role), m->content);
        if (m->call_name && m->call_args)
            str_printf(out, "<%s(%s)>", m->call_name, m->call_args);
        else if (m->call_name)
            str_printf(out, "<%s>", m->call_name);
    }
}

static inline const char *show_record(const Record *r, Str *out)
{
    static const char *const kinds[] = {"text",    "chat",  "prompt",
                                        "ranking", "rated", "answers"};
    str_reset(out);
    str_puts(out, kinds[r->kind]);
    if (r->kind == RECORD_TEXT)
        str_printf(out, " %s", str_c(&r->text));
    else
        show_chat(&r->chat, out);
    for (int32_t k = 0; k < r->n_answers; k++) {
        static const char signs[] = "-0+";
        if (r->kind == RECORD_RATED)
            str_printf(out, " | %c", signs[r->labels[k] + 1]);
        else
            str_printf(out, r->ranks[k] ? " | %d" : " |", (int)r->ranks[k]);
        if (r->margins[k] != 0)
            str_printf(out, " (%g)", (double)r->margins[k]);
        if (r->kind != RECORD_ANSWERS)
            str_putc(out, ':');
        show_chat(&r->answers[k], out);
    }
    return str_c(out);
}

#endif
