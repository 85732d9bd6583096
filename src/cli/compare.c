/* compare.c - `tame compare FILE.yaml`: prompts x providers over the same tests, in
 * promptfoo's layout. Like promptfoo it ends with status 100 where an assertion failed. */
#include "cli/command.h"
#include "cli/model_word.h"

#include "base/file.h"
#include "base/log.h"
#include "base/system.h"
#include "eval/compare.h"

#include <stdio.h>
#include <string.h>

enum { FAILED_ASSERTIONS = 100, NAME = 40, SHOWN_FAILURES = 3 };

typedef struct Opener {
    TensorOps *ops;
    LmLocalOptions local;
} Opener;

static Status open_model(void *self, const CompareProvider *p, Lm **out, Err *err)
{
    Opener *o = self;
    return model_word_open(out, &o->ops, COMPUTE_F32, p->id, &o->local, err);
}

/* --- what people see -------------------------------------------------------------------- */

/* "provider" or "provider, prompt", a line of at most NAME letters. */
static void put_name(const CompareArm *arm, bool with_prompt, Str *out)
{
    Str name = {0};
    str_puts(&name, arm->provider->label);
    if (with_prompt)
        str_printf(&name, ", %s", arm->prompt->label);
    str_reset(out);
    str_quote(out, str_span(&name), NAME);
    str_release(&name);
}

static double percent(double share)
{
    return 100 * share;
}

static void show_table(const CompareFile *f, const CompareReport *r)
{
    Str name = {0};
    double n = (double)compare_n(r);
    printf("%-*s  %13s  %-15s  %7s  %7s  %7s  %s\n", NAME, "", "passed", "95 %",
           "invalid", "tokens", "seconds",
           r->n > 1 ? "over the first (95 %), McNemar p" : "");
    for (size_t i = 0; i < r->n; i++) {
        const CompareArm *a = &r->arms[i];
        put_name(a, f->n_prompts > 1, &name);
        printf("%-*s  %5lld %5.1f %%  %5.1f to %5.1f   %5.1f %%  %7.1f  %7.3f", NAME,
               str_c(&name), (long long)a->passed, percent((double)a->passed / n),
               percent(a->interval.low), percent(a->interval.high),
               percent((double)a->invalid / n), a->tokens, a->seconds);
        if (i > 0)
            printf("  %+.1f (%+.1f to %+.1f), %.2g", percent(a->difference),
                   percent(a->difference_interval.low),
                   percent(a->difference_interval.high), a->p);
        putchar('\n');
    }
    str_release(&name);
}

/* The first few of an arm that did not pass. */
static int64_t show_failures(const CompareReport *r, const CompareArm *arm)
{
    int64_t failed = 0;
    for (int64_t i = 0; i < compare_n(r); i++) {
        const CompareAnswer *a = &arm->answers[i];
        Str text = {0};
        if (a->passed || failed++ >= SHOWN_FAILURES)
            continue;
        str_quote(&text, str_span(&a->text), 200);
        fprintf(stderr, "%s, test %lld: \"%s\": %s\n", arm->provider->label,
                (long long)(i / r->repeat) + 1, str_c(&text), str_c(&a->why));
        str_release(&text);
    }
    return failed;
}

/* --- the command ------------------------------------------------------------------------ */

static Status write_output(const CompareFile *f, const CompareReport *r,
                           const char *path, Err *err)
{
    Str lines = {0};
    Status status = compare_lines(f, r, &lines, err);
    if (status == OK)
        status = file_write_atomic(path, lines.ptr, lines.len, err);
    str_release(&lines);
    return status;
}

static Status compare(const char *path, const CompareOptions *o, Opener *opener,
                      int64_t *failed, Err *err)
{
    CompareFile file;
    CompareReport report = {0};
    TRY(compare_file_read(path, &file, err));
    system_catch_stop();
    Status status = compare_run(&file, o, open_model, opener, &report, err);
    if (status == OK && o->output)
        status = write_output(&file, &report, o->output, err);
    if (status == OK) {
        for (size_t i = 0; i < report.n; i++)
            *failed += show_failures(&report, &report.arms[i]);
        show_table(&file, &report);
    }
    compare_release(&report);
    compare_file_release(&file);
    return status;
}

/* clang-format off */
static const char what[] =
    "Asks several models, or one in several ways, the same questions and compares what\n"
    "came: prompts x providers x tests in promptfoo's YAML layout, with asserts (equals\n"
    "contains icontains starts-with contains-any contains-all icontains-any icontains-all\n"
    "regex is-json contains-json latency, each also as not-...). A provider is a model\n"
    "folder or an endpoint; its config has think (as --think of `tame ask`), temperature,\n"
    "max_tokens, seed, system. Ends with status 100 where an assertion failed.";
/* clang-format on */

typedef struct CompareCommand {
    CompareOptions o;
    Opener opener;
} CompareCommand;

static int work(void *self, const char **words, size_t n)
{
    Err err = {0};
    CompareCommand *c = self;
    int64_t failed = 0;
    (void)n;
    Status status = compare(words[0], &c->o, &c->opener, &failed, &err);
    tensor_free(c->opener.ops);
    return status == OK && failed > 0 ? FAILED_ASSERTIONS : command_end(status, &err);
}

int compare_command(int argc, char **argv)
{
    CompareCommand c = {0};
    const OptBinding bindings[] = {{&compare_options, &c.o},
                                   {&lm_local_options, &c.opener.local}};
    const Usage usage = {
        .name = "compare",
        .words = "FILE.yaml",
        .what = what,
        .examples = "  tame compare sums.yaml\n"
                    "  tame compare sums.yaml --repeat 5 --output answers.jsonl\n",
        .options = bindings,
        .n_options = sizeof bindings / sizeof *bindings,
    };
    return command_run(&usage, argc, argv, 1, 1, work, &c);
}
