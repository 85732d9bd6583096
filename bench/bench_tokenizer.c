/* bench_tokenizer.c - the speed of the tokenizer: learning a vocabulary, encoding, and
 * building shards. One JSON line each:
 *
 *     {"bench":"tokenizer","what":"train","pattern":"gpt2","vocab":..,"mb":..,
 *      "count_s":..,"learn_s":..,"seconds":..,"cpu_s":..}
 *     {"bench":"tokenizer","what":"encode","threads":1,"mb":..,"tokens":..,
 *      "mb_per_s":..,"mb_per_cpu_s":..}
 *     {"bench":"tokenizer","what":"shards","mb":..,"mb_per_s":..,"mb_per_cpu_s":..}
 *
 * MB are 10^6 bytes of text. train: from documents in memory. encode: documents in
 * memory, by one thread and by all. shards: what `tame pretrain` calls tokenising, from
 * a file of JSON Lines to shards on disk. Rates are the best of several runs; mb_per_cpu_s
 * divides by the processor time of all threads, which other work on the machine does not
 * change much. Without FILE the text is that of the practice world.
 *
 *     bench_tokenizer [--smoke] [--vocab N] [--pattern NAME] [--tokenizer FOLDER]
 *                     [--runs N] [FILE]                     --smoke: one short round   */
#include "bench.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/system.h"
#include "data/shards.h"
#include "data/world/world.h"
#include "text/bpe_train.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char *const pattern_names[] = {"gpt2", "cl100k", "qwen2", NULL};

typedef struct BenchOptions {
    bool smoke;
    int64_t vocab, runs;
    int pattern;
    char *tokenizer;
} BenchOptions;

/* clang-format off */
static const OptField fields[] = {
    OPT_BOOL(BenchOptions, smoke, 0, "one short round"),
    OPT_INT(BenchOptions, vocab, 32000, 266, 1000000, "tokens to learn"),
    OPT_INT(BenchOptions, runs, 3, 1, 1000, "the best of so many is told"),
    OPT_CHOICE(BenchOptions, pattern, SPLIT_GPT2, pattern_names, "how text is split"),
    OPT_TEXT(BenchOptions, tokenizer, NULL, "encode with this one; unset: the one that is learned"),
    OPT_END
};
/* clang-format on */
static const OptTable table = {"bench_tokenizer", "the tokenizer's speed",
                               sizeof(BenchOptions), fields};

typedef struct Bench {
    BenchOptions o;
    char folder[64]; /* for files that we make */
    Str file;        /* JSON Lines */
    Str text;
    Span *docs;
    size_t *ends;
    size_t n, cap;
    Tokenizer *tok;
} Bench;

static double megabytes(const Bench *b)
{
    return 1e-6 * (double)b->text.len;
}

/* --- clocks ------------------------------------------------------------------------ */
typedef struct Clock {
    double seconds, cpu;
} Clock;

static Clock now(void)
{
    struct timespec cpu;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    return (Clock){system_seconds(), (double)cpu.tv_sec + 1e-9 * (double)cpu.tv_nsec};
}

static Clock since(Clock start)
{
    Clock end = now();
    return (Clock){end.seconds - start.seconds, end.cpu - start.cpu};
}

static Clock least(Clock a, Clock b)
{
    return (Clock){a.seconds < b.seconds ? a.seconds : b.seconds,
                   a.cpu < b.cpu ? a.cpu : b.cpu};
}

/* --- text -------------------------------------------------------------------------- */
static void make_world(Bench *b)
{
    Err err = {0};
    WorldOptions o;
    World *world;
    bench_need(opt_defaults(&world_options, &o, &err), &err);
    o.text_bytes = b->o.smoke ? 60000 : 20000000;
    bench_need(world_new(&world, &o, &err), &err);
    bench_need(world_write(world, b->folder, &err), &err);
    world_free(world);
    opt_release(&world_options, &o);
    file_join(&b->file, b->folder, "pretrain.jsonl");
}

static void read_documents(Bench *b)
{
    Err err = {0};
    CorpusOptions o;
    Corpus *corpus;
    bench_need(opt_defaults(&corpus_options, &o, &err), &err);
    bench_need(corpus_open(&corpus, str_c(&b->file), &o, &err), &err);
    for (;;) {
        Record *record;
        bool end;
        bench_need(corpus_next(corpus, &record, &end, &err), &err);
        if (end)
            break;
        bench_need(MEM_PUSH_ROOM(&b->ends, b->n, &b->cap, &err), &err);
        ASSERT(b->ends);
        str_span_append(&b->text, str_span(&record->text));
        b->ends[b->n++] = b->text.len;
    }
    bench_need(str_check(&b->text, &err), &err);
    bench_need(MEM_ARRAY(&b->docs, b->n, &err), &err);
    for (size_t i = 0; i < b->n; i++) {
        size_t from = i > 0 ? b->ends[i - 1] : 0;
        b->docs[i] = (Span){b->text.ptr + from, b->ends[i] - from};
    }
    corpus_close(corpus);
}

/* --- training ---------------------------------------------------------------------- */
static Tokenizer *train(Bench *b, Clock *counting, Clock *all)
{
    Err err = {0};
    BpeTrainer *trainer;
    Tokenizer *tok;
    int32_t vocab = b->o.smoke ? 300 : (int32_t)b->o.vocab;
    Clock start = now();
    bench_need(bpe_trainer_new(&trainer, (SplitPattern)b->o.pattern, &err), &err);
    bench_need(bpe_trainer_add(trainer, b->docs, b->n, &err), &err);
    *counting = since(start);
    bench_need(bpe_trainer_finish(trainer, vocab, &tok, &err), &err);
    *all = since(start);
    bpe_trainer_free(trainer);
    return tok;
}

static void bench_train(Bench *b)
{
    Clock count = {1e30, 1e30}, all = {1e30, 1e30};
    Tokenizer *tok = NULL;
    for (int64_t i = 0; i < b->o.runs; i++) {
        Clock this_count, this_all;
        tokenizer_free(tok);
        tok = train(b, &this_count, &this_all);
        count = least(count, this_count);
        all = least(all, this_all);
    }
    printf("{\"bench\":\"tokenizer\",\"what\":\"train\",\"pattern\":\"%s\","
           "\"vocab\":%d,\"mb\":%.2f,\"count_s\":%.3f,\"learn_s\":%.3f,"
           "\"seconds\":%.3f,\"cpu_s\":%.3f}\n",
           pattern_names[b->o.pattern], (int)tokenizer_vocab(tok), megabytes(b),
           count.seconds, all.seconds - count.seconds, all.seconds, all.cpu);
    Err err = {0};
    b->tok = tok;
    if (b->o.tokenizer) {
        tokenizer_free(tok);
        bench_need(tokenizer_load(&b->tok, b->o.tokenizer, &err), &err);
    }
}

/* --- encoding ---------------------------------------------------------------------- */
typedef struct Encoding {
    const Bench *b;
    atomic_size_t next, tokens;
} Encoding;

static void encode_documents(void *self, int64_t worker)
{
    (void)worker;
    Encoding *e = self;
    Err err = {0};
    Ids ids = {0};
    Encoder *encoder;
    bench_need(encoder_new(&encoder, e->b->tok, &err), &err);
    for (size_t i; (i = atomic_fetch_add(&e->next, 1)) < e->b->n;) {
        ids_reset(&ids);
        bench_need(encoder_encode(encoder, e->b->docs[i], &ids, &err), &err);
        atomic_fetch_add(&e->tokens, ids.len);
    }
    ids_release(&ids);
    encoder_free(encoder);
}

static void bench_encode(const Bench *b, int threads)
{
    Clock best = {1e30, 1e30};
    size_t tokens = 0;
    for (int64_t i = 0; i < b->o.runs; i++) {
        Encoding e = {.b = b};
        Clock start = now();
        system_parallel(threads, encode_documents, &e);
        best = least(best, since(start));
        tokens = atomic_load(&e.tokens);
    }
    printf("{\"bench\":\"tokenizer\",\"what\":\"encode\",\"threads\":%d,\"mb\":%.2f,"
           "\"tokens\":%zu,\"mb_per_s\":%.1f,\"mb_per_cpu_s\":%.1f}\n",
           threads, megabytes(b), tokens, megabytes(b) / best.seconds,
           megabytes(b) / best.cpu);
}

/* --- shards ------------------------------------------------------------------------ */
static void bench_shards(const Bench *b)
{
    Err err = {0};
    CorpusOptions corpus;
    ShardOptions o;
    Clock best = {1e30, 1e30};
    Str folder = {0};
    file_join(&folder, b->folder, "shards");
    bench_need(opt_defaults(&corpus_options, &corpus, &err), &err);
    bench_need(opt_defaults(&shard_options, &o, &err), &err);
    for (int64_t i = 0; i < b->o.runs; i++) {
        bench_need(file_make_folders(str_c(&folder), &err), &err);
        Clock start = now();
        bench_need(shards_build(str_c(&folder), str_c(&b->file), NULL, &corpus, &o,
                                b->tok, &err),
                   &err);
        best = least(best, since(start));
        bench_need(file_remove_tree(str_c(&folder), &err), &err);
    }
    str_release(&folder);
    printf("{\"bench\":\"tokenizer\",\"what\":\"shards\",\"mb\":%.2f,\"mb_per_s\":%.1f,"
           "\"mb_per_cpu_s\":%.1f}\n",
           megabytes(b), megabytes(b) / best.seconds, megabytes(b) / best.cpu);
}

int main(int argc, char **argv)
{
    static Bench b = {.folder = "/tmp/bench_tokenizer_XXXXXX"};
    Err err = {0};
    const char *file = bench_options_word(&table, &b.o, argc, argv);
    if (!mkdtemp(b.folder))
        bench_need(err_system(&err, "make", b.folder), &err);
    if (b.o.smoke)
        b.o.runs = 1;
    if (file)
        str_puts(&b.file, file);
    else
        make_world(&b);
    read_documents(&b);
    bench_train(&b);
    bench_encode(&b, 1);
    if (system_cpus() > 1)
        bench_encode(&b, system_cpus());
    bench_shards(&b);
    bench_need(file_remove_tree(b.folder, &err), &err);
    tokenizer_free(b.tok);
    str_release(&b.text);
    str_release(&b.file);
    mem_free(b.docs);
    mem_free(b.ends);
    opt_release(&table, &b.o);
    return 0;
}
