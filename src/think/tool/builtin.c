/* builtin.c - the table of the built-in tools, see builtin.h. */
#include "think/tool/builtin.h"

#include "base/mem.h"
#include "format/json.h"
#include "think/tool/builtin_internal.h"
#include "think/tool/calculator.h"

#include <string.h>

static Status calculator_call(void *self, const json_t *arguments, Str *out,
                              bool *failed, Err *err)
{
    (void)self;
    const json_t *given = json_object_get(arguments, "expression");
    Span expression = {json_string_value(given), json_string_length(given)};
    Err fault = {0};
    Status status = calculator_evaluate(expression, out, &fault);
    if (status == ERR_NOMEM)
        return err_set(err, ERR_NOMEM, "%s", fault.msg);
    *failed = status != OK;
    if (*failed)
        str_puts(out, fault.msg);
    return OK;
}

typedef struct Builtin {
    const char *name, *description, *argument;
    const char *parameters; /* JSON */
    Status (*call)(void *self, const json_t *arguments, Str *out, bool *failed,
                   Err *err);
} Builtin;

#define OBJECT(properties, required)                                                   \
    "{\"type\":\"object\",\"properties\":{" properties "},\"required\":[" required     \
    "],\"additionalProperties\":false}"
#define TEXT "\"text\":{\"type\":\"string\"}"

static const Builtin builtins[] = {
    {"calculator",
     "Calculates exactly: + - * / // % ^ ( ) and sqrt round min max abs gcd. A result "
     "with \u2248 in front was rounded.",
     "expression",
     OBJECT("\"expression\":{\"type\":\"string\",\"description\":\"such as "
            "(348*27)/4\"}",
            "\"expression\""),
     calculator_call},
    {"date_time",
     "The date, time and day of the week now, or of a date; with add_days the date so "
     "many days later; with until the days between the two.",
     "date",
     OBJECT(
         "\"date\":{\"type\":\"string\",\"description\":\"YYYY-MM-DD; today if "
         "absent\"},"
         "\"add_days\":{\"type\":\"integer\",\"minimum\":-1000000,\"maximum\":1000000},"
         "\"until\":{\"type\":\"string\",\"description\":\"YYYY-MM-DD\"}",
         ""),
     date_time_call},
    {"count_letters", "Counts how often letters occur in a text, each by itself.", NULL,
     OBJECT(TEXT ",\"letters\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":64,"
                 "\"description\":\"such as r, or aeiou\"},"
                 "\"case_sensitive\":{\"type\":\"boolean\"}",
            "\"text\",\"letters\""),
     count_letters_call},
    {"length", "Counts the characters, words and lines of a text.", "text",
     OBJECT(TEXT, "\"text\""), length_call},
    {"reverse", "Reverses a text, by characters (if not said) or by words.", "text",
     OBJECT(TEXT ",\"by\":{\"enum\":[\"characters\",\"words\"]}", "\"text\""),
     reverse_call},
    {"sort", "Sorts a list: numbers by value, texts by letters.", "items",
     OBJECT(
         "\"items\":{\"type\":\"array\",\"items\":{\"type\":[\"string\",\"number\"]}},"
         "\"descending\":{\"type\":\"boolean\"}",
         "\"items\""),
     sort_call},
};
enum { BUILTINS = sizeof builtins / sizeof *builtins };

const char *builtin_name(size_t i)
{
    return i < BUILTINS ? builtins[i].name : NULL;
}

static Status make(const Builtin *b, Tool *out, Err *err)
{
    *out = (Tool){.name = mem_dup(b->name, strlen(b->name)),
                  .description = mem_dup(b->description, strlen(b->description)),
                  .trusted = true,
                  .call = b->call};
    if (b->argument)
        out->argument = mem_dup(b->argument, strlen(b->argument));
    Status status = json_parse(span_of(b->parameters), &out->parameters, err);
    ASSERT(status != ERR_FORMAT);
    if (status == OK &&
        (!out->name || !out->description || (b->argument && !out->argument)))
        status = err_set(err, ERR_NOMEM, "no memory for a tool");
    return status;
}

static void release(Tool *t)
{
    mem_free(t->name);
    mem_free(t->description);
    mem_free(t->argument);
    json_decref(t->parameters);
}

static Status unknown(Span name, Err *err)
{
    Str shown = {0}, all = {0};
    str_quote(&shown, name, TOOL_NAME_BYTES);
    for (size_t i = 0; i < BUILTINS; i++)
        str_printf(&all, " %s", builtins[i].name);
    Status status = err_set(err, ERR_OPTION, "no built-in tool '%s'; there are%s",
                            str_c(&shown), str_c(&all));
    str_release(&shown);
    str_release(&all);
    return status;
}

Status builtin_add(Toolbox *box, Span name, Err *err)
{
    for (size_t i = 0; i < BUILTINS; i++) {
        if (!span_equal(name, span_of(builtins[i].name)))
            continue;
        Tool tool;
        Status status = make(&builtins[i], &tool, err);
        if (status != OK) {
            release(&tool);
            return status;
        }
        return toolbox_add(box, tool, err);
    }
    return unknown(name, err);
}
