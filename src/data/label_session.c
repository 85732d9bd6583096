/* label_session.c - see label_session.h. */
#include "data/label_session.h"

#include "base/mem.h"
#include "base/system.h"

#include <stdio.h>

/* --- drafts -------------------------------------------------------------------------- */
/* A label that is being changed stands, and needs no draft. */
static Status keep(const LabelSession *s, bool given, Err *err)
{
    if (s->replaces || !s->next.any)
        return OK;
    LabelKept draft = {
        .labeler = s->labeler, .item = s->next.item, .round = s->next.round};
    if (!given) {
        draft.text = s->draft.text; /* borrowed */
        draft.reason = s->draft.reason;
    }
    return labels_keep(s->labels, &draft, err);
}

static Status find_kept(LabelSession *s, Err *err)
{
    LabelKept draft = {
        .labeler = s->labeler, .item = s->next.item, .round = s->next.round};
    Status status = labels_kept(s->labels, &draft, err);
    if (status == OK)
        status = label_draft_set_text(&s->draft, str_span(&draft.text), err);
    if (status == OK)
        status = label_draft_set_reason(&s->draft, str_span(&draft.reason), err);
    label_kept_release(&draft);
    return status;
}

Status label_session_set_reason(LabelSession *s, Span text, Err *err)
{
    TRY(label_draft_set_reason(&s->draft, text, err));
    return keep(s, false, err);
}

Status label_session_set_text(LabelSession *s, Span text, Err *err)
{
    TRY(label_draft_set_text(&s->draft, text, err));
    return keep(s, false, err);
}

/* --- questions ------------------------------------------------------------------------- */
static Status ask(LabelSession *s, Err *err)
{
    LabelChoice *choices;
    size_t n;
    int32_t shown[LABEL_MAX_ANSWERS];
    s->replaces = 0;
    TRY(labels_choices(s->labels, s->kind, s->labeler, &choices, &n, err));
    s->next = label_queue_next(choices, n, s->labeler, s->each);
    mem_free(choices);
    if (!s->next.any)
        return OK;
    TRY(labels_item(s->labels, s->next.item, &s->item, err));
    label_queue_shown(s->item.id, s->labeler, s->next.round, s->item.record.n_answers,
                      shown);
    label_draft_start(&s->draft, &s->item, shown);
    s->shown_at = system_seconds();
    return find_kept(s, err);
}

Status label_session_open(LabelSession *s, Labels *labels, LabelKind kind,
                          const char *labeler, int64_t each, Err *err)
{
    *s = (LabelSession){.labels = labels, .kind = kind, .each = each};
    TRY(labels_labeler(labels, labeler, false, &s->labeler, err));
    Status status = ask(s, err);
    if (status != OK)
        label_session_release(s);
    return status;
}

void label_session_release(LabelSession *s)
{
    label_item_release(&s->item);
    label_draft_release(&s->draft);
    *s = (LabelSession){0};
}

static Status submit(LabelSession *s, Err *err)
{
    Label label = {0};
    Status status = label_draft_finish(&s->draft, &label, err);
    label.labeler = s->labeler;
    label.round = s->next.round;
    label.seconds = system_seconds() - s->shown_at;
    if (status == OK)
        status = labels_put(s->labels, &label, s->replaces, err);
    label_release(&label);
    if (status == OK)
        status = keep(s, true, err);
    return status == OK ? ask(s, err) : status;
}

static Status undo(LabelSession *s, LabelEvent *event, Err *err)
{
    Label label = {0};
    bool any;
    Status status =
        labels_last(s->labels, s->labeler, s->kind, s->replaces, &label, &any, err);
    if (status == OK && any) {
        status = labels_item(s->labels, label.item, &s->item, err);
        if (status == OK)
            status = label_draft_restore(&s->draft, &s->item, &label, err);
        s->replaces = label.id;
        s->next.any = true;
        s->next.item = label.item;
        s->next.round = label.round;
        s->shown_at = system_seconds();
    } else if (status == OK) {
        *event = LABEL_STAY;
        (void)snprintf(s->draft.message, sizeof s->draft.message,
                       "there is nothing to take back");
    }
    label_release(&label);
    return status;
}

static LabelEvent key_at_the_end(int32_t key)
{
    return key == 'u'   ? LABEL_UNDO
           : key == '?' ? LABEL_HELP
           : key == 'q' ? LABEL_QUIT
                        : LABEL_UNKNOWN;
}

Status label_session_key(LabelSession *s, int32_t key, LabelEvent *event, Err *err)
{
    *event = s->next.any ? label_draft_key(&s->draft, key) : key_at_the_end(key);
    if (*event == LABEL_SUBMIT)
        return submit(s, err);
    if (*event == LABEL_UNDO)
        return undo(s, event, err);
    if (*event == LABEL_STAY && s->kind == LABEL_WRITE) /* it may have another text */
        return keep(s, false, err);
    return OK;
}
