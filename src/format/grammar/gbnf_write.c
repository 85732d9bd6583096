/* gbnf_write.c - see gbnf_write.h. */
#include "format/grammar/gbnf_write.h"

/* What may stand where a node is written without parentheses around it. */
typedef enum Around { AROUND_RULE, AROUND_SEQUENCE, AROUND_ATOM } Around;

typedef struct Writer {
    const Grammar *g;
    Str *out;
    const char *lacks; /* what has no form; NULL: nothing */
} Writer;

static void put_node(Writer *w, int32_t number, Around around);

/* Letters and digits as they are: every other sign may mean something in a class. */
static void put_class_char(Str *out, uint32_t c)
{
    bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain)
        str_putc(out, (char)c);
    else if (c <= 0xff)
        str_printf(out, "\\x%02X", (unsigned)c);
    else if (c <= 0xffff)
        str_printf(out, "\\u%04X", (unsigned)c);
    else
        str_printf(out, "\\U%08X", (unsigned)c);
}

static void put_class(Writer *w, const GrammarNode *n)
{
    if (n->n == 0)
        w->lacks = "a class without characters";
    str_putc(w->out, '[');
    for (int32_t i = 0; i < n->n; i++) {
        CharRange r = w->g->ranges[n->first + i];
        put_class_char(w->out, r.low);
        if (r.high > r.low) {
            str_putc(w->out, '-');
            put_class_char(w->out, r.high);
        }
    }
    str_putc(w->out, ']');
}

static void put_literal(Writer *w, const GrammarNode *n)
{
    const char *bytes = w->g->bytes.ptr + n->first;
    str_putc(w->out, '"');
    for (int32_t i = 0; i < n->n; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c == '"' || c == '\\')
            str_putc(w->out, '\\');
        if (c < ' ' || c == 0x7f)
            str_printf(w->out, "\\x%02X", c);
        else
            str_putc(w->out, (char)c);
    }
    str_putc(w->out, '"');
}

static void put_kids(Writer *w, const GrammarNode *n, const char *between,
                     Around around)
{
    for (int32_t i = 0; i < n->n; i++) {
        str_puts(w->out, i ? between : "");
        put_node(w, w->g->kids[n->first + i], around);
    }
    if (n->n == 0)
        str_puts(w->out, "\"\"");
}

static void put_loop(Writer *w, const GrammarNode *n)
{
    put_node(w, w->g->kids[n->first], AROUND_ATOM);
    if (n->max == -1 && n->min <= 1)
        str_putc(w->out, n->min ? '+' : '*');
    else if (n->min == 0 && n->max == 1)
        str_putc(w->out, '?');
    else if (n->max == -1)
        str_printf(w->out, "{%d,}", (int)n->min);
    else
        str_printf(w->out, "{%d,%d}", (int)n->min, (int)n->max);
}

static bool needs_parentheses(GrammarKind kind, Around around)
{
    return (around >= AROUND_SEQUENCE && kind == GRAMMAR_CHOICE) ||
           (around == AROUND_ATOM &&
            (kind == GRAMMAR_SEQUENCE || kind == GRAMMAR_LOOP));
}

static void put_node(Writer *w, int32_t number, Around around)
{
    const GrammarNode *n = &w->g->nodes[number];
    bool inside = needs_parentheses(n->kind, around);
    str_puts(w->out, inside ? "(" : "");
    switch (n->kind) {
    case GRAMMAR_EMPTY:
        str_puts(w->out, "\"\"");
        break;
    case GRAMMAR_CHARS:
        put_class(w, n);
        break;
    case GRAMMAR_BYTES:
        put_literal(w, n);
        break;
    case GRAMMAR_SEQUENCE:
        put_kids(w, n, " ", AROUND_SEQUENCE);
        break;
    case GRAMMAR_CHOICE:
        put_kids(w, n, " | ", AROUND_SEQUENCE);
        break;
    case GRAMMAR_LOOP:
        put_loop(w, n);
        break;
    case GRAMMAR_CALL:
        str_printf(w->out, "r%d", (int)n->first);
        break;
    case GRAMMAR_UNTIL:
        w->lacks = "a text up to another";
        break;
    }
    str_puts(w->out, inside ? ")" : "");
}

Status gbnf_write(const Grammar *g, int32_t node, Str *out, Err *err)
{
    Writer w = {.g = g, .out = out};
    TRY(grammar_check(g, err));
    str_puts(out, "root ::= ");
    put_node(&w, node, AROUND_RULE);
    str_putc(out, '\n');
    for (size_t i = 0; i < g->n_rules; i++) {
        if (g->rules[i].node < 0)
            continue;
        str_printf(out, "r%zu ::= ", i);
        put_node(&w, g->rules[i].node, AROUND_RULE);
        str_putc(out, '\n');
    }
    if (w.lacks)
        return err_set(err, ERR_OPTION, "a grammar text has no form for %s", w.lacks);
    return str_check(out, err);
}
