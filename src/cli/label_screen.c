/* label_screen.c - see label_screen.h. From the top: who labels and how far they are; the
 * prompt and the answers, which scroll; what was said so far; the keys. */
#include "cli/label_screen.h"

#include "cli/wrap.h"

#include <stdio.h>
#include <string.h>

#define ELLIPSIS "\xe2\x80\xa6" /* … */
#define DOT      " \xc2\xb7 "   /* · */
#define RULE     "\xe2\x94\x80" /* ─ */
#define FULL     "\xe2\x96\x88" /* █ */
#define EMPTY    "\xe2\x96\x91" /* ░ */

typedef struct Style {
    const char *off, *bold, *dim, *good, *mark, *invert;
} Style;
static const Style coloured = {"\033[0m",  "\033[1m",  "\033[2m",
                               "\033[32m", "\033[33m", "\033[7m"};
static const Style uncoloured = {"\033[0m", "\033[1m", "", "", "\033[1m", "\033[7m"};

static const Style *style_of(const LabelView *v)
{
    return v->plain ? &uncoloured : &coloured;
}

/* How the rows are shared out. */
typedef struct Layout {
    int head, middle, foot;
} Layout;

static Layout layout_of(const LabelView *v)
{
    Layout l = {.head = v->rows >= 8   ? 2
                        : v->rows >= 4 ? 1
                                       : 0,
                .foot = v->rows >= 8   ? 4
                        : v->rows >= 3 ? 1
                                       : 0};
    l.middle = v->rows - l.head - l.foot;
    return l;
}

int label_screen_page(const LabelView *v)
{
    int middle = layout_of(v).middle;
    return middle > 1 ? middle - 1 : 1;
}

/* --- lines ---------------------------------------------------------------------------- */
/* A line of one style, cut to the screen. */
static void put_styled(Str *out, const char *style, const char *text,
                       const LabelView *v)
{
    str_puts(out, style);
    wrap_clip(out, span_of(text), v->columns);
    str_puts(out, style_of(v)->off);
    str_putc(out, '\n');
}

static void put_rule(Str *out, const LabelView *v)
{
    str_puts(out, style_of(v)->dim);
    for (int i = 0; i < v->columns; i++)
        str_puts(out, RULE);
    str_puts(out, style_of(v)->off);
    str_putc(out, '\n');
}

/* --- the head -------------------------------------------------------------------------- */
static void put_bar(Str *out, double share, int columns)
{
    int full = (int)(share * columns + 0.5);
    for (int i = 0; i < columns; i++)
        str_puts(out, i < full ? FULL : EMPTY);
}

static void put_head(Str *out, const LabelView *v)
{
    const LabelNext *next = &v->session->next;
    long long done = (long long)next->done, all = done + (long long)next->open;
    Str left = {0};
    char right[64];
    enum { BAR = 12 };
    str_printf(&left, "%s" DOT "%s", label_kind_names[v->session->kind], v->labeler);
    if (v->session->replaces)
        str_puts(&left, DOT "changing an answer");
    else if (next->any && next->round > 0)
        str_puts(&left, DOT "once more");
    (void)snprintf(right, sizeof right, "%lld of %lld ", done, all);
    int used = (int)strlen(right) + BAR, room = v->columns - used - 1;
    str_puts(out, style_of(v)->bold);
    int taken = wrap_clip(out, str_span(&left), room >= 8 ? room : v->columns);
    str_puts(out, style_of(v)->off);
    if (room >= 8) {
        str_printf(out, "%*s%s", v->columns - used - taken, "", right);
        put_bar(out, all > 0 ? (double)done / (double)all : 1, BAR);
    }
    str_putc(out, '\n');
    str_release(&left);
}

/* --- the middle -------------------------------------------------------------------------- */
/* What a person would read: calls as "[calculator 12*7 = 84]". */
static void append_turns(Str *out, const Conversation *c)
{
    for (size_t i = 0; i < c->n; i++) {
        const Message *m = &c->messages[i];
        if (m->call_name) {
            Span name = message_call_name(m), args = message_call_args(m);
            str_puts(out, "[");
            str_span_append(out, name);
            str_puts(out, " ");
            if (args.ptr)
                str_span_append(out, args);
            bool answered = i + 1 < c->n && c->messages[i + 1].role == ROLE_TOOL;
            str_puts(out, answered ? " = " : "] ");
        }
        str_append(out, m->content, m->len);
        if (m->role == ROLE_TOOL)
            str_puts(out, "] ");
    }
}

static void put_prompt(Str *out, const LabelView *v)
{
    const Conversation *c = &v->session->item.record.chat;
    for (size_t i = 0; i < c->n; i++) {
        const Message *m = &c->messages[i];
        put_styled(out, style_of(v)->dim, role_name(m->role), v);
        wrap_text(out, (Span){m->content, m->len}, v->columns, "  ", "  ", 2);
    }
}

/* "2nd" */
static void put_ordinal(char out[16], int rank)
{
    static const char *const endings[] = {"th", "st", "nd", "rd"};
    (void)snprintf(out, 16, "%d%s", rank, endings[rank < 4 ? rank : 0]);
}

static void put_answer(Str *out, const LabelView *v, int32_t place)
{
    enum { PREFIX = 10 };
    const LabelSession *s = v->session;
    const Style *style = style_of(v);
    int32_t k = s->draft.shown[place], rank = label_draft_rank_at(&s->draft, place);
    char badge[16] = "", first[64];
    bool wide = v->columns >= 3 * PREFIX;
    if (rank > 0)
        put_ordinal(badge, rank);
    Str text = {0};
    append_turns(&text, &s->item.record.answers[k]);
    if (s->item.cut & 1u << k)
        str_puts(&text, " [" ELLIPSIS " it goes on: cut for length]");
    if (wide)
        (void)snprintf(first, sizeof first, "%s %d  %s%-5s%s ", style->bold,
                       (int)place + 1, style->good, badge, style->off);
    else
        (void)snprintf(first, sizeof first, "%s%d %s", style->bold, (int)place + 1,
                       style->off);
    str_putc(out, '\n');
    wrap_text(out, str_span(&text), v->columns, first, wide ? "          " : "  ",
              wide ? PREFIX : 2);
    str_release(&text);
}

/* The field with its cursor as an inverted character. */
static void put_field(Str *out, const LabelView *v, const char *name)
{
    const TextField *f = v->field;
    Str text = {0};
    str_append(&text, str_c(&f->text), f->at);
    str_puts(&text, "\xe2\x96\x8c"); /* ▌ */
    str_append(&text, str_c(&f->text) + f->at, f->text.len - f->at);
    put_styled(out, style_of(v)->mark, name, v);
    wrap_text(out, str_span(&text), v->columns, "  ", "  ", 2);
    str_release(&text);
}

static void put_draft_text(Str *out, const LabelView *v)
{
    const LabelDraft *d = &v->session->draft;
    str_putc(out, '\n');
    if (v->mode == LABEL_MODE_TEXT) {
        put_field(out, v,
                  "your answer (Ctrl-J: next line; Enter: done; Escape: leave)");
    } else {
        put_styled(out, style_of(v)->mark, "your answer", v);
        wrap_text(out,
                  d->text.len > 0
                      ? str_span(&d->text)
                      : SPAN("nothing yet: i writes here, e opens an editor"),
                  v->columns, "  ", "  ", 2);
    }
}

static const char *help_of(LabelKind kind)
{
    static const char rank[] =
        "Order the answers from the best to the worst.\n\n"
        "1 to 9     the next best answer\n"
        "=          the next one is as good as the one before: 2 = 1\n"
        "t          all are equally good\n"
        "b          all are bad (on and off); with or without an order\n"
        "Enter      done; an answer without a place is last, if it is only one\n"
        "Backspace  take back the last one    Escape  begin again\n";
    static const char rate[] = "Is this a good answer?\n\n"
                               "g y + 1    good\n"
                               "b n - 0    bad\n";
    static const char write[] =
        "Write the answer that the model should have given.\n\n"
        "i          write here             e       open $EDITOR\n"
        "1 to 9     begin with that answer Escape  begin again\n"
        "Enter      done\n";
    return kind == LABEL_RANK ? rank : kind == LABEL_RATE ? rate : write;
}

static void put_help(Str *out, const LabelView *v)
{
    static const char all[] =
        "s          skip: you are not asked again\n"
        "f          flag: something is wrong with it (harmful, broken, private)\n"
        "r          a reason, in your words\n"
        "u          back to the answer before, to change it, also after a pause\n"
        "\xe2\x86\x91 \xe2\x86\x93 PgUp PgDn  scroll       Ctrl-Z  suspend\n"
        "q Ctrl-C   stop; the same command goes on where you stopped\n\n"
        "Every answer is on the disk before the next question is shown. Who wrote an "
        "answer "
        "is never shown. Some questions come twice: that measures how firm people "
        "are.\n\n"
        "Any key goes back.";
    wrap_text(out, span_of(help_of(v->session->kind)), v->columns, "", "", 0);
    wrap_text(out, span_of(all), v->columns, "", "", 0);
}

static void put_end(Str *out, const LabelView *v)
{
    static const char end[] = "That was the last one. Thank you!\n\n"
                              "u goes back to the one before, q leaves.";
    wrap_text(out, span_of(end), v->columns, "", "", 0);
}

static void put_middle(Str *out, const LabelView *v)
{
    const LabelSession *s = v->session;
    if (v->mode == LABEL_MODE_HELP) {
        put_help(out, v);
        return;
    }
    if (!s->next.any) {
        put_end(out, v);
        return;
    }
    put_prompt(out, v);
    for (int32_t place = 0; place < s->draft.n; place++)
        put_answer(out, v, place);
    if (s->kind == LABEL_WRITE)
        put_draft_text(out, v);
}

/* --- the foot ------------------------------------------------------------------------------ */
static void put_said(Str *out, const LabelView *v)
{
    const LabelDraft *d = &v->session->draft;
    Str text = {0};
    if (v->session->next.any && v->session->kind == LABEL_RANK)
        label_draft_order(d, &text);
    if (d->all_bad)
        str_puts(&text, DOT "all bad");
    if (d->flagged)
        str_puts(&text, DOT "flagged");
    if (d->reason.len > 0)
        str_printf(&text, DOT "reason: %s", str_c(&d->reason));
    put_styled(out, style_of(v)->bold, str_c(&text), v);
    str_release(&text);
}

static void put_reason(Str *out, const LabelView *v)
{
    Str text = {0};
    const TextField *f = v->field;
    int room = v->columns - 12;
    size_t from = 0;
    while (room > 4 &&
           wrap_columns((Span){str_c(&f->text) + from, f->at - from}) > room)
        from += span_utf8(str_span(&f->text), from) + (from >= f->text.len);
    str_puts(&text, from ? "reason: " ELLIPSIS : "reason: ");
    str_append(&text, str_c(&f->text) + from, f->at - from);
    str_puts(&text, "\xe2\x96\x8c");
    str_append(&text, str_c(&f->text) + f->at, f->text.len - f->at);
    put_styled(out, style_of(v)->mark, str_c(&text), v);
    str_release(&text);
}

static const char *keys_of(const LabelView *v, char out[160])
{
    static const char common[] =
        "s skip" DOT "f flag" DOT "r reason" DOT "u undo" DOT "? help" DOT "q quit";
    const LabelSession *s = v->session;
    if (v->mode == LABEL_MODE_HELP)
        return "any key goes back";
    if (v->mode != LABEL_MODE_KEYS)
        return "Enter: done" DOT "Escape: leave it as it was";
    if (!s->next.any)
        return "u undo" DOT "q quit";
    if (s->kind == LABEL_RANK)
        (void)snprintf(out, 160,
                       "1-%d best first" DOT "= tie" DOT "Enter next" DOT
                       "b all bad" DOT "%s",
                       (int)s->draft.n, common);
    else if (s->kind == LABEL_RATE)
        (void)snprintf(out, 160, "g good" DOT "b bad" DOT "%s", common);
    else
        (void)snprintf(out, 160, "i write" DOT "e editor" DOT "Enter done" DOT "%s",
                       common);
    return out;
}

static void put_foot(Str *out, const LabelView *v, int rows, bool more)
{
    const LabelDraft *d = &v->session->draft;
    char keys[160];
    if (rows >= 4)
        put_rule(out, v);
    if (v->mode == LABEL_MODE_REASON)
        put_reason(out, v);
    else if (rows >= 1)
        put_said(out, v);
    if (rows < 4)
        return;
    put_styled(out, style_of(v)->dim, keys_of(v, keys), v);
    put_styled(out, style_of(v)->mark,
               d->message[0] ? d->message
               : more        ? "there is more below: \xe2\x86\x93 or space"
                             : "",
               v);
}

/* --- the picture ---------------------------------------------------------------------------- */
static int count_lines(const Str *s)
{
    int n = 0;
    for (size_t i = 0; i < s->len; i++)
        n += s->ptr[i] == '\n';
    return n;
}

/* Appends lines [from, from + n) of text, blank ones after its end. */
static void put_lines(Str *out, const Str *text, int from, int n)
{
    size_t at = 0;
    for (int line = 0; line < from + n; line++) {
        size_t end = at;
        while (end < text->len && text->ptr[end] != '\n')
            end++;
        if (line >= from) {
            str_append(out, str_c(text) + at, end - at);
            str_puts(out, "\033[0m\033[K");
            if (line + 1 < from + n)
                str_puts(out, "\r\n");
        }
        at = end < text->len ? end + 1 : end;
    }
}

void label_screen(LabelView *v, Str *out)
{
    Layout l = layout_of(v);
    Str middle = {0}, all = {0};
    put_middle(&middle, v);
    int lines = count_lines(&middle), most = lines > l.middle ? lines - l.middle : 0;
    if (v->scroll > most || v->mode == LABEL_MODE_TEXT)
        v->scroll = most;
    if (v->scroll < 0)
        v->scroll = 0;
    if (l.head > 0)
        put_head(&all, v);
    if (l.head > 1)
        put_rule(&all, v);
    str_reset(out);
    str_puts(out, "\033[H");
    put_lines(out, &all, 0, l.head);
    if (l.head > 0)
        str_puts(out, "\r\n");
    put_lines(out, &middle, v->scroll, l.middle);
    str_reset(&all);
    if (l.foot > 0) {
        put_foot(&all, v, l.foot, v->scroll < most);
        str_puts(out, "\r\n");
        put_lines(out, &all, 0, l.foot);
    }
    str_release(&middle);
    str_release(&all);
}
