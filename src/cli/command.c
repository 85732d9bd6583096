/* command.c - help, parsing and errors that all commands share. */
#include "cli/command.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_usage(const Usage *u)
{
    printf("usage: tame %s %s [options]\n\n%s\n", u->name, u->words, u->what);
    Str text = {0};
    for (size_t i = 0; i < u->n_options; i++) {
        str_printf(&text, "\n%s:\n", u->options[i].table->help);
        opt_help(u->options[i].table, &text);
    }
    fputs(str_c(&text), stdout);
    if (u->examples)
        printf("\nexamples:\n%s", u->examples);
    str_release(&text);
}

Parsed command_parse(const Usage *u, int argc, char **argv, const char **words,
                     size_t min_words, size_t max_words, size_t *n_words)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_usage(u);
            return PARSED_HELP;
        }
    }
    Err err = {0};
    *n_words = 0;
    if (opt_parse_args(u->options, u->n_options, argc, argv, words, max_words, n_words,
                       &err) != OK) {
        fprintf(stderr, "tame %s: %s\n`tame %s --help` shows all options\n", u->name,
                err.msg, u->name);
        return PARSED_ERROR;
    }
    if (*n_words < min_words) {
        fprintf(stderr, "tame %s: something is missing; usage: tame %s %s [options]\n",
                u->name, u->name, u->words);
        return PARSED_ERROR;
    }
    return PARSED_OK;
}

Status command_defaults(const OptBinding *options, size_t n, Err *err)
{
    for (size_t i = 0; i < n; i++)
        TRY(opt_defaults(options[i].table, options[i].o, err));
    return OK;
}

void command_release(const OptBinding *options, size_t n)
{
    for (size_t i = 0; i < n; i++)
        opt_release(options[i].table, options[i].o);
}

int command_run(const Usage *u, int argc, char **argv, size_t min_words,
                size_t max_words, CommandWork work, void *self)
{
    Err err = {0};
    const char **words = NULL;
    size_t n;
    Status status = command_defaults(u->options, u->n_options, &err);
    if (status == OK)
        status = MEM_ARRAY(&words, max_words, &err);
    int result = command_end(status, &err);
    if (status == OK) {
        Parsed parsed = command_parse(u, argc, argv, words, min_words, max_words, &n);
        result = parsed == PARSED_OK     ? work(self, words, n)
                 : parsed == PARSED_HELP ? 0
                                         : 2;
    }
    command_release(u->options, u->n_options);
    mem_free(words);
    return result;
}

int command_end(Status status, const Err *err)
{
    return status == OK ? 0 : command_fail(status, err);
}

int command_fail(Status status, const Err *err)
{
    fflush(stdout);
    fprintf(stderr, "tame: %s\n", err->msg[0] ? err->msg : "failed");
    return status == ERR_STOPPED ? 130 : status == ERR_OPTION ? 2 : 1;
}

int command_usage_error(const char *name, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fprintf(stderr, "tame %s: ", name);
    vfprintf(stderr, fmt, args);
    fprintf(stderr, "\n`tame %s --help` shows how\n", name);
    va_end(args);
    return 2;
}

static Status read_threads(TensorCpuOptions *o, Err *err)
{
    const char *text = getenv("TAME_THREADS");
    if (!text)
        return OK;
    char *end;
    long threads = strtol(text, &end, 10);
    if (*end || end == text || threads < 0 || threads > 1024)
        return err_set(err, ERR_OPTION,
                       "TAME_THREADS is '%s', not a number from 0 (all) to 1024", text);
    o->threads = (int)threads;
    return OK;
}

static Status read_compute(TensorCpuOptions *o, Err *err)
{
    static const char *const names[] = {
        [COMPUTE_F32] = "f32", [COMPUTE_BF16] = "bf16", [COMPUTE_AUTO] = "auto"};
    const char *text = getenv("TAME_COMPUTE");
    if (!text)
        return OK;
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++) {
        if (strcmp(text, names[i]) == 0) {
            o->compute = (TensorCompute)i;
            return OK;
        }
    }
    return err_set(err, ERR_OPTION, "TAME_COMPUTE is '%s', not auto, f32 or bf16",
                   text);
}

Status command_backend(TensorOps **out, TensorCompute compute, Err *err)
{
    TensorCpuOptions o = {.compute = compute, .set = getenv("TAME_INSTRUCTIONS")};
    TRY(read_threads(&o, err));
    TRY(read_compute(&o, err));
    Status status = tensor_cpu_new(out, &o, err);
    return status == ERR_OPTION ? err_context(err, "TAME_INSTRUCTIONS") : status;
}
