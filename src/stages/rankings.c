/* rankings.c - ranked answers as ids, see rankings.h. */
#include "stages/rankings.h"

#include "base/mem.h"
#include "data/corpus.h"

#include <string.h>

void rankings_release(Rankings *r)
{
    if (!r)
        return;
    documents_release(&r->docs);
    mem_free(r->rank);
    mem_free(r->first);
    *r = (Rankings){0};
}

int64_t rankings_answers(const Rankings *r, int64_t i)
{
    return r->first[i + 1] - r->first[i];
}

int64_t rankings_largest(const Rankings *r)
{
    int64_t largest = 0;
    for (size_t i = 0; i < r->n; i++) {
        int64_t size = 0;
        for (int64_t d = r->first[i]; d < r->first[i + 1]; d++)
            size += documents_len(&r->docs, d);
        largest = size > largest ? size : largest;
    }
    return largest;
}

/* The score is read at the end, so what is cut is the start; the first id stays, it
 * marks the beginning of a document. */
static void keep_end(Documents *d, int64_t context)
{
    int64_t len = documents_len(d, (int64_t)d->n - 1);
    size_t start = d->ids.len - (size_t)len, cut = (size_t)(len - context);
    size_t kept = (size_t)(context - 1);
    memmove(d->ids.ptr + start + 1, d->ids.ptr + start + 1 + cut,
            kept * sizeof *d->ids.ptr);
    memmove(d->mask.ptr + start + 1, d->mask.ptr + start + 1 + cut, kept);
    d->ids.len -= cut;
    str_truncate(&d->mask, d->ids.len);
    d->ends[d->n - 1] = (int64_t)d->ids.len;
}

/* Appends prompt + answer; *kept is false when it was too long and dropped. */
static Status add_answer(Rankings *r, const Record *record, int32_t answer,
                         const ChatTemplate *chat, const RankingsOptions *o, bool *kept,
                         Err *err)
{
    Conversation all = {0};
    Status status = conversation_copy(&all, &record->chat, err);
    const Conversation *more = &record->answers[answer];
    for (size_t i = 0; status == OK && i < more->n; i++) {
        const Message *m = &more->messages[i];
        status = m->call_name
                     ? conversation_add_call(&all, message_call_name(m),
                                             message_call_args(m), err)
                     : conversation_add(&all, m->role, (Span){m->content, m->len}, err);
    }
    if (status == OK)
        status = documents_add(&r->docs, chat, &all, false, err);
    conversation_release(&all);
    TRY(status);
    *kept = true;
    int64_t last = (int64_t)r->docs.n - 1, len = documents_len(&r->docs, last);
    if (len > o->context && o->overlong == OVERLONG_REFUSE)
        return err_set(err, ERR_LIMIT,
                       "answer %d has %lld tokens with its prompt, the context %lld; "
                       "overlong: truncate or drop goes on",
                       answer + 1, (long long)len, (long long)o->context);
    if (len > o->context && o->overlong == OVERLONG_TRUNCATE)
        keep_end(&r->docs, o->context);
    if (len > o->context && o->overlong == OVERLONG_DROP) {
        documents_drop_last(&r->docs);
        r->dropped++;
        *kept = false;
        return OK;
    }
    TRY(MEM_PUSH_ROOM(&r->rank, (size_t)last, &r->rank_cap, err));
    r->rank[last] = record->ranks[answer];
    return OK;
}

static bool has_order(const Rankings *r, int64_t from)
{
    for (int64_t d = from + 1; d < (int64_t)r->docs.n; d++) {
        if (r->rank[d] != r->rank[from])
            return true;
    }
    return false;
}

static Status add_ranking(Rankings *r, const Record *record, const ChatTemplate *chat,
                          const RankingsOptions *o, Err *err)
{
    int64_t from = (int64_t)r->docs.n;
    TRY(MEM_PUSH_ROOM(&r->first, r->n, &r->first_cap, err));
    TRY(MEM_PUSH_ROOM(&r->first, r->n + 1, &r->first_cap, err)); /* the end, too */
    for (int32_t k = 0; k < record->n_answers; k++) {
        bool kept;
        TRY(add_answer(r, record, k, chat, o, &kept, err));
    }
    if (!has_order(r, from)) {
        while ((int64_t)r->docs.n > from)
            documents_drop_last(&r->docs);
        r->unordered++;
        return OK;
    }
    r->first[r->n++] = from;
    r->first[r->n] = (int64_t)r->docs.n;
    return OK;
}

static Status is_heldout(const Record *record, const ChatTemplate *chat, double share,
                         Documents *scratch, bool *heldout, Err *err)
{
    *heldout = false;
    if (share <= 0)
        return OK;
    TRY(documents_add(scratch, chat, &record->chat, true, err));
    *heldout = documents_is_heldout(scratch, 0, share);
    documents_drop_last(scratch);
    return OK;
}

Status rankings_load(Rankings *train, Rankings *heldout, const char *spec,
                     const ChatTemplate *chat, const RankingsOptions *o, Err *err)
{
    RecordList list = {0};
    Documents scratch = {0};
    Status status = corpus_load(&list, spec, RECORD_RANKING, o->corpus, err);
    for (size_t i = 0; status == OK && i < list.n; i++) {
        bool held;
        status = is_heldout(&list.records[i], chat, o->heldout, &scratch, &held, err);
        if (status == OK)
            status =
                add_ranking(held ? heldout : train, &list.records[i], chat, o, err);
        if (status != OK)
            err_context(err, "'%s': ranking %zu", spec, i + 1);
    }
    documents_release(&scratch);
    record_list_release(&list);
    return status;
}
