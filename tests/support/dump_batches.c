/* dump_batches.c - what a pretraining stage begins with and learns from, for training of
 * the same by other programs (tools/compare_torch_curves.py):
 *
 *     dump_batches STAGE SEED BATCH_TOKENS UPDATES OUT
 *
 * STAGE is a folder that `tame pretrain` made. OUT/start is the model that its training
 * with this seed starts from; OUT/train.bin holds the batches of the updates 0, 1, ...
 * and OUT/heldout.bin those that are evaluated on. A batch is int32 numbers: n, ids[n],
 * targets[n], starts[n] (data/batch.h); all targets are learned, with weight 1. */
#include "base/file.h"
#include "base/mem.h"
#include "data/shards.h"
#include "model/folder.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct Dump {
    const char *stage, *out;
    uint64_t seed;
    int64_t batch_tokens, updates;
} Dump;

static Status dump_start(const Dump *d, const ModelShape *shape,
                         const ModelSpecials *specials, Err *err)
{
    TensorOps *ops;
    Model *model;
    Str path = {0};
    TRY(tensor_ref_new(&ops, err));
    TRY(model_new(&model, ops, shape, false, err));
    TRY(model_init(model, d->seed, err));
    TRY(file_make_folders(file_join(&path, d->out, "start"), err));
    TRY(model_folder_save(model, specials, str_c(&path), err));
    str_release(&path);
    model_free(model);
    tensor_free(ops);
    return OK;
}

static void write_numbers(FILE *f, const int32_t *numbers, int64_t n)
{
    fwrite(numbers, sizeof *numbers, (size_t)n, f);
}

/* Batches 0 .. n-1 of a shard (n 0: an epoch) as <out>/<name>.bin. */
static Status dump_batches(const Dump *d, const char *name, const ModelShape *shape,
                           bool shuffle, int64_t n, Err *err)
{
    char text[64];
    Shard shard;
    Packer *packer;
    Batch *batch;
    Str path = {0};
    int64_t rows = d->batch_tokens / shape->context;
    PackOptions o = {.row = shape->context,
                     .rows = rows > 0 ? rows : 1,
                     .overlong = PACK_SPLIT,
                     .seed = d->seed,
                     .shuffle = shuffle};
    snprintf(text, sizeof text, "data/%s.shard", name);
    TRY(shard_open(&shard, file_join(&path, d->stage, text), err));
    TRY(packer_new(&packer, shard_pack_source(&shard), &o, err));
    TRY(batch_new(&batch, o.row * o.rows, err));
    snprintf(text, sizeof text, "%s.bin", name);
    FILE *f = fopen(file_join(&path, d->out, text), "wb");
    if (!f)
        return err_system(err, "write", str_c(&path));
    n = n > 0 ? n : packer_batches(packer);
    for (int64_t i = 0; i < n; i++) {
        TRY(packer_batch(packer, i, batch, err));
        int32_t length = (int32_t)batch->n;
        write_numbers(f, &length, 1);
        write_numbers(f, batch->ids, batch->n);
        write_numbers(f, batch->targets, batch->n);
        write_numbers(f, batch->starts, batch->n);
    }
    bool failed = ferror(f) != 0;
    if (fclose(f) != 0 || failed)
        return err_system(err, "write", str_c(&path));
    str_release(&path);
    batch_free(batch);
    packer_free(packer);
    shard_close(&shard);
    return OK;
}

static Status dump(const Dump *d, Err *err)
{
    ModelShape shape;
    ModelSpecials specials;
    TRY(model_folder_shape(d->stage, &shape, &specials, err));
    TRY(file_make_folders(d->out, err));
    TRY(dump_start(d, &shape, &specials, err));
    TRY(dump_batches(d, "train", &shape, true, d->updates, err));
    return dump_batches(d, "heldout", &shape, false, 0, err);
}

int main(int argc, char **argv)
{
    Err err;
    if (argc != 6) {
        fprintf(stderr, "usage: dump_batches STAGE SEED BATCH_TOKENS UPDATES OUT\n");
        return 2;
    }
    Dump d = {.stage = argv[1],
              .seed = strtoull(argv[2], NULL, 10),
              .batch_tokens = strtoll(argv[3], NULL, 10),
              .updates = strtoll(argv[4], NULL, 10),
              .out = argv[5]};
    if (dump(&d, &err) == OK)
        return 0;
    fprintf(stderr, "dump_batches: %s\n", err.msg);
    return 1;
}
