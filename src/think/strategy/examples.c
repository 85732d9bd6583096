/* examples.c - see examples.h. */
#include "think/strategy/examples.h"

#include "base/mem.h"
#include "base/rng.h"
#include "data/record.h"
#include "data/rows.h"
#include "format/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const example_pick_names[] = {"fixed", "random", "nearest", "diverse",
                                          NULL};

/* --- words --------------------------------------------------------------------------- */
static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (unsigned char)c >= 0x80;
}

static int compare_words(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The hash of the next word at or after *at, letters small; false: there is none. */
static bool next_word(Span s, size_t *at, uint64_t *hash)
{
    char word[64];
    size_t n = 0;
    while (*at < s.len && !is_word_byte(s.ptr[*at]))
        ++*at;
    for (; *at < s.len && is_word_byte(s.ptr[*at]); ++*at) {
        char c = s.ptr[*at];
        if (n < sizeof word)
            word[n++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    *hash = rng_hash(word, n, 0);
    return n > 0;
}

static Status find_words(Example *e, Err *err)
{
    Span s = str_span(&e->question);
    uint64_t hash;
    size_t n = 0;
    for (size_t at = 0; next_word(s, &at, &hash);)
        n++;
    TRY(MEM_ARRAY(&e->words, n, err));
    TRY(MEM_ARRAY(&e->counts, n, err));
    for (size_t at = 0; next_word(s, &at, &hash);)
        e->words[e->length++] = hash;
    qsort(e->words, n, sizeof *e->words, compare_words);
    for (size_t i = 0; i < n; i++) {
        if (e->n_words > 0 && e->words[e->n_words - 1] == e->words[i]) {
            e->counts[e->n_words - 1]++;
        } else {
            e->words[e->n_words] = e->words[i];
            e->counts[e->n_words++] = 1;
        }
    }
    return OK;
}

static uint32_t count_of(const Example *e, uint64_t word)
{
    const uint64_t *at =
        bsearch(&word, e->words, e->n_words, sizeof *e->words, compare_words);
    return at ? e->counts[at - e->words] : 0;
}

/* --- files --------------------------------------------------------------------------- */
static void example_release(Example *e)
{
    str_release(&e->question);
    str_release(&e->steps);
    str_release(&e->answer);
    mem_free(e->words);
    mem_free(e->counts);
    *e = (Example){0};
}

void examples_release(Examples *e)
{
    for (size_t i = 0; i < e->n; i++)
        example_release(&e->examples[i]);
    mem_free(e->examples);
    *e = (Examples){0};
}

Status examples_add(Examples *e, Span question, Span steps, Span answer, Err *err)
{
    Example new = {0};
    str_span_append(&new.question, span_trim(question));
    str_span_append(&new.steps, span_trim(steps));
    str_span_append(&new.answer, span_trim(answer));
    Status status = str_check(&new.question, err);
    if (status == OK)
        status = str_check(&new.steps, err);
    if (status == OK)
        status = str_check(&new.answer, err);
    if (status == OK)
        status = find_words(&new, err);
    if (status == OK)
        status = MEM_PUSH_ROOM(&e->examples, e->n, &e->cap, err);
    if (status != OK) {
        example_release(&new);
        return status;
    }
    double words = e->mean_length * (double)e->n + (double)new.length;
    e->examples[e->n++] = new;
    e->mean_length = words / (double)e->n;
    return OK;
}

/* The last question of a row and the answer to it. */
static Status add_record(Examples *e, const Record *r, Err *err)
{
    const Conversation *c = &r->chat;
    size_t n = c->n;
    if (r->kind != RECORD_CHAT || n < 2 || c->messages[n - 1].role != ROLE_ASSISTANT ||
        c->messages[n - 2].role != ROLE_USER)
        return err_set(err, ERR_FORMAT,
                       "an example is a question and its answer, as in {\"question\": "
                       "\"2+2?\", \"answer\": \"4\"}");
    const Message *question = &c->messages[n - 2], *answer = &c->messages[n - 1];
    Span steps = {NULL, 0};
    if (r->row && json_object_get(r->row, "steps"))
        TRY(json_get_text(r->row, "steps", &steps, err));
    return examples_add(e, (Span){question->content, question->len}, steps,
                        (Span){answer->content, answer->len}, err);
}

static Status load_rows(Examples *e, Rows *rows, Err *err)
{
    Record record = {0};
    Status status = OK;
    for (;;) {
        Span row;
        bool is_text, end;
        status = rows_next(rows, &row, &is_text, &end, err);
        if (status != OK || end)
            break;
        status = record_parse(row, &record, err);
        if (status == OK)
            status = add_record(e, &record, err);
        if (status != OK) {
            err_context(err, "%s", rows_where(rows));
            break;
        }
    }
    record_release(&record);
    return status;
}

Status examples_load(Examples *out, const char *path, Err *err)
{
    Rows *rows;
    *out = (Examples){0};
    TRY(rows_open(&rows, path, ROWS_FILE, err));
    Status status = load_rows(out, rows, err);
    rows_close(rows);
    if (status == OK && out->n == 0)
        status = err_set(err, ERR_OPTION, "'%s' has no examples", path);
    if (status != OK)
        examples_release(out);
    return status;
}

/* --- relevance ----------------------------------------------------------------------- */
void examples_relevance(const Examples *e, const Example *question, double *relevance)
{
    const double k1 = 1.2, b = 0.75;
    for (size_t i = 0; i < e->n; i++)
        relevance[i] = 0;
    for (size_t w = 0; w < question->n_words; w++) {
        double df = 0;
        for (size_t i = 0; i < e->n; i++)
            df += count_of(&e->examples[i], question->words[w]) > 0;
        double idf = log(1 + ((double)e->n - df + 0.5) / (df + 0.5));
        for (size_t i = 0; df > 0 && i < e->n; i++) {
            const Example *x = &e->examples[i];
            double tf = count_of(x, question->words[w]);
            double length = e->mean_length > 0 ? (double)x->length / e->mean_length : 1;
            relevance[i] += idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length));
        }
    }
}

/* Jaccard: the share of words that two have in common. */
static double likeness(const Example *a, const Example *b)
{
    size_t common = 0;
    for (size_t i = 0; i < a->n_words; i++)
        common += count_of(b, a->words[i]) > 0;
    size_t all = a->n_words + b->n_words - common;
    return all > 0 ? (double)common / (double)all : 1;
}

/* --- picking ------------------------------------------------------------------------- */
typedef struct Candidates {
    const Examples *all;
    size_t *ids; /* (n) those that may be shown */
    double *relevance;
    size_t n;
} Candidates;

static void swap(Candidates *c, size_t i, size_t j)
{
    size_t id = c->ids[i];
    double relevance = c->relevance[i];
    c->ids[i] = c->ids[j];
    c->relevance[i] = c->relevance[j];
    c->ids[j] = id;
    c->relevance[j] = relevance;
}

/* Moves the best k to the front, best first: of equals the earlier. */
static void best_first(Candidates *c, size_t k)
{
    for (size_t i = 0; i < k && i < c->n; i++) {
        size_t best = i;
        for (size_t j = i + 1; j < c->n; j++) {
            bool better =
                c->relevance[j] > c->relevance[best] ||
                (c->relevance[j] == c->relevance[best] && c->ids[j] < c->ids[best]);
            if (better)
                best = j;
        }
        swap(c, i, best);
    }
}

/* Maximal marginal relevance: each next one is the best of half its relevance (as a share
 * of the highest) less half its likeness to those picked before. */
static void unlike_first(Candidates *c, size_t k)
{
    double most = 0;
    for (size_t i = 0; i < c->n; i++)
        most = c->relevance[i] > most ? c->relevance[i] : most;
    for (size_t i = 0; i < k && i < c->n; i++) {
        size_t best = i;
        double best_score = -HUGE_VAL;
        for (size_t j = i; j < c->n; j++) {
            double like = 0;
            for (size_t p = 0; p < i; p++) {
                double l = likeness(&c->all->examples[c->ids[p]],
                                    &c->all->examples[c->ids[j]]);
                like = l > like ? l : like;
            }
            double relevance = most > 0 ? c->relevance[j] / most : 0;
            double score = 0.5 * relevance - 0.5 * like;
            if (score > best_score) {
                best = j;
                best_score = score;
            }
        }
        swap(c, i, best);
    }
}

static void find_candidates(Candidates *c, ExamplePick how, const Example *question,
                            Rng *rng)
{
    bool by_words = how == PICK_NEAREST || how == PICK_DIVERSE;
    if (by_words)
        examples_relevance(c->all, question, c->relevance);
    for (size_t i = 0; i < c->all->n;
         i++) { /* n <= i: what is read is not yet written */
        const Example *x = &c->all->examples[i];
        if (span_equal(str_span(&x->question), str_span(&question->question)))
            continue;
        c->ids[c->n] = i;
        c->relevance[c->n++] = by_words            ? c->relevance[i]
                               : how == PICK_FIXED ? -(double)i
                                                   : rng_uniform(rng);
    }
}

static void pick(Candidates *c, ExamplePick how, size_t k, size_t *picked, size_t *n)
{
    if (how == PICK_DIVERSE)
        unlike_first(c, k);
    else
        best_first(c, k);
    *n = k < c->n ? k : c->n;
    for (size_t i = 0; i < *n; i++)
        picked[i] = how == PICK_FIXED ? c->ids[i] : c->ids[*n - 1 - i];
}

Status examples_pick(const Examples *e, ExamplePick how, Span question, size_t k,
                     uint64_t seed, uint64_t key, size_t *picked, size_t *n, Err *err)
{
    Candidates c = {.all = e};
    Example asked = {0};
    Rng rng = rng_make(seed, RNG_EVAL, key);
    str_span_append(&asked.question, span_trim(question));
    Status status = str_check(&asked.question, err);
    if (status == OK)
        status = find_words(&asked, err);
    if (status == OK)
        status = MEM_ARRAY(&c.ids, e->n, err);
    if (status == OK)
        status = MEM_ARRAY(&c.relevance, e->n, err);
    if (status == OK) {
        find_candidates(&c, how, &asked, &rng);
        pick(&c, how, k, picked, n);
    }
    mem_free(c.ids);
    mem_free(c.relevance);
    example_release(&asked);
    return status;
}
