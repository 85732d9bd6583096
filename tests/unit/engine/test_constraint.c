/* test_constraint.c - decoding under constraints: masks against each token's bytes read one
 * by one, whole answers of a random model against independent matchers, forced text
 * against the tokenizer, the kept share against the scorer. */
#include "support/scribe.h"

#include "engine/constraint/constraint_internal.h"

#include <math.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

static int setup(void **state)
{
    static Scribe scribe;
    scribe_init(&scribe);
    *state = &scribe;
    return 0;
}

static int teardown(void **state)
{
    scribe_release(*state);
    return 0;
}

static Constraint *compile(Scribe *s, ConstraintKind kind, const char *text)
{
    Err err = {0};
    Constraint *c;
    ConstraintText t = {.kind = kind, .text = span_of(text)};
    CHECK_OK(constraint_new(&c, &t, s->trie, &err));
    return c;
}

static Constraint *compile_choices(Scribe *s, const Span *choices, size_t n)
{
    Err err = {0};
    Constraint *c;
    ConstraintText t = {.kind = CONSTRAINT_CHOICES, .choices = choices, .n_choices = n};
    CHECK_OK(constraint_new(&c, &t, s->trie, &err));
    return c;
}

static bool pcre_accepts(const char *pattern, Span text)
{
    int code;
    PCRE2_SIZE at;
    pcre2_code *p =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                      PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF, &code, &at, NULL);
    assert_non_null(p);
    pcre2_match_data *m = pcre2_match_data_create(1, NULL);
    int found = pcre2_match(p, (PCRE2_SPTR)text.ptr, text.len, 0, 0, m, NULL);
    pcre2_match_data_free(m);
    pcre2_code_free(p);
    return found >= 0;
}

/* Unbounded ones too: as the room ends, the answer is brought to its end. */
static void every_answer_is_complete_and_fits(void **state)
{
    Scribe *s = *state;
    static const char *const patterns[] = {
        "[0-9]+ (km|miles)",
        "(yes|no|yesterday)",
        "\"[^\"\\\\]*\"",
        "\\{\"name\": ?\"[a-z]{2,}\", ?\"age\": ?[1-9][0-9]?\\}",
        "(\xC3\xA9|\xE2\x82\xAC|[\xC3\xA0-\xE2\xBF\xBF])+[.!]",
        ".*abc",
    };
    int n = 0, forced = 0;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        Constraint *c = compile(s, CONSTRAINT_REGEX, patterns[i]);
        for (uint64_t key = 0; key < 50; key++) {
            ScribeAnswer a;
            scribe_answer(s, c, key, 30 + (int64_t)key, key % 4 != 0, &a);
            if (!a.complete || a.result.finish != FINISH_STOP ||
                !pcre_accepts(patterns[i], str_span(&a.text)))
                fail_msg("%s: '%s' (complete %d, finish %d)", patterns[i],
                         str_c(&a.text), a.complete, a.result.finish);
            for (int64_t k = 0; k < a.result.n; k++)
                forced += a.result.forced[k];
            scribe_answer_release(&a);
            n++;
        }
        constraint_free(c);
    }
    assert_int_equal(n, 300);
    assert_true(forced > 100);
}

static void nested_answers_close_in_the_room_there_is(void **state)
{
    Scribe *s = *state;
    Constraint *c =
        compile(s, CONSTRAINT_GBNF,
                "root ::= list\nlist ::= \"[\" (item (\",\" item)*)? \"]\"\n"
                "item ::= list | [0-9]+ | \"abc\"");
    for (uint64_t key = 0; key < 60; key++) {
        ScribeAnswer a;
        bool yes;
        Err err = {0};
        scribe_answer(s, c, key, 3 + (int64_t)key, key % 2, &a);
        CHECK_OK(constraint_accepts(c, str_span(&a.text), &yes, &err));
        int64_t open = 0;
        for (size_t i = 0; i < a.text.len; i++)
            open += (a.text.ptr[i] == '[') - (a.text.ptr[i] == ']');
        assert_true(a.complete && yes && open == 0);
        assert_int_equal(a.result.finish, FINISH_STOP);
        scribe_answer_release(&a);
    }
    constraint_free(c);
}

/* --- masks ---------------------------------------------------------------------------------- */
static void check_mask(Scribe *s, Constraint *c, int32_t at)
{
    const Mask *m = constraint_mask(c, at);
    assert_non_null(m);
    for (int32_t id = 0; id < s->trie->vocab; id++) {
        bool bit = m->bits[id / 32] >> (id % 32) & 1;
        bool want = !tokenizer_is_special(s->tok, id) &&
                    automaton_read(c->a, at, tokenizer_bytes(s->tok, id)) > 0;
        if (bit != want)
            fail_msg("token %d: %d, not %d", id, bit, want);
    }
}

static void masks_are_those_of_each_token_alone(void **state)
{
    Scribe *s = *state;
    Rng rng = check_rng();
    Constraint *c = compile(s, CONSTRAINT_GBNF,
                            "root ::= (\"{\\\"name\\\":\" val \",\"?)+\n"
                            "val ::= \"12\"+ | \"yes\" | \"[\" val \"]\" | "
                            "[\xC3\xA0-\xE2\x82\xAC]{1,3} | \"n\" [a-o]*");
    for (int i = 0; i < 50; i++) {
        int32_t at = automaton_start(c->a);
        for (uint32_t k = rng_below(&rng, 20); k > 0; k--) {
            uint32_t from = rng_below(&rng, 256);
            for (uint32_t b = 0; b < 256; b++) {
                int32_t next = automaton_step(c->a, at, (uint8_t)(b + from));
                if (next > 0) {
                    at = next;
                    break;
                }
            }
        }
        check_mask(s, c, at);
    }
    constraint_free(c);
}

/* What is kept is the probability of the allowed ids, here from logits in double. */
static void kept_is_the_share_of_the_allowed(void **state)
{
    Scribe *s = *state;
    Err err = {0};
    const Span two[] = {SPAN("a"), SPAN("c")};
    Constraint *c = compile_choices(s, two, 2);
    ScribeAnswer a;
    scribe_answer(s, c, 3, 20, false, &a);
    assert_int_equal(a.result.n, 2); /* the choice, and the end */
    int32_t ids[] = {s->bos, 65, 66, a.result.ids[0]}, positions[] = {0, 1, 2, 3};
    int32_t starts[4] = {0}, rows[] = {2, 3};
    int64_t V = s->model->shape.vocab;
    float *logits = calloc((size_t)(2 * V), sizeof *logits);
    ModelTokens tokens = {ids, positions, starts, 4};
    Tape *tape;
    CHECK_OK(tape_new(&tape, s->model, 4, (TapeOptions){0}, &err));
    model_forward(s->model, tape, &tokens);
    model_logits(s->model, tape, rows, 2, logits);
    double sum[2] = {0, 0};
    for (int r = 0; r < 2; r++) {
        for (int64_t v = 0; v < V; v++)
            sum[r] += exp((double)logits[r * V + v]);
    }
    /* GPT-2 numbers bytes from '!': a is 64, c is 66 */
    double first = (exp((double)logits[64]) + exp((double)logits[66])) / sum[0];
    double second = exp((double)logits[V + s->end]) / sum[1];
    CHECK_NEAR(engine_result_kept(&a.result), sqrt(first * second), 1e-5);
    tape_free(tape);
    free(logits);
    scribe_answer_release(&a);
    constraint_free(c);
}

/* --- forced text ----------------------------------------------------------------------------- */
static void begin_is(Scribe *s, ConstraintKind kind, const char *text, const char *want)
{
    Err err = {0};
    Constraint *c = compile(s, kind, text);
    ConstraintRun *run;
    Ids begin = {0}, canonical = {0};
    Str got = {0};
    CHECK_OK(constraint_run_new(&run, c, &s->end, 1, &err));
    CHECK_OK(constraint_run_begin(run, s->bos, 100, &begin, &err));
    CHECK_OK(tokenizer_decode(s->tok, begin.ptr, begin.len, false, &got, &err));
    assert_string_equal(str_c(&got), want);
    CHECK_OK(tokenizer_encode(s->tok, span_of(want), &canonical, &err));
    assert_int_equal(begin.len, canonical.len);
    if (begin.len > 0)
        assert_memory_equal(begin.ptr, canonical.ptr, begin.len * sizeof *begin.ptr);
    ids_release(&begin);
    ids_release(&canonical);
    str_release(&got);
    constraint_run_free(run);
    constraint_free(c);
}

static void forced_text_is_canonical_and_leaves_its_seam(void **state)
{
    Scribe *s = *state;
    begin_is(s, CONSTRAINT_REGEX, "\\{\"name\":[0-9]", "{\"name\":");
    /* {" name ": would be the tokens; but '"' alone could not, as '":' spans the end */
    begin_is(s, CONSTRAINT_REGEX, "\\{\"name\"(:|,| )[0-9]", "{\"name");
    /* "a" may become "ab" or "abc" */
    begin_is(s, CONSTRAINT_REGEX, "xa(bc|d)", "x");
    begin_is(s, CONSTRAINT_REGEX, "xa(c|d)", "xa");
    begin_is(s, CONSTRAINT_REGEX, "yes", "yes");
    begin_is(s, CONSTRAINT_REGEX, "(yes|no)", "");
}

static void forced_and_drawn_answers_are_the_same_choices(void **state)
{
    Scribe *s = *state;
    const Span only[] = {SPAN("{\"name\": 12 km}")};
    Constraint *c = compile_choices(s, only, 1);
    ScribeAnswer a, b;
    scribe_answer(s, c, 1, 60, true, &a);
    scribe_answer(s, c, 1, 60, false, &b);
    assert_string_equal(str_c(&a.text), "{\"name\": 12 km}");
    assert_string_equal(str_c(&b.text), "{\"name\": 12 km}");
    int64_t drawn = 0;
    for (int64_t i = 0; i < a.result.n; i++)
        drawn += !a.result.forced[i];
    assert_int_equal(drawn, 1); /* the end */
    scribe_answer_release(&a);
    scribe_answer_release(&b);
    constraint_free(c);
}

/* --- many at once ------------------------------------------------------------------------------ */
static void sequences_share_a_constraint(void **state)
{
    Scribe *s = *state;
    enum { N = 12 };
    Err err = {0};
    Constraint *c = compile(s, CONSTRAINT_REGEX, "[0-9]{1,4} (km|miles|abc+)\\.");
    Engine *engine;
    ConstraintRun *runs[N];
    EngineRequest r[N];
    EngineResult out[N];
    Ids begin = {0};
    CHECK_OK(engine_new(&engine, s->model, 5, 0, NULL, &err));
    for (int i = 0; i < N; i++) {
        CHECK_OK(constraint_run_new(&runs[i], c, &s->end, 1, &err));
        CHECK_OK(constraint_run_begin(runs[i], 66, 40, &begin, &err));
        static const int32_t prompt[] = {65, 66};
        r[i] = (EngineRequest){.prompt = prompt,
                               .n_prompt = 2,
                               .sample = sample_plain(1, 40, 1),
                               .index = (uint64_t)i,
                               .stop_ids = &s->end,
                               .n_stop_ids = 1,
                               .constraint = scribe_allow,
                               .hook = scribe_force,
                               .self = runs[i]};
    }
    assert_int_equal(begin.len, 0);
    CHECK_OK(engine_run(engine, r, N, out, NULL, &err));
    for (int i = 0; i < N; i++) {
        bool complete;
        CHECK_OK(constraint_run_end(runs[i], out[i].ids, out[i].n, &complete, &err));
        assert_true(complete && pcre_accepts("[0-9]{1,4} (km|miles|abc+)\\.",
                                             constraint_run_text(runs[i])));
        engine_result_release(&out[i]);
        constraint_run_free(runs[i]);
    }
    engine_free(engine);
    constraint_free(c);
}

static void what_does_not_fit_is_an_error(void **state)
{
    Scribe *s = *state;
    Err err = {0};
    const int32_t ids[] = {64, 65, 66}; /* abc */
    Constraint *c = compile(s, CONSTRAINT_REGEX, "ab?d");
    ConstraintRun *run;
    Ids begin = {0};
    bool complete;
    CHECK_OK(constraint_run_new(&run, c, &s->end, 1, &err));
    CHECK_OK(constraint_run_begin(run, -1, 10, &begin, &err));
    CHECK_FAILS(constraint_run_end(run, ids, 3, &complete, &err), ERR_FORMAT,
                "'c' does not fit the constraint at byte 2");
    assert_false(complete);
    uint32_t allowed[16] = {0}, none[16] = {0};
    assert_true(constraint_run_allow(run, ids, 3, allowed));
    assert_memory_equal(allowed, none, sizeof none);
    /* thought first, then answered: "ab" was not the constraint's */
    constraint_run_skip(run, 2);
    const int32_t more[] = {64, 65, 64, 67};
    CHECK_OK(constraint_run_end(run, more, 4, &complete, &err));
    assert_true(complete);
    ids_release(&begin);
    constraint_run_free(run);
    constraint_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer_is_complete_and_fits),
        cmocka_unit_test(nested_answers_close_in_the_room_there_is),
        cmocka_unit_test(masks_are_those_of_each_token_alone),
        cmocka_unit_test(kept_is_the_share_of_the_allowed),
        cmocka_unit_test(forced_text_is_canonical_and_leaves_its_seam),
        cmocka_unit_test(forced_and_drawn_answers_are_the_same_choices),
        cmocka_unit_test(sequences_share_a_constraint),
        cmocka_unit_test(what_does_not_fit_is_an_error),
    };
    return cmocka_run_group_tests_name("engine/constraint", tests, setup, teardown);
}
