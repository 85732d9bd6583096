/* eval_retrieval.c - `tame eval retrieval INDEX --questions FILE`. */
#include "cli/command.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/system.h"
#include "cli/eval_retrieval.h"
#include "cli/model_word.h"
#include "eval/open_book.h"
#include "format/json.h"

#include <stdio.h>

typedef struct EvalRetrievalOptions {
    char *questions, *write, *model, *answers;
    int64_t limit, seed;
    bool plain, reorder, json;
} EvalRetrievalOptions;
static const OptField fields[] = {
    OPT_TEXT(EvalRetrievalOptions, questions, NULL,
             "questions whose right passage is known (JSON Lines)"),
    OPT_INT(EvalRetrievalOptions, limit, 0, 0, 1e9, "questions at most; 0: all"),
    OPT_BOOL(EvalRetrievalOptions, plain, true,
             "compare with plain FTS5 over the same passages"),
    OPT_TEXT(EvalRetrievalOptions, model, NULL,
             "answer the questions with this model too, in four arms"),
    OPT_BOOL(EvalRetrievalOptions, reorder, false,
             "one arm more: the model puts the passages in order"),
    OPT_TEXT(EvalRetrievalOptions, answers, NULL,
             "write every answer of the model to this JSONL file"),
    OPT_TEXT(EvalRetrievalOptions, write, NULL,
             "write the rank of each question's right passage to this JSONL file"),
    OPT_INT(EvalRetrievalOptions, seed, 1, 0, 1e9, "of the intervals' resampling"),
    OPT_BOOL(EvalRetrievalOptions, json, false, "print JSON"),
    OPT_END,
};
static const OptTable eval_retrieval_options = {"eval retrieval", "options",
                                                sizeof(EvalRetrievalOptions), fields};

enum { MOST_ARMS = 4 };
typedef struct EvalRetrieval {
    EvalRetrievalOptions o;
    SearchOptions search;
    OpenBookOptions book;
    BookOptions answers;
    LmLocalOptions local;
    TensorOps *ops; /* of a model here */
    Lm *lm;         /* NULL: no model */
    RetrievalQuestions questions;
    RetrievalArm arms[MOST_ARMS]; /* the last is compared with the others */
    size_t n_arms;
    BookReport report;
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

static json_t *comparison_json(const RetrievalArm *a, const RetrievalArm *b,
                               const RetrievalComparison *c)
{
    return json_pack("{s:s,s:s,s:I,s:I,s:f,s:o}", "over", a->name, "arm", b->name,
                     "only_over", (json_int_t)c->only_a, "only_arm",
                     (json_int_t)c->only_b, "mcnemar_p", c->p, "mrr_difference",
                     score_json(&c->mrr));
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
    for (size_t i = 0; i + 1 < e->n_arms; i++) {
        RetrievalComparison c;
        TRY(retrieval_compare(&e->arms[i], ours, &e->questions, (uint64_t)e->o.seed, &c,
                              err));
        if (e->o.json)
            json_array_append_new(out, comparison_json(&e->arms[i], ours, &c));
        else
            print_comparison(&e->arms[i], ours, &c);
    }
    return OK;
}

/* --- answers ---------------------------------------------------------------------------- */
static double share(int64_t part, int64_t all)
{
    return all > 0 ? 100 * (double)part / (double)all : 0;
}

static json_t *book_json(const BookReport *r, int arm)
{
    const BookResult *a = &r->arms[arm];
    StatsInterval i = stats_wilson((double)a->right, (double)r->n);
    return json_pack("{s:s,s:I,s:I,s:f,s:f,s:I,s:I,s:I,s:I,s:I}", "arm",
                     book_arm_names[arm], "questions", (json_int_t)r->n, "right",
                     (json_int_t)a->right, "low", i.low, "high", i.high, "unknown",
                     (json_int_t)a->unknown, "bare", (json_int_t)a->bare, "citations",
                     (json_int_t)a->cites, "held", (json_int_t)a->held, "tokens",
                     (json_int_t)a->tokens);
}

static void print_book(const EvalRetrieval *e)
{
    const BookReport *r = &e->report;
    printf("\n%s: %lld questions", e->lm->name, (long long)r->n);
    if (r->without > 0)
        printf(" (%lld more have no right passage in the index)",
               (long long)r->without);
    printf("\n%-12s %-24s %9s %12s %14s %8s\n", "", "  right (95 %)", "unknown",
           "cites none", "cites that hold", "tokens");
    for (int arm = 0; arm < BOOK_ARMS; arm++) {
        const BookResult *a = &r->arms[arm];
        StatsInterval i = stats_wilson((double)a->right, (double)r->n);
        printf("%-12s  %5.1f %% (%5.1f .. %5.1f) %7.1f %% %10.1f %% %7lld of %4lld "
               "%8.1f\n",
               book_arm_names[arm], share(a->right, r->n), 100 * i.low, 100 * i.high,
               share(a->unknown, r->n), share(a->bare, r->n), (long long)a->held,
               (long long)a->cites, share(a->tokens, r->n) / 100);
    }
}

static Status open_model(EvalRetrieval *e, Err *err)
{
    return model_word_open(&e->lm, &e->ops, COMPUTE_F32, e->o.model, &e->local, err);
}

static Status answer_all(EvalRetrieval *e, Index *x, json_t *out, Err *err)
{
    Searcher s = {.index = x, .o = &e->search, .reorder = e->o.reorder ? e->lm : NULL};
    LmUsage usage = {0};
    Str lines = {0};
    Status status = book_measure(e->lm, &s, &e->questions, &e->book, &e->answers,
                                 e->o.answers ? &lines : NULL, &e->report, &usage, err);
    if (status == OK && e->o.answers)
        status = file_write_atomic(e->o.answers, lines.ptr, lines.len, err);
    for (int arm = 0; arm < BOOK_ARMS && status == OK && e->o.json; arm++)
        json_array_append_new(out, book_json(&e->report, arm));
    if (status == OK && !e->o.json)
        print_book(e);
    str_release(&lines);
    return status;
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
    Status status = file_write_str(e->o.write, &out, err);
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
    if (!e->o.reorder)
        return OK;
    LmUsage usage = {0};
    s.reorder = e->lm;
    TRY(retrieval_measure(&s, &e->questions, &e->arms[e->n_arms], &usage, err));
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
    if (status == OK && e->o.model)
        status = open_model(e, err);
    if (status == OK)
        status = measure(e, x, err);
    if (status == OK && e->o.write)
        status = write_ranks(e, err);
    if (status == OK)
        status = report(e, out, err);
    if (status == OK && e->lm)
        status = answer_all(e, x, out, err);
    if (status == OK && e->o.json) {
        Str text = {0};
        json_append(&text, out);
        puts(str_c(&text));
        str_release(&text);
    }
    json_decref(out);
    for (size_t i = 0; i < e->n_arms; i++)
        retrieval_arm_release(&e->arms[i]);
    book_report_release(&e->report);
    retrieval_questions_release(&e->questions);
    index_close(x);
    lm_free(e->lm);
    tensor_free(e->ops);
    return status;
}

static int work(void *self, const char **words, size_t n)
{
    Err err = {0};
    EvalRetrieval *e = self;
    (void)n;
    if (!e->o.questions)
        return command_usage_error("eval retrieval", "give --questions, a JSONL file");
    return command_end(eval_retrieval(e, words[0], &err), &err);
}

int eval_retrieval_command(int argc, char **argv)
{
    EvalRetrieval e = {0};
    const OptBinding bindings[] = {{&eval_retrieval_options, &e.o},
                                   {&search_options, &e.search},
                                   {&open_book_options, &e.book},
                                   {&book_measure_options, &e.answers},
                                   {&lm_local_options, &e.local}};
    const Usage usage = {
        .name = "eval retrieval",
        .words = "INDEX --questions FILE",
        .what =
            "measures how often the passage that answers a question is found: "
            "recall@k, MRR, nDCG\nand time, beside plain full text search over the "
            "same passages. With --model the\nquestions are answered too: closed book, "
            "beside the right passage, beside what is found\nand beside a wrong one. "
            "docs/retrieval.md says how questions look and how to make some.",
        .examples =
            "  tools/factbook_questions.py factbook.txt.gz questions.jsonl\n"
            "  tame index factbook.txt.gz --out facts.db\n"
            "  tame eval retrieval facts.db --questions questions.jsonl\n"
            "  tame eval retrieval facts.db --questions questions.jsonl --model "
            "runs/demo/ppo\n",
        .options = bindings,
        .n_options = sizeof bindings / sizeof *bindings,
    };
    return command_run(&usage, argc, argv, 1, 1, work, &e);
}
