/* curves.c - what runs were worth along their way, and the plots of it. */
#include "base/file.h"
#include "base/mem.h"
#include "study/figures.h"
#include "study/overoptimization_internal.h"
#include "study/plot.h"

#include <math.h>
#include <stdio.h>

/* --- a run's way --------------------------------------------------------------------- */

void path_release(Path *p)
{
    mem_free(p->step);
    mem_free(p->root_kl);
    mem_free(p->proxy);
    mem_free(p->gold);
    *p = (Path){0};
}

/* Row i was evaluated after its updates: the KL of that policy is that of the answers which
 * it gave next, in row i+1; the last one's is in the measure of the finished run. */
static double kl_after(const Series *m, size_t i, double final)
{
    double kl = i + 1 < m->n ? series_at(m, i + 1, "objective/kl") : final;
    return i == 0 ? 0 : kl;
}

static Status final_kl(const Study *s, const char *run, double *out, Err *err)
{
    Measure m;
    TRY(lab_measure(&s->lab, run, s->mains, &m, err));
    *out = stats_mean(measure_column(&m, "kl_exact"), measure_n(&m));
    measure_release(&m);
    return OK;
}

static void fill(const Series *m, double final, Path *out)
{
    double gold = 0, gold_sd = 1, proxy = 0, proxy_sd = 1;
    for (size_t i = 0; i < m->n; i++) {
        double g = series_at(m, i, "heldout/gold"),
               r = series_at(m, i, "heldout/score");
        double kl = kl_after(m, i, final);
        if (isnan(g) || isnan(r) || isnan(kl))
            continue;
        if (out->n == 0) { /* the SFT model */
            gold = g;
            proxy = r;
            gold_sd = fmax(series_at(m, i, "heldout/gold_std"), 1e-9);
            proxy_sd = fmax(series_at(m, i, "heldout/score_std"), 1e-9);
        }
        out->step[out->n] = series_at(m, i, "step");
        out->root_kl[out->n] = sqrt(fmax(kl, 0));
        out->gold[out->n] = (g - gold) / gold_sd;
        out->proxy[out->n] = (r - proxy) / proxy_sd;
        out->n++;
    }
}

Status path_read(const Study *s, const char *run, Path *out, Err *err)
{
    Series m;
    double final;
    *out = (Path){0};
    TRY(final_kl(s, run, &final, err));
    TRY(lab_series(&s->lab, run, &m, err));
    double **const columns[] = {&out->step, &out->root_kl, &out->proxy, &out->gold};
    Status status = OK;
    for (size_t i = 0; status == OK && i < sizeof columns / sizeof *columns; i++)
        status = MEM_ARRAY(columns[i], m.n, err);
    if (status == OK)
        fill(&m, final, out);
    series_release(&m);
    if (status != OK)
        path_release(out);
    return status;
}

/* --- plots --------------------------------------------------------------------------- */

const StudyPlot study_plots[STUDY_PLOTS] = {
    {"ppo_sizes.svg",
     "PPO without a penalty against reward models of three sizes, trained "
     "on the same comparisons: what they say (dashed) and gold"},
    {"ppo_data.svg",
     "PPO without a penalty against reward models trained on N and on 16N "
     "rankings"},
    {"best_of_n.svg", "Best of n by the same reward models, with 95 % intervals over "
                      "prompts; KL = log n - (n-1)/n"},
    {"kl_sweep.svg",
     "Gold along PPO with five KL coefficients: a penalty stops earlier on "
     "the same way"},
    {"ptx.svg", "Gold along PPO with and without pretraining text mixed in"},
    {"nulls.svg",
     "Gold along PPO against a constant reward and a reward model of shuffled "
     "labels, beside the real one"},
};

/* A run as one curve of gold, or as two that share a colour: proxy dashed, gold. */
static Status add_run(Study *s, Plot *plot, const char *run, const char *name,
                      bool proxy, bool by_step, Err *err)
{
    Path p;
    char text[64];
    TRY(path_read(s, run, &p, err));
    const double *x = by_step ? p.step : p.root_kl;
    Status status = OK;
    if (proxy) {
        snprintf(text, sizeof text, "proxy, %s", name);
        status = plot_add(plot, text, x, p.proxy, NULL, NULL, p.n, err);
        plot->curves[plot->n - 1].dashed = true;
        plot->curves[plot->n - 1].colour = (int)plot->n / 2;
    }
    if (status == OK) {
        snprintf(text, sizeof text, "%s%s", proxy ? "gold, " : "", name);
        status = plot_add(plot, text, x, p.gold, NULL, NULL, p.n, err);
        if (proxy)
            plot->curves[plot->n - 1].colour = (int)(plot->n - 1) / 2;
    }
    path_release(&p);
    return status;
}

typedef struct PlotRun {
    const char *run, *name;
} PlotRun;

static Status plot_runs(Study *s, const char *path, const char *title,
                        const PlotRun *runs, size_t n, bool proxy, bool by_step,
                        Err *err)
{
    Plot plot = {.title = title,
                 .x = by_step ? "updates" : "square root of KL to the SFT model (nats)",
                 .y = "deviations of the SFT model's answers"};
    Status status = OK;
    for (size_t i = 0; status == OK && i < n; i++)
        status = add_run(s, &plot, runs[i].run, runs[i].name, proxy, by_step, err);
    if (status == OK)
        status = plot_write(&plot, path, err);
    plot_release(&plot);
    return status;
}

enum { MOST_N = 16 }; /* powers of two up to the answers of a prompt */

/* `value` at the best of n by `proxy`, over the root of the KL. */
static Status add_best(Study *s, Plot *plot, const char *name, const double *proxy,
                       const double *value, Err *err)
{
    const Measure *m = &s->best_of;
    double x[MOST_N], y[MOST_N], low[MOST_N], high[MOST_N];
    double mean = stats_mean(value, measure_n(m)),
           sd = fmax(stats_sd(value, measure_n(m)), 1e-9);
    int64_t points = 0;
    for (int64_t n = 1; n <= m->answers && points < MOST_N; n *= 2) {
        StatsInterval interval;
        TRY(best_of_n(proxy, value, m->prompts, m->answers, n, &y[points], &interval,
                      err));
        x[points] = sqrt(best_of_n_kl(n));
        y[points] = (y[points] - mean) / sd;
        low[points] = (interval.low - mean) / sd;
        high[points] = (interval.high - mean) / sd;
        points++;
    }
    return plot_add(plot, name, x, y, low, high, points, err);
}

static Status plot_best_of(Study *s, const char *path, Err *err)
{
    static const PlotRun models[] = {
        {"reward_1", "large"}, {"reward_tiny", "tiny"}, {"reward_n", "large, N"}};
    Plot plot = {.title = "Best of n",
                 .x = "square root of KL to the SFT model (nats)",
                 .y = "deviations of the SFT model's answers"};
    const double *gold = measure_column(&s->best_of, "gold");
    Status status = OK;
    for (int i = 0; status == OK && i < 3; i++) {
        const double *proxy = measure_column(&s->best_of, models[i].run);
        char name[64];
        snprintf(name, sizeof name, "proxy, %s", models[i].name);
        status = add_best(s, &plot, name, proxy, proxy, err);
        if (status != OK)
            break;
        plot.curves[plot.n - 1].dashed = true;
        plot.curves[plot.n - 1].colour = i;
        snprintf(name, sizeof name, "gold, %s", models[i].name);
        status = add_best(s, &plot, name, proxy, gold, err);
        if (status == OK)
            plot.curves[plot.n - 1].colour = i;
    }
    if (status == OK)
        status = plot_write(&plot, path, err);
    plot_release(&plot);
    return status;
}

Status study_write_plots(Study *s, const char *folder, Err *err)
{
    static const PlotRun sizes[] = {
        {"beta_0", "large"}, {"over_small", "small"}, {"over_tiny_1", "tiny"}};
    static const PlotRun amounts[] = {{"beta_0", "16N"}, {"over_n", "N"}};
    static const PlotRun sweep[] = {{"beta_0", "0"},
                                    {"beta_02", "0.02"},
                                    {"beta_05", "0.05"},
                                    {"beta_10", "0.1"},
                                    {"ppo_1", "0.2"}};
    static const PlotRun mix[] = {{"ppo_1", "without"}, {"ptx", "with"}};
    static const PlotRun nulls[] = {{"ppo_1", "reward model"},
                                    {"constant", "constant"},
                                    {"random_1", "random"},
                                    {"shuffled", "shuffled labels"}};
    const struct {
        const char *title;
        const PlotRun *runs;
        size_t n;
        bool proxy, by_step;
    } plots[STUDY_PLOTS] = {
        {"PPO: proxy and gold, sizes of the reward model", sizes, 3, true, false},
        {"PPO: proxy and gold, amounts of comparisons", amounts, 2, true, false},
        {NULL, NULL, 0, false, false},
        {"PPO: gold, KL coefficients", sweep, 5, false, false},
        {"PPO: gold, pretraining text", mix, 2, false, false},
        {"PPO: gold, null controls", nulls, 4, false, true},
    };
    Str path = {0};
    Status status = file_make_folders(folder, err);
    for (int i = 0; status == OK && i < STUDY_PLOTS; i++) {
        file_join(&path, folder, study_plots[i].file);
        status = plots[i].runs
                     ? plot_runs(s, str_c(&path), plots[i].title, plots[i].runs,
                                 plots[i].n, plots[i].proxy, plots[i].by_step, err)
                     : plot_best_of(s, str_c(&path), err);
    }
    str_release(&path);
    return status;
}
