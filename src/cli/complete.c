/* complete.c - `tame complete DIR -p TEXT`: continues a document. */
#include "cli/command.h"
#include "cli/completion.h"
#include "cli/constrained.h"
#include "cli/short_flags.h"
#include "think/loaded.h"

#include "base/system.h"

typedef struct CompleteOptions {
    char *prompt;
    bool echo, json, verbose;
} CompleteOptions;

static const OptField fields[] = {
    OPT_TEXT(CompleteOptions, prompt, NULL,
             "the text to continue (-p); empty: the beginning of any document"),
    OPT_BOOL(CompleteOptions, echo, 1, "print the prompt too"),
    OPT_BOOL(CompleteOptions, json, 0,
             "of a constrained text: print it, its blanks and its cost as JSON"),
    OPT_BOOL(CompleteOptions, verbose, 0,
             "of a constrained text: tell on stderr what the constraint cost (-v)"),
    OPT_END,
};
static const OptTable complete_options = {"complete", "options",
                                          sizeof(CompleteOptions), fields};

/* The text as it must be; without a template it goes on behind the prompt. */
static Status constrain(const Loaded *l, Engine *engine, const CompleteOptions *o,
                        const SampleOptions *sample, const ConstrainOptions *how,
                        Err *err)
{
    Span prompt = span_of(o->prompt ? o->prompt : "");
    const Constrained c = {.loaded = l,
                           .engine = engine,
                           .o = how,
                           .sample = sample,
                           .prompt = prompt,
                           .document = true,
                           .echo = o->echo,
                           .json = o->json,
                           .verbose = o->verbose,
                           .ends = l->ends,
                           .n_ends = l->n_ends};
    Ids ids = {0};
    Status status = OK;
    if (loaded_begin(l) >= 0)
        status = ids_push(&ids, loaded_begin(l), err);
    if (status == OK && !how->template && prompt.len > 0)
        status = tokenizer_encode(l->tok, prompt, &ids, err);
    if (status == OK)
        status = constrained_show(&c, &ids, err);
    ids_release(&ids);
    return status;
}

typedef struct CompleteCommand {
    CompleteOptions o;
    SampleOptions sample;
    ConstrainOptions how;
} CompleteCommand;

static Status complete(const char *folder, const CompleteCommand *all, Err *err)
{
    const CompleteOptions *o = &all->o;
    const SampleOptions *sample = &all->sample;
    const ConstrainOptions *how = &all->how;
    TensorOps *ops = NULL;
    Loaded loaded = {0};
    Engine *engine = NULL;
    Status status = constrain_check(how, o->json, err);
    if (status == OK)
        status = command_backend(&ops, COMPUTE_F32, err);
    if (status == OK)
        status = loaded_open(&loaded, ops, folder, false, err);
    if (status == OK)
        status = engine_new(&engine, loaded.model, 1, 0, NULL, err);
    if (status == OK) {
        system_catch_stop();
        status =
            constrain_wanted(how)
                ? constrain(&loaded, engine, o, sample, how, err)
                : completion_show(&loaded, engine, span_of(o->prompt ? o->prompt : ""),
                                  sample, 0, o->echo, err);
    }
    engine_free(engine);
    loaded_release(&loaded);
    tensor_free(ops);
    return status;
}

static int work(void *self, const char **words, size_t n)
{
    Err err = {0};
    (void)n;
    return command_end(complete(words[0], self, &err), &err);
}

int complete_command(int argc, char **argv)
{
    CompleteCommand c = {0};
    const OptBinding bindings[] = {{&complete_options, &c.o},
                                   {&sample_options, &c.sample},
                                   {&constrain_options, &c.how}};
    const Usage usage = {
        .name = "complete",
        .words = "DIR",
        .what =
            "Continues a text with the model in DIR, token by token. -p is --prompt, "
            "-n is --max-new,\n--temp is --temperature.",
        .examples = "  tame complete runs/demo/base -p \"Once upon a time\" -n 100\n"
                    "  tame complete runs/demo/base --temp 0\n"
                    "  tame complete runs/demo/base -p \"Kora is a \" --choices "
                    "\"mason|baker\" -v\n"
                    "  tame complete runs/demo/base --template form.txt --json\n",
        .options = bindings,
        .n_options = sizeof bindings / sizeof *bindings,
    };
    short_flags_expand(argc, argv);
    return command_run(&usage, argc, argv, 1, 1, work, &c);
}
