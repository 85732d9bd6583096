/* test_rl_table.c - PPO, RLOO and GRPO in the world where the optimum is known
 * (support/oracle.h), with tables for policy and critic: what is theirs is called as the
 * stages call it, on arrays. And each mistake of tensor/mutant.h is caught: the last test
 * lists by what. */
#include "support/oracle.h"

#include "stages/rl/group_internal.h"
#include "stages/rl/ppo_internal.h"
#include "tensor/mutant.h"

Mutant mutant;

enum { BATCH = 512, ACTIONS = BATCH * ORACLE_STEPS, GROUP = 8 };

typedef enum Method { PPO, RLOO, GRPO } Method;

typedef struct Trial {
    Method method;
    double beta, temperature, lr, critic_lr;
    int iterations, epochs;
    int scale, kl_in; /* GRPO */
} Trial;

static const Trial ppo = {.method = PPO,
                          .beta = 1,
                          .temperature = 1,
                          .lr = 0.03,
                          .critic_lr = 0.05,
                          .iterations = 300,
                          .epochs = 4};
static const Trial rloo = {.method = RLOO,
                           .beta = 1,
                           .temperature = 1,
                           .lr = 0.03,
                           .iterations = 300,
                           .epochs = 2};
static const Trial grpo = {.method = GRPO,
                           .beta = 1,
                           .temperature = 1,
                           .lr = 0.03,
                           .iterations = 600,
                           .epochs = 2,
                           .scale = GRPO_SCALE_NONE};

/* --- a run --------------------------------------------------------------------------- */

typedef struct Critic {
    TensorOps *ops;
    Tensor table, gradient, m, v; /* f32 (ORACLE_STATES) */
    int64_t steps;
    float value[ORACLE_STATES], grad[ORACLE_STATES]; /* the host's */
} Critic;

typedef struct Run {
    const Trial *t;
    const OracleWorld *w;
    OraclePolicy policy;
    Critic critic;
    double drawn[ORACLE_LOGITS], scored[ORACLE_LOGITS], ref[ORACLE_LOGITS];
    int answer[BATCH];
    int state[ACTIONS], symbol[ACTIONS];
    Episode episodes[BATCH];
    double outcome[BATCH], relative[BATCH];
    float logprob[ACTIONS], ref_logprob[ACTIONS], weight[ACTIONS], advantage[ACTIONS];
    float value[ACTIONS], reward[ACTIONS], returns[ACTIONS];
    float new_logprob[ACTIONS], new_value[ACTIONS], slope[ACTIONS],
        value_slope[ACTIONS];
    Experience x;
    double error, variance; /* of the sampled KL, summed over the last third */
    double explained;       /* by the critic, at the end */
} Run;

static void critic_make(Critic *c)
{
    Err err = {0};
    *c = (Critic){0};
    CHECK_OK(tensor_ref_new(&c->ops, &err));
    Tensor *const tensors[] = {&c->table, &c->gradient, &c->m, &c->v};
    for (int i = 0; i < 4; i++)
        CHECK_OK(c->ops->alloc(c->ops, tensors[i], TENSOR_F32, ORACLE_STATES, &err));
    c->ops->write(c->ops, c->table, c->value);
}

static void critic_release(Critic *c)
{
    Tensor *const tensors[] = {&c->table, &c->gradient, &c->m, &c->v};
    for (int i = 0; i < 4; i++)
        c->ops->free(c->ops, tensors[i]);
    tensor_free(c->ops);
}

static void critic_step(Critic *c, double lr)
{
    c->steps++;
    AdamwStep step = {.lr = (float)lr,
                      .beta1 = 0.9F,
                      .beta2 = 0.999F,
                      .eps = 1e-8F,
                      .grad_scale = 1,
                      .correction1 = (float)(1 - pow(0.9, (double)c->steps)),
                      .correction2 = (float)(1 - pow(0.999, (double)c->steps))};
    c->ops->write(c->ops, c->gradient, c->grad);
    c->ops->adamw(c->ops, c->table, c->gradient, c->m, c->v, step);
    c->ops->read(c->ops, c->value, c->table);
    memset(c->grad, 0, sizeof c->grad);
}

/* Softmax of logits / T. */
static void probs_at(const float *logits, double temperature, double *probs)
{
    float scaled[ORACLE_LOGITS];
    for (int k = 0; k < ORACLE_LOGITS; k++)
        scaled[k] = (float)((double)logits[k] / temperature);
    oracle_probs(scaled, probs);
}

static void refresh(Run *r)
{
    double scored_at = MUTANT(TEMPERATURE) ? 1 : r->t->temperature;
    probs_at(r->policy.logits, r->t->temperature, r->drawn);
    probs_at(r->policy.logits, scored_at, r->scored);
    probs_at(r->w->ref, scored_at, r->ref);
    memcpy(r->policy.probs, r->scored, sizeof r->scored);
}

static void collect(Run *r, Rng *rng)
{
    for (int i = 0; i < BATCH; i++) {
        int *symbol = r->symbol + i * ORACLE_STEPS,
            *state = r->state + i * ORACLE_STEPS;
        r->answer[i] = oracle_draw(r->drawn, rng);
        oracle_walk(r->answer[i], symbol, state);
        r->episodes[i] = (Episode){.first = i * ORACLE_STEPS,
                                   .actions = ORACLE_STEPS,
                                   .n_answer = ORACLE_STEPS,
                                   .ended = true,
                                   .scaled = r->w->reward[r->answer[i]]};
    }
    for (int t = 0; t < ACTIONS; t++) {
        int at = r->state[t] * ORACLE_SYMBOLS + r->symbol[t];
        r->logprob[t] = (float)log(r->scored[at]);
        r->ref_logprob[t] = (float)log(r->ref[at]);
        r->value[t] = r->critic.value[r->state[t]];
        r->weight[t] = 1;
    }
    rl_sum_kl(&r->x);
}

/* What the KL of the distribution that was drawn from really is. */
static double exact_kl(const Run *r)
{
    double kl = 0, ref[ORACLE_LOGITS];
    probs_at(r->w->ref, r->t->temperature, ref);
    for (int i = 0; i < ORACLE_ANSWERS; i++) {
        double logprob = oracle_logprob(r->drawn, i);
        kl += exp(logprob) * (logprob - oracle_logprob(ref, i));
    }
    return kl;
}

static void compare_kl(Run *r)
{
    double mean = 0, variance = 0;
    for (int i = 0; i < BATCH; i++)
        mean += r->episodes[i].kl / BATCH;
    for (int i = 0; i < BATCH; i++)
        variance += pow(r->episodes[i].kl - mean, 2) / (BATCH - 1);
    r->error += mean - exact_kl(r);
    r->variance += variance / BATCH;
}

static RlOptions rl_options_of(const Trial *t)
{
    return (RlOptions){.answers = GROUP, .clip = 0.2, .kl_coef = t->beta, .max_new = 4};
}

static void credit(Run *r)
{
    const Trial *t = r->t;
    PpoOptions p = {
        .rl = rl_options_of(t), .gamma = 1, .lambda = 0.95, .whiten_advantages = true};
    RlooOptions o = {.rl = rl_options_of(t)};
    GrpoOptions g = {.rl = rl_options_of(t), .scale = t->scale, .kl_in = t->kl_in};
    if (t->method == RLOO)
        rloo_advantages(&o, t->beta, &r->x);
    if (t->method == GRPO)
        grpo_advantages(&g, t->beta, &r->x);
    if (t->method != PPO)
        return;
    ppo_rewards(&p, t->beta, &r->x, r->reward);
    ppo_advantages(&p, r->reward, r->value, &r->x, r->returns);
    double mean = rl_moments(r->returns, ACTIONS).mean, error = 0, all = 0;
    for (int k = 0; k < ACTIONS; k++) {
        error += pow((double)r->returns[k] - (double)r->value[k], 2);
        all += pow((double)r->returns[k] - mean, 2);
    }
    r->explained = 1 - error / all;
}

static void policy_slopes(Run *r)
{
    static const int64_t lengths[BATCH] = {ORACLE_STEPS};
    int64_t length[BATCH];
    float advantage[BATCH], ones[BATCH];
    for (int i = 0; i < BATCH; i++) {
        length[i] = lengths[0];
        advantage[i] = (float)r->relative[i];
        ones[i] = 1;
    }
    const GrpoOptions g = {.kl_in = r->t->kl_in};
    const GrpoLoss how = {
        .low = 0.2, .high = 0.2, .kl_coef = grpo_loss_kl(&g, r->t->beta)};
    if (r->t->method == PPO)
        loss_policy(r->new_logprob, r->logprob, r->advantage, r->weight, ACTIONS, 0.2,
                    ACTIONS, r->slope);
    if (r->t->method == RLOO)
        loss_policy_sequence(r->new_logprob, r->logprob, advantage, ones, length, BATCH,
                             0.2, BATCH, r->slope);
    if (r->t->method == GRPO)
        loss_grpo(&how, r->new_logprob, r->logprob, r->ref_logprob, r->advantage,
                  r->weight, ACTIONS, ACTIONS, r->slope);
}

static void learn(Run *r, double rate)
{
    double scored_at = MUTANT(TEMPERATURE) ? 1 : r->t->temperature;
    for (int k = 0; k < ACTIONS; k++) {
        r->new_logprob[k] =
            (float)log(r->scored[r->state[k] * ORACLE_SYMBOLS + r->symbol[k]]);
        r->new_value[k] = r->critic.value[r->state[k]];
    }
    policy_slopes(r);
    for (int i = 0; i < BATCH; i++) {
        double slopes[ORACLE_STEPS];
        for (int s = 0; s < ORACLE_STEPS; s++)
            slopes[s] = (double)r->slope[i * ORACLE_STEPS + s] / scored_at;
        oracle_learn(&r->policy, r->answer[i], slopes);
    }
    oracle_step(&r->policy, r->t->lr * rate);
    refresh(r);
    if (r->t->method != PPO || MUTANT(CRITIC_UNTRAINED))
        return;
    loss_value(r->new_value, r->value, r->returns, r->weight, ACTIONS, 0.2, ACTIONS,
               r->value_slope);
    for (int k = 0; k < ACTIONS; k++)
        r->critic.grad[r->state[k]] += r->value_slope[k];
    critic_step(&r->critic, r->t->critic_lr * rate);
}

/* What a run comes to. */
typedef struct Outcome {
    double share;     /* J/J* */
    double kl_errors; /* sampled - exact KL, in standard errors */
    double explained; /* variance of returns, by the critic */
    double probs[ORACLE_LOGITS];
} Outcome;

static Outcome run(const Trial *t, const OracleWorld *w, uint64_t seed)
{
    static Run all;
    Run *r = &all;
    *r = (Run){.t = t, .w = w};
    r->x = (Experience){.n = BATCH,
                        .episodes = r->episodes,
                        .actions = ACTIONS,
                        .logprob = r->logprob,
                        .ref_logprob = r->ref_logprob,
                        .weight = r->weight,
                        .advantage = r->advantage,
                        .outcome = r->outcome,
                        .relative = r->relative};
    Rng rng = rng_make(seed, RNG_TEST, 3);
    oracle_policy_make(&r->policy, w);
    critic_make(&r->critic);
    refresh(r);
    for (int i = 0; i < t->iterations; i++) {
        collect(r, &rng);
        if (i >= t->iterations * 2 / 3)
            compare_kl(r);
        credit(r);
        for (int e = 0; e < t->epochs; e++)
            learn(r, 1 - (double)i / t->iterations);
    }
    OracleScore s = oracle_score(w, r->drawn, w->reward, t->beta);
    Outcome out = {.share = s.objective / oracle_best(w, w->reward, t->beta),
                   .kl_errors = r->error / sqrt(r->variance),
                   .explained = r->explained};
    memcpy(out.probs, r->drawn, sizeof out.probs);
    print_message("reward %.3f, KL %.3f, J/J* %.4f; sampled KL %+.1f errors off, "
                  "explained %.2f\n",
                  s.reward, s.kl, out.share, out.kl_errors, out.explained);
    critic_release(&r->critic);
    oracle_policy_release(&r->policy);
    return out;
}

/* --- correct ones reach the optimum --------------------------------------------------- */

static void check_reaches(const Trial *t, double bar)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        OracleWorld w;
        oracle_world_make(&w, seed);
        Outcome o = run(t, &w, seed);
        assert_true(o.share >= bar);
        assert_true(fabs(o.kl_errors) <= 3);
        assert_true(t->method != PPO || o.explained >= 0.8);
    }
}

static void ppo_reaches_the_optimum(void **state)
{
    (void)state;
    mutant = MUTANT_NONE;
    check_reaches(&ppo, 0.995);
}

static void rloo_reaches_the_optimum(void **state)
{
    (void)state;
    mutant = MUTANT_NONE;
    check_reaches(&rloo, 0.995);
}

/* --- GRPO: an optimum of its own ------------------------------------------------------- */

/* Where GRPO stands still. Its KL term is k3 of the drawn token, learned through, and the
 * expected gradient of that is the gradient of KL(ref || pi) in each state that pi visits:
 * not that of the KL(pi || ref) in J. So with Q(s, a) what an answer is worth from there on
 * and b = beta K/(K - 1), because a group's mean has the answer itself in it,
 *
 *     pi(a|s) (Q(s, a) - V(s)) + b (ref(a|s) - pi(a|s)) = 0
 *     pi(a|s) = b ref(a|s) / (b + V(s) - Q(s, a)),        V such that they sum to 1. */
static double stand_still(const OracleWorld *w, double b, int depth, int first,
                          int code, double *probs)
{
    if (depth == ORACLE_STEPS)
        return w->reward[code];
    int at = (first + code) * ORACLE_SYMBOLS, beginnings = 1;
    for (int d = 0; d < depth; d++)
        beginnings *= ORACLE_SYMBOLS;
    double Q[ORACLE_SYMBOLS], low = -HUGE_VAL, high = -HUGE_VAL;
    for (int a = 0; a < ORACLE_SYMBOLS; a++) {
        Q[a] = stand_still(w, b, depth + 1, first + beginnings,
                           code * ORACLE_SYMBOLS + a, probs);
        low = fmax(low, Q[a] - b);
        high = fmax(high, Q[a]);
    }
    for (int i = 0; i < 200; i++) { /* the sum falls with V */
        double V = (low + high) / 2, sum = 0;
        for (int a = 0; a < ORACLE_SYMBOLS; a++)
            sum += probs[at + a] = b * w->ref_probs[at + a] / (b + V - Q[a]);
        *(sum > 1 ? &low : &high) = V;
    }
    return high;
}

static double kl_of(const double *p, const double *q)
{
    double kl = 0;
    for (int i = 0; i < ORACLE_ANSWERS; i++) {
        double logprob = oracle_logprob(p, i);
        kl += exp(logprob) * (logprob - oracle_logprob(q, i));
    }
    return kl;
}

static void grpo_reaches_where_it_must_stand_still(void **state)
{
    (void)state;
    mutant = MUTANT_NONE;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        OracleWorld w;
        double probs[ORACLE_LOGITS];
        oracle_world_make(&w, seed);
        stand_still(&w, grpo.beta * GROUP / (GROUP - 1), 0, 0, 0, probs);
        Outcome o = run(&grpo, &w, seed);
        OracleScore there = oracle_score(&w, probs, w.reward, grpo.beta);
        double share = there.objective / oracle_best(&w, w.reward, grpo.beta);
        double apart = kl_of(o.probs, probs), moved = kl_of(o.probs, w.ref_probs);
        print_message("its own optimum: J/J* %.4f; KL to it %.5f\n", share, apart);
        assert_true(apart < 0.01 * moved);
        CHECK_NEAR(o.share, share, 0.01);
        assert_true(o.share >= 0.9);
        assert_true(fabs(o.kl_errors) <= 3);
    }
}

static void grpo_with_its_kl_in_the_reward_reaches_the_optimum(void **state)
{
    (void)state;
    mutant = MUTANT_NONE;
    for (int scale = GRPO_SCALE_GROUP; scale <= GRPO_SCALE_NONE; scale++) {
        Trial t = grpo;
        t.iterations = 300;
        t.kl_in = GRPO_KL_REWARD;
        t.scale = scale;
        check_reaches(&t, 0.995);
    }
}

/* --- mistakes -------------------------------------------------------------------------- */

enum { BY_OPTIMUM = 1, BY_KL = 2, BY_EXPLAINED = 4, BY_GOLDEN = 8 };

/* The example of tests/unit/tensor/test_loss.c: two of four ratios lie beyond the bounds on
 * the side where the clip does not act. */
static bool golden_loss_differs(void)
{
    const float now[] = {-1, -1.1F, -1.95F, -0.05F}, old[] = {-1.2F, -0.7F, -2, -0.3F};
    const float advantage[] = {1.147345F, 0.593982F, -0.232434F, -1.508893F};
    const float ones[] = {1, 1, 1, 1};
    float slope[4];
    PolicyLoss loss = loss_policy(now, old, advantage, ones, 4, 0.2, 4, slope);
    return fabs(loss.loss - 0.1017090) > 1e-6;
}

/* Which checks find something wrong. */
static int caught_by(const OracleWorld *w, const Trial *t)
{
    Trial warm = *t;
    warm.temperature = 0.7;
    warm.iterations = 60;
    Outcome whole = run(t, w, 1), at_07 = run(&warm, w, 1);
    double bar = t->method == GRPO ? 0.9 : 0.995;
    return (whole.share < bar ? BY_OPTIMUM : 0) |
           (fabs(at_07.kl_errors) > 3 ? BY_KL : 0) |
           (t->method == PPO && whole.explained < 0.8 ? BY_EXPLAINED : 0) |
           (golden_loss_differs() ? BY_GOLDEN : 0);
}

static void each_mistake_is_caught(void **state)
{
    static const struct {
        Mutant mutant;
        const char *what;
        Method method;
        int by; /* at least */
    } list[] = {
        {MUTANT_NONE, "PPO as it is", PPO, 0},
        {MUTANT_VALUES_LATE, "values one state late", PPO, BY_OPTIMUM},
        {MUTANT_SCORE_EARLY, "score one token early", PPO, BY_OPTIMUM},
        {MUTANT_KL_SIGN, "KL with the other sign", PPO, BY_OPTIMUM},
        {MUTANT_K3_REWARD, "k3 in the reward", PPO, BY_OPTIMUM},
        {MUTANT_CRITIC_UNTRAINED, "critic never trained", PPO, BY_EXPLAINED},
        {MUTANT_TEMPERATURE, "drawn at T, scored at 1", PPO, BY_KL},
        {MUTANT_CLIP_SWAPPED, "min for max in the loss", PPO, BY_GOLDEN},
        {MUTANT_NONE, "RLOO as it is", RLOO, 0},
        {MUTANT_KL_SIGN, "RLOO: KL with the other sign", RLOO, BY_OPTIMUM},
        {MUTANT_K3_REWARD, "RLOO: k3 in the reward", RLOO, BY_OPTIMUM},
        {MUTANT_TEMPERATURE, "RLOO: drawn at T, scored at 1", RLOO, BY_KL},
        {MUTANT_NONE, "GRPO as it is", GRPO, 0},
        {MUTANT_KL_SIGN, "GRPO: KL with the other sign", GRPO, BY_OPTIMUM},
    };
    enum { N = sizeof list / sizeof *list };
    const Trial *const trials[] = {[PPO] = &ppo, [RLOO] = &rloo, [GRPO] = &grpo};
    int caught[N];
    (void)state;
    OracleWorld w;
    oracle_world_make(&w, 1);
    for (int i = 0; i < N; i++) {
        mutant = list[i].mutant;
        print_message("-- %s\n", list[i].what);
        caught[i] = caught_by(&w, trials[list[i].method]);
    }
    mutant = MUTANT_NONE;
    print_message("%-30s optimum  sampled KL  explained  golden loss\n", "caught by");
    for (int i = 0; i < N; i++)
        print_message("%-30s %-8s %-11s %-10s %s\n", list[i].what,
                      caught[i] & BY_OPTIMUM ? "x" : "", caught[i] & BY_KL ? "x" : "",
                      caught[i] & BY_EXPLAINED ? "x" : "",
                      caught[i] & BY_GOLDEN ? "x" : "");
    for (int i = 0; i < N; i++) {
        if (list[i].mutant == MUTANT_NONE)
            assert_int_equal(caught[i], 0);
        assert_int_equal(caught[i] & list[i].by, list[i].by);
    }
}

/* That the table above leaves none out. */
static void every_mistake_is_in_the_list(void **state)
{
    (void)state;
    assert_int_equal(MUTANTS, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ppo_reaches_the_optimum),
        cmocka_unit_test(rloo_reaches_the_optimum),
        cmocka_unit_test(grpo_reaches_where_it_must_stand_still),
        cmocka_unit_test(grpo_with_its_kl_in_the_reward_reaches_the_optimum),
        cmocka_unit_test(each_mistake_is_caught),
        cmocka_unit_test(every_mistake_is_in_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
