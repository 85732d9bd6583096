/* ratings.c - rated answers as ids, see ratings.h. */
#include "stages/ratings.h"

#include "base/mem.h"
#include "base/rng.h"

void ratings_release(Ratings *r)
{
    if (!r)
        return;
    documents_release(&r->docs);
    documents_release(&r->mismatched);
    mem_free(r->good);
    mem_free(r->prompt);
    *r = (Ratings){0};
}

uint64_t ratings_hash(const Ratings *r)
{
    uint64_t hash = documents_hash(&r->docs);
    return rng_hash(r->good, r->docs.n * sizeof *r->good, hash);
}

/* --- loading ------------------------------------------------------------------------- */

static Status add_rating(Ratings *r, const Record *record, int32_t answer,
                         const ChatTemplate *chat, const PromptFacts *prompt,
                         const RatingsOptions *o, Err *err)
{
    bool kept;
    if (record->labels[answer] == 0) {
        r->neither++;
        return OK;
    }
    TRY(documents_add_answer(&r->docs, chat, record, answer, prompt, o->context,
                             o->overlong, &kept, err));
    r->dropped += !kept;
    if (!kept)
        return OK;
    size_t last = r->docs.n - 1;
    TRY(MEM_PUSH_ROOM(&r->good, last, &r->good_cap, err));
    TRY(MEM_PUSH_ROOM(&r->prompt, last, &r->prompt_cap, err));
    r->good[last] = record->labels[answer] > 0;
    r->prompt[last] = prompt->hash;
    r->n_good += r->good[last];
    return OK;
}

Status ratings_load(Ratings *train, Ratings *heldout, const char *spec,
                    const ChatTemplate *chat, const RatingsOptions *o, Err *err)
{
    RecordList list = {0};
    Documents scratch = {0};
    Status status = corpus_load(&list, spec, RECORD_RATED, o->corpus, err);
    for (size_t i = 0; status == OK && i < list.n; i++) {
        const Record *record = &list.records[i];
        PromptFacts prompt;
        status =
            documents_prompt(&scratch, chat, &record->chat, o->heldout, &prompt, err);
        for (int32_t k = 0; status == OK && k < record->n_answers; k++)
            status = add_rating(prompt.heldout ? heldout : train, record, k, chat,
                                &prompt, o, err);
        if (status != OK)
            err_context(err, "'%s': row %zu", spec, i + 1);
    }
    documents_release(&scratch);
    record_list_release(&list);
    return status;
}

/* --- answers to other prompts -------------------------------------------------------- */

/* next[p]: the first place after p, round the end, whose document has another prompt than
 * the one at p; the order has at least two. */
static void find_next(const Ratings *r, const int64_t *order, int64_t n, int64_t *next)
{
    for (int64_t at = 2 * n - 1; at >= 0;
         at--) { /* twice round: the end sees the start */
        int64_t p = at % n, q = (p + 1) % n;
        bool differs = r->prompt[order[p]] != r->prompt[order[q]];
        next[p] = differs ? q : next[q];
    }
}

static bool has_two_prompts(const Ratings *r)
{
    for (size_t i = 1; i < r->docs.n; i++) {
        if (r->prompt[i] != r->prompt[0])
            return true;
    }
    return false;
}

/* Where a document begins to be learned is where its answer begins. */
static Status join(Ratings *r, int64_t prompt, int64_t answer, int64_t context,
                   Err *err)
{
    int64_t prompt_ids = documents_learned_from(&r->docs, prompt);
    int64_t from = documents_learned_from(&r->docs, answer);
    TRY(documents_add_joined(&r->mismatched, &r->docs, prompt, prompt_ids, answer, from,
                             err));
    documents_keep_end(&r->mismatched, context);
    return OK;
}

Status ratings_mismatch(Ratings *r, int64_t context, int64_t seed, Err *err)
{
    int64_t n = (int64_t)r->docs.n, *order = NULL, *next = NULL, *partner = NULL;
    if (n == 0)
        return OK;
    if (!has_two_prompts(r))
        return err_set(err, ERR_FORMAT,
                       "all rated answers are to one prompt; the reference point of "
                       "KTO is estimated from answers to other prompts");
    Status status = MEM_ARRAY(&order, (size_t)n, err);
    if (status == OK)
        status = MEM_ARRAY(&next, (size_t)n, err);
    if (status == OK)
        status = MEM_ARRAY(&partner, (size_t)n, err);
    if (status == OK) {
        for (int64_t i = 0; i < n; i++)
            order[i] = i;
        /* A stream beside those that shuffle epochs, whose index is small. */
        Rng rng = rng_make((uint64_t)seed, RNG_SHUFFLE, (uint64_t)1 << 41);
        rng_shuffle(&rng, order, n);
        find_next(r, order, n, next);
        for (int64_t p = 0; p < n; p++)
            partner[order[p]] = order[next[p]];
    }
    for (int64_t i = 0; status == OK && i < n; i++)
        status = join(r, i, partner[i], context, err);
    mem_free(order);
    mem_free(next);
    mem_free(partner);
    return status;
}
