/* label_judge.c - see label_judge.h. */
#include "stages/label_judge.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/system.h"

#include <string.h>

enum { CHUNK = 32 };

typedef struct Bench {
    Labels *labels;
    Judge *judge;
    int64_t labeler;
    LabelJudged *out;
} Bench;

static Status put_verdict(const Bench *b, const LabelItem *item, const JudgeCase *c,
                          Err *err)
{
    if (c->too_long) {
        b->out->too_long++;
        return OK;
    }
    Label label = {
        .item = item->id, .labeler = b->labeler, .n = item->record.n_answers};
    bool ordered = false;
    for (int32_t k = 0; k < label.n; k++) {
        label.shown[k] = k;
        label.ranks[k] = c->ranks[k];
        ordered = ordered || c->ranks[k] > 1;
    }
    b->out->labels++;
    b->out->all_alike += !ordered;
    return labels_put(b->labels, &label, 0, err);
}

static Status put_chunk(const Bench *b, const LabelItem *items, const JudgeCase *cases,
                        int64_t n, Err *err)
{
    TRY(labels_begin(b->labels, err));
    Status status = OK;
    for (int64_t i = 0; i < n && status == OK; i++)
        status = put_verdict(b, &items[i], &cases[i], err);
    return labels_end(b->labels, status, err);
}

static Status judge_chunk(const Bench *b, const int64_t *ids, int64_t n, Err *err)
{
    LabelItem items[CHUNK];
    JudgeCase cases[CHUNK];
    Status status = OK;
    memset(items, 0, sizeof items);
    memset(cases, 0, sizeof cases);
    for (int64_t i = 0; i < n && status == OK; i++) {
        status = labels_item(b->labels, ids[i], &items[i], err);
        cases[i] = (JudgeCase){.record = &items[i].record, .cut = items[i].cut};
    }
    if (status == OK)
        status = judge_rank(b->judge, cases, n, err);
    if (status == OK)
        status = put_chunk(b, items, cases, n, err);
    for (int64_t i = 0; i < n; i++)
        label_item_release(&items[i]);
    return status;
}

static Status judge_all(const Bench *b, const int64_t *ids, int64_t n, Err *err)
{
    Status status = OK;
    log_progress_begin("judge", (double)n, "prompts");
    for (int64_t i = 0; i < n && status == OK; i += CHUNK) {
        if (system_stop_requested()) {
            status =
                err_set(err, ERR_STOPPED,
                        "stopped after %lld of %lld prompts; the same command goes on",
                        (long long)i, (long long)n);
            break;
        }
        int64_t count = n - i < CHUNK ? n - i : CHUNK;
        status = judge_chunk(b, ids + i, count, err);
        log_progress((double)(i + count), NULL);
    }
    log_progress_end();
    return status;
}

Status label_judge(Labels *l, Judge *judge, const char *name, LabelJudged *out,
                   Err *err)
{
    Bench b = {.labels = l, .judge = judge, .out = out};
    LabelChoice *choices;
    int64_t *ids = NULL, open = 0;
    size_t n;
    *out = (LabelJudged){0};
    TRY(labels_labeler(l, name, true, &b.labeler, err));
    TRY(labels_choices(l, LABEL_RANK, b.labeler, &choices, &n, err));
    Status status = MEM_ARRAY(&ids, n, err);
    for (size_t i = 0; i < n && status == OK; i++) {
        if (!choices[i].first)
            ids[open++] = choices[i].item;
    }
    out->known = (int64_t)n - open;
    if (status == OK)
        status = judge_all(&b, ids, open, err);
    mem_free(ids);
    mem_free(choices);
    return status;
}
