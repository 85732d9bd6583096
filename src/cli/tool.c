/* tool.c - `tame tool list|call|prompt|grammar`: tools tried by hand, and what models are
 * told of them. */
#include "cli/approve.h"
#include "cli/command.h"

#include "base/system.h"
#include "format/json.h"
#include "think/tool/call_format.h"
#include "think/tool/toolkit.h"

#include <stdio.h>
#include <string.h>

/* --- list ---------------------------------------------------------------------------- */

static bool is_required(const Tool *t, const char *name)
{
    const json_t *required = json_object_get(t->parameters, "required");
    for (size_t i = 0; i < json_array_size(required); i++) {
        if (strcmp(json_string_value(json_array_get(required, i)), name) == 0)
            return true;
    }
    return false;
}

/* calculator(expression), date_time([date], [add_days]) */
static void print_tool(const Tool *t)
{
    const char *name, *before = "";
    json_t *of;
    Str line = {0}, description = {0};
    str_printf(&line, "%s(", t->name);
    json_object_foreach(json_iterable(json_object_get(t->parameters, "properties")),
                        name, of)
    {
        bool required = is_required(t, name);
        str_puts(&line, before);
        str_puts(&line, required ? "" : "[");
        approve_show(span_of(name), &line);
        str_puts(&line, required ? "" : "]");
        before = ", ";
    }
    approve_show(span_of(t->description), &description);
    printf("%s)%s\n    %s\n", str_c(&line), t->trusted ? "" : "  (asks before it runs)",
           str_c(&description));
    str_release(&line);
    str_release(&description);
}

static Status list(const Toolbox *box)
{
    for (size_t i = 0; i < box->n; i++)
        print_tool(&box->tools[i]);
    return OK;
}

/* --- call ---------------------------------------------------------------------------- */

static Status call(const Toolbox *box, const ToolkitOptions *o, const char *name,
                   const char *text, bool *failed, Err *err)
{
    Approver approver = {.yes = o->yes};
    Str arguments = {0}, out = {0};
    const Tool *tool = toolbox_find(box, span_of(name));
    Status status = tool ? tool_arguments(tool, span_of(text), &arguments, err) : OK;
    if (status == OK)
        status = toolbox_call(box, span_of(name), str_span(&arguments),
                              approve_at_terminal, &approver, &out, failed, err);
    if (status == OK) {
        FILE *to = *failed ? stderr : stdout;
        (void)fwrite(str_c(&out), 1, out.len, to);
        if (out.len == 0 || out.ptr[out.len - 1] != '\n')
            (void)fputc('\n', to);
    }
    str_release(&arguments);
    str_release(&out);
    return status;
}

/* --- what models see ----------------------------------------------------------------- */

static Status parse_format(const char *name, CallFormat *out, Err *err)
{
    for (int i = 0; call_format_names[i]; i++) {
        if (strcmp(name, call_format_names[i]) == 0) {
            *out = (CallFormat)i;
            return OK;
        }
    }
    return err_set(err, ERR_OPTION,
                   "'%.40s' is no format of calls: native, hermes, openai "
                   "or react",
                   name);
}

static Status show(const Toolbox *box, bool grammar, const char *format, Err *err)
{
    CallFormat f = CALL_NATIVE;
    LmConstraintKind kind;
    Str out = {0};
    TRY(parse_format(format, &f, err));
    Status status = OK;
    if (grammar)
        status = call_constraint(f, box, &kind, &out, err);
    else
        call_tools_write(f, box, &out);
    if (status == OK)
        status = str_check(&out, err);
    if (status == OK && out.len > 0)
        printf("%s%s", str_c(&out), out.ptr[out.len - 1] == '\n' ? "" : "\n");
    str_release(&out);
    return status;
}

/* --- the command --------------------------------------------------------------------- */

typedef enum Verb { VERB_LIST, VERB_CALL, VERB_PROMPT, VERB_GRAMMAR, VERBS } Verb;
static const struct {
    const char *name;
    size_t words; /* with its own */
} verbs[VERBS] = {{"list", 1}, {"call", 3}, {"prompt", 2}, {"grammar", 2}};

static Status run(const char *const *words, Verb verb, const ToolkitOptions *o,
                  bool *failed, Err *err)
{
    Toolbox box = {0};
    ToolkitOptions all = *o;
    char every[] = "all";
    if (!toolkit_wanted(o))
        all.tool = every;
    system_catch_stop();
    Status status = toolkit_open(&box, &all, err);
    if (status == OK && verb == VERB_LIST)
        status = list(&box);
    else if (status == OK && verb == VERB_CALL)
        status = call(&box, o, words[1], words[2], failed, err);
    else if (status == OK)
        status = show(&box, verb == VERB_GRAMMAR, words[1], err);
    toolbox_release(&box);
    return status;
}

static int work(void *self, const char **words, size_t n)
{
    const ToolkitOptions *o = self;
    Err err = {0};
    bool failed = false;
    for (int v = 0; v < VERBS; v++) {
        if (strcmp(words[0], verbs[v].name) != 0)
            continue;
        if (n != verbs[v].words)
            return command_usage_error("tool", "'%s' takes %zu words, not %zu",
                                       verbs[v].name, verbs[v].words - 1, n - 1);
        Status status = run(words, (Verb)v, o, &failed, &err);
        return status != OK ? command_fail(status, &err) : failed;
    }
    return command_usage_error("tool", "'%s' is not list, call, prompt or grammar",
                               words[0]);
}

static const char examples[] =
    "  tame tool list\n"
    "  tame tool call calculator '(348 * 27) / 4'\n"
    "  tame tool call count_letters '{\"text\": \"strawberry\", \"letters\": \"r\"}'\n"
    "  tame tool list --tools tools.yaml --mcp 'files=mcp-files --root .'\n"
    "  tame tool call forecast Lamford --tools tools.yaml --yes\n"
    "  tame tool prompt hermes --tool calculator\n"
    "  tame tool grammar native --tool calculator\n";

int tool_command(int argc, char **argv)
{
    ToolkitOptions o = {0};
    const OptBinding bindings[] = {{&toolkit_options, &o}};
    const Usage usage = {
        .name = "tool",
        .words = "list | call NAME ARGUMENTS | prompt FORMAT | grammar FORMAT",
        .what =
            "Lists tools, calls one, and shows what models are told of them: the part "
            "of "
            "a system\ntext, and the grammar of a valid call, in the format native, "
            "hermes, openai or react.\nWithout options, of all built-in tools. "
            "ARGUMENTS "
            "is JSON, or the text that a tool\ntakes in its brackets. Exit status 1: "
            "the "
            "call failed.",
        .examples = examples,
        .options = bindings,
        .n_options = sizeof bindings / sizeof *bindings,
    };
    return command_run(&usage, argc, argv, 1, 3, work, &o);
}
