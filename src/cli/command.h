/* command.h - what every command shares: help, errors, the log. cli/ is the only floor
 * that prints for people and exits. A command is int NAME_command(argc, argv), argv[0]
 * its name; it returns the exit status: 0 done, 1 failed, 2 wrong usage, 130 stopped. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "base/err.h"
#include "base/options.h"
#include "tensor/ops.h"

#include <stdbool.h>

typedef struct Command {
    const char *name, *help; /* one line for `tame --help` */
    int (*run)(int argc, char **argv);
} Command;
extern const Command commands[]; /* ended by name NULL */

/* How a command describes itself; `tame NAME --help` is made from it. */
typedef struct Usage {
    const char *name;
    const char *words;    /* "DIR" */
    const char *what;     /* a paragraph */
    const char *examples; /* lines, each a working command */
    const OptBinding *options;
    size_t n_options;
} Usage;

typedef enum Parsed { PARSED_OK, PARSED_HELP, PARSED_ERROR } Parsed;
/* Parses argv; on --help prints the help to stdout; on an error prints it. min..max
 * positional words. */
Parsed command_parse(const Usage *usage, int argc, char **argv, const char **words,
                     size_t min_words, size_t max_words, size_t *n_words);
/* Prints "tame: message" and returns the exit status for it. */
int command_fail(Status status, const Err *err);
int command_usage_error(const char *name, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The defaults of all of them; and what they hold, given back. */
NODISCARD Status command_defaults(const OptBinding *options, size_t n, Err *err);
void command_release(const OptBinding *options, size_t n);

/* What a command does with its words, its options filled in; returns the exit status. */
typedef int (*CommandWork)(void *self, const char **words, size_t n);
/* A whole command: its options get their defaults, argv is parsed, the work is done with
 * min..max words, the options are given back. Returns the exit status. */
int command_run(const Usage *usage, int argc, char **argv, size_t min_words,
                size_t max_words, CommandWork work, void *self);
/* The exit status for the end of the work; prints what went wrong. */
int command_end(Status status, const Err *err);

/* The fast backend as the environment says (`tame --help`). `compute` is what the command
 * takes when TAME_COMPUTE is not set: the stages are fast; what shows or measures a model
 * computes it in f32. ERR_OPTION names the variable at fault. */
NODISCARD Status command_backend(TensorOps **out, TensorCompute compute, Err *err);

int stage_command(int argc, char **argv);    /* stage.c: tokenizer pretrain sft ... */
int run_command(int argc, char **argv);      /* run.c */
int study_command(int argc, char **argv);    /* study.c */
int compare_command(int argc, char **argv);  /* compare.c */
int chat_command(int argc, char **argv);     /* chat.c */
int complete_command(int argc, char **argv); /* complete.c */
int ask_command(int argc, char **argv);      /* ask.c */
int eval_command(int argc, char **argv);     /* eval.c */
int judge_command(int argc, char **argv);    /* judge.c */
int label_command(int argc, char **argv);    /* label.c */
int logs_command(int argc, char **argv);     /* logs.c */
int info_command(int argc, char **argv);     /* info.c */
int index_command(int argc, char **argv);    /* index.c */
int search_command(int argc, char **argv);   /* index.c */
int import_command(int argc, char **argv);   /* import.c */
int merge_command(int argc, char **argv);    /* merge.c */
int tokenize_command(int argc, char **argv); /* tokenize.c */
int tool_command(int argc, char **argv);     /* tool.c */

#endif
