/* complete.c - `tame complete DIR -p TEXT`: continues a document. */
#include "cli/command.h"
#include "cli/completion.h"
#include "cli/short_flags.h"
#include "think/loaded.h"

#include "base/system.h"

typedef struct CompleteOptions {
    char *prompt;
    bool echo;
} CompleteOptions;

static const OptField fields[] = {
    OPT_TEXT(CompleteOptions, prompt, NULL,
             "the text to continue (-p); empty: the beginning of any document"),
    OPT_BOOL(CompleteOptions, echo, 1, "print the prompt too"),
    OPT_END,
};
static const OptTable complete_options = {"complete", "options",
                                          sizeof(CompleteOptions), fields};

static Status complete(const char *folder, const CompleteOptions *o,
                       const SampleOptions *sample, Err *err)
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
        status = completion_show(&loaded, engine, span_of(o->prompt ? o->prompt : ""),
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
    Status status = opt_defaults(&complete_options, &o, &err);
    if (status == OK)
        status = opt_defaults(&sample_options, &sample, &err);
    if (status != OK)
        return command_fail(status, &err);
    const OptBinding bindings[] = {{&complete_options, &o}, {&sample_options, &sample}};
    const Usage usage = {
        .name = "complete",
        .words = "DIR",
        .what =
            "Continues a text with the model in DIR, token by token. -p is --prompt, "
            "-n is --max-new,\n--temp is --temperature.",
        .examples = "  tame complete runs/demo/base -p \"Once upon a time\" -n 100\n"
                    "  tame complete runs/demo/base --temp 0\n",
        .options = bindings,
        .n_options = 2,
    };
    const char *words[1];
    size_t n;
    short_flags_expand(argc, argv);
    Parsed parsed = command_parse(&usage, argc, argv, words, 1, 1, &n);
    int result = parsed == PARSED_HELP ? 0 : 2;
    if (parsed == PARSED_OK) {
        status = complete(words[0], &o, &sample, &err);
        result = status == OK ? 0 : command_fail(status, &err);
    }
    opt_release(&complete_options, &o);
    opt_release(&sample_options, &sample);
    return result;
}
