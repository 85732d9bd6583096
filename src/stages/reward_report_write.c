/* reward_report_write.c - a reward model's report for people: the verdict first, then the
 * tables behind it. See reward_report.h. */
#include "stages/reward_report.h"

#include "base/log.h"

static double number(const json_t *tree, const char *key)
{
    return json_number_value(json_object_get(tree, key));
}

static const char *text(const json_t *tree, const char *key)
{
    const char *s = json_string_value(json_object_get(tree, key));
    return s ? s : "";
}

void reward_report_tell(const json_t *report)
{
    static const char *const marks[] = {"stop", "care", "fine"};
    log_info("reward: %s", text(report, "sentence"));
    for (size_t k = 0; k < sizeof marks / sizeof *marks; k++) {
        size_t i;
        json_t *reason;
        json_array_foreach(json_object_get(report, "reasons"), i, reason)
        {
            if (span_equal(span_of(text(reason, "is")), span_of(marks[k])))
                log_info("  %s: %s", marks[k], text(reason, "text"));
        }
    }
}

static void put_share_row(Str *out, const char *name, const json_t *share)
{
    str_printf(out, "| %s | %.0f | %.1f %% | %.1f to %.1f |\n", name,
               number(share, "pairs"), 100 * number(share, "accuracy"),
               100 * number(share, "low"), 100 * number(share, "high"));
}

static void put_shares(Str *out, const char *title, const char *column,
                       const json_t *list)
{
    size_t i;
    json_t *share;
    if (json_array_size(list) == 0)
        return;
    str_printf(out, "\n## %s\n\n| %s | pairs | accuracy | 95 %% |\n|---|---|---|---|\n",
               title, column);
    json_array_foreach(list, i, share) put_share_row(out, text(share, "name"), share);
}

static void put_accuracy(Str *out, const json_t *report)
{
    const json_t *baselines = json_object_get(report, "baselines");
    const json_t *length = json_object_get(baselines, "length");
    const json_t *words = json_object_get(baselines, "bag_of_words");
    const json_t *ceiling = json_object_get(report, "ceiling");
    const json_t *truth = json_object_get(report, "against_scores");
    str_puts(out, "\n## Accuracy on held-out pairs\n\n"
                  "| what orders | pairs | accuracy | 95 % |\n|---|---|---|---|\n");
    put_share_row(out, "the reward model", json_object_get(report, "heldout"));
    str_printf(out, "| length (%s) | | %.1f %% | model better by %.1f to %.1f |\n",
               text(length, "rule"), 100 * number(length, "accuracy"),
               100 * number(length, "low"), 100 * number(length, "high"));
    str_printf(out, "| a bag of words | | %.1f %% | model better by %.1f to %.1f |\n",
               100 * number(words, "accuracy"), 100 * number(words, "low"),
               100 * number(words, "high"));
    if (ceiling)
        str_printf(out, "| the ceiling, by %s | %.0f | %.1f %% | |\n",
                   text(ceiling, "from"), number(ceiling, "pairs"),
                   100 * number(ceiling, "accuracy"));
    if (truth)
        put_share_row(out, "the reward model, against the rows' scores", truth);
    str_printf(
        out,
        "\nTrained on %.0f rankings, measured on %.0f. Pairs of one ranking share "
        "answers: intervals are\nwidened by a design effect of %.2f.\n",
        number(report, "trained_on"),
        number(json_object_get(report, "heldout"), "rankings"),
        number(json_object_get(report, "heldout"), "design_effect"));
}

/* A bar for the accuracy, a mark where the confidence is: "#####|###". */
static void put_bar(Str *out, double accuracy, double confidence)
{
    enum { WIDTH = 25 };
    int is = (int)(accuracy * WIDTH + 0.5), says = (int)(confidence * WIDTH + 0.5);
    for (int i = 0; i < WIDTH; i++)
        str_putc(out, i == says - 1 ? '!' : i < is ? '#' : '.');
}

static void put_reliability(Str *out, const json_t *report)
{
    const json_t *c = json_object_get(report, "calibration");
    size_t i;
    json_t *bin;
    str_puts(out,
             "\n## Reliability\n\nWhat the model says of a pair, sigma(|score "
             "difference|), and how often it is right (`#`; `!` is where it\n"
             "would be if the confidence were true):\n\n"
             "| confidence | pairs | says | is | 95 % | |\n|---|---|---|---|---|---|"
             "\n");
    json_array_foreach(json_object_get(report, "by_confidence"), i, bin)
    {
        double accuracy = number(bin, "accuracy"),
               confidence = number(bin, "confidence");
        str_printf(out, "| %.2f to %.2f | %.0f | %.1f %% | %.1f %% | %.1f to %.1f | `",
                   number(bin, "from"), number(bin, "to"), number(bin, "pairs"),
                   100 * confidence, 100 * accuracy, 100 * number(bin, "low"),
                   100 * number(bin, "high"));
        put_bar(out, accuracy, confidence);
        str_puts(out, "` |\n");
    }
    str_printf(out,
               "\nExpected calibration error %.3f. Fitted temperature %.2f (%s), with "
               "which the error is %.3f.\n",
               number(c, "ece"), number(c, "temperature"),
               number(c, "temperature") > 1 ? "differences are too sure"
                                            : "differences are not sure enough",
               number(c, "ece_fitted"));
}

static void put_curve(Str *out, const json_t *report)
{
    const json_t *curve = json_object_get(report, "learning_curve");
    size_t i;
    json_t *point;
    if (json_array_size(curve) == 0)
        return;
    str_puts(out, "\n## Learning curve\n\n| rankings | pairs | accuracy | 95 % |\n"
                  "|---|---|---|---|\n");
    json_array_foreach(curve, i, point)
    {
        char name[32];
        snprintf(name, sizeof name, "%.0f", number(point, "rankings"));
        put_share_row(out, name, point);
    }
}

void reward_report_markdown(const json_t *report, Str *out)
{
    size_t i;
    json_t *reason;
    const json_t *scores = json_object_get(report, "scores");
    str_printf(out, "# Reward model: %s\n\n", text(report, "sentence"));
    json_array_foreach(json_object_get(report, "reasons"), i, reason)
        str_printf(out, "- **%s**: %s\n", text(reason, "is"), text(reason, "text"));
    put_accuracy(out, report);
    put_reliability(out, report);
    put_shares(out, "By source", "source", json_object_get(report, "by_source"));
    put_shares(out, "By length", "pairs in which",
               json_object_get(report, "by_length"));
    str_printf(
        out,
        "\nScores of held-out answers: mean %.2f, deviation %.2f; their correlation "
        "with length %.2f.\n",
        number(scores, "mean"), number(scores, "sd"),
        number(scores, "length_correlation"));
    put_curve(out, report);
}
