/* oracle.h - a world so small that everything about it is known: 5 symbols, answers of 4,
 * so 625 answers; a random reference policy, a reward for each answer. The best policy and
 * how good any policy is are computed by enumeration, so a test asks whether an algorithm
 * reaches the optimum of
 *
 *     J(pi) = E_pi[r] - beta KL(pi || ref),     pi* = ref exp(r/beta) / Z,
 *     J*    = beta log E_ref[exp(r/beta)]
 *
 * and not only whether something went up. The reward is a sum of unigram and bigram
 * features with normal weights, of mean 0 and deviation 1 under the reference: J(ref) = 0.
 *
 * A policy is a table: logits (ORACLE_STATES, ORACLE_SYMBOLS), a state for each beginning of
 * an answer. Its gradient is taken by hand, its step by the project's own AdamW. */
#ifndef SUPPORT_ORACLE_H
#define SUPPORT_ORACLE_H

#include "support/check.h"

#include "tensor/ops.h"

#include <math.h>

enum {
    ORACLE_SYMBOLS = 5,
    ORACLE_STEPS = 4,
    ORACLE_ANSWERS = 625,
    ORACLE_STATES = 1 + 5 + 25 + 125,
    ORACLE_LOGITS = ORACLE_STATES * ORACLE_SYMBOLS,
};

typedef struct OracleWorld {
    float ref[ORACLE_LOGITS];        /* the reference's logits */
    double ref_probs[ORACLE_LOGITS]; /* of the next symbol in each state */
    double ref_logprob[ORACLE_ANSWERS];
    double reward[ORACLE_ANSWERS];
} OracleWorld;

/* --- answers ------------------------------------------------------------------------- */

/* The symbols of answer i, and the state in which each is chosen. */
static inline void oracle_walk(int i, int symbol[ORACLE_STEPS], int state[ORACLE_STEPS])
{
    int first = 0, beginnings = 1, code = 0, divisor = ORACLE_ANSWERS;
    for (int t = 0; t < ORACLE_STEPS; t++) {
        divisor /= ORACLE_SYMBOLS;
        symbol[t] = i / divisor % ORACLE_SYMBOLS;
        state[t] = first + code;
        code = code * ORACLE_SYMBOLS + symbol[t];
        first += beginnings;
        beginnings *= ORACLE_SYMBOLS;
    }
}

/* Softmax of every state. */
static inline void oracle_probs(const float *logits, double *probs)
{
    for (int s = 0; s < ORACLE_STATES; s++) {
        const float *z = logits + s * ORACLE_SYMBOLS;
        double *p = probs + s * ORACLE_SYMBOLS, most = -HUGE_VAL, sum = 0;
        for (int a = 0; a < ORACLE_SYMBOLS; a++)
            most = fmax(most, (double)z[a]);
        for (int a = 0; a < ORACLE_SYMBOLS; a++)
            sum += p[a] = exp((double)z[a] - most);
        for (int a = 0; a < ORACLE_SYMBOLS; a++)
            p[a] /= sum;
    }
}

static inline double oracle_logprob(const double *probs, int i)
{
    int symbol[ORACLE_STEPS], state[ORACLE_STEPS];
    double sum = 0;
    oracle_walk(i, symbol, state);
    for (int t = 0; t < ORACLE_STEPS; t++)
        sum += log(probs[state[t] * ORACLE_SYMBOLS + symbol[t]]);
    return sum;
}

/* Draws an answer. */
static inline int oracle_draw(const double *probs, Rng *rng)
{
    int state = 0, first = 0, beginnings = 1, code = 0;
    for (int t = 0; t < ORACLE_STEPS; t++) {
        code = code * ORACLE_SYMBOLS +
               (int)rng_pick(rng, probs + state * ORACLE_SYMBOLS, ORACLE_SYMBOLS);
        first += beginnings;
        beginnings *= ORACLE_SYMBOLS;
        state = first + code;
    }
    return code;
}

/* --- the world ----------------------------------------------------------------------- */

/* Mean 0 and deviation 1 under the reference. */
static inline void oracle_standardise(const OracleWorld *w, double *reward)
{
    double mean = 0, variance = 0;
    for (int i = 0; i < ORACLE_ANSWERS; i++)
        mean += exp(w->ref_logprob[i]) * reward[i];
    for (int i = 0; i < ORACLE_ANSWERS; i++)
        variance += exp(w->ref_logprob[i]) * (reward[i] - mean) * (reward[i] - mean);
    for (int i = 0; i < ORACLE_ANSWERS; i++)
        reward[i] = (reward[i] - mean) / sqrt(variance);
}

static inline void oracle_world_make(OracleWorld *w, uint64_t seed)
{
    Rng rng = rng_make(seed, RNG_TEST, 1);
    double one[ORACLE_SYMBOLS], two[ORACLE_SYMBOLS][ORACLE_SYMBOLS];
    for (int a = 0; a < ORACLE_SYMBOLS; a++) {
        one[a] = rng_normal(&rng);
        for (int b = 0; b < ORACLE_SYMBOLS; b++)
            two[a][b] = rng_normal(&rng);
    }
    for (int k = 0; k < ORACLE_LOGITS; k++)
        w->ref[k] = (float)rng_normal(&rng);
    oracle_probs(w->ref, w->ref_probs);
    for (int i = 0; i < ORACLE_ANSWERS; i++) {
        int symbol[ORACLE_STEPS], state[ORACLE_STEPS];
        oracle_walk(i, symbol, state);
        w->ref_logprob[i] = oracle_logprob(w->ref_probs, i);
        w->reward[i] = 0;
        for (int t = 0; t < ORACLE_STEPS; t++) {
            w->reward[i] += one[symbol[t]];
            w->reward[i] += t > 0 ? two[symbol[t - 1]][symbol[t]] : 0;
        }
    }
    oracle_standardise(w, w->reward);
}

/* How good the policy of these probabilities is at `reward`, and its two parts. */
typedef struct OracleScore {
    double reward, kl, objective; /* E[r], KL(pi || ref), J */
} OracleScore;
static inline OracleScore oracle_score(const OracleWorld *w, const double *probs,
                                       const double *reward, double beta)
{
    OracleScore s = {0};
    for (int i = 0; i < ORACLE_ANSWERS; i++) {
        double logprob = oracle_logprob(probs, i), p = exp(logprob);
        s.reward += p * reward[i];
        s.kl += p * (logprob - w->ref_logprob[i]);
    }
    s.objective = s.reward - beta * s.kl;
    return s;
}

/* J*. */
static inline double oracle_best(const OracleWorld *w, const double *reward,
                                 double beta)
{
    double sum = 0;
    for (int i = 0; i < ORACLE_ANSWERS; i++)
        sum += exp(w->ref_logprob[i] + reward[i] / beta);
    return beta * log(sum);
}

/* --- a policy ------------------------------------------------------------------------ */

typedef struct OraclePolicy {
    TensorOps *ops;
    Tensor table, gradient, m, v; /* f32 (ORACLE_LOGITS) */
    int64_t steps;
    float logits[ORACLE_LOGITS],
        grad[ORACLE_LOGITS];     /* the host's; grad is summed here */
    double probs[ORACLE_LOGITS]; /* of logits */
} OraclePolicy;

/* Begins as the reference. */
static inline void oracle_policy_make(OraclePolicy *p, const OracleWorld *w)
{
    Err err = {0};
    *p = (OraclePolicy){0};
    CHECK_OK(tensor_ref_new(&p->ops, &err));
    Tensor *const tensors[] = {&p->table, &p->gradient, &p->m, &p->v};
    for (int i = 0; i < 4; i++)
        CHECK_OK(p->ops->alloc(p->ops, tensors[i], TENSOR_F32, ORACLE_LOGITS, &err));
    memcpy(p->logits, w->ref, sizeof p->logits);
    p->ops->write(p->ops, p->table, p->logits);
    oracle_probs(p->logits, p->probs);
}

static inline void oracle_policy_release(OraclePolicy *p)
{
    Tensor *const tensors[] = {&p->table, &p->gradient, &p->m, &p->v};
    for (int i = 0; i < 4; i++)
        p->ops->free(p->ops, tensors[i]);
    tensor_free(p->ops);
}

/* Adds the gradient of a loss whose slope in log pi(symbol t of answer i | before) is
 * slope[t]. */
static inline void oracle_learn(OraclePolicy *p, int i, const double *slope)
{
    int symbol[ORACLE_STEPS], state[ORACLE_STEPS];
    oracle_walk(i, symbol, state);
    for (int t = 0; t < ORACLE_STEPS; t++) {
        const double *probs = p->probs + state[t] * ORACLE_SYMBOLS;
        float *grad = p->grad + state[t] * ORACLE_SYMBOLS;
        for (int a = 0; a < ORACLE_SYMBOLS; a++)
            grad[a] += (float)(slope[t] * ((a == symbol[t]) - probs[a]));
    }
}

/* One step of Adam along grad, which is zero afterwards. */
static inline void oracle_step(OraclePolicy *p, double lr)
{
    p->steps++;
    AdamwStep step = {.lr = (float)lr,
                      .beta1 = 0.9F,
                      .beta2 = 0.999F,
                      .eps = 1e-8F,
                      .grad_scale = 1,
                      .correction1 = (float)(1 - pow(0.9, (double)p->steps)),
                      .correction2 = (float)(1 - pow(0.999, (double)p->steps))};
    p->ops->write(p->ops, p->gradient, p->grad);
    p->ops->adamw(p->ops, p->table, p->gradient, p->m, p->v, step);
    p->ops->read(p->ops, p->logits, p->table);
    oracle_probs(p->logits, p->probs);
    memset(p->grad, 0, sizeof p->grad);
}

#endif
