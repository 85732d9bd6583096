/* system2_votes.c - E4: many chains and the answer of most (self-consistency), against one
 * chain drawn, and against the greedy one. */
#include "base/file.h"
#include "base/mem.h"
#include "eval/majority.h"
#include "study/plot.h"
#include "study/system2_internal.h"

#include <math.h>
#include <stdio.h>

enum { CHAIN_TOKENS = 96, TEMPERATURES = 3, MOST_POINTS = 8 };
static const double temperatures[TEMPERATURES] = {0.5, 0.7, 1};
static const double sure = 0.95; /* of the leader, for an early stop */

/* E7's model, and one that has learned too little to be sure of anything. */
void compose_votes(Str *y, const System2Scale *s, int64_t seeds)
{
    compose_quality(y, s, seeds);
    put_questions(y, s, "orders", "multiply", "orders", 20000, "");
    put_learners(y, s, seeds, "unsure", "orders", (Learning){1500000, 3e-3, 0.05, 128});
}

/* What votes of 1, 2, 4 ... of the answers are worth; greedy is a vote of one. */
typedef struct Curve {
    double tokens[MOST_POINTS], majority[MOST_POINTS], any[MOST_POINTS];
    double low[MOST_POINTS], high[MOST_POINTS];
    int64_t k[MOST_POINTS], n;
} Curve;

static Status make_curve(const ArmSet *a, Curve *c, Err *err)
{
    *c = (Curve){0};
    for (int64_t k = 1; k <= a->arms[0].samples && c->n < MOST_POINTS; k *= 2) {
        int64_t at = c->n++;
        c->k[at] = k;
        c->tokens[at] = (double)k * a->all.tokens;
        for (int64_t s = 0; s < a->n; s++) {
            ArmVotes v;
            TRY(arm_votes(&a->arms[s], k, &v, err));
            c->majority[at] += v.majority / (double)a->n;
            c->any[at] += v.any / (double)a->n;
            c->low[at] += v.majority_interval.low / (double)a->n;
            c->high[at] += v.majority_interval.high / (double)a->n;
        }
    }
    return OK;
}

static void put_curve(Str *out, const char *name, double temperature, const Curve *c)
{
    for (int64_t i = 0; i < c->n; i++)
        str_printf(out, "| %s, %g | %lld | %.1f %% | %.1f to %.1f | %.1f %% | %.0f |\n",
                   name, temperature, (long long)c->k[i], 100 * c->majority[i],
                   100 * c->low[i], 100 * c->high[i], 100 * c->any[i], c->tokens[i]);
}

/* Asks until the lead is beyond doubt, `most` at most. */
static Status stop_early(Outcomes *out, const ArmSet *a, int64_t most, double *asked,
                         Err *err)
{
    int64_t questions = a->arms[0].questions;
    *asked = 0;
    TRY(outcomes_new(out, questions, a->n, err));
    for (int64_t s = 0; s < a->n; s++) {
        const Arm *arm = &a->arms[s];
        for (int64_t i = 0; i < questions; i++) {
            const int64_t *said = arm->said + i * arm->samples;
            int64_t k = 1;
            while (k < most && !majority_settled(said, k, sure))
                k++;
            out->right[s * questions + i] = majority_of(said, k) == 0;
            *asked += (double)k / (double)out->n;
            for (int64_t j = 0; j < k; j++)
                out->tokens +=
                    (double)arm->tokens[i * arm->samples + j] / (double)out->n;
        }
    }
    return OK;
}

/* A model, asked greedily and with votes. */
typedef struct Voter {
    const char *model, *questions, *variant, *name;
    const char *vote_title, *greedy_title, *early_title,
        *auto_title; /* of its checks */
    ArmSet greedy, drawn[TEMPERATURES];
    Curve curves[TEMPERATURES];
} Voter;

static void voter_release(Voter *v)
{
    arms_release(&v->greedy);
    for (int t = 0; t < TEMPERATURES; t++)
        arms_release(&v->drawn[t]);
}

static Status ask_voter(System2 *s, Voter *v, Err *err)
{
    ArmHow how = {.samples = 1, .max_new = CHAIN_TOKENS};
    TRY(run_arms(s, v->model, v->questions, v->variant, how, &v->greedy, err));
    how.samples = s->scale->samples;
    how.questions = s->scale->votes;
    for (int t = 0; t < TEMPERATURES; t++) {
        how.temperature = temperatures[t];
        TRY(run_arms(s, v->model, v->questions, v->variant, how, &v->drawn[t], err));
        TRY(make_curve(&v->drawn[t], &v->curves[t], err));
    }
    return OK;
}

static Status plot_voter(const System2 *s, const Voter *v, const char *file, Err *err)
{
    Plot plot = {.title = v->name,
                 .x = "tokens a question, powers of 2",
                 .y = "share of right answers"};
    Str path = {0};
    Status status = OK;
    for (int t = 0; status == OK && t < TEMPERATURES; t++) {
        const Curve *c = &v->curves[t];
        double x[MOST_POINTS];
        char name[64];
        for (int64_t i = 0; i < c->n; i++)
            x[i] = log2(fmax(1, c->tokens[i]));
        (void)snprintf(name, sizeof name, "vote, temperature %g", temperatures[t]);
        status = plot_add(&plot, name, x, c->majority, c->low, c->high, c->n, err);
        if (status != OK)
            break;
        plot.curves[plot.n - 1].colour = t;
        (void)snprintf(name, sizeof name, "any is right, %g", temperatures[t]);
        status = plot_add(&plot, name, x, c->any, NULL, NULL, c->n, err);
        if (status == OK) {
            plot.curves[plot.n - 1].colour = t;
            plot.curves[plot.n - 1].dashed = true;
        }
    }
    double x = log2(fmax(1, v->greedy.all.tokens)), y = v->greedy.all.right;
    if (status == OK)
        status = plot_add(&plot, "greedy", &x, &y, NULL, NULL, 1, err);
    if (status == OK)
        status = plot_write(&plot, file_join(&path, s->plots, file), err);
    plot_release(&plot);
    str_release(&path);
    return status;
}

static void put_voter(Section *out, const Voter *v)
{
    str_printf(&out->text, "| %s, greedy | 1 | %.1f %% | %.1f to %.1f | | %.0f |\n",
               v->name, 100 * v->greedy.all.right, 100 * v->greedy.all.interval.low,
               100 * v->greedy.all.interval.high, v->greedy.all.tokens);
    for (int t = 0; t < TEMPERATURES; t++)
        put_curve(&out->text, v->name, temperatures[t], &v->curves[t]);
}

/* The checks of one voter at temperature 1. */
static Status check_voter(Section *out, const Voter *v, Err *err)
{
    const ArmSet *drawn = &v->drawn[TEMPERATURES - 1];
    int64_t most = drawn->arms[0].samples, k = most < 8 ? most : 8;
    Outcomes one = {0}, vote = {0}, all = {0}, early = {0}, greedy = {0};
    double asked = 0;
    Status status = outcomes_first(&one, drawn, err);
    if (status == OK)
        status = outcomes_vote(&vote, drawn, k, err);
    if (status == OK)
        status = outcomes_vote(&all, drawn, most, err);
    if (status == OK)
        status = stop_early(&early, drawn, most, &asked, err);
    if (status == OK)
        status = outcomes_first_of(&greedy, &v->greedy, drawn->arms[0].questions, err);
    if (status == OK) {
        Check *c =
            section_check(out, v->vote_title,
                          "a vote of 8 drawn at temperature 1 over one: 10 points "
                          "more, 95 % over 0");
        ArmPair p = outcomes_pair(&vote, &one);
        check_pair(c, p.difference >= 0.1 && p.interval.low > 0, "vote of 8 over one",
                   &p);
        c = section_check(out, v->greedy_title,
                          "the vote of all over greedy, with 95 % confidence");
        p = outcomes_pair(&all, &greedy);
        check_pair(c, p.interval.low > 0, "vote over greedy", &p);
        check_why(c,
                  "A greedy chain has no bad luck to be rescued from: where slips are "
                  "unlikely digits, greedy never makes them, and its errors are those "
                  "that most chains share.");
        c = section_check(
            out, v->early_title,
            "stopping when the leader is sure (95 %) takes at most half the "
            "chains and loses at most 1 point");
        p = outcomes_pair(&early, &all);
        check_part(c, asked <= 0.5 * (double)most, "%.1f of %lld chains", asked,
                   (long long)most);
        check_pair(c, p.difference >= -0.01, "against all of them", &p);
        check_why(c,
                  "Where one drawn answer is right less than half of the time, a lead "
                  "is seldom beyond doubt before nearly all are drawn.");
    }
    outcomes_release(&one);
    outcomes_release(&vote);
    outcomes_release(&all);
    outcomes_release(&early);
    outcomes_release(&greedy);
    return status;
}

Status measure_votes(System2 *s, Section *out, Err *err)
{
    Voter voters[] = {
        {.model = "writers",
         .questions = "qualities",
         .variant = "untagged",
         .name = "writers of mixed quality",
         .vote_title = "Voting rescues from bad luck",
         .greedy_title = "Voting beats greedy: slips",
         .early_title = "An early stop: slips",
         .auto_title = "Voting only when unsure: slips"},
        {.model = "unsure",
         .questions = "orders",
         .variant = "orders",
         .name = "an unsure model, parts in any order",
         .vote_title = "Voting over many ways",
         .greedy_title = "Voting beats greedy: many ways",
         .early_title = "An early stop: many ways",
         .auto_title = "Voting only when unsure: many ways"},
    };
    static const char *const files[] = {"votes_writers.svg", "votes_unsure.svg"};
    enum { VOTERS = sizeof voters / sizeof *voters };
    Status status = OK;
    for (int i = 0; status == OK && i < VOTERS; i++)
        status = ask_voter(s, &voters[i], err);
    if (status == OK)
        str_puts(
            &out->text,
            "The share of right votes among k chains (ties go to the first, invalid "
            "ones have no vote; the mean over random choices of k of all that were "
            "drawn), and of questions where any of the k is right, which no vote "
            "can pass. Two models: the one of E7, asked without a tag, whose chains "
            "have slips; and one that learned too little, to take the parts of a "
            "product in any order.\n\n"
            "| model, temperature | k | right | 95 % | any right | tokens |\n"
            "|---|---|---|---|---|---|\n");
    for (int i = 0; status == OK && i < VOTERS; i++)
        put_voter(out, &voters[i]);
    for (int i = 0; status == OK && i < VOTERS; i++)
        status = plot_voter(s, &voters[i], files[i], err);
    for (int i = 0; status == OK && i < VOTERS; i++) {
        str_printf(&out->text, "\n![%s](system2/%s)\n", voters[i].name, files[i]);
        status = check_voter(out, &voters[i], err);
        if (status == OK)
            status = measure_auto(out, voters[i].name, voters[i].auto_title,
                                  &voters[i].greedy, &voters[i].drawn[TEMPERATURES - 1],
                                  err);
    }
    str_putc(&out->text, '\n');
    for (int i = 0; i < VOTERS; i++)
        voter_release(&voters[i]);
    return status;
}
