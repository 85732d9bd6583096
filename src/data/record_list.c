/* record_list.c - whole data sets in memory, and their held-out part; see corpus.h.
 *
 * Records are split by the hash of what comes before the first answer: rankings and
 * demonstrations of one prompt stay together, so that a held-out number is about
 * prompts never trained on, whatever the order of the files. */
#include "data/corpus.h"

#include "base/mem.h"
#include "base/rng.h"

static const char *wanted_name(RecordKind kind)
{
    static const char *const names[] = {
        "texts ('text')",
        "conversations ('messages', or 'prompt' with 'completion')",
        "prompts ('prompt')",
        "comparisons ('chosen' with 'rejected', or 'completions' with 'ranks')",
        "rated answers ('prompt' with 'completion' and 'label') or comparisons",
        "answers ('prompt' with 'completions')"};
    return names[kind];
}

static const char *found_name(RecordKind kind)
{
    static const char *const names[] = {"texts",         "conversations",
                                        "prompts",       "comparisons",
                                        "rated answers", "answers without 'ranks'"};
    return names[kind];
}

static bool has_answer(const Conversation *c)
{
    for (size_t i = 0; i < c->n; i++) {
        if (c->messages[i].role == ROLE_ASSISTANT)
            return true;
    }
    return false;
}

/* Brings r to the wanted kind, if it can be. */
static Status convert(Record *r, RecordKind wanted, Err *err)
{
    if (wanted == RECORD_PROMPT &&
        (r->kind == RECORD_CHAT || r->kind == RECORD_RANKING ||
         r->kind == RECORD_RATED || r->kind == RECORD_ANSWERS))
        TRY(record_to_prompt(r, err));
    if (wanted == RECORD_RATED && r->kind == RECORD_RANKING)
        record_to_ratings(r);
    if (r->kind != wanted)
        return err_set(err, ERR_FORMAT, "it holds %s, and %s are wanted",
                       found_name(r->kind), wanted_name(wanted));
    if (wanted == RECORD_CHAT && !has_answer(&r->chat))
        return err_set(err, ERR_FORMAT, "the conversation has no answer to learn");
    return OK;
}

/* Takes the corpus' record: its memory goes into the list. */
static Status take_record(RecordList *list, Record *r, RecordKind wanted, Err *err)
{
    TRY(MEM_PUSH_ROOM(&list->records, list->n, &list->cap, err));
    TRY(convert(r, wanted, err));
    if (wanted == RECORD_RANKING)
        record_trim_row(r);
    else if (wanted != RECORD_PROMPT) /* whose rewards may ask for it */
        record_drop_row(r);
    list->records[list->n++] = *r;
    *r = (Record){0};
    return OK;
}

Status corpus_load(RecordList *out, const char *spec, RecordKind kind,
                   const CorpusOptions *o, Err *err)
{
    *out = (RecordList){0};
    Corpus *c = NULL;
    TRY(corpus_open(&c, spec, o, err));
    Status status = OK;
    while (status == OK) {
        Record *record;
        bool end;
        status = corpus_next(c, &record, &end, err);
        if (status != OK || end)
            break;
        status = take_record(out, record, kind, err);
        if (status != OK)
            err_context(err, "%s", corpus_where(c));
    }
    if (status == OK && out->n == 0)
        status = err_set(err, ERR_FORMAT, "there is no row in '%s'", spec);
    corpus_close(c);
    if (status != OK)
        record_list_release(out);
    return status;
}

void record_list_release(RecordList *list)
{
    if (!list)
        return;
    for (size_t i = 0; i < list->n; i++)
        record_release(&list->records[i]);
    mem_free(list->records);
    *list = (RecordList){0};
}

/* --- the held-out part ----------------------------------------------------------- */
static uint64_t prompt_hash(const Record *r)
{
    uint64_t hash = RNG_SPLIT;
    if (r->kind == RECORD_TEXT)
        return rng_hash(str_c(&r->text), r->text.len, hash);
    for (size_t i = 0; i < r->chat.n; i++) {
        const Message *m = &r->chat.messages[i];
        if (m->role == ROLE_ASSISTANT && r->kind == RECORD_CHAT)
            break;
        hash = rng_hash(m->content, m->len, hash + (uint64_t)m->role);
    }
    return hash;
}

/* The bound below which hashes are held out: share of all hashes, but so high that one
 * prompt is and so low that one is not. */
static Status held_out_below(const uint64_t *hashes, size_t n, double share,
                             uint64_t *bound, Err *err)
{
    uint64_t least = UINT64_MAX, most = 0;
    for (size_t i = 0; i < n; i++) {
        least = hashes[i] < least ? hashes[i] : least;
        most = hashes[i] > most ? hashes[i] : most;
    }
    if (n == 0 || least == most)
        return err_set(err, ERR_FORMAT, "none can be held out of %zu rows with %s", n,
                       n == 0 ? "no prompt" : "one prompt");
    *bound = share >= 1 ? UINT64_MAX : (uint64_t)(share * 18446744073709551616.0);
    if (*bound <= least)
        *bound = least + 1;
    if (*bound > most)
        *bound = most;
    return OK;
}

Status record_list_split(RecordList *list, double share, RecordList *heldout, Err *err)
{
    *heldout = (RecordList){0};
    if (share <= 0)
        return OK;
    uint64_t *hashes = NULL, bound = 0;
    TRY(MEM_ARRAY(&hashes, list->n, err));
    for (size_t i = 0; i < list->n; i++)
        hashes[i] = prompt_hash(&list->records[i]);
    Status status = held_out_below(hashes, list->n, share, &bound, err);
    if (status == OK)
        status = MEM_ARRAY(&heldout->records, list->n, err);
    if (status == OK) {
        size_t kept = 0;
        heldout->cap = list->n;
        for (size_t i = 0; i < list->n; i++) {
            if (hashes[i] < bound)
                heldout->records[heldout->n++] = list->records[i];
            else
                list->records[kept++] = list->records[i];
        }
        list->n = kept;
    }
    mem_free(hashes);
    return status;
}
