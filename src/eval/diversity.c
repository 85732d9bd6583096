/* diversity.c - see diversity.h. Words are 64-bit hashes, and an n-gram is the hash of
 * its words: sorted, equal ones stand together and are counted in one pass. */
#include "eval/diversity.h"

#include "base/mem.h"
#include "base/rng.h"
#include "think/answer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const OptField fields[] = {
    OPT_INT(DiversityOptions, answers, 8, 2, 1024, "entropy: answers to each prompt"),
    OPT_REAL(DiversityOptions, temperature, 1, 0, 10, "entropy: of the draws"),
    OPT_INT(DiversityOptions, max_new, 128, 1, 1e6, "entropy: tokens of an answer"),
    OPT_INT(DiversityOptions, max_calls, 4, 0, 1000,
            "entropy: calculator calls in an answer"),
    OPT_INT(DiversityOptions, limit, 200, 0, 1e9, "entropy: prompts at most; 0: all"),
    OPT_INT(DiversityOptions, seed, 0, 0, 9e15, "entropy: of the draws"),
    OPT_END,
};
const OptTable diversity_options = {"diversity", "entropy", sizeof(DiversityOptions),
                                    fields};

enum { BLEU_GRAMS = 4 };

/* --- words --------------------------------------------------------------------------- */
/* A text as the hashes of its words. */
typedef struct Words {
    uint64_t *hashes;
    size_t n;
} Words;

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (unsigned char)c >= 0x80;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static Status find_words(Span s, Words *out, Err *err)
{
    TRY(MEM_ARRAY(&out->hashes, s.len, err));
    for (size_t at = 0; at < s.len;) {
        size_t end = at + 1;
        while (is_letter(s.ptr[at]) && end < s.len && is_letter(s.ptr[end]))
            end++;
        if (!is_space(s.ptr[at]))
            out->hashes[out->n++] = rng_hash(s.ptr + at, end - at, 0);
        at = end;
    }
    return OK;
}

/* --- n-grams ------------------------------------------------------------------------- */
typedef struct Gram {
    uint64_t hash;
    int64_t count;
} Gram;

/* The different n-grams of a text, or of several, by hash. */
typedef struct Grams {
    Gram *grams;
    size_t n;
    int64_t total; /* with repetitions */
} Grams;

static int compare_grams(const void *a, const void *b)
{
    const Gram *x = a, *y = b;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

static void add_grams(Grams *g, const Words *w, size_t n)
{
    for (size_t i = 0; i + n <= w->n; i++)
        g->grams[g->n++] = (Gram){rng_hash(w->hashes + i, n * sizeof *w->hashes, n), 1};
}

/* Sorts, and makes one of equal ones. */
static void count_grams(Grams *g)
{
    size_t kept = 0;
    g->total = (int64_t)g->n;
    qsort(g->grams, g->n, sizeof *g->grams, compare_grams);
    for (size_t i = 0; i < g->n; i++) {
        if (kept > 0 && g->grams[kept - 1].hash == g->grams[i].hash)
            g->grams[kept - 1].count++;
        else
            g->grams[kept++] = g->grams[i];
    }
    g->n = kept;
}

static Status distinct(const Words *words, size_t n_texts, size_t n, double *out,
                       Err *err)
{
    Grams g = {0};
    size_t room = 0;
    for (size_t i = 0; i < n_texts; i++)
        room += words[i].n;
    TRY(MEM_ARRAY(&g.grams, room, err));
    for (size_t i = 0; i < n_texts; i++)
        add_grams(&g, &words[i], n);
    count_grams(&g);
    *out = g.total > 0 ? (double)g.n / (double)g.total : 0;
    mem_free(g.grams);
    return OK;
}

/* --- self-BLEU ----------------------------------------------------------------------- */
static int64_t count_of(const Grams *g, uint64_t hash)
{
    Gram key = {hash, 0};
    const Gram *at = bsearch(&key, g->grams, g->n, sizeof *g->grams, compare_grams);
    return at ? at->count : 0;
}

/* n-grams of text `which` that some other text has too, each as often as there at most. */
static int64_t clipped(const Grams *all, size_t n_texts, size_t which)
{
    int64_t sum = 0;
    for (size_t k = 0; k < all[which].n; k++) {
        const Gram *gram = &all[which].grams[k];
        int64_t most = 0;
        for (size_t other = 0; other < n_texts; other++) {
            int64_t there = other == which ? 0 : count_of(&all[other], gram->hash);
            most = there > most ? there : most;
        }
        sum += gram->count < most ? gram->count : most;
    }
    return sum;
}

/* exp(1 - r/c) for an answer of c words shorter than the reference nearest to it in
 * length, r; of two as near the shorter. */
static double brevity(const Words *words, size_t n_texts, size_t which)
{
    double c = (double)words[which].n, r = -1;
    for (size_t i = 0; i < n_texts; i++) {
        double length = (double)words[i].n;
        bool nearer = r < 0 || fabs(length - c) < fabs(r - c) ||
                      (fabs(length - c) == fabs(r - c) && length < r);
        if (i != which && nearer)
            r = length;
    }
    return c >= r ? 1 : c > 0 ? exp(1 - r / c) : 0;
}

/* BLEU-4 (Papineni et al. 2002) of each text against the others; precisions of more than
 * one word are smoothed by one (Lin and Och 2004). */
static Status self_bleu(const Words *words, size_t n_texts, double *out, Err *err)
{
    Grams *all;
    double *logs = NULL;
    *out = 0;
    if (n_texts < 2)
        return OK;
    TRY(MEM_ARRAY(&all, n_texts, err));
    Status status = MEM_ARRAY(&logs, n_texts, err);
    for (size_t i = 0; status == OK && i < n_texts; i++)
        status = MEM_ARRAY(&all[i].grams, words[i].n, err);
    for (size_t n = 1; status == OK && n <= BLEU_GRAMS; n++) {
        for (size_t i = 0; i < n_texts; i++) {
            all[i].n = 0;
            add_grams(&all[i], &words[i], n);
            count_grams(&all[i]);
        }
        for (size_t i = 0; i < n_texts; i++) {
            double extra = n > 1, same = (double)clipped(all, n_texts, i);
            double total = (double)all[i].total + extra;
            logs[i] += total > 0 ? log((same + extra) / total) : (double)-INFINITY;
        }
    }
    for (size_t i = 0; status == OK && i < n_texts; i++)
        *out +=
            brevity(words, n_texts, i) * exp(logs[i] / BLEU_GRAMS) / (double)n_texts;
    for (size_t i = 0; i < n_texts; i++)
        mem_free(all[i].grams);
    mem_free(all);
    mem_free(logs);
    return status;
}

static double unique(const Span *texts, size_t n)
{
    size_t different = 0;
    for (size_t i = 0; i < n; i++) {
        size_t before = 0;
        while (before < i && !span_equal(texts[before], texts[i]))
            before++;
        different += before == i;
    }
    return (double)different / (double)n;
}

Status diversity_of_texts(const Span *texts, size_t n, TextDiversity *out, Err *err)
{
    Words *words;
    *out = (TextDiversity){0};
    ASSERT(n >= 1);
    TRY(MEM_ARRAY(&words, n, err));
    Status status = OK;
    for (size_t i = 0; status == OK && i < n; i++)
        status = find_words(texts[i], &words[i], err);
    for (size_t k = 0; status == OK && k < DIVERSITY_GRAMS; k++)
        status = distinct(words, n, k + 1, &out->distinct[k], err);
    if (status == OK)
        status = self_bleu(words, n, &out->self_bleu, err);
    out->unique = unique(texts, n);
    for (size_t i = 0; i < n; i++)
        mem_free(words[i].hashes);
    mem_free(words);
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
                           TextDiversity *out, Err *err)
{
    for (int64_t k = 0; k < a->per_prompt; k++) {
        const EngineResult *r = &a->results[p * a->per_prompt + k];
        str_reset(&texts[k]);
        TRY(answer_text(tok, chat, r->ids, r->n, &texts[k], err));
        TRY(str_check(&texts[k], err));
        spans[k] = str_span(&texts[k]);
    }
    return diversity_of_texts(spans, (size_t)a->per_prompt, out, err);
}

static Status summarise(const Answers *a, const Tokenizer *tok,
                        const ChatTemplate *chat, Str *texts, Span *spans,
                        double *entropies, double *zeros, DiversityReport *out,
                        Err *err)
{
    double P = (double)a->n_prompts, tokens = 0;
    for (int64_t p = 0; p < a->n_prompts; p++) {
        TextDiversity d;
        entropies[p] = prompt_entropy(a, p, &tokens);
        TRY(prompt_texts(a, p, tok, chat, texts, spans, &d, err));
        for (int k = 0; k < DIVERSITY_GRAMS; k++)
            out->texts.distinct[k] += d.distinct[k] / P;
        out->texts.self_bleu += d.self_bleu / P;
        out->texts.unique += d.unique / P;
    }
    out->prompts = a->n_prompts;
    out->answers = a->n_prompts * a->per_prompt;
    out->tokens = tokens / (double)out->answers;
    out->entropy = stats_paired(entropies, zeros, a->n_prompts, &out->interval);
    return OK;
}

Status diversity_measure(Engine *engine, const Tokenizer *tok, const ChatTemplate *chat,
                         const RecordList *prompts, const DiversityOptions *o,
                         const char *progress, DiversityReport *out, Err *err)
{
    *out = (DiversityReport){0};
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
