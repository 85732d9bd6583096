/* test_rl_stages.c - the stages of reinforcement learning as they are, with transformers of
 * two layers, where the optimum is known: answers have four tokens, and the SFT model is
 * made so that it says nothing but five letters, so all 625 answers can be enumerated. The
 * reward is a random reward model, of mean 0 and deviation 1 under the SFT model.
 *
 *     J(pi) = E_pi[r] - beta KL(pi || sft),     J* = beta log E_sft[exp(r/beta)] */
#include "unit/stages/tiny.h"

#include "stages/answers.h"
#include "tensor/mutant.h"

#include <math.h>

Mutant mutant;

enum { LETTERS = 5, STEPS = 4, ANSWERS = 625, HIDDEN = 32, VOCAB = 265 };

typedef struct StageWorld {
    Tokenizer *tok;
    ChatTemplate *chat;
    Prompts prompts; /* of which there is one */
    int32_t answer[ANSWERS][STEPS];
    double reward[ANSWERS], ref_logprob[ANSWERS];
} StageWorld;

/* --- models -------------------------------------------------------------------------- */

/* Random weights large enough that what was said before matters, and an embedding whose
 * first dimension is the same in all tokens, by which the head of the language model rules
 * out all but the letters. */
static void make_weights(Model *m, const StageWorld *w, uint64_t seed)
{
    static float x[VOCAB * HIDDEN];
    TensorOps *ops = m->ops;
    Rng rng = rng_make(seed, RNG_TEST, 4);
    for (int i = 0; i < VOCAB * HIDDEN; i++)
        x[i] = i % HIDDEN == 0 ? 3 : (float)rng_normal(&rng);
    ops->write(ops, m->embed.value, x);
    for (int32_t l = 0; l < m->shape.layers; l++) {
        ops->scale(ops, m->layer[l].qkv.value, 12);
        ops->scale(ops, m->layer[l].out.value, 16);
        ops->scale(ops, m->layer[l].gate_up.value, 8);
        ops->scale(ops, m->layer[l].down.value, 16);
        ops->fill(ops, tensor_slice(m->layer[l].out.value, 0, HIDDEN), 0);
        ops->fill(ops, tensor_slice(m->layer[l].down.value, 0, 2 * HIDDEN), 0);
    }
    if (m->shape.head == HEAD_SCALAR)
        return;
    for (int i = 0; i < VOCAB * HIDDEN; i++)
        x[i] = i % HIDDEN == 0 ? -24 : 0;
    for (int a = 0; a < LETTERS; a++) {
        float *row = x + (int64_t)w->answer[a][STEPS - 1] * HIDDEN;
        for (int k = 0; k < HIDDEN; k++)
            row[k] = k == 0 ? 0 : (float)(0.2 * rng_normal(&rng));
    }
    ops->write(ops, m->lm_head.value, x);
}

static void save_model(Model *m, const StageWorld *w, const char *folder)
{
    Err err;
    ModelSpecials specials = {.bos = tokenizer_bos(w->tok),
                              .pad = tokenizer_pad(w->tok)};
    model_changed(m);
    CHECK_OK(file_make_folders(temp_path(folder), &err));
    CHECK_OK(model_folder_save(m, &specials, temp_path(folder), &err));
    CHECK_OK(tokenizer_save(w->tok, temp_path(folder), &err));
}

static Model *new_model(ModelHead head, const StageWorld *w, uint64_t seed)
{
    Err err;
    Model *m;
    ModelShape shape = {.head = head,
                        .vocab = VOCAB,
                        .hidden = HIDDEN,
                        .intermediate = 64,
                        .layers = 2,
                        .heads = 2,
                        .kv_heads = 2,
                        .context = 16,
                        .rope_theta = 10000,
                        .norm_eps = 1e-5};
    CHECK_OK(model_shape_check(&shape, &err));
    CHECK_OK(model_new(&m, tiny_ops, &shape, false, &err));
    CHECK_OK(model_init(m, seed, &err));
    make_weights(m, w, seed);
    return m;
}

/* --- enumeration --------------------------------------------------------------------- */

/* log pi of every answer. */
static void logprobs_of(Model *m, const StageWorld *w, double *out)
{
    enum { MOST = 16 };
    static int32_t ids[ANSWERS][MOST];
    static float logprob[ANSWERS][MOST];
    static EngineScore items[ANSWERS];
    Err err;
    Engine *engine;
    int64_t n = documents_len(&w->prompts.rendered, 0);
    for (int i = 0; i < ANSWERS; i++) {
        memcpy(ids[i], documents_ids(&w->prompts.rendered, 0),
               (size_t)n * sizeof **ids);
        memcpy(ids[i] + n, w->answer[i], sizeof w->answer[i]);
        items[i] = (EngineScore){
            .ids = ids[i], .n = n + STEPS, .first = n, .logprobs = logprob[i]};
    }
    CHECK_OK(engine_new(&engine, m, 8, 0, NULL, &err));
    CHECK_OK(engine_score(engine, items, ANSWERS, &err));
    engine_free(engine);
    for (int i = 0; i < ANSWERS; i++) {
        out[i] = 0;
        for (int64_t t = n; t < n + STEPS; t++)
            out[i] += (double)logprob[i][t];
    }
}

static void rewards_of(Model *m, const StageWorld *w, double *out)
{
    static RewardItem items[ANSWERS];
    Err err;
    Reward reward;
    for (int i = 0; i < ANSWERS; i++)
        items[i] = (RewardItem){.prompt_ids = documents_ids(&w->prompts.rendered, 0),
                                .n_prompt = documents_len(&w->prompts.rendered, 0),
                                .answer = w->answer[i],
                                .n_answer = STEPS};
    CHECK_OK(reward_from_model(&reward, m, &err));
    CHECK_OK(reward_score(&reward, items, ANSWERS, &err));
    reward_release(&reward);
    for (int i = 0; i < ANSWERS; i++)
        out[i] = items[i].score;
}

/* Mean 0 and deviation 1 under the SFT model. */
static void standardise(Model *m, StageWorld *w)
{
    double mean = 0, square = 0;
    rewards_of(m, w, w->reward);
    for (int i = 0; i < ANSWERS; i++)
        mean += exp(w->ref_logprob[i]) * w->reward[i];
    for (int i = 0; i < ANSWERS; i++)
        square += exp(w->ref_logprob[i]) * pow(w->reward[i] - mean, 2);
    m->ops->scale(m->ops, m->score.value, (float)(1 / sqrt(square)));
    m->score_bias = -mean / sqrt(square);
    model_changed(m);
    rewards_of(m, w, w->reward);
}

static void make_answers(StageWorld *w)
{
    Err err;
    Ids ids = {0};
    CHECK_OK(tokenizer_encode(w->tok, SPAN("abcde"), &ids, &err));
    assert_int_equal(ids.len, LETTERS);
    for (int i = 0; i < ANSWERS; i++) {
        for (int t = STEPS - 1, rest = i; t >= 0; t--, rest /= LETTERS)
            w->answer[i][t] = ids.ptr[rest % LETTERS];
    }
    ids_release(&ids);
}

static void make_world(StageWorld *w, uint64_t seed)
{
    Err err;
    CorpusOptions corpus = {0};
    Str text = {0};
    *w = (StageWorld){.tok = tiny_tokenizer()};
    CHECK_OK(template_new(&w->chat, w->tok, &err));
    str_puts(&text, "{\"prompt\": \"x\"}\n");
    tiny_write("prompt.jsonl", &text);
    str_release(&text);
    CHECK_OK(prompts_load(&w->prompts, temp_path("prompt.jsonl"), &corpus, w->chat, 16,
                          STEPS, 0, &err));
    make_answers(w);
    Model *sft = new_model(HEAD_LM, w, seed),
          *reward = new_model(HEAD_SCALAR, w, seed + 100);
    logprobs_of(sft, w, w->ref_logprob);
    standardise(reward, w);
    save_model(sft, w, "sft");
    save_model(reward, w, "reward");
    model_free(sft);
    model_free(reward);
}

static void release_world(StageWorld *w)
{
    prompts_release(&w->prompts);
    template_free(w->chat);
    tokenizer_free(w->tok);
}

/* --- runs ---------------------------------------------------------------------------- */

typedef struct Outcome {
    double share, mass;  /* J/J*; what all 625 answers have together */
    double kl, kl_error; /* exact; of the mean of `batch` sampled ones */
    double sampled_kl, explained, engine_gap;
} Outcome;

static Outcome measure(const StageWorld *w, const char *kind, double beta, double batch)
{
    Err err;
    Model *policy;
    static double logprob[ANSWERS];
    Outcome o = {0};
    double reward = 0, squares = 0, best = 0;
    CHECK_OK(model_folder_load(&policy, tiny_ops, temp_path("out"), false, NULL, &err));
    logprobs_of(policy, w, logprob);
    model_free(policy);
    for (int i = 0; i < ANSWERS; i++) {
        double p = exp(logprob[i]), d = logprob[i] - w->ref_logprob[i];
        o.mass += p;
        o.kl += p * d;
        squares += p * d * d;
        reward += p * w->reward[i];
        best += exp(w->ref_logprob[i] + w->reward[i] / beta);
    }
    o.share = (reward - beta * o.kl) / (beta * log(best));
    o.kl_error = sqrt((squares - o.kl * o.kl) / batch);
    o.sampled_kl = tiny_metric("out", -1, "objective/kl");
    o.engine_gap = tiny_metric("out", -1, "val/engine_gap");
    if (strcmp(kind, "ppo") == 0)
        o.explained = tiny_metric("out", -1, "val/var_explained");
    print_message("%s: reward %.3f, KL %.3f (sampled %.3f +- %.3f), J/J* %.4f of %.3f; "
                  "explained %.2f\n",
                  kind, reward, o.kl, o.sampled_kl, o.kl_error, o.share,
                  beta * log(best), o.explained);
    CHECK_OK(file_remove_tree(temp_path("out"), &err));
    return o;
}

#define COMMON                                                                         \
    "model=@sft reward=@reward prompts=@prompt.jsonl max_new=4 tools=false "           \
    "missing_eos_penalty=0 eval_every=0 sample_every=0 checkpoint_every=0 "            \
    "max_loss_spike=0 batch=256 minibatches=4 epochs=2 kl_coef=1 micro_batch=4096 "    \
    "lr=0.003 beta2=0.99 guards=false "

#define SHARED "critic=shared value_coef=0.5"

static Outcome run(const StageWorld *w, const char *kind, const char *settings)
{
    char all[800];
    snprintf(all, sizeof all, COMMON "%s", settings);
    tiny_run(kind, "out", all);
    return measure(w, kind, 1, 256);
}

/* --- correct ones reach the optimum --------------------------------------------------- */

static Outcome check_reaches(uint64_t seed, const char *kind, const char *settings,
                             double bar)
{
    StageWorld w;
    make_world(&w, seed);
    Outcome o = run(&w, kind, settings);
    assert_true(o.mass > 0.9999);
    assert_true(o.share >= bar);
    assert_true(fabs(o.sampled_kl - o.kl) <= 3 * o.kl_error);
    assert_true(o.engine_gap < 1e-4);
    release_world(&w);
    return o;
}

#ifndef TEST_SANITIZED
static void check_ppo(uint64_t seed)
{
    mutant = MUTANT_NONE;
    check_reaches(seed, "ppo", "episodes=20480", 0.97);
}
static void ppo_reaches_the_optimum_1(void **state)
{
    (void)state;
    check_ppo(1);
}
static void ppo_reaches_the_optimum_2(void **state)
{
    (void)state;
    check_ppo(2);
}
static void ppo_reaches_the_optimum_3(void **state)
{
    (void)state;
    check_ppo(3);
}

/* The critic as a row over the policy's trunk. (With value_coef 0.1, the default, the third
 * seed reaches 0.971, and 1e-4 of its mass leaves the five letters.) */
static void ppo_reaches_the_optimum_with_a_shared_critic(void **state)
{
    (void)state;
    mutant = MUTANT_NONE;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        check_reaches(seed, "ppo", "episodes=20480 " SHARED, 0.97);
        assert_int_equal(temp_remove(NULL) | temp_make(NULL), 0);
    }
}

static void rloo_reaches_the_optimum(void **state)
{
    (void)state;
    mutant = MUTANT_NONE;
    check_reaches(1, "rloo", "episodes=20480 answers=8", 0.97);
}

/* With its KL in the reward; as a term of the loss it has an optimum of its own
 * (test_rl_table.c), which is not far. */
static void grpo_reaches_the_optimum(void **state)
{
    (void)state;
    mutant = MUTANT_NONE;
    check_reaches(1, "grpo", "episodes=20480 answers=8 kl_in=reward", 0.97);
    assert_int_equal(temp_remove(NULL) | temp_make(NULL), 0);
    check_reaches(1, "grpo", "episodes=10240 answers=8 loss=token scale=none", 0.8);
}

/* --- mistakes ------------------------------------------------------------------------ */

enum { BY_OPTIMUM = 1, BY_EXPLAINED = 2, BY_GAP = 4 };

static int caught_by(const StageWorld *w, const char *more)
{
    char settings[200];
    snprintf(settings, sizeof settings, "episodes=7680 %s", more);
    Outcome at_1 = run(w, "ppo", settings);
    snprintf(settings, sizeof settings, "episodes=512 temperature=0.7 %s", more);
    Outcome at_07 = run(w, "ppo", settings);
    return (at_1.share < 0.93 ? BY_OPTIMUM : 0) |
           (at_1.explained < 0 ? BY_EXPLAINED : 0) |
           (at_07.engine_gap > 1e-4 ? BY_GAP : 0);
}

/* The other mistake, of the clip, hardly shows in steps as small as these: the golden loss
 * of the table's test catches it. */
static void each_mistake_is_caught(void **state)
{
    static const struct {
        Mutant mutant;
        const char *what;
        int by; /* at least */
        const char *settings;
    } list[] = {
        {MUTANT_NONE, "PPO as it is", 0, ""},
        {MUTANT_VALUES_LATE, "values one state late", BY_OPTIMUM, ""},
        {MUTANT_SCORE_EARLY, "score one token early", BY_OPTIMUM, ""},
        {MUTANT_KL_SIGN, "KL with the other sign", BY_OPTIMUM, ""},
        {MUTANT_K3_REWARD, "k3 in the reward", BY_OPTIMUM, ""},
        {MUTANT_CRITIC_UNTRAINED, "critic never trained", BY_EXPLAINED, ""},
        {MUTANT_TEMPERATURE, "drawn at T, scored at 1", BY_GAP, ""},
        {MUTANT_NONE, "a shared critic", 0, SHARED},
        {MUTANT_VALUES_LATE, "shared, a state late", BY_OPTIMUM, SHARED},
        {MUTANT_CRITIC_UNTRAINED, "shared, never trained", BY_EXPLAINED, SHARED},
    };
    enum { N = sizeof list / sizeof *list };
    int caught[N];
    (void)state;
    StageWorld w;
    make_world(&w, 2);
    for (int i = 0; i < N; i++) {
        mutant = list[i].mutant;
        print_message("-- %s\n", list[i].what);
        caught[i] = caught_by(&w, list[i].settings);
    }
    mutant = MUTANT_NONE;
    print_message("%-26s optimum  explained  engine gap\n", "caught by");
    for (int i = 0; i < N; i++)
        print_message(
            "%-26s %-8s %-10s %s\n", list[i].what, caught[i] & BY_OPTIMUM ? "x" : "",
            caught[i] & BY_EXPLAINED ? "x" : "", caught[i] & BY_GAP ? "x" : "");
    for (int i = 0; i < N; i++) {
        if (list[i].mutant == MUTANT_NONE)
            assert_int_equal(caught[i], 0);
        assert_int_equal(caught[i] & list[i].by, list[i].by);
    }
    release_world(&w);
}

#endif

/* Where everything takes ten times as long: one seed goes a part of the way. */
static void each_stage_begins_well(void **state)
{
    (void)state;
    mutant = MUTANT_NONE;
    check_reaches(2, "ppo", "episodes=1536", 0.3);
    assert_int_equal(temp_remove(NULL) | temp_make(NULL), 0);
    check_reaches(2, "rloo", "episodes=1536 answers=8", 0.3);
    assert_int_equal(temp_remove(NULL) | temp_make(NULL), 0);
    check_reaches(2, "grpo", "episodes=1536 answers=8 kl_in=reward", 0.3);
}

int main(void)
{
#ifdef TEST_SANITIZED
    const struct CMUnitTest tests[] = {TEMP_TEST(each_stage_begins_well)};
#else
    const struct CMUnitTest tests[] = {
        TEMP_TEST(each_stage_begins_well),
        TEMP_TEST(ppo_reaches_the_optimum_1),
        TEMP_TEST(ppo_reaches_the_optimum_2),
        TEMP_TEST(ppo_reaches_the_optimum_3),
        TEMP_TEST(ppo_reaches_the_optimum_with_a_shared_critic),
        TEMP_TEST(rloo_reaches_the_optimum),
        TEMP_TEST(grpo_reaches_the_optimum),
        TEMP_TEST(each_mistake_is_caught),
    };
#endif
    return cmocka_run_group_tests(tests, tiny_make_ops, tiny_free_ops);
}
