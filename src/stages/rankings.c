/* rankings.c - ranked answers as ids, see rankings.h. */
#include "stages/rankings.h"

#include "base/mem.h"
#include "base/rng.h"
#include "data/corpus.h"
#include "format/json.h"

#include <math.h>
#include <string.h>

void rankings_release(Rankings *r)
{
    if (!r)
        return;
    documents_release(&r->docs);
    mem_free(r->rank);
    mem_free(r->margin);
    mem_free(r->truth);
    mem_free(r->first);
    mem_free(r->group);
    for (int32_t g = 0; g < r->n_groups; g++)
        mem_free(r->groups[g]);
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

int64_t rankings_pairs(const Rankings *r)
{
    int64_t pairs = 0;
    for (size_t i = 0; i < r->n; i++) {
        for (int64_t a = r->first[i]; a < r->first[i + 1]; a++)
            for (int64_t b = r->first[i]; b < r->first[i + 1]; b++)
                pairs += r->rank[a] < r->rank[b];
    }
    return pairs;
}

uint64_t rankings_hash(const Rankings *r)
{
    size_t n = r->docs.n;
    if (n == 0)
        return 0;
    uint64_t hash = documents_hash(&r->docs);
    hash = rng_hash(r->rank, n * sizeof *r->rank, hash);
    hash = rng_hash(r->margin, n * sizeof *r->margin, hash);
    return rng_hash(r->first, (r->n + 1) * sizeof *r->first, hash);
}

static float truth_of(const Record *record, int32_t answer)
{
    const json_t *scores = json_object_get(record->row, "scores");
    const json_t *score = json_array_get(scores, (size_t)answer);
    return json_is_number(score) ? (float)json_number_value(score) : NAN;
}

static Status add_answer(Rankings *r, const Record *record, int32_t answer,
                         const ChatTemplate *chat, const PromptFacts *prompt,
                         const RankingsOptions *o, Err *err)
{
    bool kept;
    TRY(documents_add_answer(&r->docs, chat, record, answer, prompt, o->context,
                             o->overlong, &kept, err));
    r->dropped += !kept;
    if (!kept)
        return OK;
    size_t last = r->docs.n - 1;
    TRY(MEM_PUSH_ROOM(&r->rank, last, &r->rank_cap, err));
    TRY(MEM_PUSH_ROOM(&r->margin, last, &r->margin_cap, err));
    TRY(MEM_PUSH_ROOM(&r->truth, last, &r->truth_cap, err));
    r->rank[last] = record->ranks[answer];
    r->truth[last] = truth_of(record, answer);
    r->margin[last] = record->margins[answer];
    return OK;
}

/* Leaves the first of the best and the first of the worst answers from document `from`
 * on, in their order. */
static void keep_ends(Rankings *r, int64_t from)
{
    int64_t n = (int64_t)r->docs.n, best = from, worst = from, kept = from;
    for (int64_t d = from; d < n; d++) {
        best = r->rank[d] < r->rank[best] ? d : best;
        worst = r->rank[d] > r->rank[worst] ? d : worst;
    }
    for (int64_t d = n - 1; d >= from; d--) {
        if (d != best && d != worst)
            documents_remove(&r->docs, d);
    }
    for (int64_t d = from; d < n; d++) {
        if (d != best && d != worst)
            continue;
        r->rank[kept] = r->rank[d];
        r->truth[kept] = r->truth[d];
        r->margin[kept++] = r->margin[d];
    }
}

static bool has_order(const Rankings *r, int64_t from)
{
    for (int64_t d = from + 1; d < (int64_t)r->docs.n; d++) {
        if (r->rank[d] != r->rank[from])
            return true;
    }
    return false;
}

/* The number of the group's name, which may be a new one. */
static Status group_of(Rankings *r, const Record *record, const char *field,
                       int32_t *out, Err *err)
{
    const json_t *value = json_object_get(record->row, field ? field : "source");
    if (!field && !json_is_string(value))
        value = json_object_get(record->row, "skill");
    const char *name = json_string_value(value);
    *out = -1;
    if (!name)
        return OK;
    for (int32_t g = 0; g < r->n_groups; g++) {
        if (strcmp(r->groups[g], name) == 0)
            *out = g;
    }
    if (*out >= 0 || r->n_groups == RANKINGS_GROUPS)
        return OK;
    *out = r->n_groups;
    r->groups[*out] = mem_dup(name, strlen(name));
    if (!r->groups[*out])
        return err_set(err, ERR_NOMEM, "no memory for rankings");
    r->n_groups++;
    return OK;
}

static Status add_ranking(Rankings *r, const Record *record, const ChatTemplate *chat,
                          const PromptFacts *prompt, const RankingsOptions *o, Err *err)
{
    int64_t from = (int64_t)r->docs.n;
    TRY(MEM_PUSH_ROOM(&r->first, r->n, &r->first_cap, err));
    TRY(MEM_PUSH_ROOM(&r->first, r->n + 1, &r->first_cap, err)); /* the end, too */
    for (int32_t k = 0; k < record->n_answers; k++)
        TRY(add_answer(r, record, k, chat, prompt, o, err));
    if (!has_order(r, from)) {
        while ((int64_t)r->docs.n > from)
            documents_drop_last(&r->docs);
        r->unordered++;
        return OK;
    }
    if (o->ends)
        keep_ends(r, from);
    TRY(MEM_PUSH_ROOM(&r->group, r->n, &r->group_cap, err));
    TRY(group_of(r, record, o->group, &r->group[r->n], err));
    r->first[r->n++] = from;
    r->first[r->n] = (int64_t)r->docs.n;
    return OK;
}

Status rankings_load(Rankings *train, Rankings *heldout, const char *spec,
                     const ChatTemplate *chat, const RankingsOptions *o, Err *err)
{
    RecordList list = {0};
    Documents scratch = {0};
    Status status = corpus_load(&list, spec, RECORD_RANKING, o->corpus, err);
    for (size_t i = 0; status == OK && i < list.n; i++) {
        const Record *record = &list.records[i];
        PromptFacts prompt;
        status =
            documents_prompt(&scratch, chat, &record->chat, o->heldout, &prompt, err);
        if (status == OK)
            status = add_ranking(prompt.heldout ? heldout : train, record, chat,
                                 &prompt, o, err);
        if (status != OK)
            err_context(err, "'%s': ranking %zu", spec, i + 1);
    }
    documents_release(&scratch);
    record_list_release(&list);
    return status;
}
