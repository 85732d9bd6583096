/* bench_constraint.c - what a constraint costs a token: the mask of a vocabulary of 32,768
 * tokens, for constraints of several kinds. One JSON line each:
 *
 *     {"bench":"constraint","what":"record","vocab":32768,"compile_ms":..,"tokens":..,
 *      "first_ms_per_token":..,"ms_per_token":..,"slowest_ms":..}
 *
 * The vocabulary is of bytes, and of one to three letters with and without a space in
 * front: nearly all of it fits into a string, which is the dearest mask there is. Answers
 * are drawn evenly from what is allowed, without a model. first: the first answer, which
 * makes most masks; the next are over all answers, which share them. Times are of the
 * processor.
 *
 *     bench_constraint [--smoke]                                --smoke: one short round */
#include "bench.h"

#include "base/mem.h"
#include "base/rng.h"
#include "engine/constraint/constraint.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { VOCAB = 32768, SPECIALS = 1, LONGEST = 256, ANSWERS = 40 };

typedef struct ConstraintBench {
    Tokenizer *tok;
    TokenTrie *trie;
    int32_t end;
    uint32_t *allowed;
    size_t words;
    int answers;
} ConstraintBench;

/* Texts of up to four letters, each made of a shorter one and a letter. */
typedef struct Merges {
    char (*texts)[5];
    Span (*pairs)[2];
    size_t n, most;
} Merges;

static void add_merge(Merges *m, const char *before, char letter)
{
    size_t len = strlen(before);
    char *text = m->texts[m->n];
    if (m->n == m->most)
        return;
    memcpy(text, before, len);
    text[len] = letter;
    m->pairs[m->n][0] = (Span){text, len};
    m->pairs[m->n][1] = (Span){text + len, 1};
    m->n++;
}

/* With and without a space, by length: what a merge needs is there before it. */
static void fill_merges(Merges *m)
{
    char before[5] = {0};
    for (int len = 1; len <= 3; len++) {
        for (int space = 1; space >= 0; space--) {
            int64_t n = 1;
            for (int i = 0; i < len; i++)
                n *= 26;
            for (int64_t k = 0; k < n && (space || len > 1); k++) {
                int64_t rest = k / 26;
                for (int i = len - 2; i >= 0; i--, rest /= 26)
                    before[space + i] = (char)('a' + rest % 26);
                before[0] = space ? ' ' : before[0];
                before[space + len - 1] = '\0';
                add_merge(m, before, (char)('a' + k % 26));
            }
        }
    }
}

static void setup(ConstraintBench *b, bool smoke)
{
    static const char *const specials[] = {TOKEN_END};
    Err err = {0};
    Merges m = {.most = VOCAB - 256 - SPECIALS};
    *b = (ConstraintBench){.answers = smoke ? 2 : ANSWERS};
    bench_need(MEM_ARRAY(&m.texts, m.most + 1, &err), &err);
    bench_need(MEM_ARRAY(&m.pairs, m.most, &err), &err);
    fill_merges(&m);
    bench_need(tokenizer_from_merges(&b->tok, SPLIT_GPT2, (const Span(*)[2])m.pairs,
                                     m.n, specials, SPECIALS, &err),
               &err);
    bench_need(token_trie_new(&b->trie, b->tok, &err), &err);
    b->words = ((size_t)tokenizer_vocab(b->tok) + 31) / 32;
    b->end = tokenizer_end_of_turn(b->tok);
    bench_need(MEM_ARRAY(&b->allowed, b->words, &err), &err);
    mem_free(m.texts);
    mem_free(m.pairs);
}

/* One of the allowed ids, or -1. */
static int32_t draw(const ConstraintBench *b, Rng *rng)
{
    uint32_t n = 0;
    for (size_t i = 0; i < b->words; i++)
        n += (uint32_t)__builtin_popcount(b->allowed[i]);
    uint32_t k = n ? rng_below(rng, n) : 0;
    for (size_t i = 0; n && i < b->words; i++) {
        uint32_t word = b->allowed[i], here = (uint32_t)__builtin_popcount(word);
        for (; k < here && k-- > 0;)
            word &= word - 1;
        if (k < here || k == UINT32_MAX)
            return (int32_t)(32 * i) + __builtin_ctz(word);
        k -= here;
    }
    return -1;
}

/* Of this thread: other work on the machine does not count. */
static double processor_seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct Cost {
    double seconds, slowest;
    int64_t tokens;
} Cost;

static Cost one_answer(ConstraintBench *b, Constraint *c, uint64_t number)
{
    Err err = {0};
    Ids ids = {0};
    ConstraintRun *run;
    Rng rng = rng_make(1, RNG_TEST, number);
    Cost cost = {0};
    int32_t id = 0;
    bench_need(constraint_run_new(&run, c, &b->end, 1, &err), &err);
    bench_need(constraint_run_begin(run, -1, LONGEST, &ids, &err), &err);
    while (id >= 0 && id != b->end && ids.len < LONGEST) {
        memset(b->allowed, 0, b->words * sizeof *b->allowed);
        double begin = processor_seconds();
        (void)constraint_run_allow(run, ids.ptr, (int64_t)ids.len, b->allowed);
        double seconds = processor_seconds() - begin;
        cost.seconds += seconds;
        cost.slowest = seconds > cost.slowest ? seconds : cost.slowest;
        cost.tokens++;
        id = draw(b, &rng);
        if (id >= 0)
            bench_need(ids_push(&ids, id, &err), &err);
    }
    ids_release(&ids);
    constraint_run_free(run);
    return cost;
}

static void measure(ConstraintBench *b, const char *what, ConstraintKind kind,
                    const char *text)
{
    Err err = {0};
    Constraint *c;
    ConstraintText t = {.kind = kind, .text = span_of(text)};
    double begin = processor_seconds();
    bench_need(constraint_new(&c, &t, b->trie, &err), &err);
    double compile = processor_seconds() - begin;
    Cost first = one_answer(b, c, 0), all = first;
    for (int i = 1; i < b->answers; i++) {
        Cost cost = one_answer(b, c, (uint64_t)i);
        all.seconds += cost.seconds;
        all.tokens += cost.tokens;
        all.slowest = cost.slowest > all.slowest ? cost.slowest : all.slowest;
    }
    printf("{\"bench\":\"constraint\",\"what\":\"%s\",\"vocab\":%d,\"compile_ms\":%.3f,"
           "\"tokens\":%lld,\"first_ms_per_token\":%.4f,\"ms_per_token\":%.4f,"
           "\"slowest_ms\":%.3f}\n",
           what, tokenizer_vocab(b->tok), 1e3 * compile, (long long)all.tokens,
           1e3 * first.seconds / (double)first.tokens,
           1e3 * all.seconds / (double)all.tokens, 1e3 * all.slowest);
    constraint_free(c);
}

typedef struct ConstraintBenchOptions {
    bool smoke;
} ConstraintBenchOptions;

static const OptField fields[] = {
    OPT_BOOL(ConstraintBenchOptions, smoke, 0, "one short round"),
    OPT_END,
};
static const OptTable table = {"bench_constraint", "what a constraint costs a token",
                               sizeof(ConstraintBenchOptions), fields};

int main(int argc, char **argv)
{
    static ConstraintBench b;
    ConstraintBenchOptions o;
    bench_options(&table, &o, argc, argv);
    setup(&b, o.smoke);
    measure(&b, "number", CONSTRAINT_REGEX, "-?[0-9]+(\\.[0-9]+)?( [a-z]+)?");
    measure(&b, "record", CONSTRAINT_JSON_SCHEMA,
            "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},"
            "\"tags\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},\"age\":"
            "{\"type\":\"integer\",\"minimum\":0,\"maximum\":150}},\"required\":"
            "[\"name\",\"age\"]}");
    measure(&b, "lengths", CONSTRAINT_JSON_SCHEMA,
            "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"minLength\":3,"
            "\"maxLength\":60},\"minItems\":3}");
    measure(&b, "json", CONSTRAINT_JSON_SCHEMA, "{}");
    measure(&b, "sums", CONSTRAINT_GBNF,
            "root ::= sum \" = \" [a-z ]+\nsum ::= term ([-+] term)*\n"
            "term ::= [0-9]+ | \"(\" sum \")\"");
    mem_free(b.allowed);
    token_trie_free(b.trie);
    tokenizer_free(b.tok);
    return 0;
}
