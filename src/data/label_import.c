/* label_import.c - see label_import.h. */
#include "data/label_import.h"

#include "base/rng.h"
#include "data/record_json.h"

#include <string.h>

/* By its prompt alone, so that neither the order of the prompts nor the lot matters. */
static bool is_repeated(const LabelAdder *a, const Conversation *prompt)
{
    Str text = {0};
    json_t *tree = conversation_json(prompt);
    json_append(&text, tree);
    Rng r = rng_make(a->seed, RNG_LABEL, rng_hash(str_c(&text), text.len, RNG_LABEL));
    bool repeated = rng_uniform(&r) < a->repeat;
    json_decref(tree);
    str_release(&text);
    return repeated;
}

static Status add_one(LabelAdder *a, LabelItem *item, int32_t number, Err *err)
{
    bool added;
    item->kind = a->kind;
    item->repeated = is_repeated(a, &item->record.chat);
    TRY(labels_add_item(a->labels, item, a->batch, number, &added, err));
    a->added += added;
    a->known += !added;
    return OK;
}

/* Answer `from` of `all` as an item of its own. */
static Status single(LabelItem *out, const LabelItem *all, int32_t from, Err *err)
{
    TRY(conversation_copy(&out->record.chat, &all->record.chat, err));
    TRY(conversation_copy(&out->record.answers[0], &all->record.answers[from], err));
    out->record.row = json_incref(all->record.row);
    out->record.n_answers = 1;
    str_span_append(&out->source[0], str_span(&all->source[from]));
    out->cut = all->cut >> from & 1u;
    return str_check(&out->source[0], err);
}

Status label_add(LabelAdder *a, LabelItem *item, bool by_prompt, Err *err)
{
    if (a->kind != LABEL_RATE)
        return add_one(a, item, by_prompt ? 0 : -1, err);
    Status status = OK;
    for (int32_t k = 0; k < item->record.n_answers && status == OK; k++) {
        LabelItem one = {0};
        status = single(&one, item, k, err);
        if (status == OK)
            status = add_one(a, &one, by_prompt ? k : -1, err);
        item->id = one.id;
        label_item_release(&one);
    }
    return status;
}

/* --- rows --------------------------------------------------------------------------- */
/* A conversation's last turns are its answer. */
static Status take_chat(const Record *r, LabelItem *item, Err *err)
{
    size_t prompt = r->chat.n;
    while (prompt > 0 && r->chat.messages[prompt - 1].role != ROLE_USER)
        prompt--;
    Conversation *to = &item->record.chat;
    for (size_t i = 0; i < r->chat.n; i++) {
        if (i == prompt) {
            to = &item->record.answers[0];
            item->record.n_answers = 1;
        }
        TRY(conversation_append(to, &r->chat, i, i + 1, err));
    }
    return OK;
}

static Status take_record(const LabelAdder *a, const Record *r, LabelItem *item,
                          Err *err)
{
    if (r->kind == RECORD_TEXT)
        return err_set(err, ERR_FORMAT,
                       "it holds texts, and prompts with answers are wanted");
    if (r->n_answers > LABEL_MAX_ANSWERS)
        return err_set(err, ERR_LIMIT, "%d answers, and people order %d at most",
                       (int)r->n_answers, LABEL_MAX_ANSWERS);
    item->record.row = json_incref(r->row);
    if (r->kind == RECORD_CHAT)
        return take_chat(r, item, err);
    TRY(conversation_copy(&item->record.chat, &r->chat, err));
    for (int32_t k = 0; k < r->n_answers; k++)
        TRY(conversation_copy(&item->record.answers[k], &r->answers[k], err));
    item->record.n_answers = r->n_answers;
    for (int32_t k = 0; k < r->n_answers && a->source; k++)
        str_puts(&item->source[k], a->source);
    return OK;
}

static LabelKind kind_of(const Record *r)
{
    return r->kind == RECORD_RATED                              ? LABEL_RATE
           : r->kind == RECORD_CHAT || r->kind == RECORD_PROMPT ? LABEL_WRITE
                                                                : LABEL_RANK;
}

/* What the row says; false when it says nothing to that kind. */
static bool read_label(LabelKind kind, const Record *r, Label *out)
{
    out->n = r->n_answers;
    for (int32_t k = 0; k < LABEL_MAX_ANSWERS; k++)
        out->shown[k] = k;
    if (kind == LABEL_RANK && r->kind == RECORD_RANKING) {
        memcpy(out->ranks, r->ranks, sizeof out->ranks);
        return true;
    }
    if (kind == LABEL_RATE && r->kind == RECORD_RATED) {
        out->rating = r->labels[0] > 0 ? 1 : -1;
        return true;
    }
    if (kind != LABEL_WRITE || r->kind != RECORD_CHAT)
        return false;
    const Message *last = &r->chat.messages[r->chat.n - 1];
    if (last->role == ROLE_ASSISTANT)
        str_append(&out->text, last->content, last->len);
    return out->text.len > 0;
}

/* What this labeler said about the item before stands. */
static Status add_label(LabelAdder *a, const LabelItem *item, const Record *r, Err *err)
{
    Label label = {.item = item->id, .labeler = a->labeler};
    bool done = false;
    Status status = OK;
    if (read_label(a->kind, r, &label)) {
        status = labels_has(a->labels, item->id, a->labeler, &done, err);
        if (status == OK)
            status = str_check(&label.text, err);
        if (status == OK && !done)
            status = labels_put(a->labels, &label, 0, err);
        a->labelled += status == OK && !done;
    }
    label_release(&label);
    return status;
}

static Status add_row(LabelAdder *a, const Record *r, Err *err)
{
    static const int32_t least[] = {
        [LABEL_RANK] = 2, [LABEL_RATE] = 1, [LABEL_WRITE] = 0};
    LabelItem item = {0};
    Status status = take_record(a, r, &item, err);
    if (status == OK && item.record.n_answers < least[a->kind])
        status = err_set(err, ERR_FORMAT, "%d answers, and to %s takes %d",
                         (int)item.record.n_answers, label_kind_names[a->kind],
                         (int)least[a->kind]);
    if (status == OK)
        status = label_add(a, &item, false, err);
    if (status == OK && a->labeler)
        status = add_label(a, &item, r, err);
    label_item_release(&item);
    return status;
}

static Status add_rows(LabelAdder *a, Corpus *c, Err *err)
{
    LabelKind wanted = a->kind;
    Status status = OK;
    for (int64_t rows = 0; status == OK && (a->most == 0 || rows < a->most); rows++) {
        Record *record;
        bool end;
        TRY(corpus_next(c, &record, &end, err));
        if (end)
            break;
        a->kind = wanted == LABEL_KINDS ? kind_of(record) : wanted;
        status = add_row(a, record, err);
        if (status != OK)
            err_context(err, "%s", corpus_where(c));
    }
    a->kind = wanted;
    return status;
}

Status label_import(LabelAdder *a, Corpus *c, Err *err)
{
    TRY(labels_begin(a->labels, err));
    return labels_end(a->labels, add_rows(a, c, err), err);
}
