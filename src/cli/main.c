/* main.c - `tame`: finds the command and hands over. */
#include "cli/command.h"

#include "base/log.h"
#include "base/system.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const Command commands[] = {
    {"run", "run a whole recipe: all stages in order, resuming what was cut",
     run_command},
    {"world", "make the practice world's data sets", stage_command},
    {"tasks", "make questions whose answers a program knows", stage_command},
    {"tokenizer", "learn a byte-level BPE vocabulary", stage_command},
    {"pretrain", "train a base model on text", stage_command},
    {"sft", "fine-tune on demonstrations", stage_command},
    {"rank", "sample answers and have a judge rank them", stage_command},
    {"bestof", "keep the best of several answers as demonstrations", stage_command},
    {"reward", "train a reward model on rankings", stage_command},
    {"dpo", "learn from rankings without a reward model", stage_command},
    {"kto", "learn from answers rated good or bad", stage_command},
    {"ppo", "reinforcement learning from the reward model", stage_command},
    {"rloo", "reinforcement learning without a critic (RLOO)", stage_command},
    {"grpo", "group relative policy optimisation (GRPO)", stage_command},
    {"compare", "ask several models or ways the same questions, and compare",
     compare_command},
    {"study", "answer a question about the recipe with many runs", study_command},
    {"chat", "talk to a model", chat_command},
    {"ask", "answer a question, with a strategy to find the answer", ask_command},
    {"complete", "continue a text", complete_command},
    {"eval",
     "measure: skills, gold score, win rate, KL, entropy, bits per byte, retrieval",
     eval_command},
    {"label", "ask people: rank, rate, write; report, export, import", label_command},
    {"judge", "rank answers with a program in the place of people", judge_command},
    {"logs", "the conversations that were kept: list, search, promote, delete",
     logs_command},
    {"index", "make text and Markdown searchable, in one file", index_command},
    {"search", "find the passages of an index that answer to a question",
     search_command},
    {"info", "describe a model, a tokenizer, a run or a shard of tokens", info_command},
    {"tokenize", "show the token ids of a text, or the text of ids", tokenize_command},
    {"tool", "list and call tools: built-in ones, your own, MCP servers'",
     tool_command},
    {"import", "bring in a llama2.c checkpoint", import_command},
    {"merge", "make a model of an adapter and its base", merge_command},
    {NULL, NULL, NULL},
};

static void print_help(FILE *out)
{
    fputs("tame turns raw text into a GPT assistant you can talk to.\n\n"
          "usage: tame COMMAND [options]     tame COMMAND --help\n\n",
          out);
    for (const Command *c = commands; c->name; c++)
        fprintf(out, "  %-10s %s\n", c->name, c->help);
    fputs(
        "\nenvironment:\n"
        "  TAME_THREADS       threads that compute; 0 (default): all processors\n"
        "  TAME_COMPUTE       matrix products in f32, bf16 or auto: bf16 if the "
        "processor has it;\n"
        "                     default: auto to train, judge and study, else f32\n"
        "  TAME_INSTRUCTIONS  baseline, avx2, avx512, avx512_bf16 or amx; default: the "
        "widest there is\n"
        "\nexamples:\n"
        "  tame run recipes/demo.yaml            the whole recipe, 10 to 20 minutes\n"
        "  tame chat runs/demo/ppo               talk to its assistant\n"
        "  tame chat runs/demo/ppo -p \"Calculate 348 * 27.\"\n",
        out);
}

/* What was printed must have arrived: a full disk is no success. */
static int close_output(int result)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return result;
    Err err = {0};
    return command_fail(err_set(&err, ERR_IO, "cannot write to standard output"), &err);
}

/* Threads that wait for one another should spin for some microseconds and then sleep.
 * The OpenMP runtime spins for milliseconds by default, which beside another busy program
 * takes most of the processor away from those who work; it reads how long before main
 * begins, so the program starts once more. If it cannot, it goes on as it is. */
static void wait_asleep(char **argv)
{
    static const char spins[] = "GOMP_SPINCOUNT";
    char program[4096];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n < 0 || getenv(spins) || getenv("OMP_WAIT_POLICY"))
        return;
    program[n] = '\0';
    if (setenv(spins, "3000", 1) == 0)
        execv(program, argv);
}

int main(int argc, char **argv)
{
    wait_asleep(argv);
    log_set_sink(log_to_stderr, NULL, LOG_INFO);
    if (argc < 2) {
        print_help(stderr);
        return 2;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 ||
        strcmp(name, "help") == 0) {
        print_help(stdout);
        return close_output(0);
    }
    if (strcmp(name, "--version") == 0) {
        puts("tame " TAME_VERSION);
        return close_output(0);
    }
    const char *names[64];
    size_t n = 0;
    for (const Command *c = commands; c->name; c++) {
        if (strcmp(c->name, name) == 0)
            return close_output(c->run(argc - 1, argv + 1));
        names[n++] = c->name;
    }
    const char *near = opt_nearest(name, names, n);
    if (near)
        fprintf(stderr, "tame: no command '%s'; did you mean '%s'?\n", name, near);
    else
        fprintf(stderr, "tame: no command '%s'; `tame --help` lists them\n", name);
    return 2;
}
