/* reward_report.c - the report of a reward model, see reward_report.h: the numbers, and
 * the verdict. How it reads is in reward_report_write.c. */
#include "stages/reward_report.h"

#include "base/mem.h"
#include "base/rng.h"
#include "base/stats.h"
#include "stages/bag_of_words.h"
#include "stages/calibration.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One ordered pair of a held-out ranking: numbers of the better answer minus those of the
 * worse. */
typedef struct PairRow {
    double gap, words; /* scores: the model's, the bag of words' */
    double length;     /* tokens */
    double truth;      /* scores of the row; NAN: there are none */
    int64_t ranking;
} PairRow;

typedef struct PairRows {
    PairRow *row;
    int64_t n;
} PairRows;

static double hit(double gap)
{
    return gap > 0 ? 1 : gap < 0 ? 0 : 0.5;
}

/* Scores of the bag (NULL: 0) are of the held-out answers. */
static Status list_pairs(PairRows *out, const Rankings *r, const float *score,
                         const double *words, Err *err)
{
    *out = (PairRows){0};
    TRY(MEM_ARRAY(&out->row, (size_t)rankings_pairs(r), err));
    for (size_t i = 0; i < r->n; i++) {
        for (int64_t a = r->first[i]; a < r->first[i + 1]; a++) {
            for (int64_t b = r->first[i]; b < r->first[i + 1]; b++) {
                if (r->rank[a] >= r->rank[b])
                    continue;
                out->row[out->n++] = (PairRow){
                    .gap = (double)score[a] - (double)score[b],
                    .words = words ? words[a] - words[b] : 0,
                    .length = (double)(documents_len(&r->docs, a) -
                                       documents_len(&r->docs, b)),
                    .truth = (double)r->truth[a] - (double)r->truth[b],
                    .ranking = (int64_t)i,
                };
            }
        }
    }
    return OK;
}

/* --- shares with intervals ----------------------------------------------------------- */

/* Mean of x over pairs that stand ranking by ranking, with whole rankings as the units of
 * its variance (Cochran 1977, 6.3: a ratio estimator). */
static double clustered(const PairRows *p, const double *x, double *variance)
{
    double mean = stats_mean(x, p->n), sum = 0;
    for (int64_t i = 0; i < p->n;) {
        double error = 0;
        int64_t ranking = p->row[i].ranking;
        for (; i < p->n && p->row[i].ranking == ranking; i++)
            error += x[i] - mean;
        sum += error * error;
    }
    *variance = sum / ((double)p->n * (double)p->n);
    return mean;
}

static json_t *share_tree(const char *name, double right, double pairs, double effect)
{
    StatsInterval in = stats_wilson(right / effect, pairs / effect);
    json_t *tree = json_object();
    if (name)
        json_object_set_new(tree, "name", json_from_bytes(span_of(name)));
    json_object_set_new(tree, "pairs", json_integer((json_int_t)pairs));
    json_object_set_new(tree, "accuracy", json_real(pairs > 0 ? right / pairs : 0));
    json_object_set_new(tree, "low", json_real(in.low));
    json_object_set_new(tree, "high", json_real(in.high));
    return tree;
}

/* Of the pairs that `takes` takes. */
static json_t *share_where(const char *name, const PairRows *p, double effect,
                           bool (*takes)(const PairRow *row, double what), double what)
{
    double pairs = 0, right = 0;
    for (int64_t i = 0; i < p->n; i++) {
        if (!takes(&p->row[i], what))
            continue;
        pairs++;
        right += hit(p->row[i].gap);
    }
    return share_tree(name, right, pairs, effect);
}

/* The design effect of the model's accuracy. */
static Status design_effect(const PairRows *p, double *out, Err *err)
{
    double *x, variance;
    TRY(MEM_ARRAY(&x, (size_t)p->n, err));
    for (int64_t i = 0; i < p->n; i++)
        x[i] = hit(p->row[i].gap);
    double mean = clustered(p, x, &variance);
    double independent = mean * (1 - mean) / (double)p->n;
    *out = independent > 0 ? fmax(1, variance / independent) : 1;
    mem_free(x);
    return OK;
}

Status reward_curve_point(const Rankings *heldout, const float *score, int64_t rankings,
                          json_t **out, Err *err)
{
    PairRows p;
    double effect = 1, right = 0;
    TRY(list_pairs(&p, heldout, score, NULL, err));
    Status status = design_effect(&p, &effect, err);
    if (status == OK) {
        for (int64_t i = 0; i < p.n; i++)
            right += hit(p.row[i].gap);
        *out = share_tree(NULL, right, (double)p.n, effect);
        json_object_set_new(*out, "rankings", json_integer(rankings));
    }
    mem_free(p.row);
    return status;
}

/* --- where ---------------------------------------------------------------------------- */

static bool better_is_longer(const PairRow *row, double unused)
{
    (void)unused;
    return row->length > 0;
}

static bool better_is_shorter(const PairRow *row, double unused)
{
    (void)unused;
    return row->length < 0;
}

/* The difference is at most `what` tokens, and more than a quarter of it. */
static bool length_differs_by(const PairRow *row, double what)
{
    double d = fabs(row->length);
    return d <= what && (d > what / 4 || what <= 4);
}

static json_t *by_length(const PairRows *p, double effect)
{
    json_t *list = json_array();
    json_array_append_new(list, share_where("the better answer is longer", p, effect,
                                            better_is_longer, 0));
    json_array_append_new(list, share_where("the better answer is shorter", p, effect,
                                            better_is_shorter, 0));
    for (int most = 4; most <= 4096; most *= 4) {
        char name[64];
        if (most > 4)
            snprintf(name, sizeof name, "lengths differ by %d to %d tokens",
                     most / 4 + 1, most);
        else
            snprintf(name, sizeof name, "lengths differ by at most 4 tokens");
        json_t *share = share_where(name, p, effect, length_differs_by, most);
        if (json_integer_value(json_object_get(share, "pairs")) > 0)
            json_array_append_new(list, share);
        else
            json_decref(share);
    }
    return list;
}

static json_t *by_source(const PairRows *p, const Rankings *r, double effect)
{
    json_t *list = json_array();
    for (int32_t g = -1; g < r->n_groups && r->n_groups > 0; g++) {
        double pairs = 0, right = 0;
        for (int64_t i = 0; i < p->n; i++) {
            if (r->group[p->row[i].ranking] != g)
                continue;
            pairs++;
            right += hit(p->row[i].gap);
        }
        if (pairs > 0)
            json_array_append_new(list, share_tree(g < 0 ? "(no source)" : r->groups[g],
                                                   right, pairs, effect));
    }
    return list;
}

/* --- calibration ---------------------------------------------------------------------- */

static json_t *by_confidence(const Pairs *pairs, double effect)
{
    CalibrationBin bins[CALIBRATION_BINS];
    json_t *list = json_array();
    calibration_bins(pairs, 1, bins);
    for (int b = 0; b < CALIBRATION_BINS; b++) {
        if (bins[b].pairs == 0)
            continue;
        json_t *share =
            share_tree(NULL, bins[b].accuracy * bins[b].pairs, bins[b].pairs, effect);
        json_object_set_new(share, "from", json_real(0.5 + 0.05 * b));
        json_object_set_new(share, "to", json_real(0.5 + 0.05 * (b + 1)));
        json_object_set_new(share, "confidence", json_real(bins[b].confidence));
        json_array_append_new(list, share);
    }
    return list;
}

static Status put_calibration(json_t *report, const PairRows *p, double effect,
                              Err *err)
{
    Pairs pairs;
    Calibration c;
    TRY(pairs_reserve(&pairs, p->n, err));
    for (; pairs.n < p->n; pairs.n++) {
        pairs.gap[pairs.n] = p->row[pairs.n].gap;
        pairs.length[pairs.n] = p->row[pairs.n].length;
    }
    Status status = calibration_of(&pairs, &c, err);
    if (status == OK) {
        json_object_set_new(report, "calibration",
                            json_pack("{s:f, s:f, s:f}", "ece", c.ece, "temperature",
                                      c.temperature, "ece_fitted", c.ece_fitted));
        json_object_set_new(report, "by_confidence", by_confidence(&pairs, effect));
    }
    pairs_release(&pairs);
    return status;
}

/* --- baselines ------------------------------------------------------------------------ */

/* Scores of the held-out answers by a bag of words that learned from the others. */
static Status score_words(const RewardReportInput *in, double **out, Err *err)
{
    Bags train = {0}, heldout = {0};
    BagModel model = {0};
    size_t n = in->heldout->docs.n;
    *out = NULL;
    Status status = bags_make(&train, &in->train->docs, in->tok, err);
    if (status == OK)
        status = bags_make(&heldout, &in->heldout->docs, in->tok, err);
    if (status == OK)
        status = bag_model_train(&model, in->train, &train, in->seed, err);
    if (status == OK)
        status = MEM_ARRAY(out, n, err);
    for (size_t d = 0; status == OK && d < n; d++)
        (*out)[d] = bag_model_score(&model, &heldout, (int64_t)d);
    bag_model_release(&model);
    bags_release(&train);
    bags_release(&heldout);
    return status;
}

/* +1: in training pairs the longer answer is more often the better, -1: the shorter. */
static double length_rule(const Rankings *train)
{
    double balance = 0;
    for (size_t i = 0; i < train->n; i++) {
        for (int64_t a = train->first[i]; a < train->first[i + 1]; a++) {
            for (int64_t b = train->first[i]; b < train->first[i + 1]; b++) {
                int64_t d =
                    documents_len(&train->docs, a) - documents_len(&train->docs, b);
                if (train->rank[a] < train->rank[b])
                    balance += d > 0 ? 1 : d < 0 ? -1 : 0;
            }
        }
    }
    return balance < 0 ? -1 : 1;
}

/* A baseline's accuracy, and by how much the model's is higher on the same pairs. */
static json_t *baseline_tree(const PairRows *p, double *x, double accuracy)
{
    double variance, more = clustered(p, x, &variance), half = 1.96 * sqrt(variance);
    return json_pack("{s:f, s:f, s:f, s:f}", "accuracy", accuracy, "model_is_better_by",
                     more, "low", more - half, "high", more + half);
}

static Status put_baselines(json_t *report, const RewardReportInput *in,
                            const PairRows *p, Err *err)
{
    double *x, rule = length_rule(in->train), length = 0, words = 0;
    TRY(MEM_ARRAY(&x, (size_t)p->n, err));
    json_t *tree = json_object();
    for (int64_t i = 0; i < p->n; i++) {
        double right = hit(rule * p->row[i].length);
        length += right;
        x[i] = hit(p->row[i].gap) - right;
    }
    json_object_set_new(tree, "length", baseline_tree(p, x, length / (double)p->n));
    json_object_set_new(json_object_get(tree, "length"), "rule",
                        json_string(rule > 0 ? "longer wins" : "shorter wins"));
    for (int64_t i = 0; i < p->n; i++) {
        double right = hit(p->row[i].words);
        words += right;
        x[i] = hit(p->row[i].gap) - right;
    }
    json_object_set_new(tree, "bag_of_words",
                        baseline_tree(p, x, words / (double)p->n));
    json_object_set_new(report, "baselines", tree);
    mem_free(x);
    return OK;
}

static Status put_scores(json_t *report, const RewardReportInput *in, Err *err)
{
    int64_t n = (int64_t)in->heldout->docs.n;
    double *score = NULL, *length = NULL;
    Status status = MEM_ARRAY(&score, (size_t)n, err);
    if (status == OK)
        status = MEM_ARRAY(&length, (size_t)n, err);
    for (int64_t d = 0; status == OK && d < n; d++) {
        score[d] = (double)in->score[d];
        length[d] = (double)documents_len(&in->heldout->docs, d);
    }
    if (status == OK)
        json_object_set_new(report, "scores",
                            json_pack("{s:f, s:f, s:f}", "mean", stats_mean(score, n),
                                      "sd", stats_sd(score, n), "length_correlation",
                                      stats_correlation(score, length, n)));
    mem_free(score);
    mem_free(length);
    return status;
}

/* --- the ceiling ---------------------------------------------------------------------- */

/* A label on two answers: the same pair of texts has the same key. */
typedef struct Vote {
    uint64_t key;
    int side; /* whether the one with the smaller hash was the better */
} Vote;

static int compare_votes(const void *a, const void *b)
{
    const Vote *x = a, *y = b;
    return x->key < y->key ? -1 : x->key > y->key;
}

static uint64_t hash_of(const Documents *docs, int64_t d)
{
    return rng_hash(documents_ids(docs, d),
                    (uint64_t)documents_len(docs, d) * sizeof(int32_t), 7);
}

static void add_votes(Vote *votes, int64_t *n, const Rankings *r)
{
    for (size_t i = 0; i < r->n; i++) {
        for (int64_t a = r->first[i]; a < r->first[i + 1]; a++) {
            for (int64_t b = r->first[i]; b < r->first[i + 1]; b++) {
                if (r->rank[a] >= r->rank[b])
                    continue;
                uint64_t x = hash_of(&r->docs, a), y = hash_of(&r->docs, b);
                if (x == y)
                    continue;
                const uint64_t pair[2] = {x < y ? x : y, x < y ? y : x};
                votes[(*n)++] = (Vote){rng_hash(pair, sizeof pair, 8), x < y};
            }
        }
    }
}

/* Share of twice-labelled pairs on which two labels agree; *n of them. If each label is
 * wrong with chance e they agree with (1-e)^2 + e^2, and a perfect model agrees with one
 * label with 1-e. */
static Status repeated_agreement(const RewardReportInput *in, double *agree, double *n,
                                 Err *err)
{
    int64_t most = rankings_pairs(in->train) + rankings_pairs(in->heldout), count = 0;
    Vote *votes;
    TRY(MEM_ARRAY(&votes, (size_t)most, err));
    add_votes(votes, &count, in->train);
    add_votes(votes, &count, in->heldout);
    qsort(votes, (size_t)count, sizeof *votes, compare_votes);
    *agree = *n = 0;
    for (int64_t i = 0; i < count;) {
        double first = 0, all = 0;
        uint64_t key = votes[i].key;
        for (; i < count && votes[i].key == key; i++) {
            first += votes[i].side;
            all++;
        }
        double pairs = all * (all - 1) / 2, second = all - first;
        *n += pairs;
        *agree += first * (first - 1) / 2 + second * (second - 1) / 2;
    }
    mem_free(votes);
    *agree = *n > 0 ? *agree / *n : 0;
    return OK;
}

/* How often held-out labels say what the rows' scores say; *n pairs with unequal scores. */
static double truth_agreement(const PairRows *p, double *n)
{
    double right = 0;
    *n = 0;
    for (int64_t i = 0; i < p->n; i++) {
        double truth = p->row[i].truth;
        if (isnan(truth) || truth == 0)
            continue;
        right += truth > 0;
        ++*n;
    }
    return *n > 0 ? right / *n : 0;
}

static void set_ceiling(json_t *report, double accuracy, const char *from, double pairs)
{
    json_object_set_new(report, "ceiling",
                        json_pack("{s:f, s:s, s:I}", "accuracy", accuracy, "from", from,
                                  "pairs", (json_int_t)pairs));
}

/* What is said, else what repeated labels say, else what the rows' scores say. */
static Status put_ceiling(json_t *report, const RewardReportInput *in,
                          const PairRows *p, Err *err)
{
    enum { LEAST = 30 };
    double agree, repeated, known, truth = truth_agreement(p, &known);
    TRY(repeated_agreement(in, &agree, &repeated, err));
    if (in->label_noise > 0)
        set_ceiling(report, 1 - in->label_noise, "the option label_noise",
                    (double)p->n);
    else if (repeated >= LEAST)
        set_ceiling(report, agree > 0.5 ? (1 + sqrt(2 * agree - 1)) / 2 : 0.5,
                    "pairs that were labelled more than once", repeated);
    else if (known >= LEAST)
        set_ceiling(report, truth, "the scores of the rows", known);
    if (repeated > 0)
        json_object_set_new(
            report, "repeated_labels",
            json_pack("{s:I, s:f}", "pairs", (json_int_t)repeated, "agree", agree));
    return OK;
}

/* Against the rows' own scores, where they have them: labels may be noisy, these are not. */
static void put_truth(json_t *report, const PairRows *p, double effect)
{
    double known, right = 0;
    if (truth_agreement(p, &known) == 0 && known == 0)
        return;
    for (int64_t i = 0; i < p->n; i++) {
        double truth = p->row[i].truth, gap = p->row[i].gap;
        if (!isnan(truth) && truth != 0)
            right += hit(truth > 0 ? gap : -gap);
    }
    json_object_set_new(report, "against_scores",
                        share_tree(NULL, right, known, effect));
}

/* --- the verdict ----------------------------------------------------------------------- */

enum { FINE, CARE, STOP };

typedef struct Verdict {
    json_t *reasons;
    int worst;
} Verdict;

static void add_reason(Verdict *v, int how, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void add_reason(Verdict *v, int how, const char *fmt, ...)
{
    static const char *const names[] = {"fine", "care", "stop"};
    char text[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    v->worst = how > v->worst ? how : v->worst;
    json_array_append_new(v->reasons,
                          json_pack("{s:s, s:s}", "is", names[how], "text", text));
}

static double number(const json_t *tree, const char *a, const char *b)
{
    const json_t *inner = json_object_get(tree, a);
    return json_number_value(b ? json_object_get(inner, b) : inner);
}

static double percent(double share)
{
    return 100 * share;
}

static void judge_size(Verdict *v, const json_t *report)
{
    enum { LEAST_PAIRS = 100 };
    double pairs = number(report, "heldout", "pairs");
    double low = number(report, "heldout", "low"),
           high = number(report, "heldout", "high");
    if (pairs < LEAST_PAIRS)
        add_reason(
            v, STOP,
            "%g held-out pairs are too few to tell: the accuracy may be anything "
            "from %.0f to %.0f %%; hold out more",
            pairs, percent(low), percent(high));
    else if (low <= 0.5)
        add_reason(v, STOP, "it may be no better than chance (%.1f to %.1f %%)",
                   percent(low), percent(high));
}

static void judge_baseline(Verdict *v, const json_t *report, const char *key,
                           const char *name)
{
    const json_t *b = json_object_get(json_object_get(report, "baselines"), key);
    double accuracy = percent(number(b, "accuracy", NULL));
    double more = percent(number(b, "model_is_better_by", NULL));
    double low = percent(number(b, "low", NULL)),
           high = percent(number(b, "high", NULL));
    int how = low > 0 ? FINE : more > 0 ? CARE : STOP;
    static const char *const words[] = {
        "", ", which may be chance", ": no better, so a policy would be taught that"};
    add_reason(v, how,
               "%s alone orders %.1f %%: the model is better by %.1f points (%.1f to "
               "%.1f)%s",
               name, accuracy, more, low, high, words[how]);
}

static void judge_ceiling(Verdict *v, const json_t *report)
{
    const json_t *c = json_object_get(report, "ceiling");
    double most = number(c, "accuracy", NULL),
           is = number(report, "heldout", "accuracy");
    if (!c || most <= 0.5)
        return;
    double share = (is - 0.5) / (most - 0.5);
    const char *from = json_string_value(json_object_get(c, "from"));
    add_reason(
        v, share >= 0.6 ? FINE : CARE,
        "the labels allow %.1f %% at most (by %s): it has %.0f %% of the way from "
        "chance to there%s",
        percent(most), from, percent(share),
        share >= 0.6 ? "" : "; more comparisons or a larger model would help");
}

/* The first two rows of by_length: whether it is right whichever answer is longer. */
static void judge_length(Verdict *v, const json_t *report)
{
    const json_t *rows = json_object_get(report, "by_length");
    double correlation = number(report, "scores", "length_correlation");
    for (size_t i = 0; i < 2; i++) {
        const json_t *row = json_array_get(rows, i);
        double high = number(row, "high", NULL), pairs = number(row, "pairs", NULL);
        if (pairs >= 30 && high < 0.5)
            add_reason(v, CARE,
                       "where %s it orders %.1f %%: length decides; watch "
                       "response/len_mean, or add a `length` part to the reward",
                       json_string_value(json_object_get(row, "name")),
                       percent(number(row, "accuracy", NULL)));
    }
    if (fabs(correlation) > 0.6)
        add_reason(v, CARE,
                   "scores and lengths correlate by %.2f: answers will grow %s; watch "
                   "response/len_mean, or add a `length` part to the reward",
                   correlation, correlation > 0 ? "longer" : "shorter");
}

static void judge_sources(Verdict *v, const json_t *report)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(report, "by_source"), i, row)
    {
        if (number(row, "pairs", NULL) >= 30 && number(row, "high", NULL) < 0.5)
            add_reason(v, CARE,
                       "of source '%.60s' it orders %.1f %%, worse than chance",
                       json_string_value(json_object_get(row, "name")),
                       percent(number(row, "accuracy", NULL)));
    }
}

static void judge_calibration(Verdict *v, const json_t *report)
{
    double ece = number(report, "calibration", "ece_fitted");
    bool good = ece <= 0.05;
    add_reason(v, good ? FINE : CARE,
               good
                   ? "its confidence can be believed: calibration error %.3f at the "
                     "fitted temperature"
                   : "its confidence is off: calibration error %.3f even at the fitted "
                     "temperature; trust the order, not the size of scores",
               ece);
}

static void judge_curve(Verdict *v, const json_t *report)
{
    const json_t *curve = json_object_get(report, "learning_curve");
    size_t n = json_array_size(curve);
    if (n < 2 || number(report, "heldout", "low") <= 0.5)
        return; /* a model at chance has no curve */
    const json_t *last = json_array_get(curve, n - 1),
                 *before = json_array_get(curve, n - 2);
    double more = number(last, "accuracy", NULL) - number(before, "accuracy", NULL);
    add_reason(v, FINE,
               more > 0.01
                   ? "four times the comparisons brought %.1f points: more would "
                     "help still"
                   : "four times the comparisons brought %.1f points: more of the "
                     "same will not help much",
               percent(more));
}

static void put_verdict(json_t *report)
{
    static const char *const words[] = {"go", "go, with care", "no go"};
    Verdict v = {json_array(), FINE};
    judge_size(&v, report);
    judge_baseline(&v, report, "length", "length");
    judge_baseline(&v, report, "bag_of_words", "a bag of words");
    judge_ceiling(&v, report);
    judge_length(&v, report);
    judge_sources(&v, report);
    judge_calibration(&v, report);
    judge_curve(&v, report);
    char sentence[300];
    snprintf(sentence, sizeof sentence,
             "%s: it orders %.1f %% (%.1f to %.1f) of %g held-out pairs as people did",
             words[v.worst], percent(number(report, "heldout", "accuracy")),
             percent(number(report, "heldout", "low")),
             percent(number(report, "heldout", "high")),
             number(report, "heldout", "pairs"));
    json_object_set_new(report, "verdict", json_string(words[v.worst]));
    json_object_set_new(report, "sentence", json_string(sentence));
    json_object_set_new(report, "reasons", v.reasons);
}

/* --- all of it ------------------------------------------------------------------------- */

static Status put_all(json_t *report, const RewardReportInput *in, const PairRows *p,
                      Err *err)
{
    double effect;
    TRY(design_effect(p, &effect, err));
    double right = 0;
    for (int64_t i = 0; i < p->n; i++)
        right += hit(p->row[i].gap);
    json_t *heldout = share_tree(NULL, right, (double)p->n, effect);
    json_object_set_new(heldout, "rankings", json_integer((json_int_t)in->heldout->n));
    json_object_set_new(heldout, "design_effect", json_real(effect));
    json_object_set_new(report, "heldout", heldout);
    json_object_set_new(report, "trained_on", json_integer((json_int_t)in->train->n));
    TRY(put_baselines(report, in, p, err));
    TRY(put_ceiling(report, in, p, err));
    put_truth(report, p, effect);
    TRY(put_scores(report, in, err));
    TRY(put_calibration(report, p, effect, err));
    json_object_set_new(report, "by_source", by_source(p, in->heldout, effect));
    json_object_set_new(report, "by_length", by_length(p, effect));
    if (in->curve)
        json_object_set_new(report, "learning_curve", json_deep_copy(in->curve));
    put_verdict(report);
    return OK;
}

Status reward_report_make(const RewardReportInput *in, json_t **out, Err *err)
{
    double *words = NULL;
    PairRows p = {0};
    *out = json_object();
    Status status = score_words(in, &words, err);
    if (status == OK)
        status = list_pairs(&p, in->heldout, in->score, words, err);
    if (status == OK)
        status = put_all(*out, in, &p, err);
    mem_free(words);
    mem_free(p.row);
    if (status != OK) {
        json_decref(*out);
        *out = NULL;
    }
    return status;
}
