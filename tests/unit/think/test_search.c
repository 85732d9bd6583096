/* test_search.c - the order of passages: BM25F against a slow count, small collections,
 * fusion, order by a model. */
#include "think/retrieval/search_tool.h"
#include "unit/think/index_files.h"

#include <math.h>

/* --- a slow BM25F over words that no stemmer touches ------------------------------------- */
enum { DOCS = 40, VOCABULARY = 12 };
static const char *const vocabulary[VOCABULARY] = {"ko", "lu", "mi", "na", "po", "ra",
                                                   "su", "ta", "vo", "wu", "xo", "zu"};
typedef struct Doc {
    int heading[VOCABULARY], body[VOCABULARY]; /* how often each word occurs */
    int heading_len, body_len;
} Doc;

static void add_word(Rng *r, int counts[VOCABULARY], int *len, Str *text)
{
    /* The sum of two draws: some words are common, some rare. */
    uint32_t w = rng_below(r, VOCABULARY) * rng_below(r, VOCABULARY) / VOCABULARY;
    counts[w]++;
    ++*len;
    str_printf(text, " %s", vocabulary[w]);
}

static Doc make_doc(Rng *r, int number)
{
    Doc d = {0};
    Str text = {0};
    char name[32];
    str_puts(&text, "#");
    for (uint32_t n = 1 + rng_below(r, 3); n > 0; n--)
        add_word(r, d.heading, &d.heading_len, &text);
    str_puts(&text, "\n");
    for (uint32_t n = 3 + rng_below(r, 30); n > 0; n--)
        add_word(r, d.body, &d.body_len, &text);
    (void)snprintf(name, sizeof name, "d/%02d.txt", number);
    write_bytes(name, str_span(&text));
    str_release(&text);
    return d;
}

static double slow_score(const Doc *docs, int n, int which, const int *terms,
                         int n_terms, const SearchOptions *o)
{
    double heading_mean = 0, body_mean = 0, score = 0;
    for (int i = 0; i < n; i++) {
        heading_mean += (double)docs[i].heading_len / n;
        body_mean += (double)docs[i].body_len / n;
    }
    const Doc *d = &docs[which];
    for (int k = 0; k < n_terms; k++) {
        int holding = 0, t = terms[k];
        for (int i = 0; i < n; i++)
            holding += docs[i].heading[t] + docs[i].body[t] > 0;
        double idf = log(1 + (n - holding + 0.5) / (holding + 0.5));
        double f =
            o->heading * d->heading[t] /
                (1 - o->heading_b + o->heading_b * d->heading_len / heading_mean) +
            d->body[t] / (1 - o->b + o->b * d->body_len / body_mean);
        score += idf * f * (o->k1 + 1) / (f + o->k1);
    }
    return score;
}

static void scores_are_those_of_a_slow_count(void **state)
{
    (void)state;
    Rng r = check_rng();
    make_folder("d");
    Doc docs[DOCS];
    for (int i = 0; i < DOCS; i++)
        docs[i] = make_doc(&r, i);
    Index *x = open_index();
    update(x);
    SearchOptions o;
    CHECK_OK(opt_defaults(&search_options, &o, &err));
    o.heading_b = 0.3;
    for (int trial = 0; trial < 30; trial++) {
        int terms[2] = {(int)rng_below(&r, VOCABULARY), (int)rng_below(&r, VOCABULARY)};
        int n_terms = terms[0] == terms[1] ? 1 : 2;
        char question[32];
        Ranked found[DOCS];
        int64_t n;
        (void)snprintf(question, sizeof question, "%s %s?", vocabulary[terms[0]],
                       vocabulary[terms[1]]);
        CHECK_OK(search_words(x, &o, span_of(question), DOCS, found, &n, &err));
        int wanted = 0;
        for (int i = 0; i < DOCS; i++)
            wanted += slow_score(docs, DOCS, i, terms, n_terms, &o) > 0;
        assert_int_equal(n, wanted);
        for (int64_t i = 0; i < n; i++) { /* files are numbered in the order of names */
            int which = (int)found[i].chunk - 1;
            CHECK_NEAR(found[i].score,
                       slow_score(docs, DOCS, which, terms, n_terms, &o), 1e-9);
            assert_true(i == 0 || found[i].score <= found[i - 1].score);
        }
    }
    index_close(x);
}

static int descending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* Whatever MaxScore leaves out, the first few are those of the slow count. */
static void the_best_few_are_those_of_all(void **state)
{
    (void)state;
    Rng r = check_rng();
    make_folder("d");
    Doc docs[DOCS];
    for (int i = 0; i < DOCS; i++)
        docs[i] = make_doc(&r, i);
    Index *x = open_index();
    update(x);
    SearchOptions o;
    CHECK_OK(opt_defaults(&search_options, &o, &err));
    for (int trial = 0; trial < 100; trial++) {
        int a = (int)rng_below(&r, VOCABULARY), terms[3];
        for (int k = 0; k < 3; k++)
            terms[k] = (a + k * (1 + trial % 3)) % VOCABULARY;
        double scores[DOCS];
        for (int i = 0; i < DOCS; i++)
            scores[i] = slow_score(docs, DOCS, i, terms, 3, &o);
        qsort(scores, DOCS, sizeof *scores, descending);
        char question[32];
        Ranked found[4];
        int64_t n;
        (void)snprintf(question, sizeof question, "%s %s %s", vocabulary[terms[0]],
                       vocabulary[terms[1]], vocabulary[terms[2]]);
        CHECK_OK(
            search_words(x, &o, span_of(question), 1 + trial % 4, found, &n, &err));
        assert_int_equal(n, 1 + trial % 4);
        for (int64_t i = 0; i < n; i++)
            CHECK_NEAR(found[i].score, scores[i], 1e-9);
    }
    index_close(x);
}

/* FTS5's own bm25() has nothing to say of words that half of the passages hold. */
static void in_a_small_collection_common_words_still_order(void **state)
{
    (void)state;
    make_folder("d");
    write_text("d/1.txt",
               "The bridge is old and the market is new and the inn is dear.");
    write_text("d/2.txt", "The bridge: a bridge of stone.");
    Index *x = open_index();
    update(x);
    Hits hits = find(x, "Which bridge?", 5);
    assert_int_equal(hits.n, 2);
    assert_true(hits.hits[1].score > 0.01);
    assert_true(hits.hits[0].score > 1.2 * hits.hits[1].score);
    assert_non_null(strstr(str_c(&hits.hits[0].passage.text), "stone"));
    hits_release(&hits);
    assert_int_equal(count_found(x, "nothing such"), 0);
    index_close(x);
}

static void passages_that_say_the_same_count_once(void **state)
{
    (void)state;
    make_folder("d");
    write_text("d/1.txt", "A tower of stone.");
    write_text("d/2.txt", "A tower of stone.");
    write_text("d/3.txt", "A tower of brick.");
    Index *x = open_index();
    update(x);
    assert_int_equal(count_found(x, "tower"), 2);
    index_close(x);
}

static void endings_and_accents_do_not_matter(void **state)
{
    (void)state;
    make_folder("d");
    write_text("d/1.txt", "C\xc3\xb4te d'Ivoire exports cocoa.");
    Index *x = open_index();
    update(x);
    assert_int_equal(count_found(x, "cote"), 1);
    assert_int_equal(count_found(x, "exporting"), 1);
    index_close(x);
}

/* --- fusion -------------------------------------------------------------------------------- */
static void fusion_adds_reciprocal_ranks(void **state)
{
    (void)state;
    const Ranked a[] = {{7, 9}, {3, 8}, {5, 1}}, b[] = {{3, .5}, {9, .4}};
    const Ranked *lists[] = {a, b};
    const int64_t n[] = {3, 2};
    Ranked out[5];
    assert_int_equal(rank_fuse(lists, n, 2, out), 4);
    const int64_t order[] = {3, 7, 9, 5};
    for (int i = 0; i < 4; i++)
        assert_int_equal(out[i].chunk, order[i]);
    CHECK_NEAR(out[0].score, 1. / 62 + 1. / 61, 1e-15);
    assert_int_equal(rank_fuse(lists, n, 0, out), 0);
}

static Status rank_last(void *self, Index *x, Span question, int64_t most, Ranked *out,
                        int64_t *n, Err *e)
{
    (void)x;
    (void)question;
    (void)most;
    if (!self)
        return err_set(e, ERR_IO, "no vectors");
    out[0] = *(Ranked *)self;
    *n = 1;
    return OK;
}

static void another_ranker_joins(void **state)
{
    (void)state;
    make_folder("d");
    write_text("d/1.txt", "bridge bridge bridge");
    write_text("d/2.txt", "bridge of stone");
    write_text("d/3.txt", "viaduct");
    Index *x = open_index();
    update(x);
    SearchOptions o;
    CHECK_OK(opt_defaults(&search_options, &o, &err));
    Ranked viaduct = {3, 1};
    Ranker vectors = {"vectors", &viaduct, rank_last};
    Searcher s = {.index = x, .o = &o, .rankers = &vectors, .n_rankers = 1};
    Hits hits;
    CHECK_OK(search_passages(&s, SPAN("bridge"), &hits, NULL, &err));
    assert_int_equal(hits.n, 3);
    assert_int_equal(hits.hits[1].passage.id,
                     3); /* first of one list; the tie's larger */
    hits_release(&hits);
    vectors.self = NULL;
    CHECK_FAILS(search_passages(&s, SPAN("bridge"), &hits, NULL, &err), ERR_IO,
                "ranking by vectors: no vectors");
    index_close(x);
}

/* --- a model's order ------------------------------------------------------------------------- */
/* As likely as its prompt has the letter z; counts bytes as tokens. */
static Status score_z(void *self, const LmRequest *request, const Span *texts, size_t n,
                      double *logprobs, int64_t *tokens, LmUsage *usage, Err *e)
{
    (void)e;
    int64_t *longest = self;
    Span prompt = request->document;
    assert_int_equal(n, 1);
    double z = 0;
    for (size_t i = 0; i < prompt.len; i++)
        z += prompt.ptr[i] == 'z';
    logprobs[0] = (z - 100) * (double)texts[0].len;
    tokens[0] = (int64_t)texts[0].len;
    *longest = (int64_t)prompt.len > *longest ? (int64_t)prompt.len : *longest;
    usage->requests++;
    return OK;
}

static int64_t count_bytes(void *self, Span text)
{
    (void)self;
    return (int64_t)text.len;
}

static void a_model_orders_by_how_likely_it_finds_the_question(void **state)
{
    (void)state;
    make_folder("d");
    write_text("d/1.txt", "bridge bridge bridge");
    write_text("d/2.txt", "bridge zz");
    Str more = {0};
    for (int i = 0; i < 100; i++)
        str_puts(&more, "z\xc3\xa9 bridge ");
    write_bytes("d/3.txt", str_span(&more));
    str_release(&more);
    Index *x = open_index();
    update(x);
    int64_t longest = 0;
    Lm lm = {.name = "z",
             .can = {.score = true, .documents = true},
             .context = 200,
             .self = &longest,
             .score = score_z,
             .count = count_bytes};
    SearchOptions o;
    CHECK_OK(opt_defaults(&search_options, &o, &err));
    o.k = 2;
    Searcher s = {.index = x, .o = &o, .reorder = &lm};
    Hits hits;
    LmUsage usage = {0};
    CHECK_OK(search_passages(&s, SPAN("Which bridge?"), &hits, &usage, &err));
    assert_int_equal(usage.requests, 4); /* the long one is two passages */
    assert_true(longest <= 200 - 13);
    assert_int_equal(hits.n, 2);
    assert_true(hits.hits[0].passage.id >= 3 && hits.hits[0].score > -100);
    hits_release(&hits);
    lm.can.score = false;
    CHECK_FAILS(search_passages(&s, SPAN("bridge"), &hits, &usage, &err), ERR_OPTION,
                "'z' does not say how likely a text is, which ordering passages by it "
                "takes");
    index_close(x);
}

/* --- as a tool ----------------------------------------------------------------------------- */
static void call_search(const Toolbox *box, const char *arguments, bool fails,
                        const char *want)
{
    Str out = {0};
    bool failed;
    CHECK_OK(toolbox_call(box, SPAN("search"), span_of(arguments), NULL, NULL, &out,
                          &failed, &err));
    assert_int_equal(failed, fails);
    if (!strstr(str_c(&out), want))
        fail_msg("'%s' has no '%s'", str_c(&out), want);
    str_release(&out);
}

static void a_model_may_search_as_often_as_it_likes(void **state)
{
    (void)state;
    make_folder("d");
    write_text("d/1.md", "# Denton\nThe mayor is Kora.\n[2] She obeys nobody.");
    Index *x = open_index();
    update(x);
    index_close(x);
    Toolbox box = {0};
    CHECK_OK(search_tool_add(&box, temp_path("x.db"), 3, &err));
    call_search(&box, "{\"query\":\"Who is mayor of Denton?\"}", false,
                "[1] Denton\n> The mayor is Kora.\n> [2] She obeys nobody.\n");
    call_search(&box, "{\"query\":\"NEAR( \\\" *\"}", false, "nothing found");
    call_search(&box, "{\"query\":7}", true, "error: ");
    assert_int_equal(search_tool_add(&box, temp_path("x.db"), 3, &err), ERR_OPTION);
    assert_int_equal(search_tool_add(&box, temp_path("none.db"), 3, &err), ERR_IO);
    toolbox_release(&box);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(scores_are_those_of_a_slow_count),
        TEMP_TEST(the_best_few_are_those_of_all),
        TEMP_TEST(in_a_small_collection_common_words_still_order),
        TEMP_TEST(passages_that_say_the_same_count_once),
        TEMP_TEST(endings_and_accents_do_not_matter),
        cmocka_unit_test(fusion_adds_reciprocal_ranks),
        TEMP_TEST(another_ranker_joins),
        TEMP_TEST(a_model_may_search_as_often_as_it_likes),
        TEMP_TEST(a_model_orders_by_how_likely_it_finds_the_question),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
