/* test_reward_report.c - the report of a reward model on made-up rankings and scores: what
 * it counts, and what it says of a good model and of each kind of bad one. */
#include "unit/stages/tiny.h"

#include "stages/reward_report.h"

#include <math.h>

typedef struct Scene {
    Tokenizer *tok;
    ChatTemplate *chat;
    Rankings train, heldout;
    float *score;
    json_t *report;
} Scene;

static const CorpusOptions corpus;

static void load(Scene *s, Rankings *out, const Str *rows, const char *group)
{
    Err err;
    RankingsOptions how = {.corpus = &corpus, .context = 200, .group = group};
    tiny_write("rows.jsonl", rows);
    CHECK_OK(rankings_load(out, NULL, temp_path("rows.jsonl"), s->chat, &how, &err));
}

/* n pairs: the better answer is `good` words long, the other `bad`; both have two words of
 * their own that tell nothing. */
static void put_pairs(Str *rows, int n, int good, int bad, const char *source, int seed)
{
    for (int i = 0; i < n; i++) {
        int x = seed * 1000 + i;
        str_printf(rows, "{\"prompt\": \"p%d\", \"source\": \"%s\", \"chosen\": \"a%d",
                   x, source, x);
        for (int w = 0; w < good; w++)
            str_printf(rows, " w%d", w);
        str_printf(rows, "\", \"rejected\": \"b%d", x);
        for (int w = 0; w < bad; w++)
            str_printf(rows, " w%d", w);
        str_puts(rows, "\"}\n");
    }
}

static void scene_init(Scene *s)
{
    Err err;
    *s = (Scene){.tok = tiny_tokenizer()};
    CHECK_OK(template_new(&s->chat, s->tok, &err));
}

/* Training and held-out pairs of both lengths and two sources. */
static void scene_pairs(Scene *s)
{
    Err err;
    Str rows = {0};
    put_pairs(&rows, 100, 2, 4, "a", 1);
    put_pairs(&rows, 100, 4, 2, "b", 2);
    load(s, &s->train, &rows, NULL);
    str_reset(&rows);
    put_pairs(&rows, 100, 2, 4, "a", 3);
    put_pairs(&rows, 100, 4, 2, "b", 4);
    load(s, &s->heldout, &rows, NULL);
    CHECK_OK(MEM_ARRAY(&s->score, s->heldout.docs.n, &err));
    str_release(&rows);
}

static void scene_release(Scene *s)
{
    json_decref(s->report);
    mem_free(s->score);
    rankings_release(&s->train);
    rankings_release(&s->heldout);
    template_free(s->chat);
    tokenizer_free(s->tok);
}

static void report(Scene *s, double label_noise, const json_t *curve)
{
    Err err;
    RewardReportInput in = {.train = &s->train,
                            .heldout = &s->heldout,
                            .score = s->score,
                            .tok = s->tok,
                            .seed = 1,
                            .label_noise = label_noise,
                            .curve = curve};
    json_decref(s->report);
    CHECK_OK(reward_report_make(&in, &s->report, &err));
}

static double number(const json_t *tree, const char *a, const char *b)
{
    const json_t *v = json_object_get(tree, a);
    v = b ? json_object_get(v, b) : v;
    if (!json_is_number(v))
        fail_msg("no number '%s' '%s'", a, b ? b : "");
    return json_number_value(v);
}

static const char *verdict(const Scene *s)
{
    return json_string_value(json_object_get(s->report, "verdict"));
}

static bool says(const Scene *s, const char *is, const char *words)
{
    size_t i;
    json_t *reason;
    json_array_foreach(json_object_get(s->report, "reasons"), i, reason)
    {
        if (strcmp(json_string_value(json_object_get(reason, "is")), is) == 0 &&
            strstr(json_string_value(json_object_get(reason, "text")), words))
            return true;
    }
    return false;
}

/* Scores so that every `every`-th pair is the wrong way round. Gaps of the log-odds of the
 * accuracy: confidence is what happens. */
static void score_pairs(Scene *s, int every)
{
    float gap = (float)log((double)every - 1);
    for (size_t i = 0; i < s->heldout.n; i++) {
        bool wrong = (int)i % every == every - 1;
        s->score[2 * i] = wrong ? 0 : gap;
        s->score[2 * i + 1] = wrong ? gap : 0;
    }
}

static void a_good_model_may_go(void **state)
{
    (void)state;
    Scene s;
    scene_init(&s);
    scene_pairs(&s);
    score_pairs(&s, 8);
    report(&s, 0, NULL);
    CHECK_NEAR(number(s.report, "heldout", "accuracy"), 0.875, 1e-12);
    CHECK_NEAR(number(s.report, "heldout", "pairs"), 200, 0);
    CHECK_NEAR(number(s.report, "heldout", "design_effect"), 1, 0); /* one pair each */
    /* Wilson (1927), 175 of 200. */
    CHECK_NEAR(number(s.report, "heldout", "low"), 0.82198465, 1e-7);
    CHECK_NEAR(number(s.report, "heldout", "high"), 0.91388085, 1e-7);
    const json_t *length =
        json_object_get(json_object_get(s.report, "baselines"), "length");
    CHECK_NEAR(number(length, "accuracy", NULL), 0.5, 1e-12);
    CHECK_NEAR(number(length, "model_is_better_by", NULL), 0.375, 1e-12);
    assert_string_equal(verdict(&s), "go");
    const char *sentence = json_string_value(json_object_get(s.report, "sentence"));
    assert_string_equal(sentence, "go: it orders 87.5 % (82.2 to 91.4) of 200 held-out "
                                  "pairs as people did");
    const json_t *sources = json_object_get(s.report, "by_source");
    assert_int_equal(json_array_size(sources), 2);
    const json_t *a = json_array_get(sources, 0);
    assert_string_equal(json_string_value(json_object_get(a, "name")), "a");
    CHECK_NEAR(number(a, "pairs", NULL), 100, 0);
    CHECK_NEAR(number(a, "accuracy", NULL), 0.88, 1e-12);
    const json_t *bins = json_object_get(s.report, "by_confidence");
    assert_int_equal(json_array_size(bins), 1); /* all gaps are one size */
    CHECK_NEAR(number(json_array_get(bins, 0), "confidence", NULL), 0.875, 1e-6);
    CHECK_NEAR(number(json_array_get(bins, 0), "accuracy", NULL), 0.875, 1e-12);
    CHECK_NEAR(number(s.report, "calibration", "ece"), 0, 1e-6);
    scene_release(&s);
}

static void one_that_only_counts_words_may_not(void **state)
{
    (void)state;
    Scene s;
    Str rows = {0};
    Err err;
    scene_init(&s);
    put_pairs(&rows, 150, 4, 2, "a", 1); /* longer is always better */
    load(&s, &s.train, &rows, NULL);
    str_reset(&rows);
    put_pairs(&rows, 150, 4, 2, "a", 2);
    load(&s, &s.heldout, &rows, NULL);
    CHECK_OK(MEM_ARRAY(&s.score, s.heldout.docs.n, &err));
    for (size_t d = 0; d < s.heldout.docs.n; d++)
        s.score[d] = (float)documents_len(&s.heldout.docs, (int64_t)d);
    report(&s, 0, NULL);
    const json_t *length =
        json_object_get(json_object_get(s.report, "baselines"), "length");
    CHECK_NEAR(number(length, "accuracy", NULL), 1, 1e-12);
    assert_string_equal(json_string_value(json_object_get(length, "rule")),
                        "longer wins");
    CHECK_NEAR(number(length, "model_is_better_by", NULL), 0, 0);
    assert_string_equal(verdict(&s), "no go");
    assert_true(says(&s, "stop", "length alone orders 100.0 %"));
    assert_true(says(&s, "care", "correlate by 1.00: answers will grow longer"));
    str_release(&rows);
    scene_release(&s);
}

static void one_that_is_misled_by_length_needs_care(void **state)
{
    (void)state;
    Scene s;
    scene_init(&s);
    scene_pairs(&s);
    for (size_t i = 0; i < s.heldout.n; i++) { /* all right where longer is better */
        bool right = i >= 100 || i % 3 == 0;
        s.score[2 * i] = right;
        s.score[2 * i + 1] = !right;
    }
    report(&s, 0, NULL);
    const json_t *rows = json_object_get(s.report, "by_length");
    CHECK_NEAR(number(json_array_get(rows, 0), "accuracy", NULL), 1, 0);
    CHECK_NEAR(number(json_array_get(rows, 1), "accuracy", NULL), 0.34, 1e-12);
    assert_string_equal(verdict(&s), "go, with care");
    assert_true(
        says(&s, "care", "where the better answer is shorter it orders 34.0 %"));
    assert_true(says(&s, "care", "of source 'a' it orders 34.0 %, worse than chance"));
    scene_release(&s);
}

static void few_pairs_tell_nothing(void **state)
{
    (void)state;
    Scene s;
    Err err;
    Str rows = {0};
    scene_init(&s);
    put_pairs(&rows, 20, 4, 2, "a", 1);
    load(&s, &s.train, &rows, NULL);
    load(&s, &s.heldout, &rows, NULL);
    CHECK_OK(MEM_ARRAY(&s.score, s.heldout.docs.n, &err));
    score_pairs(&s, 100);
    report(&s, 0, NULL);
    assert_string_equal(verdict(&s), "no go");
    assert_true(says(&s, "stop", "20 held-out pairs are too few to tell"));
    str_release(&rows);
    scene_release(&s);
}

/* Rankings of four with one score out of place: their pairs stand and fall together. */
static void pairs_of_one_ranking_count_for_less(void **state)
{
    (void)state;
    Scene s;
    Err err;
    Str rows = {0};
    scene_init(&s);
    for (int i = 0; i < 60; i++)
        str_printf(
            &rows,
            "{\"prompt\": \"p%d\", \"completions\": [\"a\", \"b\", \"c\", \"d\"], "
            "\"ranks\": [1, 2, 3, 4], \"scores\": [4, 3, %d, 1]}\n",
            i, i % 2 ? 2 : 5);
    load(&s, &s.heldout, &rows, NULL);
    str_reset(&rows);
    put_pairs(&rows, 20, 4, 2, "a", 1);
    load(&s, &s.train, &rows, NULL);
    CHECK_OK(MEM_ARRAY(&s.score, s.heldout.docs.n, &err));
    for (size_t d = 0; d < s.heldout.docs.n; d++) {
        bool bad = d / 4 % 3 == 0; /* a third of the rankings is upside down */
        s.score[d] = (float)(d % 4) * (bad ? 1.0F : -1.0F);
    }
    report(&s, 0, NULL);
    /* 6 pairs, all right or all wrong: the effect is 6. */
    CHECK_NEAR(number(s.report, "heldout", "accuracy"), 2.0 / 3, 1e-12);
    CHECK_NEAR(number(s.report, "heldout", "design_effect"), 6, 1e-9);
    /* Every other ranking has two of its six pairs against the rows' scores. */
    CHECK_NEAR(number(s.report, "ceiling", "accuracy"), 5.0 / 6, 1e-12);
    assert_string_equal(json_string_value(json_object_get(
                            json_object_get(s.report, "ceiling"), "from")),
                        "the scores of the rows");
    str_release(&rows);
    scene_release(&s);
}

/* Two labels on each of 50 pairs, 40 of which agree: (1-e)^2 + e^2 = 0.8. */
static void the_ceiling_comes_from_what_is_known(void **state)
{
    (void)state;
    Scene s;
    Err err;
    Str rows = {0};
    scene_init(&s);
    for (int i = 0; i < 50; i++)
        for (int k = 0; k < 2; k++) {
            bool other = k == 1 && i % 5 == 0;
            str_printf(
                &rows,
                "{\"prompt\": \"p%d\", \"completions\": [\"a\", \"bb\"], \"ranks\": "
                "[%d, %d], \"scores\": [1, %d]}\n",
                i, other ? 2 : 1, other ? 1 : 2, i % 10 == 0 ? 2 : 0);
        }
    load(&s, &s.train, &rows, NULL);
    const Documents *docs = &s.train.docs;
    for (int64_t i = 0; i < (int64_t)s.train.n; i++) {
        int64_t at = documents_ids(docs, 2 * i) - docs->ids.ptr;
        s.train.docs.ids.ptr[at + documents_learned_from(docs, 2 * i)]++;
    }
    load(&s, &s.heldout, &rows, NULL); /* the training pairs are now others */
    CHECK_OK(MEM_ARRAY(&s.score, s.heldout.docs.n, &err));
    score_pairs(&s, 8);
    report(&s, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(
                            json_object_get(s.report, "ceiling"), "from")),
                        "pairs that were labelled more than once");
    CHECK_NEAR(number(s.report, "repeated_labels", "agree"), 0.8, 1e-12);
    CHECK_NEAR(number(s.report, "ceiling", "accuracy"), (1 + sqrt(0.6)) / 2, 1e-12);
    report(&s, 0.1, NULL);
    CHECK_NEAR(number(s.report, "ceiling", "accuracy"), 0.9, 1e-12);
    /* Against the scores: pair i has them on the label's side but where i % 10 is 0, whose
     * second label is turned round. */
    CHECK_NEAR(number(s.report, "against_scores", "pairs"), 100, 0);
    str_release(&rows);
    scene_release(&s);
}

static void it_is_written_for_people(void **state)
{
    (void)state;
    Scene s;
    Err err;
    Str text = {0};
    scene_init(&s);
    scene_pairs(&s);
    score_pairs(&s, 8);
    json_t *curve = json_array(), *point;
    CHECK_OK(reward_curve_point(&s.heldout, s.score, 50, &point, &err));
    CHECK_NEAR(number(point, "accuracy", NULL), 0.875, 1e-12);
    json_array_append_new(curve, point);
    CHECK_OK(reward_curve_point(&s.heldout, s.score, 200, &point, &err));
    json_array_append_new(curve, point);
    report(&s, 0, curve);
    assert_true(says(&s, "fine", "four times the comparisons brought 0.0 points"));
    reward_report_markdown(s.report, &text);
    CHECK_OK(str_check(&text, &err));
    static const char *const parts[] = {
        "# Reward model: go: it orders 87.5 % (82.2 to 91.4) of 200",
        "\n- **fine**: length alone orders 50.0 %: the model is better by 37.5 points",
        "\n| the reward model | 200 | 87.5 % | 82.2 to 91.4 |\n",
        "\n| length (longer wins) | | 50.0 % | model better by ",
        "\n| 0.85 to 0.90 | 200 | 87.5 % | 87.5 % | 82.2 to 91.4 | "
        "`#####################!...` |\n",
        "\n| a | 100 | 88.0 % |",
        "\n| the better answer is longer | 100 | 87.0 % |",
        "\n| 50 | 200 | 87.5 % | 82.2 to 91.4 |\n",
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!strstr(str_c(&text), parts[i]))
            fail_msg("no '%s' in:\n%s", parts[i], str_c(&text));
    }
    json_decref(curve);
    str_release(&text);
    scene_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(a_good_model_may_go),
        TEMP_TEST(one_that_only_counts_words_may_not),
        TEMP_TEST(one_that_is_misled_by_length_needs_care),
        TEMP_TEST(few_pairs_tell_nothing),
        TEMP_TEST(pairs_of_one_ranking_count_for_less),
        TEMP_TEST(the_ceiling_comes_from_what_is_known),
        TEMP_TEST(it_is_written_for_people),
    };
    return cmocka_run_group_tests(tests, tiny_make_ops, tiny_free_ops);
}
