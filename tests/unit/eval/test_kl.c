/* test_kl.c - the distance of a policy from a reference: none from itself, and of a policy
 * whose distribution is known exactly what it must be. */
#include "support/chatter.h"

#include "eval/kl.h"

#include <math.h>

typedef struct Two {
    Chatter policy;
    Model *model; /* the reference's: the policy's trunk */
    Engine *reference;
    Record record;
    RecordList prompts;
} Two;

static void two_init(Two *t, float scale)
{
    Err err = {0};
    *t = (Two){.record.kind = RECORD_PROMPT};
    chatter_init(&t->policy, 40);
    Model *policy = t->policy.model;
    policy->ops->scale(policy->ops, policy->params, 8); /* far from uniform */
    model_changed(policy);
    CHECK_OK(model_new(&t->model, policy->ops, &policy->shape, false, &err));
    CHECK_OK(model_copy_trunk(t->model, policy, &err));
    t->model->ops->scale(t->model->ops, model_head(t->model)->value, scale);
    model_changed(t->model);
    CHECK_OK(engine_new(&t->reference, t->model, 1, 0, NULL, &err));
    CHECK_OK(conversation_add(&t->record.chat, ROLE_USER, SPAN("hi"), &err));
    t->prompts = (RecordList){&t->record, 1, 1};
}

static void two_release(Two *t)
{
    conversation_release(&t->record.chat);
    engine_free(t->reference);
    model_free(t->model);
    chatter_release(&t->policy);
}

static KlReport measure(Two *t, int64_t answers, int64_t max_new)
{
    Err err = {0};
    KlOptions o;
    KlReport r;
    CHECK_OK(opt_defaults(&kl_options, &o, &err));
    o.answers = answers;
    o.max_new = max_new;
    o.max_calls = 0;
    CHECK_OK(kl_measure(t->policy.engine, t->reference, t->policy.tok, t->policy.chat,
                        &t->prompts, &o, NULL, &r, &err));
    return r;
}

static void a_model_is_no_distance_from_itself(void **state)
{
    (void)state;
    Two t;
    two_init(&t, 1);
    KlReport r = measure(&t, 20, 9);
    assert_int_equal(r.n, 20);
    CHECK_NEAR(r.kl, 0, 1e-5);
    CHECK_NEAR(r.interval.high, 0, 1e-4);
    two_release(&t);
}

/* sum p log(p/q) over the first token after the prompt, from the logits of both. */
static double exact_kl(Two *t)
{
    Err err = {0};
    Ids ids = {0};
    enum { MOST = 40 };
    float logits[2][300];
    int32_t positions[MOST], starts[MOST] = {0};
    Model *models[2] = {t->policy.model, t->model};
    CHECK_OK(template_render(t->policy.chat, &t->record.chat, true, &ids, NULL, &err));
    int32_t n = (int32_t)ids.len, row = n - 1, vocab = models[0]->shape.vocab;
    double total[2] = {0}, kl = 0;
    for (int32_t i = 0; i < n; i++)
        positions[i] = i;
    ModelTokens tokens = {ids.ptr, positions, starts, n};
    for (int k = 0; k < 2; k++) {
        Tape *tape;
        CHECK_OK(tape_new(&tape, models[k], MOST, (TapeOptions){0}, &err));
        model_forward(models[k], tape, &tokens);
        model_logits(models[k], tape, &row, 1, logits[k]);
        for (int32_t v = 0; v < vocab; v++)
            total[k] += exp((double)logits[k][v]);
        tape_free(tape);
    }
    for (int32_t v = 0; v < vocab; v++) {
        double p = exp((double)logits[0][v]) / total[0];
        double q = exp((double)logits[1][v]) / total[1];
        kl += p * log(p / q);
    }
    ids_release(&ids);
    return kl;
}

static void the_estimate_is_the_exact_distance(void **state)
{
    (void)state;
    Two t;
    two_init(&t, 0.5F);
    double exact = exact_kl(&t);
    KlReport r = measure(&t, 4000, 1);
    double deviation = (r.interval.high - r.kl) / 1.96;
    print_message("exact %.4f, estimated %.4f +- %.4f\n", exact, r.kl, deviation);
    assert_true(exact > 0.05 && deviation < 0.1 * exact);
    CHECK_NEAR(r.kl, exact, 4 * deviation);
    CHECK_NEAR(r.tokens, 1, 1e-9);
    two_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_is_no_distance_from_itself),
        cmocka_unit_test(the_estimate_is_the_exact_distance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
