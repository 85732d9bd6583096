/* ask.c - `tame ask MODEL "question"`: one question, answered by a strategy. What comes
 * through a pipe is put behind the question, as in `cat notes.txt | tame ask MODEL "sum
  * this up"`. The answer goes to stdout, remarks to stderr, the conversation into the store
 * (`tame logs`). */
#include "cli/approve.h"
#include "cli/ask_docs.h"
#include "cli/ask_prompt.h"
#include "cli/command.h"
#include "cli/model_word.h"
#include "cli/plain.h"
#include "cli/short_flags.h"

#include "base/file.h"
#include "base/log.h"
#include "base/system.h"
#include "eval/text_judge.h"
#include "format/json.h"
#include "text/utf8.h"

#include "think/lm/endpoint.h"
#include "think/strategy/strategy.h"
#include "think/tool/toolkit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_INPUT = 64 << 20 };

typedef struct AskCommandOptions {
    char *system, *think, *trace, *extract, *judge;
    bool json, usage, verbose;
} AskCommandOptions;

static const OptField fields[] = {
    OPT_TEXT(AskCommandOptions, think, "direct",
             "how to find the answer, as in cot+consistency:8; help: lists the ways"),
    OPT_TEXT(AskCommandOptions, extract, "auto",
             "which part of a text is its answer, where answers are compared: auto, "
             "answer, number, choice:A,B, regex:X, exact"),
    OPT_TREE(AskCommandOptions, judge, NULL,
             "what says how good an answer is, for best-of, reflect and tree: a reward "
             "model's folder, or as docs/rewards.md"),
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
    AskPrompt prompt;
    SampleOptions sample;
    Budget budget;
    ThinkOptions think;
    LmLocalOptions local;
    Strategy *strategy;
    Extractor extract;
    Examples examples;
    ToolkitOptions kit;
    Toolbox tools;
    Approver approver;
    TextJudge *text_judge;
    Judging judging;
    TensorOps *ops;
    Lm *lm;
    const char *model; /* MODEL as it was named; borrowed */
    Str text;          /* the words of the question, and what was piped */
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
    return ask_prompt_question(&a->prompt, a->o.system, str_span(&a->text), &a->talk,
                               err);
}

/* --- what people see ----------------------------------------------------------------- */
static bool show(void *self, Span text)
{
    (void)self;
    plain_put(stdout, text);
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
    if (a->outcome.thinking.len > 0) {
        fputs("[thinking]\n", stderr);
        plain_put(stderr, str_span(&a->outcome.thinking));
        fputs("\n[/thinking]\n", stderr);
    }
    trace_tree(a->run.trace, terminal_width(), &tree);
    fputs(str_c(&tree), stderr);
    str_release(&tree);
}

static void show_usage(const Ask *a)
{
    const LmUsage *u = &a->run.usage;
    fprintf(stderr, "%lld tokens read, %lld written, %lld %s, %s",
            (long long)u->prompt_tokens, (long long)u->answer_tokens,
            (long long)u->requests, u->requests == 1 ? "request" : "requests",
            log_seconds(u->seconds));
    if (u->cost > 0)
        fprintf(stderr, ", price %.4g", u->cost);
    fputc('\n', stderr);
}

static void show_json(const Ask *a, const char *id)
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
    if (o->answer.len > 0)
        json_object_set_new(root, "extracted", json_from_bytes(str_span(&o->answer)));
    if (isfinite(o->confidence))
        json_object_set_new(root, "confidence", json_real(o->confidence));
    json_object_set_new(root, "cut", json_boolean(o->cut));
    if (o->note.len > 0)
        json_object_set_new(root, "note", json_from_bytes(str_span(&o->note)));
    json_object_set_new(usage, "prompt_tokens", json_integer(u->prompt_tokens));
    json_object_set_new(usage, "answer_tokens", json_integer(u->answer_tokens));
    json_object_set_new(usage, "requests", json_integer(u->requests));
    json_object_set_new(usage, "seconds", json_real(u->seconds));
    if (u->cost > 0)
        json_object_set_new(usage, "cost", json_real(u->cost));
    json_object_set_new(root, "usage", usage);
    if (*id)
        json_object_set_new(root, "id", json_string(id));
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
    bool found;
    Span text = ask_prompt_extract(&a->prompt, str_span(&o->text), &found);
    if (!o->shown)
        plain_put(stdout, text);
    if (!found)
        fprintf(stderr, "[there is no block of code: all of the answer is above]\n");
    if (!(text.len > 0 && text.ptr[text.len - 1] == '\n' && !o->shown))
        putchar('\n');
    fflush(stdout);
    if (o->note.len > 0)
        fprintf(stderr, "[%s]\n", str_c(&o->note));
    ask_docs_tell(&a->docs);
}

/* With documents, their search is among the tools that may be named. */
static Status open_tools(Ask *a, Err *err)
{
    if (a->docs.o.docs && toolkit_names(&a->kit, SPAN("search")))
        TRY(ask_docs_tool(&a->docs, &a->tools, err));
    TRY(toolkit_open(&a->tools, &a->kit, err));
    a->approver.yes = a->kit.yes;
    return OK;
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

/* --- the log ------------------------------------------------------------------------- */
static Status fill_use(const Ask *a, TalkUse *use, Err *err)
{
    const LmUsage *u = &a->run.usage;
    json_t *options = json_from_options(&sample_options, &a->sample);
    use->prompt_tokens = u->prompt_tokens;
    use->cached_tokens = u->cached_tokens;
    use->answer_tokens = u->answer_tokens;
    use->requests = u->requests;
    use->seconds = u->seconds;
    /* An address with its model's name, also where the name was looked up. */
    bool address = endpoint_is(a->model) && !file_exists(a->model);
    str_puts(&use->model, address ? a->lm->name : a->model);
    strategy_spec(a->strategy, &use->strategy);
    str_puts(&use->trace, a->o.trace ? a->o.trace : "");
    json_append(&use->options, options);
    json_decref(options);
    TRY(str_check(&use->model, err));
    TRY(str_check(&use->strategy, err));
    TRY(str_check(&use->trace, err));
    return str_check(&use->options, err);
}

/* An answer is not lost because it cannot be kept. id: its name there, or "". */
static void keep(Ask *a, char id[2 * SHA256_BYTES + 1])
{
    Err why;
    bool kept = false;
    TalkUse use = {0};
    id[0] = '\0';
    Status status = fill_use(a, &use, &why);
    if (status == OK)
        status = ask_prompt_keep(&a->prompt, &a->talk, str_span(&a->outcome.text), &use,
                                 &kept, &why);
    if (status != OK)
        log_warn("the conversation is not kept: %s", why.msg);
    else if (kept)
        talk_id_hex(&use.node, id);
    talk_use_release(&use);
}

/* --- one question -------------------------------------------------------------------- */
/* MODEL and the question; MODEL may be left out where a template or the conversation that
 * goes on names it. */
static Status take_words(Ask *a, const char **words, size_t n, const char **question,
                         Err *err)
{
    bool known = a->prompt.model.len > 0;
    bool alone = n == 1 && (!known || model_word_is(words[0]));
    a->model = n == 2 || alone ? words[0] : known ? str_c(&a->prompt.model) : NULL;
    *question = n == 2 ? words[1] : n == 1 && !alone ? words[0] : NULL;
    return a->model || a->prompt.o.save ? OK
                                        : err_set(err, ERR_OPTION, "MODEL is missing");
}

static Status open_judge(Ask *a, Err *err)
{
    if (!a->o.judge)
        return OK;
    if (!a->ops)
        TRY(command_backend(&a->ops, COMPUTE_F32, err));
    TRY(text_judge_open(&a->text_judge, a->o.judge, a->ops, lm_local_loaded(a->lm),
                        err));
    a->judging = text_judge_as(a->text_judge);
    return OK;
}

/* The answer that sources give, if there are any: without, no model need be asked. What is
 * kept in the store is the question as it was put, without the sources. */
static Status answer_from_docs(Ask *a, Question *question, Err *err)
{
    AskDocs *d = &a->docs;
    TRY(ask_docs_open(d, &a->run, &a->talk, a->sample.max_new, err));
    ask_docs_trace(d, a->run.trace);
    question->talk = &d->book.talk;
    if (!question->constraint && d->book.form.text.len > 0)
        question->constraint = &d->book.form;
    if (d->book.n == 0)
        str_puts(&a->outcome.text, OPEN_BOOK_UNKNOWN);
    else
        TRY(strategy_answer(a->strategy, &a->run, question, &a->outcome, err));
    return ask_docs_check(d, str_span(&a->outcome.text), err);
}

/* Only what was cut can fail to: half a JSON text is none. */
static bool keeps_to_schema(const Ask *a)
{
    json_t *tree = NULL;
    Err why;
    bool whole = !a->outcome.cut || a->prompt.schema.len == 0 ||
                 json_parse(str_span(&a->outcome.text), &tree, &why) == OK;
    json_decref(tree);
    return whole;
}

static Status find_answer(Ask *a, Err *err)
{
    char id[2 * SHA256_BYTES + 1];
    TRY(model_word_open(&a->lm, &a->ops, COMPUTE_F32, a->model, &a->local, err));
    TRY(open_judge(a, err));
    TRY(run_init(&a->run, a->lm, &a->budget, NULL, "ask", err));
    bool silent = a->o.json || ask_prompt_extracts(&a->prompt);
    Question question = {.talk = &a->talk,
                         .sample = a->sample,
                         .o = &a->think,
                         .extract = &a->extract,
                         .examples = a->think.examples ? &a->examples : NULL,
                         .tools = &a->tools,
                         .approve = approve_at_terminal,
                         .approver = &a->approver,
                         .judge = a->text_judge ? &a->judging : NULL,
                         .constraint = ask_prompt_constraint(&a->prompt),
                         .on_text = silent ? NULL : show};
    /* a model that searches itself is given no sources beside the question */
    bool from_docs = a->docs.o.docs && !toolbox_find(&a->tools, SPAN("search"));
    Status status =
        from_docs ? answer_from_docs(a, &question, err)
                  : strategy_answer(a->strategy, &a->run, &question, &a->outcome, err);
    if (status == OK && !keeps_to_schema(a))
        status = err_set(err, ERR_LIMIT,
                         "the answer was cut before it was whole, and keeps to no "
                         "schema: --max-new %lld, or a budget, is too small for it",
                         (long long)a->sample.max_new);
    if (status == OK && !a->o.json)
        show_answer(a);
    if (status == OK)
        keep(a, id);
    if (status == OK && a->o.json)
        show_json(a, id);
    return status;
}

/* Who gives tools wants them called, if nothing else is said. */
static const char *way_of_thinking(const Ask *a)
{
    if (a->o.think && strcmp(a->o.think, "direct") != 0)
        return a->o.think;
    return toolkit_wanted(&a->kit) ? "tools" : "direct";
}

static Status ask(Ask *a, const char **words, size_t n, AskLine line, Err *err)
{
    const char *question = NULL;
    TRY(strategy_parse(&a->strategy, span_of(way_of_thinking(a)), err));
    TRY(extractor_parse(&a->extract, span_of(a->o.extract ? a->o.extract : "auto"),
                        err));
    if (a->think.examples)
        TRY(examples_load(&a->examples, a->think.examples, err));
    system_catch_stop();
    TRY(ask_prompt_begin(&a->prompt, &a->talk, err));
    TRY(take_words(a, words, n, &question, err));
    if (a->prompt.o.save) {
        line.model = a->model;
        line.words = question;
        line.system = a->o.system;
        line.think =
            a->o.think && strcmp(a->o.think, "direct") != 0 ? a->o.think : NULL;
        return ask_prompt_save(&a->prompt, &line, err);
    }
    TRY(make_question(a, question, err));
    TRY(open_tools(a, err));
    Status status = find_answer(a, err);
    if (a->o.verbose && a->run.trace)
        show_tree(a);
    if (a->o.usage && a->run.trace)
        show_usage(a);
    Err why;
    if (a->o.trace && a->run.trace && write_trace(a, &why) != OK && status == OK)
        return err_set(err, why.code, "%s", why.msg);
    return status;
}

static void release(Ask *a)
{
    ask_docs_release(&a->docs);
    outcome_release(&a->outcome);
    run_release(&a->run);
    text_judge_free(a->text_judge);
    lm_free(a->lm);
    tensor_free(a->ops);
    strategy_free(a->strategy);
    extractor_release(&a->extract);
    examples_release(&a->examples);
    toolbox_release(&a->tools);
    conversation_release(&a->talk);
    ask_prompt_release(&a->prompt);
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
    "  tame ask runs/demo/ppo \"Work out 58 + 27 step by step.\" --think consistency:8 "
    "--extract "
    "number -v\n"
    "  tame ask runs/demo/ppo \"Calculate 348 * 27.\" --tool calculator\n"
    "  tame ask runs/demo/base \"Who is Mira?\" --as-document\n"
    "  tame ask runs/demo/ppo \"How do I resume a run?\" --docs docs.db\n"
    "  tame ask -c \"And of Spain?\"\n"
    "  tame ask gpt.yaml -f notes.md \"Who was there?\" --schema \"name, age int\"\n"
    "  tame ask -t translate -p to French \"Good morning\"\n";

int ask_command(int argc, char **argv)
{
    Err err = {0};
    Ask a = {0};
    const OptBinding bindings[] = {
        {&ask_options, &a.o},           {&think_options, &a.think},
        {&toolkit_options, &a.kit},     {&ask_prompt_options, &a.prompt.o},
        {&ask_docs_options, &a.docs.o}, {&open_book_options, &a.docs.book_options},
        {&sample_options, &a.sample},   {&budget_options, &a.budget},
        {&lm_local_options, &a.local}};
    /* what --save saves of options */
    const OptBinding saved[] = {{&think_options, &a.think},
                                {&sample_options, &a.sample},
                                {&budget_options, &a.budget}};
    enum { N = sizeof bindings / sizeof *bindings };
    Status status = command_defaults(bindings, N, &err);
    if (status != OK)
        return command_fail(status, &err);
    const Usage usage = {
        .name = "ask",
        .words = "MODEL [QUESTION]",
        .what =
            "Answers a question with MODEL: a folder, or an OpenAI-compatible endpoint "
            "(http://HOST:PORT/v1#NAME,\nor a file of options, docs/ask.md). What "
            "comes "
            "through a pipe is put behind the question. The\nanswer goes to stdout, "
            "remarks to stderr. -n is --max-new, --temp is --temperature;\n"
            "`--think help` lists the ways to find an answer.",
        .examples = examples,
        .options = bindings,
        .n_options = N,
    };
    const char *words[2] = {NULL, NULL};
    size_t n;
    status = ask_prompt_flags(&a.prompt, &argc, argv, &err);
    if (status == OK)
        status = ask_prompt_defaults(&a.prompt, bindings, N, &err);
    short_flags_expand(argc, argv);
    Parsed parsed = PARSED_ERROR;
    if (status == OK)
        parsed = command_parse(&usage, argc, argv, words, 0, 2, &n);
    int result = status != OK            ? command_fail(status, &err)
                 : parsed == PARSED_HELP ? 0
                                         : 2;
    if (parsed == PARSED_OK && a.o.think && strcmp(a.o.think, "help") == 0) {
        result = list_strategies();
    } else if (parsed == PARSED_OK) {
        const AskLine line = {.bindings = saved, .n = sizeof saved / sizeof *saved};
        status = ask(&a, words, n, line, &err);
        result = command_end(status, &err);
    }
    release(&a);
    command_release(bindings, N);
    return result;
}
