/* label_draft.c - see label_draft.h. */
#include "data/label_draft.h"

#include <stdio.h>
#include <string.h>

static void say(LabelDraft *d, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void say(LabelDraft *d, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(d->message, sizeof d->message, fmt, args);
    va_end(args);
}

void label_draft_start(LabelDraft *d, const LabelItem *item, const int32_t *shown)
{
    Str text = d->text, reason = d->reason;
    *d = (LabelDraft){.item = item, .n = item->record.n_answers};
    str_reset(&text);
    str_reset(&reason);
    d->text = text;
    d->reason = reason;
    for (int32_t i = 0; i < d->n; i++)
        d->shown[i] = shown[i];
}

void label_draft_release(LabelDraft *d)
{
    str_release(&d->text);
    str_release(&d->reason);
    *d = (LabelDraft){0};
}

static Status set(Str *to, Span text, Err *err)
{
    text = span_trim(text);
    str_reset(to);
    str_span_append(to, text);
    return str_check(to, err);
}

Status label_draft_set_reason(LabelDraft *d, Span text, Err *err)
{
    return set(&d->reason, text, err);
}

Status label_draft_set_text(LabelDraft *d, Span text, Err *err)
{
    return set(&d->text, text, err);
}

/* --- a ranking ---------------------------------------------------------------------- */
static bool is_placed(const LabelDraft *d, int32_t place)
{
    for (int32_t i = 0; i < d->n_placed; i++) {
        if (d->placed[i] == place)
            return true;
    }
    return false;
}

static void put(LabelDraft *d, int32_t place)
{
    if (is_placed(d, place)) {
        say(d, "%d has its place already; Backspace takes the last one back",
            (int)place + 1);
        return;
    }
    d->placed[d->n_placed] = place;
    d->tied[d->n_placed++] = d->tie_next;
    d->tie_next = false;
}

static void tie(LabelDraft *d)
{
    if (d->n_placed == 0 || d->n_placed == d->n)
        say(d, "= goes between two answers: 2 = 1");
    else
        d->tie_next = !d->tie_next;
}

static void tie_all(LabelDraft *d)
{
    d->n_placed = d->n;
    d->tie_next = false;
    for (int32_t i = 0; i < d->n; i++) {
        d->placed[i] = i;
        d->tied[i] = i > 0;
    }
}

static void take_back(LabelDraft *d)
{
    if (d->tie_next)
        d->tie_next = false;
    else if (d->n_placed > 0)
        d->n_placed--;
}

/* The only one that was not named is the last. */
static void place_rest(LabelDraft *d)
{
    for (int32_t place = 0; place < d->n; place++) {
        if (!is_placed(d, place))
            put(d, place);
    }
}

static LabelEvent submit_ranking(LabelDraft *d)
{
    int32_t left = d->n - d->n_placed;
    if (d->all_bad && d->n_placed == 0)
        return LABEL_SUBMIT;
    if (left > 1 || d->n_placed == 0) {
        say(d, "%d answers have no place yet; s skips, b says that all are bad",
            (int)left);
        return LABEL_STAY;
    }
    place_rest(d);
    return LABEL_SUBMIT;
}

static LabelEvent rank_key(LabelDraft *d, int32_t key)
{
    if (key >= '1' && key < '1' + d->n)
        put(d, key - '1');
    else if (key == '=')
        tie(d);
    else if (key == '>')
        d->tie_next = false;
    else if (key == 't')
        tie_all(d);
    else if (key == 'b')
        d->all_bad = !d->all_bad;
    else if (key == KEY_BACKSPACE)
        take_back(d);
    else if (key == KEY_ESCAPE)
        d->n_placed = 0, d->tie_next = d->all_bad = false;
    else if (key == KEY_ENTER)
        return submit_ranking(d);
    else
        return LABEL_UNKNOWN;
    return LABEL_STAY;
}

int32_t label_draft_rank_at(const LabelDraft *d, int32_t place)
{
    int32_t rank = 0;
    for (int32_t i = 0; i < d->n_placed; i++) {
        rank += !d->tied[i];
        if (d->placed[i] == place)
            return rank;
    }
    return 0;
}

void label_draft_order(const LabelDraft *d, Str *out)
{
    for (int32_t i = 0; i < d->n_placed; i++) {
        if (i > 0)
            str_puts(out, d->tied[i] ? " = " : " > ");
        str_printf(out, "%d", (int)d->placed[i] + 1);
    }
    if (d->n_placed < d->n)
        str_puts(out, d->n_placed == 0 ? "_" : d->tie_next ? " = _" : " > _");
}

/* --- a rating, a demonstration --------------------------------------------------------- */
static LabelEvent rate_key(LabelDraft *d, int32_t key)
{
    bool good = key == 'g' || key == 'y' || key == '+' || key == '1';
    bool bad = key == 'b' || key == 'n' || key == '-' || key == '0';
    if (!good && !bad)
        return LABEL_UNKNOWN;
    d->rating = good ? 1 : -1;
    return LABEL_SUBMIT;
}

/* The words of an answer, which a demonstration may begin with. */
static void begin_with(LabelDraft *d, int32_t place)
{
    const Conversation *answer = &d->item->record.answers[d->shown[place]];
    const Message *last = &answer->messages[answer->n - 1];
    str_reset(&d->text);
    str_append(&d->text, last->content, last->len);
    say(d, "answer %d is the draft: i or e changes it, Enter keeps it", (int)place + 1);
}

static LabelEvent write_key(LabelDraft *d, int32_t key)
{
    if (key == 'i' || key == 'e')
        return key == 'i' ? LABEL_TYPE : LABEL_EDITOR;
    if (key >= '1' && key < '1' + d->n) {
        begin_with(d, key - '1');
        return LABEL_STAY;
    }
    if (key == KEY_ESCAPE) {
        str_reset(&d->text);
        return LABEL_STAY;
    }
    if (key != KEY_ENTER)
        return LABEL_UNKNOWN;
    if (span_trim(str_span(&d->text)).len > 0)
        return LABEL_SUBMIT;
    say(d, "nothing is written yet; s skips");
    return LABEL_STAY;
}

/* --- keys of all three ------------------------------------------------------------------- */
LabelEvent label_draft_key(LabelDraft *d, int32_t key)
{
    d->message[0] = '\0';
    switch (key) {
    case 's':
        d->skipped = true;
        return LABEL_SUBMIT;
    case 'f':
        d->flagged = !d->flagged;
        return LABEL_STAY;
    case 'r':
        return LABEL_REASON;
    case 'u':
        return LABEL_UNDO;
    case '?':
        return LABEL_HELP;
    case 'q':
        return LABEL_QUIT;
    default:
        break;
    }
    LabelKind kind = d->item->kind;
    return kind == LABEL_RANK   ? rank_key(d, key)
           : kind == LABEL_RATE ? rate_key(d, key)
                                : write_key(d, key);
}

/* --- to and from labels ------------------------------------------------------------------ */
/* Names the answers again, best first, those of one rank as they stand on the screen. */
static void restore_ranks(LabelDraft *d, const Label *label)
{
    for (int32_t rank = 1; rank <= d->n; rank++) {
        bool first = true;
        for (int32_t place = 0; place < d->n; place++) {
            if (label->ranks[d->shown[place]] != rank)
                continue;
            d->tie_next = !first;
            put(d, place);
            first = false;
        }
    }
}

Status label_draft_restore(LabelDraft *d, const LabelItem *item, const Label *label,
                           Err *err)
{
    label_draft_start(d, item, label->shown);
    if (label_is_ranked(label))
        restore_ranks(d, label);
    d->all_bad = label->all_bad;
    d->flagged = label->flagged;
    d->rating = label->rating;
    TRY(label_draft_set_reason(d, str_span(&label->reason), err));
    return label_draft_set_text(d, str_span(&label->text), err);
}

Status label_draft_finish(const LabelDraft *d, Label *out, Err *err)
{
    label_release(out);
    out->item = d->item->id;
    out->n = d->n;
    out->skipped = d->skipped;
    out->all_bad = d->all_bad;
    out->flagged = d->flagged;
    memcpy(out->shown, d->shown, sizeof out->shown);
    TRY(set(&out->reason, str_span(&d->reason), err));
    if (d->skipped)
        return OK;
    out->rating = d->rating;
    if (d->item->kind == LABEL_RANK) {
        for (int32_t place = 0; place < d->n; place++)
            out->ranks[d->shown[place]] = label_draft_rank_at(d, place);
    }
    return set(&out->text, str_span(&d->text), err);
}
