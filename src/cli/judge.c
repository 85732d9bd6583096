/* judge.c - `tame judge STORE`: a program in the place of people. */
#include "cli/command.h"

#include "base/log.h"
#include "base/stats.h"
#include "base/system.h"
#include "cli/judge_bias.h"
#include "stages/label_fill.h"
#include "stages/label_judge.h"

#include <stdio.h>

typedef struct JudgeCommandOptions {
    char *name;
} JudgeCommandOptions;
static const OptField fields[] = {
    OPT_TEXT(JudgeCommandOptions, name, NULL,
             "under which it is kept in the store; unset: what it is"),
    OPT_END,
};
static const OptTable judge_command_options = {"author", "options",
                                               sizeof(JudgeCommandOptions), fields};

typedef struct JudgeCommand {
    JudgeCommandOptions o;
    JudgeOptions judge;
    LabelFillOptions fill;
    CorpusOptions corpus;
} JudgeCommand;

static void tell(const LabelJudged *n, const char *name, const char *store,
                 JudgeBias bias)
{
    printf("%s: %lld rankings", name, (long long)n->labels);
    if (n->known > 0)
        printf(", %lld known already", (long long)n->known);
    if (n->all_alike > 0)
        printf("; %lld without an order", (long long)n->all_alike);
    if (n->too_long > 0)
        printf("; %lld too long for the judge", (long long)n->too_long);
    printf("\n");
    print_judge_bias(bias);
    printf("`tame label export %s FILE --labeler '%s'` writes them\n", store, name);
}

static Status judge_store(JudgeCommand *c, Judge *judge, TensorOps *ops,
                          const char *store, Err *err)
{
    Labels *labels;
    LabelFilled filled;
    LabelJudged n;
    int64_t items;
    const char *name = c->o.name ? c->o.name : judge_name(judge);
    TRY(label_fill(&labels, store, LABEL_RANK, &c->fill, &c->corpus, ops, &filled,
                   err));
    Status status = labels_count_items(labels, LABEL_RANK, &items, err);
    if (status == OK && items == 0)
        status = err_set(err, ERR_OPTION,
                         "there is nothing to rank in '%s' yet: give --prompts with "
                         "--model, or --data with answers",
                         store);
    if (status == OK)
        status = label_judge(labels, judge, name, &n, err);
    labels_close(labels);
    if (status == OK)
        tell(&n, name, store, judge_bias(judge));
    return status;
}

static Status judge(JudgeCommand *c, const char *store, Err *err)
{
    TensorOps *ops = NULL;
    Judge *judge = NULL;
    system_catch_stop();
    TRY(command_backend(&ops, COMPUTE_AUTO, err));
    Status status = judge_open(&judge, ops, &c->judge, err);
    if (status == OK)
        status = judge_store(c, judge, ops, store, err);
    judge_free(judge);
    tensor_free(ops);
    return status;
}

static int work(void *self, const char **words, size_t n)
{
    Err err = {0};
    (void)n;
    return command_end(judge(self, words[0], &err), &err);
}

int judge_command(int argc, char **argv)
{
    JudgeCommand c = {0};
    const OptBinding bindings[] = {{&judge_options, &c.judge},
                                   {&judge_command_options, &c.o},
                                   {&label_fill_options, &c.fill},
                                   {&corpus_options, &c.corpus}};
    const Usage usage = {
        .name = "judge",
        .words = "STORE",
        .what =
            "ranks the answers in a store of labels, as `tame label rank` has people "
            "do; what\nit says is the same data by another author. A chat model is "
            "asked about each two\nanswers in both orders, and an answer wins only if "
            "it is the choice both times.",
        .examples =
            "  tame judge labels.db --prompts prompts.jsonl --model sft --reward rm\n"
            "  tame judge labels.db --world runs/demo/data/world\n"
            "  tame judge labels.db --judge sft --name \"sft itself\"\n",
        .options = bindings,
        .n_options = sizeof bindings / sizeof *bindings,
    };
    return command_run(&usage, argc, argv, 1, 1, work, &c);
}
