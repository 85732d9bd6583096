/* chat.c - `tame chat DIR`: talk to a model, at a terminal, through a pipe, or once (-p).
 *
 * A terminal has line editing and commands that begin with '/'. A pipe gives one turn a
 * line and gets one answer each, without decoration; the commands work there too. Ctrl-C
 * stops an answer; at the prompt it ends the program. */
#include "cli/approve.h"
#include "cli/command.h"
#include "cli/completion.h"
#include "cli/constrained.h"
#include "cli/line.h"
#include "cli/session.h"
#include "cli/short_flags.h"
#include "think/loaded.h"
#include "think/tool/toolkit.h"

#include "base/system.h"

#include <stdio.h>
#include <string.h>

typedef struct ChatOptions {
    char *prompt, *system, *gold;
    int64_t max_calls;
    bool json, verbose;
} ChatOptions;

static const OptField fields[] = {
    OPT_TEXT(ChatOptions, prompt, NULL, "answer this and exit (-p)"),
    OPT_TEXT(ChatOptions, system, NULL, "system text at the beginning"),
    OPT_TEXT(ChatOptions, gold, NULL,
             "practice world (its folder or world.json): its judge scores each answer"),
    OPT_INT(
        ChatOptions, max_calls, 4, 0, 1000,
        "calls of tools in an answer at most (without --tool, of the calculator); 0: "
        "no tools"),
    OPT_BOOL(ChatOptions, json, 0,
             "of a constrained answer: print it, its blanks and its cost as JSON"),
    OPT_BOOL(ChatOptions, verbose, 0,
             "of a constrained answer: tell on stderr what the constraint cost (-v)"),
    OPT_END,
};
static const OptTable chat_options = {"chat", "options", sizeof(ChatOptions), fields};

typedef struct Chat {
    const ChatOptions *o;
    LineReader *lines;
    Session session;
    bool done;
} Chat;

/* --- commands ------------------------------------------------------------------------ */
static Status do_help(Chat *c, Span text, Err *err)
{
    (void)c, (void)text, (void)err;
    puts("/system TEXT   start a new conversation with this system text\n"
         "/reset         start a new conversation\n"
         "/regenerate    write the last answer again\n"
         "/base TEXT     continue TEXT as a document, without turns\n"
         "/exit          leave (also Ctrl-D)\n"
         "Ctrl-C stops an answer; at the prompt it leaves.");
    return OK;
}

static Status do_system(Chat *c, Span text, Err *err)
{
    return session_reset(&c->session, text, err);
}

static Status do_reset(Chat *c, Span text, Err *err)
{
    (void)text;
    return session_reset(&c->session, span_of(c->o->system ? c->o->system : ""), err);
}

static Status do_regenerate(Chat *c, Span text, Err *err)
{
    (void)text;
    return session_regenerate(&c->session, err);
}

static Status do_base(Chat *c, Span text, Err *err)
{
    Session *s = &c->session;
    return completion_show(s->loaded, s->engine, text, &s->sample, s->answers++, true,
                           err);
}

static Status do_exit(Chat *c, Span text, Err *err)
{
    (void)text, (void)err;
    c->done = true;
    return OK;
}

static const struct {
    const char *name;
    Status (*run)(Chat *c, Span text, Err *err);
} chat_commands[] = {
    {"/help", do_help}, {"/system", do_system}, {"/reset", do_reset},
    {"/base", do_base}, {"/exit", do_exit},     {"/regenerate", do_regenerate},
};
enum { CHAT_COMMANDS = sizeof chat_commands / sizeof *chat_commands };

static Status unknown_command(Span word, Err *err)
{
    const char *names[CHAT_COMMANDS];
    Str text = {0};
    for (int i = 0; i < CHAT_COMMANDS; i++)
        names[i] = chat_commands[i].name;
    str_span_append(&text, word);
    const char *near = opt_nearest(str_c(&text), names, CHAT_COMMANDS);
    Status status =
        near ? err_set(err, ERR_OPTION, "no command '%.100s'; did you mean '%s'?",
                       str_c(&text), near)
             : err_set(err, ERR_OPTION, "no command '%.100s'; /help lists them",
                       str_c(&text));
    str_release(&text);
    return status;
}

/* One line: a command or the user's turn. */
static Status take_line(Chat *c, Span line, Err *err)
{
    line = span_trim(line);
    if (line.len == 0)
        return OK;
    if (line.ptr[0] != '/')
        return session_ask(&c->session, line, err);
    size_t n = 0;
    while (n < line.len && line.ptr[n] != ' ')
        n++;
    Span word = {line.ptr, n};
    Span text = span_trim((Span){line.ptr + n, line.len - n});
    for (int i = 0; i < CHAT_COMMANDS; i++) {
        if (span_equal(word, span_of(chat_commands[i].name)))
            return chat_commands[i].run(c, text, err);
    }
    return unknown_command(word, err);
}

/* --- the loop ------------------------------------------------------------------------ */
/* At a terminal a refused line is not the end: people read and go on. In a pipe it is. */
static Status talk(Chat *c, Err *err)
{
    bool interactive = line_is_interactive(c->lines);
    Span line;
    if (interactive)
        puts("/help lists the commands, Ctrl-D leaves.");
    while (!c->done) {
        bool end;
        TRY(line_read(c->lines, &line, &end, err));
        if (end)
            break;
        if (interactive) {
            system_clear_stop();
            system_catch_stop();
        }
        Status status = take_line(c, line, err);
        if (status == OK)
            continue;
        if (!interactive || status == ERR_NOMEM)
            return status;
        fprintf(stderr, "%s\n", err->msg);
    }
    return OK;
}

/* One answer that must look like something. Without tools: a call is no part of it. */
static Status constrain(Chat *c, const SampleOptions *sample,
                        const ConstrainOptions *how, Err *err)
{
    Session *s = &c->session;
    const Loaded *l = s->loaded;
    int32_t ends[9] = {template_end(l->chat)};
    for (int32_t i = 0; i < l->n_ends; i++)
        ends[i + 1] = l->ends[i];
    if (!c->o->prompt)
        return err_set(err, ERR_OPTION, "an answer can be constrained only with -p");
    const Constrained one = {.loaded = l,
                             .engine = s->engine,
                             .o = how,
                             .sample = sample,
                             .prompt = span_of(c->o->prompt),
                             .json = c->o->json,
                             .verbose = c->o->verbose,
                             .ends = ends,
                             .n_ends = l->n_ends + 1};
    Ids ids = {0};
    system_catch_stop();
    TRY(conversation_add(&s->talk, ROLE_USER, one.prompt, err));
    Status status = template_render(l->chat, &s->talk, true, &ids, NULL, err);
    if (status == OK)
        status = constrained_show(&one, &ids, err);
    ids_release(&ids);
    return status;
}

/* The model's own calculator gives way to what the options ask for. */
static Status offer_tools(Chat *c, const ToolkitOptions *kit, Toolbox *box,
                          Approver *approver, Err *err)
{
    if (!toolkit_wanted(kit))
        return OK;
    TRY(toolkit_open(box, kit, err));
    approver->yes = kit->yes;
    return session_offer(&c->session, box, approve_at_terminal, approver, err);
}

typedef struct ChatCommand {
    ChatOptions o;
    SampleOptions sample;
    ConstrainOptions how;
    ToolkitOptions kit;
} ChatCommand;

static Status chat(const char *folder, const ChatCommand *all, Err *err)
{
    const ChatOptions *o = &all->o;
    TensorOps *ops = NULL;
    Loaded loaded = {0};
    Chat c = {.o = o};
    Toolbox box = {0};
    Approver approver = {0};
    Status status = constrain_check(&all->how, o->json, err);
    if (status == OK)
        status = command_backend(&ops, COMPUTE_F32, err);
    if (status == OK)
        status = loaded_open(&loaded, ops, folder, true, err);
    if (status == OK)
        status =
            session_init(&c.session, &loaded, &all->sample, o->max_calls, o->gold, err);
    if (status == OK)
        status = offer_tools(&c, &all->kit, &box, &approver, err);
    if (status == OK)
        status = do_reset(&c, (Span){"", 0}, err);
    if (status == OK && constrain_wanted(&all->how)) {
        status = constrain(&c, &all->sample, &all->how, err);
    } else if (status == OK && o->prompt) {
        status = session_ask(&c.session, span_of(o->prompt), err);
    } else if (status == OK) {
        status = line_reader_new(&c.lines, "> ", err);
        if (status == OK)
            status = talk(&c, err);
    }
    line_reader_free(c.lines);
    session_release(&c.session);
    toolbox_release(&box);
    loaded_release(&loaded);
    tensor_free(ops);
    return status;
}

static int work(void *self, const char **words, size_t n)
{
    Err err = {0};
    (void)n;
    return command_end(chat(words[0], self, &err), &err);
}

int chat_command(int argc, char **argv)
{
    ChatCommand c = {0};
    const OptBinding bindings[] = {{&chat_options, &c.o},
                                   {&sample_options, &c.sample},
                                   {&toolkit_options, &c.kit},
                                   {&constrain_options, &c.how}};
    const Usage usage = {
        .name = "chat",
        .words = "DIR",
        .what =
            "Talks to the model in DIR. With -p TEXT it answers once; through a pipe "
            "it reads one\nturn a line. -n is --max-new, --temp is --temperature.",
        .examples =
            "  tame chat runs/demo/ppo\n"
            "  tame chat runs/demo/ppo -p \"Calculate 348 * 27.\"\n"
            "  tame chat runs/demo/ppo --temp 0 < questions.txt\n"
            "  tame chat runs/demo/ppo --tool calculator,date_time\n"
            "  tame chat runs/demo/ppo --gold runs/demo/data/world\n"
            "  tame chat runs/demo/ppo -p \"Is Kora a mason?\" --choices "
            "\"Yes.|No.\" -v\n"
            "  tame chat runs/demo/ppo -p \"Who is Kora?\" --schema person.json "
            "--json\n",
        .options = bindings,
        .n_options = sizeof bindings / sizeof *bindings,
    };
    short_flags_expand(argc, argv);
    return command_run(&usage, argc, argv, 1, 1, work, &c);
}
