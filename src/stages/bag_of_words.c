/* bag_of_words.c - a linear reward model over words, see bag_of_words.h. */
#include "stages/bag_of_words.h"

#include "base/mem.h"
#include "base/rng.h"
#include "stages/epochs.h"
#include "tensor/loss_preference.h"

#include <math.h>
#include <string.h>

enum { PASSES = 5, HASH_SEED = 5 };
static const double rate = 0.1, decay = 1e-4;

/* --- words --------------------------------------------------------------------------- */

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_inner(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c & 0x80) != 0;
}

/* The word at or after *at, which moves behind it; empty at the end. */
static Span next_word(Span text, size_t *at)
{
    size_t begin = *at;
    while (begin < text.len && is_space(text.ptr[begin]))
        begin++;
    size_t end = begin;
    while (end < text.len && is_inner(text.ptr[end]))
        end++;
    if (end == begin && begin < text.len)
        end++;
    *at = end;
    return (Span){text.ptr + begin, end - begin};
}

static int32_t bucket_of(Span word)
{
    char lower[64];
    size_t n = word.len < sizeof lower ? word.len : sizeof lower;
    for (size_t i = 0; i < n; i++) {
        char c = word.ptr[i];
        lower[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    return (int32_t)(rng_hash(lower, n, HASH_SEED) % BAG_BUCKETS);
}

/* Counts in the entries of the document from `from` on. */
static Status count_word(Bags *b, size_t from, int32_t bucket, Err *err)
{
    for (size_t i = from; i < b->n; i++) {
        if (b->bucket[i] == bucket) {
            b->value[i]++;
            return OK;
        }
    }
    TRY(MEM_PUSH_ROOM(&b->bucket, b->n, &b->cap, err));
    TRY(MEM_PUSH_ROOM(&b->value, b->n, &b->value_cap, err));
    b->bucket[b->n] = bucket;
    b->value[b->n++] = 1;
    return OK;
}

static Status add_words(Bags *b, Span text, Err *err)
{
    size_t from = b->n, at = 0;
    for (Span word = next_word(text, &at); word.len > 0; word = next_word(text, &at))
        TRY(count_word(b, from, bucket_of(word), err));
    for (size_t i = from; i < b->n; i++)
        b->value[i] = (float)log1p((double)b->value[i]);
    b->first[++b->documents] = (int64_t)b->n;
    return OK;
}

Status bags_add(Bags *b, Span text, Err *err)
{
    int64_t *first = mem_grow_array(b->first, b->first ? b->documents + 1 : 0,
                                    b->documents + 2, sizeof *first);
    if (!first)
        return err_set(err, ERR_NOMEM, "no memory for a bag of words");
    b->first = first;
    return add_words(b, text, err);
}

/* The ids of document d that are learned, as text. */
static Status learned_text(const Documents *docs, int64_t d, const Tokenizer *tok,
                           Ids *ids, Str *text, Err *err)
{
    const int32_t *all = documents_ids(docs, d);
    const char *mask = documents_mask(docs, d);
    str_reset(text);
    ids_reset(ids);
    for (int64_t t = 0; t < documents_len(docs, d); t++) {
        if (mask[t])
            TRY(ids_push(ids, all[t], err));
    }
    return tokenizer_decode(tok, ids->ptr, ids->len, false, text, err);
}

Status bags_make(Bags *out, const Documents *docs, const Tokenizer *tok, Err *err)
{
    Ids ids = {0};
    Str text = {0};
    *out = (Bags){0};
    Status status = MEM_ARRAY(&out->first, docs->n + 1, err);
    for (size_t d = 0; status == OK && d < docs->n; d++) {
        status = learned_text(docs, (int64_t)d, tok, &ids, &text, err);
        if (status == OK)
            status = add_words(out, str_span(&text), err);
    }
    ids_release(&ids);
    str_release(&text);
    if (status != OK)
        bags_release(out);
    return status;
}

void bags_release(Bags *b)
{
    mem_free(b->bucket);
    mem_free(b->value);
    mem_free(b->first);
    *b = (Bags){0};
}

/* --- the model ----------------------------------------------------------------------- */

double bag_model_score(const BagModel *m, const Bags *b, int64_t d)
{
    double score = 0;
    for (int64_t i = b->first[d]; i < b->first[d + 1]; i++)
        score += m->weight[b->bucket[i]] * (double)b->value[i];
    return score;
}

/* What training needs beside the weights. */
typedef struct Learning {
    double *gradient; /* [BAG_BUCKETS] 0 between steps */
    double *squares;  /* [BAG_BUCKETS] sums of their squares */
} Learning;

/* One step of Adagrad (Duchi et al. 2011) on the loss of ranking i. */
static void learn_ranking(BagModel *m, Learning *l, const Rankings *r, const Bags *b,
                          int64_t i)
{
    const RankingLoss how = {.beta = 1};
    float score[RECORD_MAX_ANSWERS], dscore[RECORD_MAX_ANSWERS];
    int64_t first = r->first[i], K = rankings_answers(r, i);
    int64_t begin = b->first[first], end = b->first[first + K];
    for (int64_t k = 0; k < K; k++)
        score[k] = (float)bag_model_score(m, b, first + k);
    loss_ranking(&how, score, NULL, r->rank + first, K, dscore);
    for (int64_t k = 0; k < K; k++) {
        for (int64_t e = b->first[first + k]; e < b->first[first + k + 1]; e++)
            l->gradient[b->bucket[e]] += (double)dscore[k] * (double)b->value[e];
    }
    for (int64_t e = begin; e < end; e++) {
        int32_t w = b->bucket[e];
        if (l->gradient[w] == 0)
            continue; /* done, or of no matter */
        double g = l->gradient[w] + decay * m->weight[w];
        l->squares[w] += g * g;
        m->weight[w] -= rate * g / (sqrt(l->squares[w]) + 1e-8);
        l->gradient[w] = 0;
    }
}

Status bag_model_train(BagModel *out, const Rankings *train, const Bags *bags,
                       int64_t seed, Err *err)
{
    Learning l = {0};
    Epochs epochs = {0};
    *out = (BagModel){0};
    Status status = MEM_ARRAY(&out->weight, BAG_BUCKETS, err);
    if (status == OK)
        status = MEM_ARRAY(&l.gradient, BAG_BUCKETS, err);
    if (status == OK)
        status = MEM_ARRAY(&l.squares, BAG_BUCKETS, err);
    if (status == OK)
        status = epochs_init(&epochs, (int64_t)train->n, seed, err);
    for (int64_t e = 0; status == OK && e < PASSES * (int64_t)train->n; e++)
        learn_ranking(out, &l, train, bags, epochs_at(&epochs, e));
    epochs_release(&epochs);
    mem_free(l.gradient);
    mem_free(l.squares);
    if (status != OK)
        bag_model_release(out);
    return status;
}

void bag_model_release(BagModel *m)
{
    mem_free(m->weight);
    *m = (BagModel){0};
}
