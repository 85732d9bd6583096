/* report.c - report.html: one run as the four-column picture of the recipe.
 *
 * Each column is a stage of the "GPT assistant training pipeline": the data on top, then
 * the algorithm, the model it gives, and what it cost; the numbers are the ledger's.
 * Below: curves (report_chart.c) and samples of each stage. Everything is in the one
 * file: no script, no font, no fetch. All text from a run is escaped. */
#include "recipe/report.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "recipe/ledger.h"
#include "recipe/report_internal.h"

#include <string.h>

static const char style[] =
    "<style>\n"
    ":root{--ink:#1c2330;--soft:#5d6b82;--line:#d5dbe6;--data:#e8f1fb;--algo:#fdf3dc;"
    "--model:#e6f5e9}\n"
    "body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);max-width:1180px;"
    "margin:2rem auto;padding:0 1rem}\n"
    "h1{margin-bottom:0}h2{margin:2.5rem 0 .5rem}small,.soft{color:var(--soft)}\n"
    ".pipeline{display:grid;grid-template-columns:repeat(auto-fit,minmax(195px,1fr));"
    "gap:1rem;margin:1.5rem 0}\n"
    ".stage{display:flex;flex-direction:column;gap:.3rem}\n"
    ".stage h3{display:flex;align-items:end;justify-content:center;text-align:center;"
    "min-height:3em;margin:.2rem 0}\n"
    ".box{border:1px solid var(--line);border-radius:8px;padding:.6rem .8rem}\n"
    ".data{background:var(--data);min-height:9em}.algo{background:var(--algo);"
    "min-height:8em}.model{background:var(--model);min-height:4.5em}\n"
    ".box b{display:block}.arrow{text-align:center;color:var(--soft);line-height:1}\n"
    ".cost{text-align:center;color:var(--soft)}\n"
    "table{border-collapse:collapse;width:100%}th,td{border-bottom:1px solid "
    "var(--line);"
    "padding:.3rem .6rem;text-align:left;vertical-align:top}"
    ".ledger :is(th,td):not(:nth-child(2)){white-space:nowrap}"
    ".ledger small{display:block}\n"
    ".charts{display:flex;flex-wrap:wrap;gap:1rem}figure{margin:0}"
    "figcaption{color:var(--soft);font-size:13px}\n"
    "pre{white-space:pre-wrap;background:#f6f8fb;border-radius:6px;padding:.5rem .7rem;"
    "margin:.2rem 0}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#dfe5ef;--soft:#94a1b8;--line:#"
    "39445a;"
    "--data:#1d2b3f;--algo:#3a3119;--model:#1c3323}body{background:#12161f}"
    "pre{background:#1b212d}}\n"
    "</style>\n";

/* What each kind of stage is, in the words of the recipe. */
typedef struct KindText {
    const char *kind, *title, *data, *algorithm, *model;
} KindText;
static const KindText kinds[] = {
    {"tokenizer", "Tokenizer", "Raw text",
     "Byte pair encoding: merge the most frequent pair, again and again", "Vocabulary"},
    {"pretrain", "Pretraining", "Raw text: much, rough",
     "Language modelling: predict the next token", "Base model"},
    {"sft", "Supervised fine-tuning", "Demonstrations: ideal assistant answers",
     "Language modelling on the answers: predict the next token", "SFT model"},
    {"reward", "Reward modelling", "Comparisons: answers ranked by people or a judge",
     "Binary classification: predict rewards consistent with the preferences",
     "Reward model"},
    {"dpo", "Direct preference optimisation",
     "Comparisons: answers ranked by people or a judge",
     "DPO: make preferred answers likelier than others, near the SFT model",
     "DPO model"},
    {"kto", "Kahneman-Tversky optimisation", "Answers rated good or bad",
     "KTO: make good answers likelier and bad ones less likely, near the SFT model",
     "KTO model"},
    {"ppo", "Reinforcement learning", "Prompts",
     "PPO: generate tokens that maximise the reward, near the SFT model", "RL model"},
    {"rloo", "Reinforcement learning", "Prompts, several answers each",
     "RLOO: make answers that score above the others likelier, near the SFT model",
     "RL model"},
    {"grpo", "Reinforcement learning", "Prompts, several answers each",
     "GRPO: make answers that score above the others likelier, near the SFT model",
     "RL model"},
};

static const KindText *kind_text(const char *kind)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].kind, kind) == 0)
            return &kinds[i];
    }
    return NULL;
}

void report_escape(Str *out, const char *text)
{
    for (const char *p = text; *p; p++) {
        switch (*p) {
        case '<':
            str_puts(out, "&lt;");
            break;
        case '>':
            str_puts(out, "&gt;");
            break;
        case '&':
            str_puts(out, "&amp;");
            break;
        case '"':
            str_puts(out, "&quot;");
            break;
        default:
            str_putc(out, *p);
        }
    }
}

static const char *text_of(const json_t *line, const char *key)
{
    const char *s = json_string_value(json_object_get(line, key));
    return s ? s : "";
}

static double number_of(const json_t *line, const char *key)
{
    return json_number_value(json_object_get(line, key));
}

/* --- the picture -------------------------------------------------------------------- */
static void put_cost(Str *out, const json_t *line)
{
    double tokens = number_of(line, "tokens"), flops = number_of(line, "flops");
    str_puts(out, "<div class=cost>");
    if (tokens > 0)
        str_printf(out, "%s tokens · ", log_count(tokens));
    if (flops > 0)
        str_printf(out, "%.1e FLOPs<br>", flops);
    str_printf(out, "%s · peak %s</div>\n", log_seconds(number_of(line, "seconds")),
               log_bytes(number_of(line, "peak_bytes")));
}

static void put_column(Str *out, const json_t *line)
{
    const KindText *k = kind_text(text_of(line, "kind"));
    if (!k)
        return;
    str_printf(out, "<div class=stage><h3>%s</h3>\n<div class='box data'><b>%s</b>",
               k->title, k->data);
    report_escape(out, text_of(line, "data"));
    str_printf(
        out,
        "</div><div class=arrow>&darr;</div>\n<div class='box algo'><b>Algorithm"
        "</b>%s</div><div class=arrow>&darr;</div>\n<div class='box model'><b>%s: ",
        k->algorithm, k->model);
    report_escape(out, text_of(line, "name"));
    str_puts(out, "</b>");
    if (number_of(line, "params") > 0)
        str_printf(out, "%s parameters", log_count(number_of(line, "params")));
    if (text_of(line, "started_from")[0]) {
        str_puts(out, "<br><small>from ");
        report_escape(out, file_base_name(text_of(line, "started_from")));
        str_puts(out, "</small>");
    }
    str_puts(out, "</div>\n");
    put_cost(out, line);
    str_puts(out, "</div>\n");
}

static void put_metrics_table(Str *out, const json_t *line)
{
    json_t *metrics = json_object_get(line, "metrics"), *value;
    const char *key;
    if (json_object_size(metrics) == 0)
        return;
    str_puts(out, "<table><tr><th>measured at the end</th><th></th></tr>\n");
    json_object_foreach(metrics, key, value)
    {
        if (!json_is_number(value))
            continue;
        str_puts(out, "<tr><td>");
        report_escape(out, key);
        str_printf(out, "</td><td>%.6g</td></tr>\n", json_number_value(value));
    }
    str_puts(out, "</table>\n");
}

/* --- samples: the last line of samples.jsonl, {"step":..,"samples":[{..text..}]} ------- */
enum { MOST_SAMPLES = 6, MOST_LINES_BYTES = 64 << 20 };

static void put_sample(Str *out, const json_t *sample)
{
    const char *key;
    json_t *value;
    if (json_is_string(sample)) {
        str_puts(out, "<pre>");
        report_escape(out, json_string_value(sample));
        str_puts(out, "</pre>\n");
        return;
    }
    str_puts(out, "<pre>");
    json_object_foreach(json_iterable(sample), key, value)
    {
        str_puts(out, "<b>");
        report_escape(out, key);
        str_puts(out, "</b> ");
        if (json_is_string(value))
            report_escape(out, json_string_value(value));
        else if (json_is_number(value))
            str_printf(out, "%.4g", json_number_value(value));
        str_putc(out, '\n');
    }
    str_puts(out, "</pre>\n");
}

static Status put_samples(Str *out, const char *folder, Err *err)
{
    Str path = {0}, text = {0};
    json_t *last = NULL;
    Status status = OK;
    file_join(&path, folder, "samples.jsonl");
    if (!file_exists(str_c(&path)))
        goto done;
    status = file_read(str_c(&path), MOST_LINES_BYTES, &text, err);
    if (status != OK)
        goto done;
    Span all = span_trim(str_span(&text));
    size_t begin = all.len;
    while (begin > 0 && all.ptr[begin - 1] != '\n')
        begin--;
    Span line = {all.ptr + begin, all.len - begin};
    if (line.len > 0 && json_parse(line, &last, NULL) == OK) {
        size_t i;
        json_t *sample, *samples = json_object_get(last, "samples");
        if (json_array_size(samples) > 0)
            str_puts(out, "<p class=soft>Samples at the end:</p>\n");
        json_array_foreach(samples, i, sample)
        {
            if (i < MOST_SAMPLES)
                put_sample(out, sample);
        }
    }
done:
    json_decref(last);
    str_release(&text);
    str_release(&path);
    return status;
}

static Status put_details(Str *out, const char *run_folder, const json_t *line,
                          Err *err)
{
    const char *kind = text_of(line, "kind");
    if (!kind_text(kind) || strcmp(kind, "tokenizer") == 0)
        return OK;
    Str folder = {0};
    file_join(&folder, run_folder, text_of(line, "name"));
    str_printf(out, "<h2>%s: ", kind_text(kind)->title);
    report_escape(out, text_of(line, "name"));
    str_puts(out, "</h2>\n");
    Status status = report_charts(out, str_c(&folder), err);
    if (status == OK) {
        put_metrics_table(out, line);
        status = put_samples(out, str_c(&folder), err);
    }
    str_release(&folder);
    return status;
}

static void put_ledger_table(Str *out, const json_t *stages)
{
    size_t i;
    json_t *line;
    double flops = 0, seconds = 0;
    str_puts(
        out,
        "<h2>Ledger</h2>\n<table "
        "class=ledger><tr><th>stage</th><th>data</th><th>tokens</th>"
        "<th>FLOPs</th><th>time</th><th>peak memory</th><th>started from</th></tr>\n");
    json_array_foreach(stages, i, line)
    {
        str_puts(out, "<tr><td>");
        report_escape(out, text_of(line, "name"));
        str_puts(out, "</td><td>");
        report_escape(out, text_of(line, "data"));
        double spent = number_of(line, "flops"), tokens = number_of(line, "tokens");
        str_printf(out, "</td><td>%s</td>", tokens > 0 ? log_count(tokens) : "-");
        str_printf(out, spent > 0 ? "<td>%.1e</td>" : "<td>-</td>", spent);
        str_printf(out, "<td>%s</td><td>%s</td><td>",
                   log_seconds(number_of(line, "seconds")),
                   log_bytes(number_of(line, "peak_bytes")));
        report_escape(out, file_base_name(text_of(line, "started_from")));
        str_puts(out, " <small>");
        report_escape(out, text_of(line, "started_from_hash"));
        str_puts(out, "</small></td></tr>\n");
        flops += spent;
        seconds += number_of(line, "seconds");
    }
    str_printf(out,
               "<tr><td><b>all</b></td><td></td><td></td><td>%.1e</td><td>%s</td>"
               "<td></td><td></td></tr></table>\n",
               flops, log_seconds(seconds));
}

Status report_write(const char *run_folder, Err *err)
{
    json_t *ledger = NULL, *line;
    Str out = {0}, path = {0};
    size_t i;
    TRY(ledger_open(run_folder, &ledger, err));
    json_t *stages = json_object_get(ledger, "stages");
    str_puts(&out,
             "<!doctype html>\n<html lang=en><meta charset=utf-8>\n<meta name=viewport "
             "content='width=device-width'>\n<title>");
    report_escape(&out, file_base_name(run_folder));
    str_printf(&out, "</title>\n%s<h1>", style);
    report_escape(&out, file_base_name(run_folder));
    str_puts(&out, "</h1>\n<p class=soft>From raw text to an assistant: the data, the "
                   "algorithm and the model of each stage, and what it cost.</p>\n"
                   "<div class=pipeline>\n");
    json_array_foreach(stages, i, line) put_column(&out, line);
    str_puts(&out, "</div>\n");
    put_ledger_table(&out, stages);
    Status status = OK;
    json_array_foreach(stages, i, line)
    {
        if (status == OK)
            status = put_details(&out, run_folder, line, err);
    }
    str_puts(&out, "</html>\n");
    if (status == OK)
        status = str_check(&out, err);
    if (status == OK)
        status = file_write_atomic(file_join(&path, run_folder, "report.html"), out.ptr,
                                   out.len, err);
    json_decref(ledger);
    str_release(&out);
    str_release(&path);
    return status;
}
