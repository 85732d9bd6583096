/* dump_logits.c - what a model folder computes, for comparison by hand with other
 * programs (tools/compare_transformers.py, tools/compare_peft.py):
 *
 *     dump_logits ref|cpu[-adapter] FOLDER ID...
 *
 * prints the logits of each position on a line, or a reward model's score of it. An adapter
 * is merged into its base, unless -adapter says that it is to stay one. */
#include "base/mem.h"
#include "model/folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Input {
    int32_t *ids, *positions, *starts, *rows;
    int64_t n;
} Input;

static Status read_input(Input *in, char **words, int64_t n, int32_t vocab, Err *err)
{
    *in = (Input){.n = n};
    TRY(MEM_ARRAY(&in->ids, (size_t)n, err));
    TRY(MEM_ARRAY(&in->positions, (size_t)n, err));
    TRY(MEM_ARRAY(&in->starts, (size_t)n, err));
    TRY(MEM_ARRAY(&in->rows, (size_t)n, err));
    for (int64_t i = 0; i < n; i++) {
        long id = strtol(words[i], NULL, 10);
        if (id < 0 || id >= vocab)
            return err_set(err, ERR_OPTION, "id %ld is not below %d", id, vocab);
        in->ids[i] = (int32_t)id;
        in->positions[i] = in->rows[i] = (int32_t)i;
    }
    return OK;
}

static Status dump(Model *model, const Input *in, Err *err)
{
    Tape *tape;
    float *out;
    bool is_lm = model->shape.head == HEAD_LM;
    int64_t width = is_lm ? model->shape.vocab : 1;
    if (in->n > model->shape.context)
        return err_set(err, ERR_OPTION, "%lld ids, more than the model's %d",
                       (long long)in->n, model->shape.context);
    TRY(MEM_ARRAY(&out, (size_t)(in->n * width), err));
    TRY(tape_new(&tape, model, in->n, (TapeOptions){0}, err));
    ModelTokens tokens = {in->ids, in->positions, in->starts, in->n};
    model_forward(model, tape, &tokens);
    if (is_lm)
        model_logits(model, tape, in->rows, in->n, out);
    else
        model_scores(model, tape, in->rows, in->n, out);
    for (int64_t i = 0; i < in->n * width; i++)
        printf("%.9g%c", (double)out[i], (i + 1) % width == 0 ? '\n' : ' ');
    tape_free(tape);
    mem_free(out);
    return OK;
}

static Status backend(const char *name, TensorOps **out, Err *err)
{
    if (strncmp(name, "ref", 3) == 0)
        return tensor_ref_new(out, err);
    if (strncmp(name, "cpu", 3) == 0)
        return tensor_cpu_new(out, &(TensorCpuOptions){0}, err);
    return err_set(err, ERR_OPTION, "backend '%s' is not one of ref, cpu", name);
}

static Status run(const char *name, const char *folder, char **words, int n, Err *err)
{
    TensorOps *ops = NULL;
    Model *model = NULL;
    Input in;
    TRY(backend(name, &ops, err));
    if (strstr(name, "-adapter"))
        TRY(model_folder_open(&model, ops, folder, NULL, NULL, err));
    else
        TRY(model_folder_load(&model, ops, folder, false, NULL, err));
    TRY(read_input(&in, words, n, model->shape.vocab, err));
    TRY(dump(model, &in, err));
    mem_free(in.ids);
    mem_free(in.positions);
    mem_free(in.starts);
    mem_free(in.rows);
    model_free(model);
    tensor_free(ops);
    return OK;
}

int main(int argc, char **argv)
{
    Err err;
    if (argc < 4) {
        fprintf(stderr, "usage: dump_logits ref|cpu[-adapter] FOLDER ID...\n");
        return 2;
    }
    if (run(argv[1], argv[2], argv + 3, argc - 3, &err) == OK)
        return 0;
    fprintf(stderr, "dump_logits: %s\n", err.msg);
    return 1;
}
