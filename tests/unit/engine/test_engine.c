/* The engine against the model's full forward pass, and against itself alone. */
#include "support/tiny.h"

static int setup(void **state)
{
    static Tiny tiny;
    tiny_init(&tiny, TINY_CONTEXT);
    *state = &tiny;
    return 0;
}

static int teardown(void **state)
{
    tiny_release(*state);
    return 0;
}

static Engine *engine_of(Tiny *t, int32_t slots, int32_t capacity, const Span *bytes)
{
    Err err = {0};
    Engine *engine;
    CHECK_OK(engine_new(&engine, t->model, slots, capacity, bytes, &err));
    return engine;
}

enum { MANY = 9 };

/* MANY requests with prompts of 1 to 17 tokens. */
static void many_requests(EngineRequest *requests, int32_t *pool)
{
    Rng rng = rng_make(5, RNG_TEST, 0);
    for (int i = 0; i < MANY * 17; i++)
        pool[i] = (int32_t)rng_below(&rng, TINY_VOCAB);
    for (int i = 0; i < MANY; i++)
        requests[i] = (EngineRequest){.prompt = pool + 17 * i,
                                      .n_prompt = 1 + 2 * i,
                                      .sample = tiny_sample(1, 5 + i),
                                      .index = (uint64_t)(100 + i)};
}

static void same_result(const EngineResult *a, const EngineResult *b)
{
    assert_int_equal(a->n, b->n);
    assert_int_equal(a->finish, b->finish);
    assert_memory_equal(a->ids, b->ids, (size_t)a->n * sizeof *a->ids);
    assert_memory_equal(a->logprobs, b->logprobs, (size_t)a->n * sizeof *a->logprobs);
    assert_memory_equal(a->entropies, b->entropies,
                        (size_t)a->n * sizeof *a->entropies);
}

static void a_batch_gives_what_each_request_gives_alone(void **state)
{
    Err err = {0};
    EngineRequest requests[MANY];
    int32_t pool[MANY * 17];
    many_requests(requests, pool);
    Engine *wide = engine_of(*state, 4, 0, NULL), *one = engine_of(*state, 1, 0, NULL);
    EngineResult together[MANY], alone;
    CHECK_OK(engine_run(wide, requests, MANY, together, NULL, &err));
    for (int i = MANY - 1; i >= 0; i--) {
        CHECK_OK(engine_run(one, &requests[i], 1, &alone, NULL, &err));
        assert_int_equal(together[i].n, 5 + i);
        assert_int_equal(together[i].finish, FINISH_LENGTH);
        same_result(&together[i], &alone);
        engine_result_release(&alone);
        engine_result_release(&together[i]);
    }
    engine_free(wide);
    engine_free(one);
}

/* Prompts of a common beginning (none, some of it, all of it) over few slots, so that some
 * wait for one that reads, some come when it is done, and some find nobody. */
static void shared_prompts_are_read_once_and_change_nothing(void **state)
{
    Err err = {0};
    Rng rng = check_rng();
    enum { N = 12, LONG = 30 };
    int64_t all = 0;
    for (int trial = 0; trial < 40; trial++) {
        int32_t common[LONG], prompts[N][LONG];
        EngineRequest requests[N];
        EngineResult shared[N], alone[N];
        int64_t copied = 0;
        for (int i = 0; i < LONG; i++)
            common[i] = (int32_t)rng_below(&rng, TINY_VOCAB);
        for (int k = 0; k < N; k++) {
            int32_t same = (int32_t)rng_below(&rng, LONG + 1);
            if (rng_below(&rng, 3) > 0)
                same = LONG;
            for (int i = 0; i < LONG; i++)
                prompts[k][i] =
                    i < same ? common[i] : (int32_t)rng_below(&rng, TINY_VOCAB);
            requests[k] =
                (EngineRequest){.prompt = prompts[k],
                                .n_prompt = LONG - rng_below(&rng, 3),
                                .sample = tiny_sample(1, 1 + rng_below(&rng, 9)),
                                .index = (uint64_t)k};
        }
        Engine *engine = engine_of(*state, 1 + (int32_t)rng_below(&rng, 5), 0, NULL);
        CHECK_OK(engine_run(engine, requests, N, alone, NULL, &err));
        for (int k = 0; k < N; k++)
            requests[k].share_prompt = true;
        CHECK_OK(engine_run(engine, requests, N, shared, NULL, &err));
        for (int k = 0; k < N; k++) {
            same_result(&shared[k], &alone[k]);
            assert_int_equal(alone[k].shared, 0);
            assert_true(shared[k].shared < requests[k].n_prompt);
            copied += shared[k].shared;
            engine_result_release(&shared[k]);
            engine_result_release(&alone[k]);
        }
        all += copied;
        engine_free(engine);
    }
    assert_true(all > 1000);
}

static void of_equal_prompts_all_but_one_are_copied(void **state)
{
    Err err = {0};
    int32_t prompt[20];
    EngineRequest requests[4];
    EngineResult out[4];
    for (int i = 0; i < 20; i++)
        prompt[i] = i;
    for (int k = 0; k < 4; k++)
        requests[k] = (EngineRequest){.prompt = prompt,
                                      .n_prompt = 20,
                                      .sample = tiny_sample(1, 5),
                                      .index = (uint64_t)k,
                                      .share_prompt = true};
    Engine *engine = engine_of(*state, 4, 0, NULL);
    CHECK_OK(engine_run(engine, requests, 4, out, NULL, &err));
    for (int k = 0; k < 4; k++) {
        assert_int_equal(out[k].shared, k == 0 ? 0 : 19);
        engine_result_release(&out[k]);
    }
    engine_free(engine);
}

/* Conversations that go on, in any order, over fewer slots than there are of them: each
 * prompt is an earlier one with its answer and more behind, or with another turn from
 * somewhere in the middle. */
static void later_runs_find_what_earlier_ones_read(void **state)
{
    Err err = {0};
    Rng rng = check_rng();
    enum { TALKS = 4, ROUNDS = 300, LONGEST = TINY_CONTEXT, PART = 6 };
    int32_t talk[TALKS][LONGEST];
    int64_t n[TALKS] = {0}, all = 0, read = 0;
    Engine *keeps = engine_of(*state, 3, 0, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        int k = (int)rng_below(&rng, TALKS);
        if (n[k] + 2 * PART > LONGEST)
            n[k] = rng_below(&rng, LONGEST - 2 * PART);
        for (int i = 0; i < PART; i++)
            talk[k][n[k]++] = (int32_t)rng_below(&rng, TINY_VOCAB);
        EngineRequest r = {.prompt = talk[k],
                           .n_prompt = n[k],
                           .sample = tiny_sample(1, PART),
                           .index = (uint64_t)round,
                           .share_prompt = rng_below(&rng, 8) > 0};
        EngineResult kept, alone;
        Engine *fresh = engine_of(*state, 1, 0, NULL);
        CHECK_OK(engine_run(keeps, &r, 1, &kept, NULL, &err));
        CHECK_OK(engine_run(fresh, &r, 1, &alone, NULL, &err));
        same_result(&kept, &alone);
        assert_true(kept.shared < r.n_prompt);
        assert_true(r.share_prompt || kept.shared == 0);
        all += r.n_prompt;
        read += r.n_prompt - kept.shared;
        for (int64_t i = 0; i < kept.n; i++)
            talk[k][n[k]++] = kept.ids[i];
        engine_result_release(&kept);
        engine_result_release(&alone);
        engine_free(fresh);
    }
    assert_true(read < all * 3 / 4);
    engine_free(keeps);
}

/* A conversation that goes on is read from its last answer on; one that leaves it early
 * takes a copy, and the longer one stays whole. */
static void a_branch_leaves_its_trunk_whole(void **state)
{
    Err err = {0};
    int32_t trunk[40], branch[14];
    for (int i = 0; i < 40; i++)
        trunk[i] = i % TINY_VOCAB;
    memcpy(branch, trunk, sizeof branch);
    branch[13] = branch[12];
    const struct {
        const int32_t *ids;
        int64_t n, shared;
    } asked[] = {{trunk, 30, 0}, {branch, 14, 13}, {trunk, 40, 30}, {branch, 14, 13}};
    Engine *engine = engine_of(*state, 2, 0, NULL);
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        EngineRequest r = {.prompt = asked[i].ids,
                           .n_prompt = asked[i].n,
                           .sample = tiny_sample(1, 1),
                           .share_prompt = true};
        EngineResult out;
        CHECK_OK(engine_run(engine, &r, 1, &out, NULL, &err));
        assert_int_equal(out.shared, asked[i].shared);
        engine_result_release(&out);
    }
    engine_free(engine);
}

static void draws_follow_seed_and_index_and_nothing_else(void **state)
{
    Err err = {0};
    int32_t prompt[] = {1, 2, 3};
    EngineRequest r[4];
    for (int i = 0; i < 4; i++)
        r[i] = (EngineRequest){.prompt = prompt,
                               .n_prompt = 3,
                               .sample = tiny_sample(1, 20),
                               .index = i == 1 ? 9 : 4};
    r[2].sample.seed = 8;
    Engine *engine = engine_of(*state, 3, 0, NULL);
    EngineResult out[4];
    CHECK_OK(engine_run(engine, r, 4, out, NULL, &err));
    same_result(&out[0], &out[3]);
    assert_memory_not_equal(out[0].ids, out[1].ids, 20 * sizeof(int32_t));
    assert_memory_not_equal(out[0].ids, out[2].ids, 20 * sizeof(int32_t));
    for (int i = 0; i < 4; i++)
        engine_result_release(&out[i]);
    engine_free(engine);
}

static void greedy_equals_full_forward(Tiny *t, int32_t n_prompt, int32_t n_new,
                                       double penalty)
{
    Err err = {0};
    Rng rng = rng_make(11, RNG_TEST, 0);
    int32_t ids[1024];
    for (int32_t i = 0; i < n_prompt; i++)
        ids[i] = (int32_t)rng_below(&rng, TINY_VOCAB);
    EngineRequest r[2] = {
        {.prompt = ids, .n_prompt = n_prompt, .sample = tiny_sample(0, n_new)}};
    r[0].sample.repetition_penalty = penalty;
    r[1] = r[0];
    Engine *engine = engine_of(t, 2, 0, NULL);
    EngineResult out[2];
    CHECK_OK(engine_run(engine, r, 2, out, NULL, &err));
    same_result(&out[0], &out[1]);
    Tape *tape;
    CHECK_OK(tape_new(&tape, t->model, n_prompt + n_new, (TapeOptions){0}, &err));
    for (int32_t i = 0; i < n_new; i++) {
        int32_t n = n_prompt + i;
        ids[n] = tiny_next(t, tape, ids, n, penalty);
        assert_int_equal(out[0].ids[i], ids[n]);
    }
    tape_free(tape);
    engine_result_release(&out[0]);
    engine_result_release(&out[1]);
    engine_free(engine);
}

static void cached_greedy_equals_the_full_forward(void **state)
{
    greedy_equals_full_forward(*state, 5, 40, 1);
}

static void the_penalty_is_for_prompt_and_result(void **state)
{
    greedy_equals_full_forward(*state, 5, 40, 1.5);
}

/* Two prompts of 400 tokens do not fit one step, and a 64-id window has an end. */
static void long_prompts_are_read_in_pieces(void **state)
{
    (void)state;
    Tiny tiny;
    tiny_init(&tiny, 440);
    greedy_equals_full_forward(&tiny, 400, 6, 1.5);
    tiny_release(&tiny);
}

static void scores_equal_the_log_probabilities_of_the_draws(void **state)
{
    Err err = {0};
    EngineRequest requests[MANY];
    int32_t pool[MANY * 17];
    many_requests(requests, pool);
    Engine *engine = engine_of(*state, 4, 0, NULL);
    EngineResult out[MANY];
    CHECK_OK(engine_run(engine, requests, MANY, out, NULL, &err));
    int32_t ids[MANY][TINY_CONTEXT];
    float logprobs[MANY][TINY_CONTEXT];
    EngineScore items[MANY];
    for (int i = 0; i < MANY; i++) {
        size_t n = (size_t)requests[i].n_prompt;
        memcpy(ids[i], requests[i].prompt, n * sizeof(int32_t));
        memcpy(ids[i] + n, out[i].ids, (size_t)out[i].n * sizeof(int32_t));
        items[i] = (EngineScore){.ids = ids[i],
                                 .n = requests[i].n_prompt + out[i].n,
                                 .first = requests[i].n_prompt,
                                 .logprobs = logprobs[i]};
    }
    CHECK_OK(engine_score(engine, items, MANY, &err));
    for (int i = 0; i < MANY; i++) {
        int64_t n = requests[i].n_prompt;
        for (int64_t k = 0; k < n; k++)
            assert_true(logprobs[i][k] == 0);
        /* f32 sums of 16 terms in two orders, twice */
        for (int64_t k = 0; k < out[i].n; k++)
            CHECK_NEAR(logprobs[i][n + k], out[i].logprobs[k], 2e-5);
        engine_result_release(&out[i]);
    }
    engine_free(engine);
}

static void scores_do_not_depend_on_their_neighbours(void **state)
{
    Err err = {0};
    enum { ITEMS = 120, LEN = 40 }; /* 4680 rows: three passes */
    static int32_t ids[ITEMS][LEN];
    static float together[ITEMS][LEN], alone[LEN];
    Rng rng = rng_make(6, RNG_TEST, 0);
    EngineScore items[ITEMS];
    for (int i = 0; i < ITEMS; i++) {
        for (int k = 0; k < LEN; k++)
            ids[i][k] = (int32_t)rng_below(&rng, TINY_VOCAB);
        items[i] = (EngineScore){ids[i], i % 40 + 1, i % 5 + 1, together[i]};
    }
    Engine *engine = engine_of(*state, 1, 0, NULL);
    CHECK_OK(engine_score(engine, items, ITEMS, &err));
    for (int i = 0; i < ITEMS; i++) {
        EngineScore one = items[i];
        one.logprobs = alone;
        CHECK_OK(engine_score(engine, &one, 1, &err));
        assert_memory_equal(alone, together[i], (size_t)one.n * sizeof(float));
    }
    engine_free(engine);
}

/* Items of several families, each with its own beginning, between answers that share with
 * them: over few slots some wait, some copy, some find what an earlier run left. */
static void scores_over_the_cache_are_those_of_a_pass(void **state)
{
    Err err = {0};
    enum { FAMILIES = 3, ITEMS = 20, TRIALS = 30 };
    Rng rng = check_rng();
    int32_t trunk[FAMILIES][TINY_CONTEXT + 1], ids[ITEMS][TINY_CONTEXT + 1];
    float passes[ITEMS][TINY_CONTEXT + 1], cached[ITEMS][TINY_CONTEXT + 1];
    for (int f = 0; f < FAMILIES; f++) {
        for (int i = 0; i <= TINY_CONTEXT; i++)
            trunk[f][i] = (int32_t)rng_below(&rng, TINY_VOCAB);
    }
    Engine *engine = engine_of(*state, 3, 0, NULL);
    for (int trial = 0; trial < TRIALS; trial++) {
        EngineScore items[ITEMS], again[ITEMS];
        for (int k = 0; k < ITEMS; k++) {
            int64_t n = 1 + rng_below(&rng, TINY_CONTEXT + 1);
            int64_t same = rng_below(&rng, (uint32_t)n + 1);
            memcpy(ids[k], trunk[rng_below(&rng, FAMILIES)], sizeof ids[k]);
            for (int64_t i = same; i < n; i++)
                ids[k][i] = (int32_t)rng_below(&rng, TINY_VOCAB);
            items[k] = (EngineScore){ids[k], n, 1 + rng_below(&rng, (uint32_t)n + 2),
                                     passes[k]};
            again[k] = items[k];
            again[k].logprobs = cached[k];
        }
        EngineRequest r = {.prompt = trunk[trial % FAMILIES],
                           .n_prompt = 30,
                           .sample = tiny_sample(1, 5),
                           .share_prompt = true};
        EngineResult out;
        CHECK_OK(engine_run(engine, &r, 1, &out, NULL, &err));
        engine_result_release(&out);
        CHECK_OK(engine_score(engine, items, ITEMS, &err));
        CHECK_OK(engine_score_shared(engine, again, ITEMS, &err));
        for (int k = 0; k < ITEMS; k++) {
            for (int64_t i = 0; i < items[k].n; i++)
                CHECK_NEAR(cached[k][i], passes[k][i], 2e-5);
        }
    }
    engine_free(engine);
}

/* And the same bits whatever else is in the cache. */
static void scores_over_the_cache_do_not_depend_on_it(void **state)
{
    Err err = {0};
    enum { N = 40 };
    int32_t ids[N];
    float first[N], later[N];
    Rng rng = check_rng();
    for (int i = 0; i < N; i++)
        ids[i] = (int32_t)rng_below(&rng, TINY_VOCAB);
    Engine *engine = engine_of(*state, 2, 0, NULL);
    for (int64_t from = 1; from < N; from++) {
        EngineScore alone = {ids, N, from, first}, again = {ids, N, from, later};
        Engine *fresh = engine_of(*state, 1, 0, NULL);
        CHECK_OK(engine_score_shared(fresh, &alone, 1, &err));
        CHECK_OK(engine_score_shared(engine, &again, 1, &err));
        assert_memory_equal(first, later, sizeof first);
        engine_free(fresh);
    }
    engine_free(engine);
}

/* --- how a sequence ends ------------------------------------------------------------- */
typedef struct Greedy {
    int32_t prompt[3];
    EngineRequest request;
    int32_t ids[20]; /* what greedy decoding gives without any end */
} Greedy;

static void greedy_init(Greedy *g, Tiny *t)
{
    Err err = {0};
    *g = (Greedy){.prompt = {4, 5, 6}};
    g->request = (EngineRequest){
        .prompt = g->prompt, .n_prompt = 3, .sample = tiny_sample(0, 20)};
    g->request.sample.repetition_penalty = 3; /* no id comes twice soon */
    Engine *engine = engine_of(t, 1, 0, NULL);
    EngineResult out;
    CHECK_OK(engine_run(engine, &g->request, 1, &out, NULL, &err));
    assert_int_equal(out.n, 20);
    assert_int_equal(out.finish, FINISH_LENGTH);
    memcpy(g->ids, out.ids, sizeof g->ids);
    engine_result_release(&out);
    engine_free(engine);
}

static void a_stop_id_ends_and_is_kept(void **state)
{
    Err err = {0};
    Greedy g;
    greedy_init(&g, *state);
    EngineRequest r = g.request;
    r.stop_ids = (int32_t[]){99, g.ids[7]};
    r.n_stop_ids = 2;
    Engine *engine = engine_of(*state, 1, 0, NULL);
    EngineResult out;
    CHECK_OK(engine_run(engine, &r, 1, &out, NULL, &err));
    int first = 0;
    while (g.ids[first] != g.ids[7])
        first++;
    assert_int_equal(out.n, first + 1);
    assert_int_equal(out.finish, FINISH_STOP);
    assert_int_equal(out.stop_tail, 0);
    engine_result_release(&out);
    engine_free(engine);
}

static void a_stop_string_is_found_across_tokens(void **state)
{
    Err err = {0};
    Greedy g;
    greedy_init(&g, *state);
    char letters[TINY_VOCAB][16];
    Span bytes[TINY_VOCAB];
    for (int v = 0; v < TINY_VOCAB; v++) {
        (void)snprintf(letters[v], sizeof letters[v], "%02d.", v);
        bytes[v] = span_of(letters[v]);
    }
    char stop[24]; /* the last byte of id 3, id 4, the first byte of id 5 */
    (void)snprintf(stop, sizeof stop, ".%02d.%c", g.ids[4], letters[g.ids[5]][0]);
    Span strings[] = {SPAN("never"), span_of(stop)};
    EngineRequest r = g.request;
    r.stop_strings = strings;
    r.n_stop_strings = 2;
    Engine *engine = engine_of(*state, 2, 0, bytes);
    EngineResult out;
    CHECK_OK(engine_run(engine, &r, 1, &out, NULL, &err));
    assert_int_equal(out.n, 6);
    assert_int_equal(out.finish, FINISH_STOP);
    assert_int_equal(out.stop_tail, 7); /* "." "NN." "NN." */
    engine_result_release(&out);

    char huge[300];
    memset(huge, 'a', sizeof huge);
    strings[0] = (Span){huge, 257};
    CHECK_FAILS(engine_run(engine, &r, 1, &out, NULL, &err), ERR_OPTION,
                "a stop string has 257 bytes, not 1 to 256");
    strings[0] = (Span){huge, 0};
    CHECK_FAILS(engine_run(engine, &r, 1, &out, NULL, &err), ERR_OPTION,
                "a stop string has 0 bytes, not 1 to 256");
    engine_free(engine);
}

static void a_full_context_ends_and_a_longer_prompt_is_refused(void **state)
{
    Err err = {0};
    int32_t prompt[60] = {0};
    EngineRequest r[2] = {
        {.prompt = prompt, .n_prompt = 27, .sample = tiny_sample(0, 20)},
        {.prompt = prompt, .n_prompt = 30, .sample = tiny_sample(0, 20)}};
    Engine *engine = engine_of(*state, 1, 30, NULL);
    EngineResult out[2];
    CHECK_OK(engine_run(engine, r, 2, out, NULL, &err));
    assert_int_equal(out[0].n, 3);
    assert_int_equal(out[0].finish, FINISH_CONTEXT);
    assert_int_equal(out[1].n, 0);
    assert_int_equal(out[1].finish, FINISH_CONTEXT);
    engine_result_release(&out[0]);
    engine_result_release(&out[1]);
    r[1].n_prompt = 31;
    CHECK_FAILS(engine_run(engine, r, 2, out, NULL, &err), ERR_LIMIT,
                "the prompt has 31 tokens, the limit is 30");
    assert_null(out[0].ids);
    EngineScore score = {.ids = prompt, .n = 32, .first = 1};
    CHECK_FAILS(engine_score_shared(engine, &score, 1, &err), ERR_LIMIT,
                "a text to score has 32 tokens, the limit is 31");
    CHECK_FAILS(engine_score(engine, &score, 1, &err), ERR_LIMIT,
                "a text to score has 32 tokens, the limit is 31");
    engine_free(engine);
}

/* --- hooks, constraints, streams ------------------------------------------------------ */
typedef struct Watch {
    int32_t seen[64];
    bool forced[64];
    int n, stop_at;
    int32_t stop_id;
} Watch;

static bool watch_token(void *self, int64_t request, int32_t id, bool forced)
{
    Watch *w = self;
    assert_int_equal(request, 0);
    w->seen[w->n] = id;
    w->forced[w->n++] = forced;
    return w->n != w->stop_at;
}

static void a_stream_sees_every_id_and_can_end_it(void **state)
{
    Err err = {0};
    Greedy g;
    greedy_init(&g, *state);
    Watch watch = {.stop_at = 6};
    EngineRequest r = g.request;
    r.on_token = watch_token;
    r.self = &watch;
    Engine *engine = engine_of(*state, 1, 0, NULL);
    EngineResult out;
    CHECK_OK(engine_run(engine, &r, 1, &out, NULL, &err));
    assert_int_equal(out.n, 6);
    assert_int_equal(out.finish, FINISH_ABORTED);
    assert_int_equal(watch.n, 6);
    assert_memory_equal(watch.seen, g.ids, 6 * sizeof(int32_t));
    engine_result_release(&out);
    engine_free(engine);
}

/* At the stop id, and once only: forces 1, 2, 3 and goes on. */
static Status force_three(void *self, int64_t request, const int32_t *ids, int64_t n,
                          bool *go_on, int32_t *force, int64_t room, int64_t *n_force,
                          Err *err)
{
    (void)request;
    (void)err;
    Watch *w = self;
    if (ids[n - 1] != w->stop_id || n > 8)
        return OK;
    assert_int_equal(room, 20 - n);
    for (int32_t i = 0; i < 3; i++)
        force[i] = i + 1;
    *n_force = 3;
    *go_on = true;
    return OK;
}

static void forced_ids_follow_at_once_and_are_read(void **state)
{
    Tiny *t = *state;
    Err err = {0};
    Greedy g;
    greedy_init(&g, t);
    Watch watch = {.stop_id = g.ids[4]};
    EngineRequest r = g.request;
    r.stop_ids = &watch.stop_id;
    r.n_stop_ids = 1;
    r.hook = force_three;
    r.on_token = watch_token;
    r.self = &watch;
    Engine *engine = engine_of(t, 2, 0, NULL);
    EngineResult out;
    CHECK_OK(engine_run(engine, &r, 1, &out, NULL, &err));
    assert_true(out.n > 8);
    int32_t ids[64];
    Tape *tape;
    CHECK_OK(tape_new(&tape, t->model, 64, (TapeOptions){0}, &err));
    memcpy(ids, g.prompt, sizeof g.prompt);
    for (int32_t i = 0; i < out.n; i++) {
        bool forced = i >= 5 && i < 8;
        int32_t next = tiny_next(t, tape, ids, 3 + i, 3);
        ids[3 + i] = forced ? i - 4 : next;
        assert_int_equal(out.ids[i], ids[3 + i]);
        assert_int_equal(out.forced[i], forced);
        assert_int_equal(watch.forced[i], forced);
        assert_true(!forced || out.logprobs[i] == 0);
    }
    assert_int_equal(watch.n, out.n);
    tape_free(tape);
    engine_result_release(&out);
    engine_free(engine);
}

/* An answer that begins with given ids is the answer to the prompt with them behind it. */
static void an_answer_may_begin_with_given_ids(void **state)
{
    Tiny *t = *state;
    Err err = {0};
    const int32_t prompt[] = {5, 6, 7, 8, 9};
    EngineRequest whole = {
        .prompt = prompt, .n_prompt = 5, .sample = tiny_sample(0, 10)};
    EngineRequest part = whole;
    part.n_prompt = 3;
    part.begin = prompt + 3;
    part.n_begin = 2;
    part.sample.max_new = 12;
    Engine *engine = engine_of(t, 2, 0, NULL);
    EngineResult a, b;
    CHECK_OK(engine_run(engine, &whole, 1, &a, NULL, &err));
    CHECK_OK(engine_run(engine, &part, 1, &b, NULL, &err));
    assert_int_equal(b.n, 12);
    assert_memory_equal(b.ids, prompt + 3, 2 * sizeof *prompt);
    assert_memory_equal(b.ids + 2, a.ids, 10 * sizeof *a.ids);
    for (int i = 0; i < 12; i++)
        assert_int_equal(b.forced[i], i < 2);
    assert_true(engine_result_kept(&b) == 1);
    engine_result_release(&a);
    engine_result_release(&b);
    part.sample.max_new = 2;
    CHECK_FAILS(engine_run(engine, &part, 1, &b, NULL, &err), ERR_LIMIT,
                "the answer begins with 2 tokens, and only 2 are left (max_new, or the "
                "context)");
    engine_free(engine);
}

static Status broken_hook(void *self, int64_t request, const int32_t *ids, int64_t n,
                          bool *go_on, int32_t *force, int64_t room, int64_t *n_force,
                          Err *err)
{
    (void)self, (void)request, (void)ids, (void)go_on, (void)force, (void)room;
    (void)n_force;
    return n == 3 ? err_set(err, ERR_IO, "the tool is gone") : OK;
}

static void a_failing_hook_fails_the_run_and_the_engine_lives_on(void **state)
{
    Err err = {0};
    Greedy g;
    greedy_init(&g, *state);
    EngineRequest r[2] = {g.request, g.request};
    r[1].hook = broken_hook;
    Engine *engine = engine_of(*state, 2, 0, NULL);
    EngineResult out[2];
    CHECK_FAILS(engine_run(engine, r, 2, out, NULL, &err), ERR_IO, "the tool is gone");
    assert_null(out[0].ids);
    CHECK_OK(engine_run(engine, r, 1, out, NULL, &err));
    assert_memory_equal(out[0].ids, g.ids, sizeof g.ids);
    engine_result_release(&out[0]);
    engine_free(engine);
}

/* Only ids 40 to 45; after five of them nothing. */
static bool only_forties(void *self, const int32_t *ids, int64_t n, uint32_t *allowed)
{
    (void)self;
    (void)ids;
    for (int32_t v = 40; n < 5 && v <= 45; v++)
        allowed[v / 32] |= 1u << (v % 32);
    return true;
}

static void a_constraint_decides_what_may_be_drawn(void **state)
{
    Err err = {0};
    Greedy g;
    greedy_init(&g, *state);
    EngineRequest r[2] = {g.request, g.request};
    r[0].constraint = only_forties;
    r[0].sample.temperature = 1;
    Engine *engine = engine_of(*state, 2, 0, NULL);
    EngineResult out[2];
    CHECK_OK(engine_run(engine, r, 2, out, NULL, &err));
    assert_int_equal(out[0].n, 5);
    assert_int_equal(out[0].finish, FINISH_STOP);
    for (int i = 0; i < 5; i++)
        assert_in_range(out[0].ids[i], 40, 45);
    assert_memory_equal(out[1].ids, g.ids, sizeof g.ids);
    engine_result_release(&out[0]);
    engine_result_release(&out[1]);
    engine_free(engine);
}

/* --- what is refused ------------------------------------------------------------------ */
static void next_to_no_temperature_is_greedy(void **state)
{
    Tiny *t = *state;
    Err err = {0};
    TensorOps *cpu;
    Model *model;
    const int32_t prompt[] = {4, 5};
    EngineRequest requests[3];
    EngineResult r[3];
    CHECK_OK(tensor_cpu_new(&cpu, &(TensorCpuOptions){.threads = 1}, &err));
    CHECK_OK(model_new(&model, cpu, &t->model->shape, false, &err));
    CHECK_OK(model_init(model, 7, &err));
    const double temperatures[] = {0, 1e-37, 1e-310};
    for (int i = 0; i < 3; i++)
        requests[i] = (EngineRequest){.prompt = prompt,
                                      .n_prompt = 2,
                                      .sample = tiny_sample(temperatures[i], 20)};
    Engine *engine;
    CHECK_OK(engine_new(&engine, model, 1, 0, NULL, &err));
    CHECK_OK(engine_run(engine, requests, 3, r, NULL, &err));
    same_result(&r[0], &r[1]);
    same_result(&r[0], &r[2]);
    for (int i = 0; i < 3; i++)
        engine_result_release(&r[i]);
    engine_free(engine);
    model_free(model);
    tensor_free(cpu);
}

static void logits_that_are_no_numbers_are_an_error(void **state)
{
    (void)state;
    Tiny t;
    Err err = {0};
    const int32_t prompt[] = {4, 5};
    tiny_init(&t, TINY_CONTEXT);
    t.ops->scale(t.ops, t.model->params, 1e37F);
    model_changed(t.model);
    Engine *engine = engine_of(&t, 1, 0, NULL);
    EngineRequest request = {
        .prompt = prompt, .n_prompt = 2, .sample = tiny_sample(1, 5)};
    EngineResult result;
    CHECK_FAILS(engine_run(engine, &request, 1, &result, NULL, &err), ERR_FORMAT,
                "the model's logits are not finite: its weights are too large or "
                "damaged");
    engine_free(engine);
    tiny_release(&t);
}

static void a_reward_model_cannot_write(void **state)
{
    Tiny *t = *state;
    Err err = {0};
    ModelShape shape = t->model->shape;
    shape.head = HEAD_SCALAR;
    Model *reward;
    CHECK_OK(model_new(&reward, t->ops, &shape, false, &err));
    Engine *engine;
    CHECK_FAILS(engine_new(&engine, reward, 1, 0, NULL, &err), ERR_OPTION,
                "a reward model cannot write text: it has no language-model head");
    model_free(reward);
    CHECK_FAILS(engine_new(&engine, t->model, 1, 49, NULL, &err), ERR_OPTION,
                "sequences of 49 tokens are longer than the model's context of 48");
}

static void no_memory_is_an_error_everywhere(void **state)
{
    Tiny *t = *state;
    Err err = {0};
    Engine *engine = NULL;
    long n = 0;
    for (;; n++) {
        mem_fail_after(n);
        Status status = engine_new(&engine, t->model, 2, 0, NULL, &err);
        mem_fail_after(-1);
        if (status == OK)
            break;
        assert_int_equal(status, ERR_NOMEM);
        assert_null(engine);
    }
    assert_true(n > 10);
    int32_t prompt[] = {1};
    EngineRequest r = {.prompt = prompt, .n_prompt = 1, .sample = tiny_sample(1, 4)};
    EngineResult out;
    for (n = 0; n < 4; n++) { /* the four arrays of a result */
        mem_fail_after(n);
        assert_int_equal(engine_run(engine, &r, 1, &out, NULL, &err), ERR_NOMEM);
        assert_null(out.ids);
    }
    float logprobs[3];
    int32_t ids[] = {1, 2, 3};
    EngineScore item = {ids, 3, 1, logprobs};
    for (n = 0; n < 7; n++) { /* the six buffers of the scorer and its tape */
        mem_fail_after(n);
        assert_int_equal(engine_score(engine, &item, 1, &err), ERR_NOMEM);
    }
    mem_fail_after(-1);
    CHECK_OK(engine_score(engine, &item, 1, &err));
    engine_free(engine);
}

static void memory_is_told_before_it_is_taken(void **state)
{
    Tiny *t = *state;
    size_t one = engine_bytes(&t->model->shape, 1, 16);
    size_t two = engine_bytes(&t->model->shape, 2, 16);
    size_t cache = model_cache_bytes(&t->model->shape, 1, 16, 1);
    assert_true(one > cache && two > one);
    assert_int_equal(engine_bytes(&t->model->shape, 2, 0),
                     engine_bytes(&t->model->shape, 2, TINY_CONTEXT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_gives_what_each_request_gives_alone),
        cmocka_unit_test(shared_prompts_are_read_once_and_change_nothing),
        cmocka_unit_test(of_equal_prompts_all_but_one_are_copied),
        cmocka_unit_test(later_runs_find_what_earlier_ones_read),
        cmocka_unit_test(a_branch_leaves_its_trunk_whole),
        cmocka_unit_test(draws_follow_seed_and_index_and_nothing_else),
        cmocka_unit_test(cached_greedy_equals_the_full_forward),
        cmocka_unit_test(the_penalty_is_for_prompt_and_result),
        cmocka_unit_test(long_prompts_are_read_in_pieces),
        cmocka_unit_test(scores_equal_the_log_probabilities_of_the_draws),
        cmocka_unit_test(scores_do_not_depend_on_their_neighbours),
        cmocka_unit_test(scores_over_the_cache_are_those_of_a_pass),
        cmocka_unit_test(scores_over_the_cache_do_not_depend_on_it),
        cmocka_unit_test(a_stop_id_ends_and_is_kept),
        cmocka_unit_test(a_stop_string_is_found_across_tokens),
        cmocka_unit_test(a_full_context_ends_and_a_longer_prompt_is_refused),
        cmocka_unit_test(a_stream_sees_every_id_and_can_end_it),
        cmocka_unit_test(forced_ids_follow_at_once_and_are_read),
        cmocka_unit_test(an_answer_may_begin_with_given_ids),
        cmocka_unit_test(a_failing_hook_fails_the_run_and_the_engine_lives_on),
        cmocka_unit_test(a_constraint_decides_what_may_be_drawn),
        cmocka_unit_test(next_to_no_temperature_is_greedy),
        cmocka_unit_test(logits_that_are_no_numbers_are_an_error),
        cmocka_unit_test(a_reward_model_cannot_write),
        cmocka_unit_test(no_memory_is_an_error_everywhere),
        cmocka_unit_test(memory_is_told_before_it_is_taken),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
