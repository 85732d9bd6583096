/* variety.c - see variety.h. */
#include "eval/variety.h"

#include "base/mem.h"
#include "base/rng.h"
#include "eval/diversity.h"
#include "think/answer.h"

#include <math.h>
#include <stdlib.h>

static const OptField fields[] = {
    OPT_INT(VarietyOptions, answers, 8, 2, 1024, "entropy: answers to each prompt"),
    OPT_REAL(VarietyOptions, temperature, 1, 0, 10, "entropy: of the draws"),
    OPT_INT(VarietyOptions, max_new, 128, 1, 1e6, "entropy: tokens of an answer"),
    OPT_INT(VarietyOptions, max_calls, 4, 0, 1000,
            "entropy: calculator calls in an answer"),
    OPT_INT(VarietyOptions, limit, 200, 0, 1e9, "entropy: prompts at most; 0: all"),
    OPT_INT(VarietyOptions, seed, 0, 0, 9e15, "entropy: of the draws"),
    OPT_END,
};
const OptTable variety_options = {"variety", "entropy", sizeof(VarietyOptions), fields};

/* --- words --------------------------------------------------------------------------- */
static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (unsigned char)c >= 0x80;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static int compare_hashes(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The words of all texts, one after the other, as numbers: equal ones have the same. */
typedef struct Words {
    uint64_t *hashes, *sorted; /* by word; sorted */
    int32_t *ids;
    DiverseText *texts; /* (n) pieces of ids */
    size_t n;
} Words;

static void words_release(Words *w)
{
    mem_free(w->hashes);
    mem_free(w->sorted);
    mem_free(w->ids);
    mem_free(w->texts);
}

static void hash_words(Words *w, Span s)
{
    for (size_t at = 0; at < s.len;) {
        size_t end = at + 1;
        while (is_letter(s.ptr[at]) && end < s.len && is_letter(s.ptr[end]))
            end++;
        if (!is_space(s.ptr[at]))
            w->hashes[w->n++] = rng_hash(s.ptr + at, end - at, 0);
        at = end;
    }
}

static void number_words(Words *w)
{
    for (size_t i = 0; i < w->n; i++)
        w->sorted[i] = w->hashes[i];
    qsort(w->sorted, w->n, sizeof *w->sorted, compare_hashes);
    size_t different = 0;
    for (size_t i = 0; i < w->n; i++) {
        if (different == 0 || w->sorted[different - 1] != w->sorted[i])
            w->sorted[different++] = w->sorted[i];
    }
    for (size_t i = 0; i < w->n; i++) {
        const uint64_t *at = bsearch(&w->hashes[i], w->sorted, different,
                                     sizeof *w->sorted, compare_hashes);
        w->ids[i] = (int32_t)(at - w->sorted);
    }
}

static Status find_words(const Span *texts, size_t n, Words *w, Err *err)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += texts[i].len;
    TRY(MEM_ARRAY(&w->hashes, bytes, err));
    TRY(MEM_ARRAY(&w->sorted, bytes, err));
    TRY(MEM_ARRAY(&w->ids, bytes, err));
    TRY(MEM_ARRAY(&w->texts, n, err));
    for (size_t i = 0; i < n; i++) {
        size_t before = w->n;
        hash_words(w, texts[i]);
        w->texts[i] = (DiverseText){w->ids + before, (int64_t)(w->n - before)};
    }
    number_words(w);
    return OK;
}

Status variety_of_texts(const Span *texts, size_t n, TextVariety *out, Err *err)
{
    Words w = {0};
    int64_t count = (int64_t)n;
    ASSERT(n >= 1);
    *out = (TextVariety){0};
    Status status = find_words(texts, n, &w, err);
    for (int k = 0; status == OK && k < VARIETY_GRAMS; k++)
        status = diversity_distinct(w.texts, count, k + 1, &out->distinct[k], err);
    if (status == OK)
        status = diversity_self_bleu(w.texts, count, &out->self_bleu, err);
    if (status == OK)
        out->unique = (double)diversity_unique(w.texts, count) / (double)n;
    words_release(&w);
    return status;
}

/* --- a model ------------------------------------------------------------------------- */
/* Mean entropy of the drawn tokens of all answers to prompt p; adds up their number. */
static double prompt_entropy(const Answers *a, int64_t p, double *tokens)
{
    double sum = 0, n = 0;
    for (int64_t k = 0; k < a->per_prompt; k++) {
        const EngineResult *r = &a->results[p * a->per_prompt + k];
        for (int64_t t = 0; t < r->n; t++) {
            if (r->forced[t])
                continue;
            sum += (double)r->entropies[t];
            n++;
        }
    }
    *tokens += n;
    return n > 0 ? sum / n : 0;
}

static Status prompt_texts(const Answers *a, int64_t p, const Tokenizer *tok,
                           const ChatTemplate *chat, Str *texts, Span *spans,
                           TextVariety *out, Err *err)
{
    for (int64_t k = 0; k < a->per_prompt; k++) {
        const EngineResult *r = &a->results[p * a->per_prompt + k];
        str_reset(&texts[k]);
        TRY(answer_text(tok, chat, r->ids, r->n, &texts[k], err));
        TRY(str_check(&texts[k], err));
        spans[k] = str_span(&texts[k]);
    }
    return variety_of_texts(spans, (size_t)a->per_prompt, out, err);
}

/* Sums over the prompts where a measure is defined, and how many these are. */
typedef struct Sums {
    double sum[VARIETY_GRAMS + 2], n[VARIETY_GRAMS + 2];
} Sums;

static void add_texts(Sums *s, const TextVariety *t)
{
    double values[VARIETY_GRAMS + 2] = {t->distinct[0], t->distinct[1], t->distinct[2],
                                        t->self_bleu, t->unique};
    for (int i = 0; i < VARIETY_GRAMS + 2; i++) {
        if (isfinite(values[i])) {
            s->sum[i] += values[i];
            s->n[i]++;
        }
    }
}

static TextVariety means_of(const Sums *s)
{
    double m[VARIETY_GRAMS + 2];
    for (int i = 0; i < VARIETY_GRAMS + 2; i++)
        m[i] = s->n[i] > 0 ? s->sum[i] / s->n[i] : 0;
    return (TextVariety){{m[0], m[1], m[2]}, m[3], m[4]};
}

static Status summarise(const Answers *a, const Tokenizer *tok,
                        const ChatTemplate *chat, Str *texts, Span *spans,
                        double *entropies, double *zeros, VarietyReport *out, Err *err)
{
    double tokens = 0;
    Sums sums = {0};
    for (int64_t p = 0; p < a->n_prompts; p++) {
        TextVariety d;
        entropies[p] = prompt_entropy(a, p, &tokens);
        TRY(prompt_texts(a, p, tok, chat, texts, spans, &d, err));
        add_texts(&sums, &d);
    }
    out->texts = means_of(&sums);
    out->prompts = a->n_prompts;
    out->answers = a->n_prompts * a->per_prompt;
    out->tokens = tokens / (double)out->answers;
    out->entropy = stats_paired(entropies, zeros, a->n_prompts, &out->interval);
    return OK;
}

Status variety_measure(Engine *engine, const Tokenizer *tok, const ChatTemplate *chat,
                       const RecordList *prompts, const VarietyOptions *o,
                       const char *progress, VarietyReport *out, Err *err)
{
    *out = (VarietyReport){0};
    int64_t n = (int64_t)prompts->n;
    if (o->limit > 0 && o->limit < n)
        n = o->limit;
    AskOptions how = {.sample = sample_plain(o->temperature, o->max_new, o->seed),
                      .per_prompt = o->answers,
                      .max_calls = o->max_calls};
    Answers answers = {0};
    Str *texts = NULL;
    Span *spans = NULL;
    double *entropies = NULL, *zeros = NULL;
    Status status = answers_sample(engine, tok, chat, prompts->records, n, &how,
                                   progress, &answers, err);
    if (status == OK)
        status = MEM_ARRAY(&texts, (size_t)o->answers, err);
    if (status == OK)
        status = MEM_ARRAY(&spans, (size_t)o->answers, err);
    if (status == OK)
        status = MEM_ARRAY(&entropies, (size_t)n, err);
    if (status == OK)
        status = MEM_ARRAY(&zeros, (size_t)n, err);
    if (status == OK)
        status =
            summarise(&answers, tok, chat, texts, spans, entropies, zeros, out, err);
    for (int64_t k = 0; texts && k < o->answers; k++)
        str_release(&texts[k]);
    mem_free(texts);
    mem_free(spans);
    mem_free(entropies);
    mem_free(zeros);
    answers_release(&answers);
    return status;
}
