/* talk_promote.c - see talk_promote.h. */
#include "data/talk_promote.h"

#include "base/mem.h"
#include "data/record_json.h"

void promoted_release(Promoted *p)
{
    conversation_release(&p->prompt);
    for (int32_t k = 0; k < p->n; k++) {
        conversation_release(&p->answers[k]);
        str_release(&p->models[k]);
    }
    *p = (Promoted){0};
}

/* --- halves ----------------------------------------------------------------------------- */
/* Where the answer begins: behind the user's last turn; 0: there is no such turn. */
static size_t answer_begins(const Conversation *c)
{
    size_t i = c->n;
    while (i > 0 && c->messages[i - 1].role != ROLE_USER)
        i--;
    return i;
}

static Status check_answer(const Conversation *c, Err *err)
{
    const Message *last = c->n > 0 ? &c->messages[c->n - 1] : NULL;
    if (!last || last->role != ROLE_ASSISTANT || last->call_name ||
        answer_begins(c) == 0)
        return err_set(err, ERR_OPTION,
                       "that message is no answer to a question; `tame logs` lists "
                       "answers");
    return OK;
}

/* The prompt of the first answer, and the answer behind the others. */
static Status take(Promoted *p, const Conversation *c, const Str *model, Err *err)
{
    size_t begins = answer_begins(c);
    if (p->n == 0)
        TRY(conversation_append(&p->prompt, c, 0, begins, err));
    int32_t k = p->n++;
    if (model)
        str_span_append(&p->models[k], str_span(model));
    TRY(str_check(&p->models[k], err));
    return conversation_append(&p->answers[k], c, begins, c->n, err);
}

/* --- finding ---------------------------------------------------------------------------- */
/* The node of the prompt, by the hashes of its messages. */
static Status id_of_prompt(const Conversation *prompt, TalkId *out, Err *err)
{
    for (size_t i = 0; i < prompt->n; i++)
        TRY(talk_id_of(i ? out : NULL, &prompt->messages[i], out, err));
    return OK;
}

static bool answers_prompt(const Conversation *c, const Promoted *p)
{
    return answer_begins(c) == p->prompt.n;
}

/* The answer of one use, if it is another to the same prompt. */
static Status take_use(Talks *t, const TalkUse *use, const TalkId *over, Promoted *p,
                       Err *err)
{
    Conversation c = {0};
    if (p->n == LABEL_MAX_ANSWERS || (over && !talk_id_equal(&use->node, over)))
        return OK;
    Status status = talks_read(t, &use->node, &c, err);
    if (status == OK && answers_prompt(&c, p) && check_answer(&c, NULL) == OK)
        status = take(p, &c, &use->model, err);
    conversation_release(&c);
    return status;
}

/* Whether an earlier one of the list is the same node, or it is the promoted one, whose
 * model is noted then. */
static bool is_known(const TalkUse *uses, size_t i, const TalkId *id, Promoted *p)
{
    if (talk_id_equal(&uses[i].node, id)) {
        if (p->models[0].len == 0)
            str_span_append(&p->models[0], str_span(&uses[i].model));
        return true;
    }
    for (size_t k = 0; k < i; k++) {
        if (talk_id_equal(&uses[k].node, &uses[i].node))
            return true;
    }
    return false;
}

enum { MOST_USES = 10000 };
static Status take_others(Talks *t, const TalkId *id, const TalkId *over, bool others,
                          Promoted *p, Err *err)
{
    TalkId prompt = {0};
    TalkUse *uses = NULL;
    size_t n = 0;
    TRY(id_of_prompt(&p->prompt, &prompt, err));
    Status status = talks_list(t, (Span){0}, &prompt, MOST_USES, &uses, &n, err);
    for (size_t i = 0; status == OK && i < n; i++) {
        if (!is_known(uses, i, id, p) && others)
            status = take_use(t, &uses[i], over, p, err);
    }
    for (size_t i = 0; i < n; i++)
        talk_use_release(&uses[i]);
    mem_free(uses);
    return status;
}

static Status promote(Talks *t, const TalkId *id, const TalkId *over, bool others,
                      Promoted *out, Err *err)
{
    Conversation c = {0};
    *out = (Promoted){0};
    Status status = talks_read(t, id, &c, err);
    if (status == OK)
        status = check_answer(&c, err);
    if (status == OK)
        status = take(out, &c, NULL, err);
    if (status == OK)
        status = take_others(t, id, over, others, out, err);
    conversation_release(&c);
    if (status != OK)
        promoted_release(out);
    return status;
}

Status promote_demonstration(Talks *t, const TalkId *id, Promoted *out, Err *err)
{
    return promote(t, id, NULL, false, out, err);
}

Status promote_comparison(Talks *t, const TalkId *id, const TalkId *over, Promoted *out,
                          Err *err)
{
    TRY(promote(t, id, over, true, out, err));
    if (out->n > 1)
        return OK;
    promoted_release(out);
    return err_set(err, ERR_OPTION,
                   over ? "the other answer is not one to the same question"
                        : "there is no other answer to that question to compare with; "
                          "ask it again, of another model or with another seed");
}

/* --- rows ------------------------------------------------------------------------------- */
static void append_row(json_t *row, Str *out)
{
    if (!row)
        out->failed = true;
    else
        json_append(out, row);
    str_putc(out, '\n');
    json_decref(row);
}

static void demonstration_row(const Promoted *p, Str *out)
{
    json_t *row = json_object(), *messages = conversation_json(&p->prompt),
           *answer = conversation_json(&p->answers[0]);
    json_array_extend(messages, answer);
    json_decref(answer);
    json_object_set_new(row, "messages", messages);
    append_row(row, out);
}

static void comparison_row(const Promoted *p, int32_t k, Str *out)
{
    json_t *row = json_object();
    json_object_set_new(row, "prompt", conversation_json(&p->prompt));
    json_object_set_new(row, "chosen", answer_json(&p->answers[0]));
    json_object_set_new(row, "rejected", answer_json(&p->answers[k]));
    append_row(row, out);
}

void promoted_rows(const Promoted *p, Str *out)
{
    if (p->n == 1)
        demonstration_row(p, out);
    for (int32_t k = 1; k < p->n; k++)
        comparison_row(p, k, out);
}

/* --- labels ----------------------------------------------------------------------------- */
static Status fill_item(const Promoted *p, LabelItem *item, Err *err)
{
    *item = (LabelItem){.kind = p->n == 1 ? LABEL_WRITE : LABEL_RANK};
    item->record.kind = p->n == 1 ? RECORD_PROMPT : RECORD_ANSWERS;
    TRY(conversation_append(&item->record.chat, &p->prompt, 0, p->prompt.n, err));
    for (int32_t k = 0; p->n > 1 && k < p->n; k++) {
        const Conversation *answer = &p->answers[k];
        item->record.n_answers = k + 1;
        TRY(conversation_append(&item->record.answers[k], answer, 0, answer->n, err));
        str_span_append(&item->source[k], str_span(&p->models[k]));
        TRY(str_check(&item->source[k], err));
    }
    return OK;
}

static Status put_label(const Promoted *p, Labels *labels, LabelItem *item,
                        const char *labeler, Err *err)
{
    bool added, has = false;
    Label label = {.n = item->record.n_answers};
    TRY(labels_add_item(labels, item, "logs", p->n == 1 ? 0 : -1, &added, err));
    TRY(labels_labeler(labels, labeler, false, &label.labeler, err));
    TRY(labels_has(labels, item->id, label.labeler, &has, err));
    if (has)
        return err_set(err, ERR_OPTION, "'%s' has already labelled that in '%s'",
                       labeler, labels_path(labels));
    label.item = item->id;
    for (int32_t k = 0; k < label.n; k++) {
        label.ranks[k] = k == 0 ? 1 : 2;
        label.shown[k] = k;
    }
    const Conversation *answer = &p->answers[0];
    const Message *last = &answer->messages[answer->n - 1];
    if (p->n == 1)
        str_append(&label.text, last->content, last->len);
    Status status = str_check(&label.text, err);
    if (status == OK)
        status = labels_put(labels, &label, 0, err);
    label_release(&label);
    return status;
}

Status promoted_label(const Promoted *p, Labels *labels, const char *labeler, Err *err)
{
    LabelItem item;
    Status status = fill_item(p, &item, err);
    if (status == OK)
        status = labels_begin(labels, err);
    if (status == OK)
        status = labels_end(labels, put_label(p, labels, &item, labeler, err), err);
    label_item_release(&item);
    return status;
}
