/* system2_auto.c - the part of E4 about asking only when unsure (`--think auto`): the greedy
 * answer stands when its entropy is low, and else a vote decides. Played back over answers
 * that were drawn already, with every threshold that tells two answers apart. */
#include "base/mem.h"
#include "base/stats.h"
#include "eval/majority.h"
#include "study/system2_internal.h"

#include <math.h>

enum {
    POINTS = 11
}; /* of the curve: 0, 10 ... 100 % of the questions go on to the vote */

/* Whether a greedy answer is wrong, as its entropy tells it: the share of pairs of a wrong
 * and a right one in which the wrong one's is higher (ties half), which is the area under
 * the ROC curve. NAN without both kinds. O(n^2). */
static double entropy_auc(const Arm *greedy, int64_t n)
{
    double above = 0, pairs = 0;
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; greedy->said[i] != 0 && j < n; j++) {
            if (greedy->said[j] != 0)
                continue;
            double wrong = greedy->entropy[i], right = greedy->entropy[j];
            above += wrong > right ? 1 : wrong < right ? 0 : 0.5;
            pairs++;
        }
    }
    return pairs > 0 ? above / pairs : (double)NAN;
}

/* The entropy that the share `asks` of the n greedy answers lie above. */
static Status threshold(const Arm *greedy, int64_t n, double asks, double *out,
                        Err *err)
{
    double *sorted = NULL;
    if (asks <= 0 || asks >= 1) {
        *out = asks <= 0 ? (double)INFINITY : -(double)INFINITY;
        return OK;
    }
    TRY(MEM_ARRAY(&sorted, (size_t)n, err));
    for (int64_t i = 0; i < n; i++)
        sorted[i] = greedy->entropy[i];
    *out = stats_quantile(sorted, n, 1 - asks);
    mem_free(sorted);
    return OK;
}

/* Of the answers of one seed: greedy where it is sure, otherwise the vote of k. */
static void ask_when_unsure(Outcomes *out, const Arm *greedy, const Arm *drawn,
                            int64_t k, double most_entropy, int64_t seed)
{
    for (int64_t i = 0; i < drawn->questions; i++) {
        const int64_t first = i * drawn->samples;
        bool right = greedy->said[i] == 0;
        int64_t tokens = greedy->tokens[i];
        if (greedy->entropy[i] > most_entropy) {
            right = majority_of(drawn->said + first, k) == 0;
            for (int64_t j = 0; j < k; j++)
                tokens += drawn->tokens[first + j];
        }
        out->right[seed * drawn->questions + i] = right;
        out->tokens += (double)tokens / (double)out->n;
    }
}

static Status auto_outcomes(Outcomes *out, const ArmSet *greedy, const ArmSet *drawn,
                            int64_t k, double asks, Err *err)
{
    int64_t questions = drawn->arms[0].questions;
    TRY(outcomes_new(out, questions, drawn->n, err));
    for (int64_t s = 0; s < drawn->n; s++) {
        double most = 0;
        TRY(threshold(&greedy->arms[s], questions, asks, &most, err));
        ask_when_unsure(out, &greedy->arms[s], &drawn->arms[s], k, most, s);
    }
    return OK;
}

static void put_point(Str *out, const char *name, double asks, const Outcomes *o)
{
    StatsInterval i = outcomes_interval(o);
    str_printf(out, "| %s | %.0f %% | %.1f %% | %.1f to %.1f | %.0f |\n", name,
               100 * asks, 100 * outcomes_share(o), 100 * i.low, 100 * i.high,
               o->tokens);
}

static Status put_points(Section *out, const char *name, const ArmSet *greedy,
                         const ArmSet *drawn, int64_t k, Err *err)
{
    str_printf(&out->text,
               "\nWhen to think (`--think auto`), %s: the greedy answer stands where "
               "its entropy is low, and a vote of %lld (temperature 1) decides for "
               "the share of questions with the highest. 100 %% is always-on.\n\n"
               "| | goes on | right | 95 %% | tokens |\n|---|---|---|---|---|\n",
               name, (long long)k);
    Status status = OK;
    for (int p = 0; status == OK && p < POINTS; p++) {
        double asks = (double)p / (POINTS - 1);
        Outcomes o = {0};
        status = auto_outcomes(&o, greedy, drawn, k, asks, err);
        if (status == OK)
            put_point(&out->text, name, asks, &o);
        outcomes_release(&o);
    }
    return status;
}

static void check_auto(Section *out, const char *title, const ArmSet *greedy,
                       const ArmSet *drawn, const Outcomes *half, const Outcomes *all)
{
    Check *c = section_check(
        out, title,
        "a vote for the more unsure half of the questions loses at most 1 point "
        "against a vote for all; entropy tells wrong greedy answers from right ones "
        "with an AUC of at least 0.7 on every seed");
    ArmPair p = outcomes_pair(half, all);
    check_pair(c, p.difference >= -0.01, "half against all", &p);
    for (int64_t s = 0; s < greedy->n; s++) {
        double auc = entropy_auc(&greedy->arms[s], drawn->arms[s].questions);
        if (isnan(auc))
            check_open(c,
                       "There are no right or no wrong greedy answers to tell apart.");
        else
            check_part(c, auc >= 0.7, "AUC %.3f", auc);
    }
}

Status measure_auto(Section *out, const char *name, const char *title,
                    const ArmSet *greedy, const ArmSet *drawn, Err *err)
{
    int64_t most = drawn->arms[0].samples, k = most < 8 ? most : 8;
    Outcomes half = {0}, all = {0};
    Status status = put_points(out, name, greedy, drawn, k, err);
    if (status == OK)
        status = auto_outcomes(&half, greedy, drawn, k, 0.5, err);
    if (status == OK)
        status = outcomes_vote(&all, drawn, k, err);
    if (status == OK)
        check_auto(out, title, greedy, drawn, &half, &all);
    outcomes_release(&half);
    outcomes_release(&all);
    return status;
}
