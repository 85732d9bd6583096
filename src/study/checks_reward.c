/* checks_reward.c - checks 1 to 5 of the gold study: reward models. */
#include "base/file.h"
#include "study/figures.h"
#include "study/overoptimization_internal.h"

#include <math.h>
#include <string.h>

/* The last evaluation in metrics.jsonl, before the gain is folded in: the scale that the
 * loss found, which is what a temperature is about. */
static Status last_metric(const Study *s, const char *run, const char *key, double *out,
                          Err *err)
{
    Series series;
    TRY(lab_series(&s->lab, run, &series, err));
    *out = series_last(&series, key);
    series_release(&series);
    return OK;
}

/* --- 1 ------------------------------------------------------------------------------- */

Status check_rm_start(Study *s, Check *c, Err *err)
{
    for (int64_t seed = 1; seed <= s->scale->seeds; seed++) {
        Series m;
        TRY(lab_series(&s->lab, run_name("reward", seed).text, &m, err));
        double first = series_first(&m, "loss");
        double from = series_first(&m, "heldout/loss"),
               to = series_last(&m, "heldout/loss");
        series_release(&m);
        check_part(c, first >= .65 && first <= .9 && to < from,
                   "seed %lld: first loss %.3f, held-out loss %.3f to %.3f",
                   (long long)seed, first, from, to);
    }
    check_why(c,
              "The head starts as N(0, 1/sqrt(d+1)), so the first loss is ln 2 and an "
              "eighth of the variance of score differences more; one that is far off "
              "has hidden states of another size than 1.");
    return OK;
}

/* --- 2 ------------------------------------------------------------------------------- */

Status check_rm_accuracy(Study *s, Check *c, Err *err)
{
    bool bagged = true;
    for (int64_t seed = 1; seed <= s->scale->seeds; seed++) {
        RunName run = run_name("reward", seed);
        double accuracy, length, bag, pairs;
        TRY(lab_final(&s->lab, run.text, "heldout/accuracy", &accuracy, err));
        TRY(lab_final(&s->lab, run.text, "heldout/length_accuracy", &length, err));
        TRY(lab_final(&s->lab, run.text, "heldout/bag_of_words_accuracy", &bag, err));
        TRY(lab_final(&s->lab, run.text, "heldout/pairs", &pairs, err));
        bool holds = accuracy >= .8 && accuracy >= length + .05;
        if (isnan(bag)) {
            bagged = false;
            check_part(c, holds,
                       "seed %lld: %.1f %% of %.0f pairs; length alone %.1f %%",
                       (long long)seed, 100 * accuracy, pairs, 100 * length);
        } else {
            check_part(c, holds && accuracy >= bag + .05,
                       "seed %lld: %.1f %% of %.0f pairs; length alone %.1f %%, bag of "
                       "words %.1f %%",
                       (long long)seed, 100 * accuracy, pairs, 100 * length, 100 * bag);
        }
    }
    if (!bagged)
        check_open(c, "The reward stage of this build measures no bag of words.");
    check_why(c, "Check 5 says whether more comparisons would help.");
    return OK;
}

/* --- 3 ------------------------------------------------------------------------------- */

/* Mean over the pairs with different ranks of the chance that a label drawn from the
 * judge's scores is the judge's order: sigma(|gap|), which is .5 where scores are equal. */
static void add_ceiling(const json_t *row, double *sum, double *pairs)
{
    const json_t *ranks = json_object_get(row, "ranks");
    const json_t *scores = json_object_get(row, "scores");
    size_t n = json_array_size(ranks);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i + 1; j < n; j++) {
            if (json_integer_value(json_array_get(ranks, i)) ==
                json_integer_value(json_array_get(ranks, j)))
                continue;
            double gap = json_number_value(json_array_get(scores, i)) -
                         json_number_value(json_array_get(scores, j));
            *sum += 1 / (1 + exp(-fabs(gap)));
            *pairs += 1;
        }
    }
}

static Status sampled_ceiling(const char *folder, double *out, Err *err)
{
    Series rows;
    double sum = 0, pairs = 0;
    TRY(series_read_file(&rows, folder, "comparisons_heldout.jsonl", err));
    for (size_t i = 0; i < rows.n; i++)
        add_ceiling(json_array_get(rows.rows, i), &sum, &pairs);
    series_release(&rows);
    *out = pairs > 0 ? sum / pairs : (double)NAN;
    return OK;
}

Status check_rm_noise(Study *s, Check *c, Err *err)
{
    const double *gold = measure_column(&s->best_of, "gold");
    const struct {
        const char *run, *labels;
    } kinds[] = {{"reward_sampled", "sampled"}, {"reward_flipped", "flipped"}};
    double ceiling[2] = {0, .75};
    TRY(sampled_ceiling(lab_folder(&s->lab, "pairs_sampled"), &ceiling[0], err));
    for (int i = 0; i < 2; i++) {
        double noisy;
        int64_t pairs;
        TRY(lab_final(&s->lab, kinds[i].run, "heldout/accuracy", &noisy, err));
        double clean = pair_accuracy(measure_column(&s->best_of, kinds[i].run), gold,
                                     s->best_of.prompts, s->best_of.answers, &pairs);
        check_part(c, noisy >= ceiling[i] - .03,
                   "%s: %.1f %% of a ceiling of %.1f %%; against clean gold %.1f %% of "
                   "%lld fresh pairs",
                   kinds[i].labels, 100 * noisy, 100 * ceiling[i], 100 * clean,
                   (long long)pairs);
    }
    check_why(
        c, "A model that orders a share a of the pairs as clean gold does reaches "
           "a (1 - e) + (1 - a) e where a share e is flipped: what is missing to the "
           "ceiling is missing in the accuracy against clean gold.");
    return OK;
}

/* --- 4 ------------------------------------------------------------------------------- */

Status check_rm_calibration(Study *s, Check *c, Err *err)
{
    const struct {
        const char *run, *labels;
        bool bounded;
    } kinds[] = {{"reward_1", "clean", false}, {"reward_sampled", "sampled", true}};
    for (int i = 0; i < 2; i++) {
        double ece, fitted, T;
        TRY(last_metric(s, kinds[i].run, "heldout/ece", &ece, err));
        TRY(last_metric(s, kinds[i].run, "heldout/ece_fitted", &fitted, err));
        TRY(last_metric(s, kinds[i].run, "heldout/temperature", &T, err));
        check_part(c, fitted <= .05 && (!kinds[i].bounded || (T >= .8 && T <= 1.25)),
                   "%s labels: ECE %.3f, after fitting %.3f at temperature %.2f",
                   kinds[i].labels, ece, fitted, T);
    }
    check_why(c,
              "A temperature over 1 says that the model is too sure of itself, under 1 "
              "that it has not finished learning how different answers are.");
    return OK;
}

/* --- 5 ------------------------------------------------------------------------------- */

Status check_rm_data(Study *s, Check *c, Err *err)
{
    static const char *const runs[] = {"reward_n", "reward_4n", "reward_1",
                                       "reward_n_4epochs"};
    double accuracy[4], loss[4];
    for (int i = 0; i < 4; i++) {
        TRY(last_metric(s, runs[i], "heldout/accuracy", &accuracy[i], err));
        TRY(last_metric(s, runs[i], "heldout/loss", &loss[i], err));
    }
    long long n = (long long)s->scale->few;
    check_part(
        c, accuracy[0] < accuracy[1] && accuracy[1] < accuracy[2],
        "%.1f, %.1f and %.1f %% (held-out loss %.3f, %.3f, %.3f) with %lld, %lld "
        "and %lld prompts",
        100 * accuracy[0], 100 * accuracy[1], 100 * accuracy[2], loss[0], loss[1],
        loss[2], n, 4 * n, 16 * n);
    check_part(c, accuracy[3] < accuracy[1], "four epochs on N: %.1f %% (%.3f)",
               100 * accuracy[3], loss[3]);
    check_why(c,
              "With few updates in one epoch over N, more epochs are more learning as "
              "well as more memory; the losses say which of the two it is.");
    return OK;
}
