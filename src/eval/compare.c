/* compare.c - see compare.h. */
#include "eval/compare.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/system.h"
#include "format/json.h"
#include "think/strategy/strategy.h"

#include <stdatomic.h>

/* clang-format off */
static const OptField fields[] = {
    OPT_INT(CompareOptions, repeat, 1, 1, 10000, "answers to each question, each with a seed of its own"),
    OPT_INT(CompareOptions, concurrency, 16, 1, 128, "questions that are asked at once"),
    OPT_INT(CompareOptions, limit, 0, 0, 1e9, "tests at most; 0: all"),
    OPT_TEXT(CompareOptions, output, NULL, "file that gets every answer, a line of JSON each"),
    OPT_END
};
/* clang-format on */
const OptTable compare_options = {"compare", "options", sizeof(CompareOptions), fields};

void compare_release(CompareReport *r)
{
    for (size_t a = 0; a < r->n; a++) {
        for (int64_t i = 0; r->arms[a].answers && i < compare_n(r); i++) {
            str_release(&r->arms[a].answers[i].text);
            str_release(&r->arms[a].answers[i].why);
        }
        mem_free(r->arms[a].answers);
    }
    mem_free(r->arms);
    *r = (CompareReport){0};
}

/* --- one answer ------------------------------------------------------------------------- */

/* What an arm asks with. */
typedef struct Job {
    const CompareFile *f;
    const CompareReport *report;
    const CompareArm *arm;
    Lm *lm;
    const Strategy *strategy;
    const Extractor *extract;
    const Examples *examples; /* NULL: none */
    atomic_int *answered, *failures;
} Job;

/* So many failures before a first answer are the model's, not a question's. */
enum { MOST_FAILURES = 5 };

static Status make_talk(const Job *job, const CompareTest *t, Conversation *talk,
                        Err *err)
{
    const char *system = job->arm->provider->system;
    Str text = {0};
    Status status = OK;
    if (system) {
        status = vars_render(span_of(system), t->vars, &text, err);
        if (status == OK)
            status = conversation_add(talk, ROLE_SYSTEM, str_span(&text), err);
        str_reset(&text);
    }
    if (status == OK)
        status = vars_render(span_of(job->arm->prompt->text), t->vars, &text, err);
    if (status == OK)
        status = conversation_add(talk, ROLE_USER, str_span(&text), err);
    str_release(&text);
    return status;
}

/* *said gets what the assertions read. */
static Status ask(const Job *job, const CompareTest *t, int64_t test, int64_t repeat,
                  CompareAnswer *out, Str *said, Err *err)
{
    Conversation talk = {0};
    Run run = {0};
    Outcome outcome = {0};
    const Budget budget = {0};
    Question q = {.talk = &talk,
                  .sample = job->arm->provider->sample,
                  .o = &job->arm->provider->thinking,
                  .extract = job->extract,
                  .examples = job->examples,
                  .key = (uint64_t)(test * job->report->repeat + repeat)};
    Status status = make_talk(job, t, &talk, err);
    if (status == OK)
        status = run_init(&run, job->lm, &budget, NULL, "compare", err);
    if (status == OK) {
        double start = system_seconds();
        status = strategy_answer(job->strategy, &run, &q, &outcome, err);
        out->seconds = system_seconds() - start;
    }
    if (status == OK) {
        out->tokens = run.usage.answer_tokens;
        out->prompt_tokens = run.usage.prompt_tokens;
        str_span_append(&out->text, str_span(&outcome.text));
        str_span_append(said,
                        str_span(job->f->extract ? &outcome.answer : &outcome.text));
        status = str_check(said, err);
        if (status == OK)
            status = str_check(&out->text, err);
    }
    outcome_release(&outcome);
    run_release(&run);
    conversation_release(&talk);
    return status;
}

static Status mark(const Job *job, const CompareTest *t, Span said, CompareAnswer *a,
                   Err *err)
{
    json_t *utf8 = json_from_bytes(said);
    Status status = utf8 ? OK : err_set(err, ERR_NOMEM, "no memory for an answer");
    a->invalid = job->f->extract && said.len == 0;
    a->passed = !a->invalid;
    if (a->invalid)
        str_puts(&a->why, "no answer found");
    for (size_t i = 0; status == OK && !a->invalid && i < t->n; i++) {
        bool holds = false;
        Span text = {json_string_value(utf8), json_string_length(utf8)};
        status = assertion_holds(&t->asserts[i], t->vars, text, a->seconds, &holds,
                                 &a->why, err);
        a->passed = a->passed && holds;
    }
    json_decref(utf8);
    return status;
}

/* No answer came to this question: that is what is said of it, and the others go on. */
static Status failed(const Job *job, Status status, CompareAnswer *out, Err *err)
{
    bool passes = status == ERR_IO || status == ERR_LIMIT || status == ERR_FORMAT;
    if (!passes || (atomic_fetch_add(job->failures, 1) + 1 >= MOST_FAILURES &&
                    *job->answered == 0))
        return status;
    log_warn("%s", err->msg);
    out->invalid = true;
    out->passed = false;
    str_printf(&out->why, "error: %s", err->msg);
    return str_check(&out->why, err);
}

static Status answer_one(void *self, int64_t i, Err *err)
{
    const Job *job = self;
    int64_t test = i / job->report->repeat;
    const CompareTest *t = &job->f->tests[test];
    CompareAnswer *out = &job->arm->answers[i];
    Str said = {0};
    Status status = ask(job, t, test, i % job->report->repeat, out, &said, err);
    if (status == OK) {
        atomic_fetch_add(job->answered, 1);
        status = mark(job, t, str_span(&said), out, err);
    } else {
        status = failed(job, status, out, err);
    }
    str_release(&said);
    return status == OK ? OK : err_context(err, "test %lld", (long long)test + 1);
}

/* --- an arm ----------------------------------------------------------------------------- */

/* A provider opened. */
typedef struct Opened {
    Lm *lm;
    Strategy *strategy;
    Extractor extract;
    Examples examples;
} Opened;

static void close_provider(Opened *o)
{
    examples_release(&o->examples);
    extractor_release(&o->extract);
    strategy_free(o->strategy);
    lm_free(o->lm);
}

static Status open_provider(const CompareFile *f, const CompareProvider *p,
                            CompareOpen open, void *self, Opened *out, Err *err)
{
    TRY(strategy_parse(&out->strategy, span_of(p->think), err));
    TRY(extractor_parse(&out->extract, span_of(f->extract ? f->extract : "auto"), err));
    if (p->thinking.examples)
        TRY(examples_load(&out->examples, p->thinking.examples, err));
    TRY(open(self, p, &out->lm, err));
    return strategy_check(out->strategy, out->lm, err);
}

static Status run_arm(const CompareFile *f, const CompareOptions *o,
                      const Opened *opened, const CompareReport *report,
                      CompareArm *arm, Err *err)
{
    TRY(MEM_ARRAY(&arm->answers, (size_t)compare_n(report), err));
    atomic_int answered = 0, failures = 0;
    Job job = {.f = f,
               .report = report,
               .arm = arm,
               .lm = opened->lm,
               .strategy = opened->strategy,
               .extract = &opened->extract,
               .examples = opened->examples.n > 0 ? &opened->examples : NULL,
               .answered = &answered,
               .failures = &failures};
    return system_try(o->concurrency, compare_n(report), arm->provider->label,
                      "answers", answer_one, &job, err);
}

static Status run_provider(const CompareFile *f, const CompareOptions *o,
                           const CompareProvider *p, CompareOpen open, void *self,
                           CompareReport *report, Err *err)
{
    Opened opened = {0};
    Status status = open_provider(f, p, open, self, &opened, err);
    for (size_t i = 0; status == OK && i < f->n_prompts; i++) {
        CompareArm *arm = &report->arms[report->n++];
        *arm = (CompareArm){.provider = p, .prompt = &f->prompts[i]};
        status = run_arm(f, o, &opened, report, arm, err);
    }
    close_provider(&opened);
    return status == OK ? OK : err_context(err, "'%s'", p->label);
}

/* --- figures ---------------------------------------------------------------------------- */

static Status count(const CompareReport *r, CompareArm *arm, Err *err)
{
    int64_t n = compare_n(r), *cluster;
    double *hit;
    TRY(MEM_ARRAY(&hit, (size_t)n, err));
    Status status = MEM_ARRAY(&cluster, (size_t)n, err);
    for (int64_t i = 0; status == OK && i < n; i++) {
        const CompareAnswer *a = &arm->answers[i];
        hit[i] = a->passed;
        cluster[i] = i / r->repeat;
        arm->passed += a->passed;
        arm->invalid += a->invalid;
        arm->tokens += (double)a->tokens / (double)n;
        arm->prompt_tokens += (double)a->prompt_tokens / (double)n;
        arm->seconds += a->seconds / (double)n;
    }
    if (status == OK) {
        arm->interval = stats_wilson((double)arm->passed, (double)n);
        if (r->repeat > 1)
            (void)stats_clustered(hit, cluster, n, &arm->interval);
    }
    mem_free(cluster);
    mem_free(hit);
    return status;
}

static void compare_to(const CompareReport *r, const CompareArm *first, CompareArm *arm)
{
    for (int64_t i = 0; i < compare_n(r); i++) {
        bool a = arm->answers[i].passed, b = first->answers[i].passed;
        arm->gained += a && !b;
        arm->lost += b && !a;
    }
    arm->difference = stats_paired_shares(arm->gained, arm->lost, compare_n(r),
                                          &arm->difference_interval);
    arm->p = stats_mcnemar(arm->gained, arm->lost);
}

Status compare_run(const CompareFile *f, const CompareOptions *o, CompareOpen open,
                   void *self, CompareReport *out, Err *err)
{
    int64_t tests = (int64_t)f->n_tests;
    *out =
        (CompareReport){.repeat = o->repeat,
                        .tests = o->limit > 0 && o->limit < tests ? o->limit : tests};
    Status status = MEM_ARRAY(&out->arms, f->n_providers * f->n_prompts, err);
    for (size_t i = 0; status == OK && i < f->n_providers; i++)
        status = run_provider(f, o, &f->providers[i], open, self, out, err);
    for (size_t i = 0; status == OK && i < out->n; i++) {
        status = count(out, &out->arms[i], err);
        if (status == OK)
            compare_to(out, &out->arms[0], &out->arms[i]);
    }
    if (status != OK)
        compare_release(out);
    return status;
}

/* --- lines ------------------------------------------------------------------------------ */

static void put_line(const CompareFile *f, const CompareReport *r,
                     const CompareArm *arm, int64_t i, Str *out)
{
    const CompareAnswer *a = &arm->answers[i];
    str_puts(out, "{\"provider\": ");
    json_append_string(out, span_of(arm->provider->label));
    str_puts(out, ", \"prompt\": ");
    json_append_string(out, span_of(arm->prompt->label));
    str_printf(out, ", \"test\": %lld, \"repeat\": %lld, \"vars\": ",
               (long long)(i / r->repeat), (long long)(i % r->repeat));
    json_append(out, f->tests[i / r->repeat].vars);
    str_puts(out, ", \"output\": ");
    json_append_string(out, str_span(&a->text));
    str_printf(out, ", \"passed\": %s, \"invalid\": %s, \"why\": ",
               a->passed ? "true" : "false", a->invalid ? "true" : "false");
    json_append_string(out, str_span(&a->why));
    str_printf(out, ", \"tokens\": %lld, \"prompt_tokens\": %lld, \"seconds\": %.6g}\n",
               (long long)a->tokens, (long long)a->prompt_tokens, a->seconds);
}

Status compare_lines(const CompareFile *f, const CompareReport *r, Str *out, Err *err)
{
    for (size_t a = 0; a < r->n; a++) {
        for (int64_t i = 0; i < compare_n(r); i++)
            put_line(f, r, &r->arms[a], i, out);
    }
    return str_check(out, err);
}
