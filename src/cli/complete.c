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

static Status complete(const char *folder, const CompleteOptions *o,
                       const SampleOptions *sample, const ConstrainOptions *how,
                       Err *err)
{
    TensorOps *ops = NULL;
    Loaded loaded = {0};
    Engine *engine = NULL;
    Status status = command_backend(&ops, COMPUTE_F32, err);
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

int complete_command(int argc, char **argv)
{
    Err err = {0};
    CompleteOptions o = {0};
    SampleOptions sample = {0};
    ConstrainOptions how = {0};
    Status status = opt_defaults(&complete_options, &o, &err);
    if (status == OK)
        status = opt_defaults(&sample_options, &sample, &err);
    if (status == OK)
        status = opt_defaults(&constrain_options, &how, &err);
    if (status != OK)
        return command_fail(status, &err);
    const OptBinding bindings[] = {{&complete_options, &o},
                                   {&sample_options, &sample},
                                   {&constrain_options, &how}};
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
        .n_options = 3,
    };
    const char *words[1];
    size_t n;
    short_flags_expand(argc, argv);
    Parsed parsed = command_parse(&usage, argc, argv, words, 1, 1, &n);
    int result = parsed == PARSED_HELP ? 0 : 2;
    if (parsed == PARSED_OK) {
        status = complete(words[0], &o, &sample, &how, &err);
        result = status == OK ? 0 : command_fail(status, &err);
    }
    opt_release(&complete_options, &o);
    opt_release(&sample_options, &sample);
    opt_release(&constrain_options, &how);
    return result;
}
