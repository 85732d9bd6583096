/* documents.c - conversations as ids in memory, see documents.h. */
#include "stages/documents.h"

#include "base/mem.h"
#include "base/rng.h"

#include <string.h>

static int64_t start_of(const Documents *d, int64_t i)
{
    return i > 0 ? d->ends[i - 1] : 0;
}

Status documents_add(Documents *d, const ChatTemplate *chat, const Conversation *c,
                     bool generation_prompt, Err *err)
{
    TRY(MEM_PUSH_ROOM(&d->ends, d->n, &d->cap, err));
    TRY(template_render(chat, c, generation_prompt, &d->ids, &d->mask, err));
    d->ends[d->n++] = (int64_t)d->ids.len;
    return OK;
}

static Status append(Documents *d, const Documents *src, int64_t i, int64_t from,
                     int64_t to, Err *err)
{
    size_t n = (size_t)(to - from);
    TRY(ids_append(&d->ids, documents_ids(src, i) + from, n, err));
    str_append(&d->mask, documents_mask(src, i) + from, n);
    return str_check(&d->mask, err);
}

Status documents_add_joined(Documents *d, const Documents *src, int64_t a,
                            int64_t a_end, int64_t b, int64_t b_from, Err *err)
{
    TRY(MEM_PUSH_ROOM(&d->ends, d->n, &d->cap, err));
    TRY(append(d, src, a, 0, a_end, err));
    TRY(append(d, src, b, b_from, documents_len(src, b), err));
    d->ends[d->n++] = (int64_t)d->ids.len;
    return OK;
}

void documents_drop_last(Documents *d)
{
    ASSERT(d->n > 0);
    d->n--;
    d->ids.len = (size_t)start_of(d, (int64_t)d->n);
    str_truncate(&d->mask, d->ids.len);
}

void documents_remove(Documents *d, int64_t i)
{
    size_t start = (size_t)start_of(d, i), len = (size_t)documents_len(d, i);
    size_t rest = d->ids.len - start - len;
    memmove(d->ids.ptr + start, d->ids.ptr + start + len, rest * sizeof *d->ids.ptr);
    memmove(d->mask.ptr + start, d->mask.ptr + start + len, rest);
    for (size_t k = (size_t)i + 1; k < d->n; k++)
        d->ends[k - 1] = d->ends[k] - (int64_t)len;
    d->n--;
    d->ids.len -= len;
    str_truncate(&d->mask, d->ids.len);
}

void documents_keep_end(Documents *d, int64_t n)
{
    int64_t len = documents_len(d, (int64_t)d->n - 1);
    if (len <= n)
        return;
    size_t start = d->ids.len - (size_t)len, cut = (size_t)(len - n);
    size_t kept = (size_t)(n - 1);
    memmove(d->ids.ptr + start + 1, d->ids.ptr + start + 1 + cut,
            kept * sizeof *d->ids.ptr);
    memmove(d->mask.ptr + start + 1, d->mask.ptr + start + 1 + cut, kept);
    d->ids.len -= cut;
    str_truncate(&d->mask, d->ids.len);
    d->ends[d->n - 1] = (int64_t)d->ids.len;
}

void documents_release(Documents *d)
{
    if (!d)
        return;
    ids_release(&d->ids);
    str_release(&d->mask);
    mem_free(d->ends);
    *d = (Documents){0};
}

const int32_t *documents_ids(const Documents *d, int64_t i)
{
    return d->ids.ptr + start_of(d, i);
}

const char *documents_mask(const Documents *d, int64_t i)
{
    return d->mask.ptr + start_of(d, i);
}

int64_t documents_len(const Documents *d, int64_t i)
{
    return d->ends[i] - start_of(d, i);
}

int64_t documents_longest(const Documents *d)
{
    int64_t longest = 0;
    for (size_t i = 0; i < d->n; i++) {
        int64_t len = documents_len(d, (int64_t)i);
        longest = len > longest ? len : longest;
    }
    return longest;
}

int64_t documents_learned_from(const Documents *d, int64_t i)
{
    const char *mask = documents_mask(d, i);
    int64_t from = 0, len = documents_len(d, i);
    while (from < len && !mask[from])
        from++;
    return from;
}

uint64_t documents_hash(const Documents *d)
{
    if (d->n == 0)
        return 0;
    uint64_t ids = rng_hash(d->ids.ptr, d->ids.len * sizeof *d->ids.ptr, 1);
    return rng_hash(d->ends, d->n * sizeof *d->ends, ids);
}

static uint64_t hash_of(const Documents *d, int64_t i)
{
    uint64_t bytes = (uint64_t)documents_len(d, i) * sizeof *d->ids.ptr;
    return rng_hash(documents_ids(d, i), bytes, RNG_SPLIT);
}

bool documents_is_heldout(const Documents *d, int64_t i, double share)
{
    return (double)(hash_of(d, i) >> 11) * 0x1p-53 < share;
}

/* --- PackSource ---------------------------------------------------------------------- */

static int64_t source_len(void *self, int64_t doc)
{
    return documents_len(self, doc);
}

static void source_ids(void *self, int64_t doc, int64_t from, int64_t n, int32_t *ids,
                       float *weights)
{
    const Documents *d = self;
    int64_t at = start_of(d, doc) + from;
    memcpy(ids, d->ids.ptr + at, (size_t)n * sizeof *ids);
    for (int64_t i = 0; i < n; i++)
        weights[i] = d->mask.ptr[at + i] ? 1.0F : 0.0F;
}

PackSource documents_source(Documents *d)
{
    return (PackSource){
        .self = d, .documents = (int64_t)d->n, .len = source_len, .ids = source_ids};
}

/* --- answers ------------------------------------------------------------------------- */

const char *const overlong_names[] = {"refuse", "truncate", "drop", NULL};

Status documents_prompt(Documents *scratch, const ChatTemplate *chat,
                        const Conversation *prompt, double heldout, PromptFacts *out,
                        Err *err)
{
    TRY(documents_add(scratch, chat, prompt, true, err));
    *out = (PromptFacts){.ids = documents_len(scratch, 0),
                         .hash = hash_of(scratch, 0),
                         .heldout = documents_is_heldout(scratch, 0, heldout)};
    documents_drop_last(scratch);
    return OK;
}

/* The generation prompt ends with <|assistant|>, with which every answer begins. */
static void learn_answer_alone(Documents *d, int64_t prompt_ids)
{
    int64_t start = start_of(d, (int64_t)d->n - 1);
    ASSERT(prompt_ids < documents_len(d, (int64_t)d->n - 1));
    memset(d->mask.ptr + start, 0, (size_t)prompt_ids);
}

Status documents_add_answer(Documents *d, const ChatTemplate *chat,
                            const Record *record, int32_t k, const PromptFacts *prompt,
                            int64_t context, int overlong, bool *kept, Err *err)
{
    Conversation all = {0};
    Status status = conversation_copy(&all, &record->chat, err);
    if (status == OK)
        status = conversation_append(&all, &record->answers[k], 0, record->answers[k].n,
                                     err);
    if (status == OK)
        status = documents_add(d, chat, &all, false, err);
    conversation_release(&all);
    TRY(status);
    learn_answer_alone(d, prompt->ids);
    int64_t len = documents_len(d, (int64_t)d->n - 1);
    *kept = len <= context || overlong != OVERLONG_DROP;
    if (len > context && overlong == OVERLONG_REFUSE)
        return err_set(err, ERR_LIMIT,
                       "answer %d has %lld tokens with its prompt, the context %lld; "
                       "overlong: truncate or drop goes on",
                       k + 1, (long long)len, (long long)context);
    if (!*kept)
        documents_drop_last(d);
    else
        documents_keep_end(d, context);
    return OK;
}
