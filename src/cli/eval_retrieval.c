/* eval_retrieval.c - `tame eval retrieval INDEX --questions FILE`. */
#include "cli/command.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/system.h"
#include "cli/eval_retrieval.h"
#include "eval/retrieval.h"
#include "format/json.h"

#include <stdio.h>

typedef struct EvalRetrievalOptions {
    char *questions, *write;
    int64_t limit, seed;
    bool plain, json;
} EvalRetrievalOptions;
static const OptField fields[] = {
    OPT_TEXT(EvalRetrievalOptions, questions, NULL,
             "questions whose right passage is known (JSON Lines)"),
    OPT_INT(EvalRetrievalOptions, limit, 0, 0, 1e9, "questions at most; 0: all"),
    OPT_BOOL(EvalRetrievalOptions, plain, true,
             "compare with plain FTS5 over the same passages"),
    OPT_TEXT(EvalRetrievalOptions, write, NULL,
             "write the rank of each question's right passage to this JSONL file"),
    OPT_INT(EvalRetrievalOptions, seed, 1, 0, 1e9, "of the intervals' resampling"),
    OPT_BOOL(EvalRetrievalOptions, json, false, "print JSON"),
    OPT_END,
};
static const OptTable eval_retrieval_options = {"eval retrieval", "options",
                                                sizeof(EvalRetrievalOptions), fields};

enum { MOST_ARMS = 3 };
typedef struct EvalRetrieval {
    EvalRetrievalOptions o;
    SearchOptions search;
    RetrievalQuestions questions;
    RetrievalArm arms[MOST_ARMS]; /* ours is the last */
    size_t n_arms;
} EvalRetrieval;

/* --- output --------------------------------------------------------------------------- */
static void print_score(const RetrievalScore *s)
{
    printf("  %5.1f %% (%5.1f .. %5.1f)", 100 * s->value, 100 * s->interval.low,
           100 * s->interval.high);
}

static void print_arm(const RetrievalArm *a, const RetrievalReport *r)
{
    printf("%-16s", a->name);
    print_score(&r->recall1);
    print_score(&r->recall5);
    printf("  %.3f (%.3f .. %.3f)  %.3f  %6.2f %6.2f\n", r->mrr.value,
           r->mrr.interval.low, r->mrr.interval.high, r->ndcg10.value, r->ms_mean,
           r->ms_p95);
}

static json_t *score_json(const RetrievalScore *s)
{
    return json_pack("[f,f,f]", s->value, s->interval.low, s->interval.high);
}

static json_t *arm_json(const RetrievalArm *a, const RetrievalReport *r)
{
    return json_pack("{s:s,s:I,s:o,s:o,s:o,s:o,s:o,s:f,s:f}", "arm", a->name,
                     "questions", (json_int_t)a->n, "recall@1", score_json(&r->recall1),
                     "recall@5", score_json(&r->recall5), "recall@10",
                     score_json(&r->recall10), "mrr", score_json(&r->mrr), "ndcg@10",
                     score_json(&r->ndcg10), "ms", r->ms_mean, "ms_p95", r->ms_p95);
}

static void print_comparison(const RetrievalArm *a, const RetrievalArm *b,
                             const RetrievalComparison *c)
{
    printf("%s over %s: first is right for %lld that it was wrong for, the other way "
           "round "
           "%lld (McNemar p %.2g); MRR %+.3f (95 %% %+.3f .. %+.3f)\n",
           b->name, a->name, (long long)c->only_b, (long long)c->only_a, c->p,
           c->mrr.value, c->mrr.interval.low, c->mrr.interval.high);
}

static Status report(EvalRetrieval *e, json_t *out, Err *err)
{
    const RetrievalArm *ours = &e->arms[e->n_arms - 1];
    if (!e->o.json)
        printf(
            "%zu questions; 95 %% intervals; milliseconds a search: mean, 95th of 100\n"
            "%-16s  %-24s  %-24s  %-23s %-6s %6s %6s\n",
            e->questions.n, "", "recall@1", "recall@5", "MRR", "nDCG@10", "ms",
            "ms 95");
    for (size_t i = 0; i < e->n_arms; i++) {
        RetrievalReport r;
        TRY(retrieval_report(&e->arms[i], &e->questions, (uint64_t)e->o.seed, &r, err));
        if (e->o.json)
            json_array_append_new(out, arm_json(&e->arms[i], &r));
        else
            print_arm(&e->arms[i], &r);
    }
    for (size_t i = 0; i + 1 < e->n_arms && !e->o.json; i++) {
        RetrievalComparison c;
        TRY(retrieval_compare(&e->arms[i], ours, &e->questions, (uint64_t)e->o.seed, &c,
                              err));
        print_comparison(&e->arms[i], ours, &c);
    }
    return OK;
}

static Status write_ranks(const EvalRetrieval *e, Err *err)
{
    Str out = {0};
    for (size_t i = 0; i < e->questions.n; i++) {
        str_puts(&out, "{\"question\":");
        json_append_string(&out, str_span(&e->questions.questions[i].question));
        str_puts(&out, ",\"rank\":{");
        for (size_t k = 0; k < e->n_arms; k++)
            str_printf(&out, "%s\"%s\":%d", k > 0 ? "," : "", e->arms[k].name,
                       (int)e->arms[k].rank[i]);
        str_puts(&out, "}}\n");
    }
    Status status = str_check(&out, err);
    if (status == OK)
        status = file_write_atomic(e->o.write, out.ptr, out.len, err);
    str_release(&out);
    return status;
}

/* --- the command ------------------------------------------------------------------------ */
static Status measure(EvalRetrieval *e, Index *x, Err *err)
{
    Searcher s = {.index = x, .o = &e->search};
    for (int all_words = 1; e->o.plain && all_words >= 0; all_words--) {
        TRY(retrieval_measure_plain(x, &e->questions, all_words, &e->arms[e->n_arms],
                                    err));
        e->n_arms++;
    }
    TRY(retrieval_measure(&s, &e->questions, &e->arms[e->n_arms], NULL, err));
    e->n_arms++;
    return OK;
}

static Status eval_retrieval(EvalRetrieval *e, const char *path, Err *err)
{
    Index *x = NULL;
    json_t *out = json_array();
    system_catch_stop();
    Status status =
        retrieval_questions_read(&e->questions, e->o.questions, e->o.limit, err);
    if (status == OK)
        status = index_open(&x, path, false, err);
    if (status == OK)
        status = measure(e, x, err);
    if (status == OK && e->o.write)
        status = write_ranks(e, err);
    if (status == OK)
        status = report(e, out, err);
    if (status == OK && e->o.json) {
        Str text = {0};
        json_append(&text, out);
        puts(str_c(&text));
        str_release(&text);
    }
    json_decref(out);
    for (size_t i = 0; i < e->n_arms; i++)
        retrieval_arm_release(&e->arms[i]);
    retrieval_questions_release(&e->questions);
    index_close(x);
    return status;
}

int eval_retrieval_command(int argc, char **argv)
{
    Err err = {0};
    EvalRetrieval e = {0};
    Status status = opt_defaults(&eval_retrieval_options, &e.o, &err);
    if (status == OK)
        status = opt_defaults(&search_options, &e.search, &err);
    if (status != OK)
        return command_fail(status, &err);
    const OptBinding bindings[] = {{&eval_retrieval_options, &e.o},
                                   {&search_options, &e.search}};
    const Usage usage = {
        .name = "eval retrieval",
        .words = "INDEX --questions FILE",
        .what = "measures how often the passage that answers a question is found: "
                "recall@k, MRR, nDCG\nand time, beside plain full text search over the "
                "same passages. docs/retrieval.md says\nhow questions look and how to "
                "make 500 about countries.",
        .examples = "  tools/factbook_questions.py factbook.txt.gz questions.jsonl\n"
                    "  tame index factbook.txt.gz --out facts.db\n"
                    "  tame eval retrieval facts.db --questions questions.jsonl\n",
        .options = bindings,
        .n_options = sizeof bindings / sizeof *bindings,
    };
    const char *words[1];
    size_t n;
    Parsed parsed = command_parse(&usage, argc, argv, words, 1, 1, &n);
    int result = parsed == PARSED_HELP ? 0 : 2;
    if (parsed == PARSED_OK && !e.o.questions) {
        result =
            command_usage_error("eval retrieval", "give --questions, a JSONL file");
    } else if (parsed == PARSED_OK) {
        status = eval_retrieval(&e, words[0], &err);
        result = status == OK ? 0 : command_fail(status, &err);
    }
    opt_release(&eval_retrieval_options, &e.o);
    opt_release(&search_options, &e.search);
    return result;
}
