/* bpe_train.c - learns merges (Sennrich et al. 2016, algorithm 1), see bpe_train.h.
 *
 * A word is a distinct piece with its count. A pair knows its count over all words and
 * the words it was seen in. To merge (a, b) into c only those words are visited; in
 * each, an occurrence
 *
 *     ... x a b y ...   becomes   ... x c y ...
 *
 * and takes count(word) from (x, a), (a, b), (b, y), and gives it to (x, c), (c, y).
 * c is new, so counts of known pairs only fall: the heap may hold a count that is too
 * high, which is seen and put right when it comes to the top, and never one too low.
 *
 * Passed over are pairs whose bytes are a token already (two ways to the same string)
 * or too many, and pairs that occur once: they say nothing about text to come. */
#include "text/bpe_train.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/system.h"
#include "text/bpe_count.h"
#include "text/tokenizer_internal.h"

#include <string.h>

enum { LEAST_COUNT = 2, PROGRESS_EVERY = 128 };

enum { N_BYTES = 256 };

struct BpeTrainer {
    SplitPattern pattern;
    BpeCount *count;
};

typedef struct Word {
    size_t at, n; /* its symbols */
    int64_t count;
} Word;

typedef struct Pair {
    int32_t a, b;
    int64_t count;
    uint32_t *words; /* where it was seen; it may be gone there */
    size_t n_words, cap_words;
} Pair;

typedef struct HeapEntry {
    int64_t count; /* when it was put there */
    uint32_t pair;
} HeapEntry;

typedef struct Learner {
    int32_t *symbols; /* of all words: 0 to 255 bytes, then merges in order */
    Word *words;
    size_t n_words;
    PairMap index; /* (a, b) -> number in pairs */
    Pair *pairs;
    size_t n_pairs, cap_pairs;
    HeapEntry *heap; /* the pair to merge next first */
    size_t n_heap, cap_heap;
    ByteMap tokens;   /* bytes of symbols, in their order */
    uint32_t *merges; /* numbers of pairs */
    size_t n_merges;
} Learner;

static void learner_release(Learner *l)
{
    mem_free(l->symbols);
    mem_free(l->words);
    pair_map_release(&l->index);
    for (size_t i = 0; i < l->n_pairs; i++)
        mem_free(l->pairs[i].words);
    mem_free(l->pairs);
    mem_free(l->heap);
    byte_map_release(&l->tokens);
    mem_free(l->merges);
}

static Span symbol_bytes(const Learner *l, int32_t symbol)
{
    return byte_map_key(&l->tokens, &l->tokens.entries[symbol]);
}

/* --- heap of pairs --------------------------------------------------------------- */

/* Order of byte strings; a beginning of another comes before it. */
static int compare_bytes(Span x, Span y)
{
    size_t n = x.len < y.len ? x.len : y.len;
    int order = memcmp(x.ptr, y.ptr, n);
    return order != 0 ? order : (x.len > y.len) - (x.len < y.len);
}

/* Is x to be merged before y? The higher count, then the greater strings. */
static bool goes_first(const Learner *l, HeapEntry x, HeapEntry y)
{
    if (x.count != y.count)
        return x.count > y.count;
    const Pair *p = &l->pairs[x.pair], *q = &l->pairs[y.pair];
    int order = compare_bytes(symbol_bytes(l, p->a), symbol_bytes(l, q->a));
    if (order == 0)
        order = compare_bytes(symbol_bytes(l, p->b), symbol_bytes(l, q->b));
    return order > 0;
}

static Status heap_push(Learner *l, uint32_t pair, Err *err)
{
    HeapEntry entry = {l->pairs[pair].count, pair};
    if (entry.count < LEAST_COUNT)
        return OK;
    TRY(MEM_PUSH_ROOM(&l->heap, l->n_heap, &l->cap_heap, err));
    size_t i = l->n_heap++;
    for (; i > 0 && goes_first(l, entry, l->heap[(i - 1) / 2]); i = (i - 1) / 2)
        l->heap[i] = l->heap[(i - 1) / 2];
    l->heap[i] = entry;
    return OK;
}

static HeapEntry heap_pop(Learner *l)
{
    HeapEntry top = l->heap[0], entry = l->heap[--l->n_heap];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < l->n_heap; i = child) {
        if (child + 1 < l->n_heap && goes_first(l, l->heap[child + 1], l->heap[child]))
            child++;
        if (!goes_first(l, l->heap[child], entry))
            break;
        l->heap[i] = l->heap[child];
    }
    if (l->n_heap > 0)
        l->heap[i] = entry;
    return top;
}

/* --- words and pairs ------------------------------------------------------------- */

/* Adds `change` to the count of (a, b), and word to its words when it is new there. */
static Status count_pair(Learner *l, int32_t a, int32_t b, int64_t change,
                         uint32_t word, Err *err)
{
    uint64_t *number;
    bool is_new;
    TRY(pair_map_put(&l->index, a, b, &number, &is_new, err));
    if (is_new) {
        TRY(MEM_PUSH_ROOM(&l->pairs, l->n_pairs, &l->cap_pairs, err));
        l->pairs[l->n_pairs] = (Pair){.a = a, .b = b};
        *number = l->n_pairs++;
    }
    Pair *pair = &l->pairs[*number];
    pair->count += change;
    if (change < 0 || (pair->n_words > 0 && pair->words[pair->n_words - 1] == word))
        return OK;
    TRY(MEM_PUSH_ROOM(&pair->words, pair->n_words, &pair->cap_words, err));
    pair->words[pair->n_words++] = word;
    return OK;
}

static Status make_words(Learner *l, const ByteMap *pieces, Err *err)
{
    l->n_words = pieces->n;
    TRY(MEM_ARRAY(&l->words, pieces->n, err));
    TRY(MEM_ARRAY(&l->symbols, pieces->keys.len, err));
    for (size_t i = 0; i < pieces->n; i++) {
        const ByteMapEntry *e = &pieces->entries[i];
        Span bytes = byte_map_key(pieces, e);
        l->words[i] = (Word){e->at, e->len, (int64_t)e->value};
        for (size_t j = 0; j < bytes.len; j++)
            l->symbols[e->at + j] = (unsigned char)bytes.ptr[j];
    }
    return OK;
}

static Status make_pairs(Learner *l, Err *err)
{
    for (size_t i = 0; i < l->n_words; i++) {
        const Word *w = &l->words[i];
        const int32_t *s = l->symbols + w->at;
        for (size_t j = 0; j + 1 < w->n; j++)
            TRY(count_pair(l, s[j], s[j + 1], w->count, (uint32_t)i, err));
    }
    for (size_t i = 0; i < l->n_pairs; i++)
        TRY(heap_push(l, (uint32_t)i, err));
    return OK;
}

static Status add_symbol(Learner *l, Span bytes, bool *is_new, Err *err)
{
    ByteMapEntry *entry;
    return byte_map_put(&l->tokens, bytes, byte_map_hash(bytes), &entry, is_new, err);
}

/* --- learning -------------------------------------------------------------------- */
static Status merge_in_word(Learner *l, uint32_t word, int32_t a, int32_t b, int32_t c,
                            Err *err)
{
    Word *w = &l->words[word];
    int32_t *s = l->symbols + w->at;
    size_t kept = 0;
    for (size_t i = 0; i < w->n; i++) {
        if (s[i] != a || i + 1 == w->n || s[i + 1] != b) {
            s[kept++] = s[i];
            continue;
        }
        TRY(count_pair(l, a, b, -w->count, word, err));
        if (kept > 0) {
            TRY(count_pair(l, s[kept - 1], a, -w->count, word, err));
            TRY(count_pair(l, s[kept - 1], c, w->count, word, err));
        }
        if (i + 2 < w->n) {
            TRY(count_pair(l, b, s[i + 2], -w->count, word, err));
            TRY(count_pair(l, c, s[i + 2], w->count, word, err));
        }
        s[kept++] = c;
        i++;
    }
    w->n = kept;
    return OK;
}

static Status merge_everywhere(Learner *l, uint32_t number, int32_t c, Err *err)
{
    Pair pair = l->pairs[number];
    l->pairs[number].words = NULL; /* ours now: l->pairs may move */
    l->pairs[number].n_words = l->pairs[number].cap_words = 0;
    size_t known = l->n_pairs;
    Status status = OK;
    for (size_t i = 0; status == OK && i < pair.n_words; i++)
        status = merge_in_word(l, pair.words[i], pair.a, pair.b, c, err);
    mem_free(pair.words);
    for (size_t i = known; status == OK && i < l->n_pairs; i++)
        status = heap_push(l, (uint32_t)i, err);
    return status;
}

/* The next pair to merge; false: there is none. Its bytes become a new symbol. */
static Status take_best(Learner *l, uint32_t *number, bool *found, Err *err)
{
    *found = false;
    Str bytes = {0};
    Status status = OK;
    while (status == OK && !*found && l->n_heap > 0) {
        HeapEntry top = heap_pop(l);
        const Pair *pair = &l->pairs[top.pair];
        if (pair->count != top.count) {
            status = heap_push(l, top.pair, err);
            continue;
        }
        str_reset(&bytes);
        str_span_append(&bytes, symbol_bytes(l, pair->a));
        str_span_append(&bytes, symbol_bytes(l, pair->b));
        status = str_check(&bytes, err);
        if (status == OK && bytes.len <= TOKENIZER_MOST_BYTES)
            status = add_symbol(l, str_span(&bytes), found, err);
        *number = top.pair;
    }
    str_release(&bytes);
    return status;
}

static Status learn(Learner *l, const ByteMap *pieces, size_t wanted, Err *err)
{
    for (int i = 0; i < N_BYTES; i++) {
        char byte = (char)i;
        bool is_new;
        TRY(add_symbol(l, (Span){&byte, 1}, &is_new, err));
    }
    TRY(make_words(l, pieces, err));
    TRY(make_pairs(l, err));
    TRY(MEM_ARRAY(&l->merges, wanted, err));
    while (l->n_merges < wanted) {
        uint32_t number = 0;
        bool found;
        TRY(take_best(l, &number, &found, err));
        if (!found)
            return err_set(err, ERR_LIMIT,
                           "a vocabulary of %zu tokens, but the text supports at most "
                           "%zu: give more text or fewer tokens",
                           N_BYTES + wanted + TOKEN_SPECIALS,
                           N_BYTES + l->n_merges + TOKEN_SPECIALS);
        TRY(merge_everywhere(l, number, (int32_t)(N_BYTES + l->n_merges), err));
        l->merges[l->n_merges++] = number;
        if (l->n_merges % PROGRESS_EVERY == 0)
            log_progress((double)l->n_merges, NULL);
        if (system_stop_requested())
            return err_set(err, ERR_STOPPED, "stopped after %zu of %zu merges",
                           l->n_merges, wanted);
    }
    return OK;
}

static Status make_tokenizer(const Learner *l, SplitPattern pattern, Tokenizer **out,
                             Err *err)
{
    Span(*merges)[2];
    TRY(MEM_ARRAY(&merges, l->n_merges, err));
    for (size_t i = 0; i < l->n_merges; i++) {
        const Pair *pair = &l->pairs[l->merges[i]];
        merges[i][0] = symbol_bytes(l, pair->a);
        merges[i][1] = symbol_bytes(l, pair->b);
    }
    Status status =
        tokenizer_from_merges(out, pattern, (const Span(*)[2])merges, l->n_merges,
                              token_specials, TOKEN_SPECIALS, err);
    mem_free(merges);
    return status;
}

/* --- the trainer ----------------------------------------------------------------- */
Status bpe_trainer_new(BpeTrainer **out, SplitPattern pattern, Err *err)
{
    BpeTrainer *t;
    *out = NULL;
    TRY(MEM_ARRAY(&t, 1, err));
    t->pattern = pattern;
    Status status = bpe_count_new(&t->count, pattern, 0, err);
    if (status != OK) {
        bpe_trainer_free(t);
        return status;
    }
    *out = t;
    return OK;
}

void bpe_trainer_free(BpeTrainer *t)
{
    if (!t)
        return;
    bpe_count_free(t->count);
    mem_free(t);
}

Status bpe_trainer_add(BpeTrainer *t, const Span *docs, size_t n, Err *err)
{
    return bpe_count_add(t->count, docs, n, err);
}

Status bpe_trainer_finish(BpeTrainer *t, int32_t vocab, Tokenizer **out, Err *err)
{
    *out = NULL;
    if (vocab < N_BYTES + TOKEN_SPECIALS || vocab > TOKENIZER_MOST_TOKENS)
        return err_set(err, ERR_OPTION, "a vocabulary of %d tokens is not in [%d, %d]",
                       (int)vocab, N_BYTES + TOKEN_SPECIALS, TOKENIZER_MOST_TOKENS);
    size_t wanted = (size_t)vocab - N_BYTES - TOKEN_SPECIALS;
    const ByteMap *pieces;
    TRY(bpe_count_sum(t->count, &pieces, err));
    Learner learner = {0};
    log_progress_begin("tokenizer", (double)wanted, "merges");
    Status status = learn(&learner, pieces, wanted, err);
    log_progress((double)learner.n_merges, NULL);
    log_progress_end();
    if (status == OK)
        status = make_tokenizer(&learner, t->pattern, out, err);
    learner_release(&learner);
    return status;
}
