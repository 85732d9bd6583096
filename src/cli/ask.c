/* ask.c - `tame ask MODEL "question"`: one question, answered by a strategy. What comes
 * through a pipe is put behind the question, as in `cat notes.txt | tame ask MODEL "sum
 * this up"`. The answer goes to stdout, remarks to stderr. */
#include "cli/ask_docs.h"
#include "cli/command.h"
#include "cli/short_flags.h"

#include "base/file.h"
#include "base/log.h"
#include "base/system.h"
#include "format/json.h"
#include "text/utf8.h"
#include "think/lm/lm_local.h"
#include "think/strategy/strategy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_INPUT = 64 << 20 };

typedef struct AskCommandOptions {
    char *system, *think, *trace;
    bool json, usage, verbose;
} AskCommandOptions;

static const OptField fields[] = {
    OPT_TEXT(AskCommandOptions, think, "direct",
             "how to find the answer, as in cot+consistency:8; help: lists the ways"),
    OPT_TEXT(AskCommandOptions, system, NULL, "system text at the beginning (-s)"),
    OPT_BOOL(AskCommandOptions, json, 0, "print the answer and its cost as JSON"),
    OPT_BOOL(AskCommandOptions, usage, 0, "tell the cost on stderr (-u)"),
    OPT_BOOL(AskCommandOptions, verbose, 0,
             "show on stderr how the answer was found (-v)"),
    OPT_TEXT(AskCommandOptions, trace, NULL,
             "write all that was done to this file, a line of JSON a step"),
    OPT_END,
};
static const OptTable ask_options = {"ask", "options", sizeof(AskCommandOptions),
                                     fields};

/* All that one question needs. */
typedef struct Ask {
    AskCommandOptions o;
    SampleOptions sample;
    Budget budget;
    LmLocalOptions local;
    Strategy *strategy;
    TensorOps *ops;
    Lm *lm;
    Str text; /* the question */
    Conversation talk;
    AskDocs docs;
    Run run;
    Outcome outcome;
} Ask;

/* --- the question -------------------------------------------------------------------- */
/* Is there a pipe or a file at stdin? A terminal, and whatever a script was started with,
 * is none. */
static bool has_input(void)
{
    struct stat s;
    return fstat(STDIN_FILENO, &s) == 0 && (S_ISFIFO(s.st_mode) || S_ISREG(s.st_mode));
}

static Status read_input(Str *out, Err *err)
{
    char buffer[1 << 16];
    size_t n, total = 0;
    if (out->len > 0)
        str_puts(out, "\n\n");
    while ((n = fread(buffer, 1, sizeof buffer, stdin)) > 0) {
        total += n;
        if (total > MOST_INPUT)
            return err_set(err, ERR_LIMIT, "more than %s came through stdin",
                           log_bytes(MOST_INPUT));
        str_append(out, buffer, n);
    }
    if (ferror(stdin))
        return err_set(err, ERR_IO, "cannot read standard input");
    while (out->len > 0 && out->ptr[out->len - 1] == '\n')
        str_truncate(out, out->len - 1);
    return str_check(out, err);
}

static Status make_question(Ask *a, const char *words, Err *err)
{
    if (words)
        str_puts(&a->text, words);
    if (has_input())
        TRY(read_input(&a->text, err));
    TRY(str_check(&a->text, err));
    if (span_trim(str_span(&a->text)).len == 0)
        return err_set(err, ERR_OPTION,
                       "no question: it stands behind MODEL, or comes through a pipe");
    if (a->o.system)
        TRY(conversation_add(&a->talk, ROLE_SYSTEM, span_of(a->o.system), err));
    return conversation_add(&a->talk, ROLE_USER, str_span(&a->text), err);
}

/* --- what people see ----------------------------------------------------------------- */
static bool show(void *self, Span text)
{
    (void)self;
    fwrite(text.ptr, 1, text.len, stdout);
    fflush(stdout);
    return !system_stop_requested();
}

static size_t terminal_width(void)
{
    struct winsize size;
    bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20;
    return known ? size.ws_col : 100;
}

static void show_tree(const Ask *a)
{
    Str tree = {0};
    if (a->outcome.thinking.len > 0)
        fprintf(stderr, "[thinking]\n%s\n[/thinking]\n", str_c(&a->outcome.thinking));
    trace_tree(a->run.trace, terminal_width(), &tree);
    fputs(str_c(&tree), stderr);
    str_release(&tree);
}

static void show_usage(const Ask *a)
{
    const LmUsage *u = &a->run.usage;
    fprintf(stderr, "%lld tokens read, %lld written, %lld %s, %s\n",
            (long long)u->prompt_tokens, (long long)u->answer_tokens,
            (long long)u->requests, u->requests == 1 ? "request" : "requests",
            log_seconds(u->seconds));
}

static void show_json(const Ask *a)
{
    const Outcome *o = &a->outcome;
    const LmUsage *u = &a->run.usage;
    Str spec = {0}, line = {0};
    strategy_spec(a->strategy, &spec);
    json_t *root = json_object(), *usage = json_object();
    json_object_set_new(root, "model", json_string(a->lm->name));
    json_object_set_new(root, "think", json_string(str_c(&spec)));
    json_object_set_new(root, "answer", json_from_bytes(str_span(&o->text)));
    if (o->thinking.len > 0)
        json_object_set_new(root, "thinking", json_from_bytes(str_span(&o->thinking)));
    json_object_set_new(root, "cut", json_boolean(o->cut));
    if (o->note.len > 0)
        json_object_set_new(root, "note", json_from_bytes(str_span(&o->note)));
    json_object_set_new(usage, "prompt_tokens", json_integer(u->prompt_tokens));
    json_object_set_new(usage, "answer_tokens", json_integer(u->answer_tokens));
    json_object_set_new(usage, "requests", json_integer(u->requests));
    json_object_set_new(usage, "seconds", json_real(u->seconds));
    json_object_set_new(root, "usage", usage);
    if (a->docs.o.docs)
        ask_docs_json(&a->docs, root);
    json_append(&line, root);
    puts(str_c(&line));
    json_decref(root);
    str_release(&spec);
    str_release(&line);
}

static void show_answer(const Ask *a)
{
    const Outcome *o = &a->outcome;
    if (a->o.json) {
        show_json(a);
        return;
    }
    if (!o->shown)
        fwrite(str_c(&o->text), 1, o->text.len, stdout);
    putchar('\n');
    fflush(stdout);
    if (o->note.len > 0)
        fprintf(stderr, "[%s]\n", str_c(&o->note));
    ask_docs_tell(&a->docs);
}

static Status write_trace(const Ask *a, Err *err)
{
    Str lines = {0};
    Status status = trace_lines(a->run.trace, &lines, err);
    if (status == OK)
        status = file_write_atomic(a->o.trace, lines.ptr, lines.len, err);
    str_release(&lines);
    return status;
}

/* --- one question -------------------------------------------------------------------- */
/* The answer that sources give, if there are any: without, no model need be asked. */
static Status answer_from_docs(Ask *a, Question *question, Err *err)
{
    AskDocs *d = &a->docs;
    TRY(ask_docs_open(d, a->lm, &a->talk, a->sample.max_new, &a->run.usage, err));
    question->talk = &d->book.talk;
    question->constraint = d->book.form.text.len > 0 ? &d->book.form : NULL;
    if (d->book.n == 0)
        str_puts(&a->outcome.text, OPEN_BOOK_UNKNOWN);
    else
        TRY(strategy_answer(a->strategy, &a->run, question, &a->outcome, err));
    return ask_docs_check(d, str_span(&a->outcome.text), err);
}

static Status ask(Ask *a, const char *model, const char *words, Err *err)
{
    TRY(strategy_parse(&a->strategy, span_of(a->o.think), err));
    TRY(make_question(a, words, err));
    TRY(command_backend(&a->ops, COMPUTE_F32, err));
    TRY(lm_local_open(&a->lm, a->ops, model, &a->local, err));
    TRY(run_init(&a->run, a->lm, &a->budget, NULL, "ask", err));
    Question question = {
        .talk = &a->talk, .sample = a->sample, .on_text = a->o.json ? NULL : show};
    system_catch_stop();
    Status status = a->docs.o.docs ? answer_from_docs(a, &question, err)
                                   : strategy_answer(a->strategy, &a->run, &question,
                                                     &a->outcome, err);
    if (status == OK)
        show_answer(a);
    if (a->o.verbose)
        show_tree(a);
    if (a->o.usage)
        show_usage(a);
    Err why;
    if (a->o.trace && write_trace(a, &why) != OK && status == OK)
        return err_set(err, why.code, "%s", why.msg);
    return status;
}

static void release(Ask *a)
{
    ask_docs_release(&a->docs);
    outcome_release(&a->outcome);
    run_release(&a->run);
    lm_free(a->lm);
    tensor_free(a->ops);
    strategy_free(a->strategy);
    conversation_release(&a->talk);
    str_release(&a->text);
}

static int list_strategies(void)
{
    Str text = {0};
    strategy_list(&text);
    printf("Ways to find an answer, for --think; a + joins them, as in "
           "cot+consistency:8.\n\n%s",
           str_c(&text));
    str_release(&text);
    return 0;
}

static const char examples[] =
    "  tame ask runs/demo/ppo \"What is 348 * 27?\"\n"
    "  tame ask runs/demo/ppo -s \"Be brief.\" \"Who is Mira?\" --temp 0 -u\n"
    "  cat notes.txt | tame ask runs/demo/ppo \"What is this about?\"\n"
    "  tame ask runs/demo/ppo \"Who is Mira?\" --json --trace trace.jsonl\n"
    "  tame ask runs/demo/base \"Who is Mira?\" --as-document\n"
    "  tame ask runs/demo/ppo \"How do I resume a run?\" --docs docs.db\n";

int ask_command(int argc, char **argv)
{
    Err err = {0};
    Ask a = {0};
    const OptBinding bindings[] = {
        {&ask_options, &a.o},           {&sample_options, &a.sample},
        {&ask_docs_options, &a.docs.o}, {&open_book_options, &a.docs.book_options},
        {&budget_options, &a.budget},   {&lm_local_options, &a.local}};
    enum { N = sizeof bindings / sizeof *bindings };
    Status status = OK;
    for (int i = 0; status == OK && i < N; i++)
        status = opt_defaults(bindings[i].table, bindings[i].o, &err);
    if (status != OK)
        return command_fail(status, &err);
    const Usage usage = {
        .name = "ask",
        .words = "MODEL [QUESTION]",
        .what =
            "Answers a question with the model in folder MODEL. What comes through "
            "a pipe is put behind\nthe question. The answer goes to stdout, remarks "
            "to stderr. -n is --max-new, --temp is\n--temperature; `--think help` "
            "lists the ways to find an answer.",
        .examples = examples,
        .options = bindings,
        .n_options = N,
    };
    const char *words[2] = {NULL, NULL};
    size_t n;
    short_flags_expand(argc, argv);
    Parsed parsed = command_parse(&usage, argc, argv, words, 0, 2, &n);
    int result = parsed == PARSED_HELP ? 0 : 2;
    if (parsed == PARSED_OK && strcmp(a.o.think, "help") == 0) {
        result = list_strategies();
    } else if (parsed == PARSED_OK && n == 0) {
        result = command_usage_error("ask", "MODEL is missing");
    } else if (parsed == PARSED_OK) {
        status = ask(&a, words[0], words[1], &err);
        result = status == OK ? 0 : command_fail(status, &err);
    }
    release(&a);
    for (int i = 0; i < N; i++)
        opt_release(bindings[i].table, bindings[i].o);
    return result;
}
