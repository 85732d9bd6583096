/* shards_build.c - text to shards: read, tokenise on all cores, split, write; see
 * shards.h for the layout.
 *
 * Documents are read into a block of some megabytes, a block is tokenised in parallel,
 * and its documents are dealt out in order: so the file has the same bytes for any
 * number of cores. Reading and dealing out are no work for many, so they happen while
 * other blocks are tokenised: in each round one block is read, the one read before is
 * tokenised, and the one tokenised before is dealt out. A shard's tables stand before its ids but are known only after them;
 * the ids go to a file of their own first.
 *
 * Held out are the documents with the lowest hashes. Those that may be are kept in
 * memory in a heap, highest hash on top, until the end; when there are too many, the
 * top goes to the training data, and with it all documents of the same text, so that no
 * text is on both sides. */
#include "data/shards.h"

#include "base/bytes.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/system.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static const OptField fields[] = {
    OPT_REAL(ShardOptions, heldout, 0.01, 0, 0.5,
             "share of the documents that is held out for evaluation"),
    OPT_INT(ShardOptions, max_heldout, 10000, 1, 1e9, "documents held out at most"),
    OPT_END};
const OptTable shard_options = {"shards", "tokenised data", sizeof(ShardOptions),
                                fields};

enum {
    BLOCK_BYTES = 4 << 20,
    BLOCK_DOCUMENTS = 8192,
    BLOCKS = 3,
    MOST_WORKERS = 128,
    SHARD_VERSION = 1
};

/* --- writing one shard ----------------------------------------------------------- */
typedef struct ShardWriter {
    Str path, ids_path;
    FileWriter *ids; /* <path>.ids until the end */
    int32_t id_bytes;
    uint64_t fingerprint, source, tokens, text_bytes;
    uint64_t *ends;  /* of each document, in tokens */
    uint32_t *bytes; /* of its text */
    size_t n, cap_ends, cap_bytes;
    Str packed; /* ids of one document as bytes */
} ShardWriter;

static Status writer_open(ShardWriter *w, const char *folder, const char *name,
                          const Tokenizer *tok, uint64_t source, Err *err)
{
    *w = (ShardWriter){.source = source};
    w->id_bytes = tokenizer_vocab(tok) <= 65536 ? 2 : 4;
    w->fingerprint = tokenizer_fingerprint(tok);
    file_join(&w->path, folder, name);
    str_printf(&w->ids_path, "%s.ids", str_c(&w->path));
    TRY(str_check(&w->path, err));
    TRY(str_check(&w->ids_path, err));
    return file_writer_open(&w->ids, str_c(&w->ids_path), err);
}

static void writer_release(ShardWriter *w)
{
    file_writer_abort(w->ids);
    if (w->ids_path.len > 0)
        (void)remove(str_c(&w->ids_path)); /* it may not be there */
    str_release(&w->path);
    str_release(&w->ids_path);
    str_release(&w->packed);
    mem_free(w->ends);
    mem_free(w->bytes);
    *w = (ShardWriter){0};
}

static void pack_ids(char *out, const int32_t *ids, size_t n, int32_t id_bytes)
{
    if (id_bytes == 4) {
        for (size_t i = 0; i < n; i++)
            bytes_put_u32(out + 4 * i, (uint32_t)ids[i]);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = (char)ids[i];
        out[2 * i + 1] = (char)(ids[i] >> 8);
    }
}

static Status writer_put(ShardWriter *w, const int32_t *ids, size_t n,
                         size_t text_bytes, Err *err)
{
    if (text_bytes > UINT32_MAX)
        return err_set(err, ERR_LIMIT,
                       "a document of %zu bytes is over the limit of "
                       "2^32 bytes",
                       text_bytes);
    TRY(MEM_PUSH_ROOM(&w->ends, w->n, &w->cap_ends, err));
    TRY(MEM_PUSH_ROOM(&w->bytes, w->n, &w->cap_bytes, err));
    size_t size = n * (size_t)w->id_bytes;
    str_reset(&w->packed);
    str_reserve(&w->packed, size);
    TRY(str_check(&w->packed, err));
    pack_ids(w->packed.ptr, ids, n, w->id_bytes);
    TRY(file_writer_put(w->ids, w->packed.ptr, size, err));
    w->tokens += n;
    w->text_bytes += text_bytes;
    w->ends[w->n] = w->tokens;
    w->bytes[w->n++] = (uint32_t)text_bytes;
    return OK;
}

static Status put_u32(FileWriter *out, uint32_t v, Err *err)
{
    unsigned char b[4];
    bytes_put_u32(b, v);
    return file_writer_put(out, b, sizeof b, err);
}

static Status put_u64(FileWriter *out, uint64_t v, Err *err)
{
    unsigned char b[8];
    bytes_put_u64(b, v);
    return file_writer_put(out, b, sizeof b, err);
}

static Status put_header(const ShardWriter *w, FileWriter *out, Err *err)
{
    const uint64_t numbers[] = {
        w->fingerprint, w->n,      w->tokens,
        w->text_bytes,  w->source, 0 /* where the first document begins */};
    TRY(file_writer_put(out, "TAMESHRD", 8, err));
    TRY(put_u32(out, SHARD_VERSION, err));
    TRY(put_u32(out, (uint32_t)w->id_bytes, err));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        TRY(put_u64(out, numbers[i], err));
    for (size_t i = 0; i < w->n; i++)
        TRY(put_u64(out, w->ends[i], err));
    for (size_t i = 0; i < w->n; i++)
        TRY(put_u32(out, w->bytes[i], err));
    return OK;
}

/* The shard appears under its name. */
static Status writer_finish(ShardWriter *w, Err *err)
{
    FileWriter *ids = w->ids;
    w->ids = NULL;
    TRY(file_writer_commit(ids, err));
    FileMap map;
    TRY(file_map(str_c(&w->ids_path), &map, err));
    FileWriter *out = NULL;
    Status status = file_writer_open(&out, str_c(&w->path), err);
    if (status == OK)
        status = put_header(w, out, err);
    if (status == OK && map.len > 0)
        status = file_writer_put(out, map.ptr, map.len, err);
    file_unmap(&map);
    if (status != OK) {
        file_writer_abort(out);
        return status;
    }
    return file_writer_commit(out, err);
}

/* --- a block of documents -------------------------------------------------------- */
typedef struct BlockDoc {
    size_t from, len; /* of the block's text */
    Ids ids;
    Status status;
} BlockDoc;

typedef struct Block {
    Str text;
    BlockDoc *docs; /* [BLOCK_DOCUMENTS]; their ids' memory is reused */
    size_t n;
} Block;

static Status tokenise_document(Encoder *encoder, const Tokenizer *tok, const Block *b,
                                BlockDoc *doc)
{
    Span text = {str_c(&b->text) + doc->from, doc->len};
    int32_t bos = tokenizer_bos(tok), eos = tokenizer_eos(tok);
    ids_reset(&doc->ids);
    if (bos >= 0)
        TRY(ids_push(&doc->ids, bos, NULL));
    TRY(encoder_encode(encoder, text, &doc->ids, NULL));
    return ids_push(&doc->ids, eos, NULL);
}

static void block_release(Block *b)
{
    for (size_t i = 0; b->docs && i < BLOCK_DOCUMENTS; i++)
        ids_release(&b->docs[i].ids);
    mem_free(b->docs);
    str_release(&b->text);
}

/* Reads documents until the block is full; *end when there are no more. */
static Status read_block(Block *b, Corpus *c, bool *end, Err *err)
{
    b->n = 0;
    str_reset(&b->text);
    *end = false;
    while (b->n < BLOCK_DOCUMENTS && b->text.len < BLOCK_BYTES) {
        Record *record;
        TRY(corpus_next(c, &record, end, err));
        if (*end)
            break;
        if (record->kind != RECORD_TEXT)
            return err_set(err, ERR_FORMAT,
                           "%s: pretraining reads texts ('text', or .txt files)",
                           corpus_where(c));
        BlockDoc *doc = &b->docs[b->n++];
        doc->from = b->text.len;
        doc->len = record->text.len;
        str_span_append(&b->text, str_span(&record->text));
    }
    return str_check(&b->text, err);
}

/* --- the split ------------------------------------------------------------------- */
typedef struct HeldDoc {
    uint64_t hash;
    int32_t *ids;
    size_t n, text_bytes;
} HeldDoc;

typedef struct Split {
    ShardWriter *train, *heldout;
    bool on;
    uint64_t bound; /* lower hashes are held out */
    size_t most;
    bool provisional; /* no hash was below bound yet: docs are those of the lowest */
    HeldDoc *docs;    /* a heap, highest hash first */
    size_t n, cap;
} Split;

static void split_release(Split *s)
{
    for (size_t i = 0; i < s->n; i++)
        mem_free(s->docs[i].ids);
    mem_free(s->docs);
}

static void swap_docs(HeldDoc *a, HeldDoc *b)
{
    HeldDoc t = *a;
    *a = *b;
    *b = t;
}

static Status heap_push(Split *s, HeldDoc doc, const int32_t *ids, Err *err)
{
    TRY(MEM_PUSH_ROOM(&s->docs, s->n, &s->cap, err));
    TRY(MEM_ARRAY(&doc.ids, doc.n, err));
    memcpy(doc.ids, ids, doc.n * sizeof *ids);
    size_t i = s->n++;
    s->docs[i] = doc;
    for (; i > 0 && s->docs[(i - 1) / 2].hash < s->docs[i].hash; i = (i - 1) / 2)
        swap_docs(&s->docs[(i - 1) / 2], &s->docs[i]);
    return OK;
}

static HeldDoc heap_pop(Split *s)
{
    HeldDoc top = s->docs[0];
    s->docs[0] = s->docs[--s->n];
    for (size_t i = 0;;) {
        size_t child = 2 * i + 1;
        if (child + 1 < s->n && s->docs[child + 1].hash > s->docs[child].hash)
            child++;
        if (child >= s->n || s->docs[child].hash <= s->docs[i].hash)
            return top;
        swap_docs(&s->docs[child], &s->docs[i]);
        i = child;
    }
}

/* The document on top, and all of the same hash, go to a shard. */
static Status move_top(Split *s, ShardWriter *to, Err *err)
{
    uint64_t hash = s->docs[0].hash;
    while (s->n > 0 && s->docs[0].hash == hash) {
        HeldDoc doc = heap_pop(s);
        Status status = writer_put(to, doc.ids, doc.n, doc.text_bytes, err);
        mem_free(doc.ids);
        TRY(status);
    }
    return OK;
}

static Status split_put(Split *s, Span text, const Ids *ids, Err *err)
{
    HeldDoc doc = {rng_hash(text.ptr, text.len, RNG_SPLIT), NULL, ids->len, text.len};
    bool below = doc.hash < s->bound;
    bool lowest = s->n == 0 || (s->provisional && doc.hash <= s->docs[0].hash);
    if (!s->on || !(below || lowest))
        return writer_put(s->train, ids->ptr, ids->len, text.len, err);
    if (s->n > 0 && s->provisional && doc.hash < s->docs[0].hash)
        TRY(move_top(s, s->train, err));
    s->provisional = !below;
    TRY(heap_push(s, doc, ids->ptr, err));
    if (s->n > s->most && !s->provisional) {
        s->bound = s->docs[0].hash;
        return move_top(s, s->train, err);
    }
    return OK;
}

static Status split_finish(Split *s, Err *err)
{
    if (!s->on)
        return OK;
    if (s->train->n == 0 || s->n == 0)
        return err_set(err, ERR_FORMAT,
                       "no document can be held out: there is one text only; give "
                       "more, or held-out data, or hold out 0");
    while (s->n > 0)
        TRY(move_top(s, s->heldout, err));
    return OK;
}

/* --- building -------------------------------------------------------------------- */
/* What a round of work is done with. Its tasks: to read, to deal out, and to tokenise
 * each document of the block in between. */
typedef struct Pour {
    const Tokenizer *tok;
    Split *split;
    Corpus *corpus;
    Encoder **encoders; /* one a worker */
    int n_workers;
    Block blocks[BLOCKS];
    Block *read, *tokenise, *deal; /* of this round */
    bool end;                      /* of the corpus */
    Status read_status, deal_status;
    Err read_err, deal_err;
    atomic_size_t next; /* task */
} Pour;

static Status deal_block(const Block *b, Split *split, Err *err)
{
    for (size_t i = 0; i < b->n; i++) {
        const BlockDoc *doc = &b->docs[i];
        Span text = {str_c(&b->text) + doc->from, doc->len};
        TRY(split_put(split, text, &doc->ids, err));
    }
    return OK;
}

static void read_next(Pour *p)
{
    p->read->n = 0;
    if (!p->end)
        p->read_status = read_block(p->read, p->corpus, &p->end, &p->read_err);
}

static void work(void *self, int64_t worker)
{
    enum { READ, DEAL, DOCUMENTS };
    Pour *p = self;
    for (;;) {
        size_t task = atomic_fetch_add(&p->next, 1);
        if (task >= DOCUMENTS + p->tokenise->n)
            break;
        if (task == READ) {
            read_next(p);
        } else if (task == DEAL) {
            p->deal_status = deal_block(p->deal, p->split, &p->deal_err);
        } else {
            BlockDoc *doc = &p->tokenise->docs[task - DOCUMENTS];
            doc->status =
                tokenise_document(p->encoders[worker], p->tok, p->tokenise, doc);
        }
    }
}

/* The first error in the order of the documents, if any. */
static Status round_status(const Pour *p, Err *err)
{
    if (p->deal_status != OK)
        return err_set(err, p->deal_status, "%s", p->deal_err.msg);
    for (size_t i = 0; i < p->tokenise->n; i++) {
        const BlockDoc *doc = &p->tokenise->docs[i];
        if (doc->status != OK)
            return err_set(err, doc->status, "cannot tokenise a document of %zu bytes",
                           doc->len);
    }
    if (p->read_status != OK)
        return err_set(err, p->read_status, "%s", p->read_err.msg);
    return OK;
}

/* Rounds until nothing is left to read, to tokenise and to deal out. */
static Status run_rounds(Pour *p, int64_t *documents, Err *err)
{
    for (int round = 0;; round++) {
        p->read = &p->blocks[round % BLOCKS];
        p->tokenise = &p->blocks[(round + 2) % BLOCKS];
        p->deal = &p->blocks[(round + 1) % BLOCKS];
        atomic_store(&p->next, 0);
        system_parallel(p->n_workers, work, p);
        TRY(round_status(p, err));
        *documents += (int64_t)p->read->n;
        log_progress(corpus_bytes_read(p->corpus), NULL);
        if (system_stop_requested())
            return err_set(err, ERR_STOPPED, "stopped while tokenising");
        if (p->end && p->read->n == 0 && p->tokenise->n == 0)
            return OK;
    }
}

static Status pour_begin(Pour *p, const char *spec, const CorpusOptions *o, Err *err)
{
    TRY(corpus_open(&p->corpus, spec, o, err));
    int cpus = system_cpus();
    p->n_workers = cpus > MOST_WORKERS ? MOST_WORKERS : cpus;
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers are meant */
    TRY(MEM_ARRAY(&p->encoders, (size_t)p->n_workers, err));
    for (int i = 0; i < p->n_workers; i++)
        TRY(encoder_new(&p->encoders[i], p->tok, err));
    for (int i = 0; i < BLOCKS; i++)
        TRY(MEM_ARRAY(&p->blocks[i].docs, BLOCK_DOCUMENTS, err));
    return OK;
}

static void pour_end(Pour *p)
{
    for (int i = 0; i < BLOCKS; i++)
        block_release(&p->blocks[i]);
    for (int i = 0; p->encoders && i < p->n_workers; i++)
        encoder_free(p->encoders[i]);
    mem_free(p->encoders);
    corpus_close(p->corpus);
}

/* All documents of spec through the split. */
static Status pour(const char *spec, const CorpusOptions *o, const Tokenizer *tok,
                   Split *split, Err *err)
{
    Pour p = {.tok = tok, .split = split};
    int64_t documents = 0;
    Status status = pour_begin(&p, spec, o, err);
    if (status == OK) {
        log_progress_begin("tokenising", corpus_bytes(p.corpus), "bytes");
        status = run_rounds(&p, &documents, err);
        log_progress_end();
    }
    if (status == OK && documents == 0)
        status = err_set(err, ERR_FORMAT, "there is no document in '%s'", spec);
    pour_end(&p);
    return status;
}

static Status build(ShardWriter *train, ShardWriter *heldout, const char *spec,
                    const char *heldout_spec, const CorpusOptions *corpus,
                    const ShardOptions *o, const Tokenizer *tok, Err *err)
{
    Split split = {.train = train, .heldout = heldout};
    split.on = !heldout_spec && o->heldout > 0;
    split.bound = (uint64_t)(o->heldout * 18446744073709551616.0); /* 2^64 */
    split.most = (size_t)o->max_heldout;
    Status status = pour(spec, corpus, tok, &split, err);
    if (status == OK)
        status = split_finish(&split, err);
    split_release(&split);
    Split all = {.train = heldout};
    if (status == OK && heldout_spec)
        status = pour(heldout_spec, corpus, tok, &all, err);
    if (status == OK)
        status = writer_finish(heldout, err);
    if (status == OK)
        status = writer_finish(train, err);
    return status;
}

/* Whether a shard is there, sound, of this tokenizer and of these data. */
static Status is_up_to_date(const char *folder, const char *name, const Tokenizer *tok,
                            uint64_t source, bool *out, Err *err)
{
    *out = false;
    Str path = {0};
    file_join(&path, folder, name);
    if (str_check(&path, err) != OK) {
        str_release(&path);
        return ERR_NOMEM;
    }
    Shard s = {0};
    Err why = {OK, ""};
    bool exists = file_exists(str_c(&path));
    Status status = exists ? shard_open(&s, str_c(&path), &why) : OK;
    if (exists && status == OK) {
        if (s.fingerprint != tokenizer_fingerprint(tok))
            status = err_set(&why, ERR_FORMAT, "it is of another tokenizer");
        else if (s.source != source)
            status = err_set(&why, ERR_FORMAT, "it is of other data or options");
        else
            status = shard_check_ids(&s, tokenizer_vocab(tok), &why);
        if (status != OK)
            err_context(&why, "shard '%s'", str_c(&path));
    }
    shard_close(&s);
    str_release(&path);
    if (status != OK)
        log_info("%s: built anew", why.msg);
    *out = exists && status == OK;
    return OK;
}

/* What the shards depend on besides the tokenizer. */
static Status source_hash(const char *spec, const char *heldout_spec,
                          const CorpusOptions *corpus, const ShardOptions *o,
                          uint64_t *out, Err *err)
{
    uint64_t train = 0, heldout = 0;
    TRY(corpus_hash(spec, corpus, &train, err));
    if (heldout_spec)
        TRY(corpus_hash(heldout_spec, corpus, &heldout, err));
    char text[160];
    int n =
        snprintf(text, sizeof text, "%llu %llu %.17g %lld", (unsigned long long)train,
                 (unsigned long long)heldout, o->heldout, (long long)o->max_heldout);
    *out = rng_hash(text, (uint64_t)n, 0);
    return OK;
}

Status shards_build(const char *folder, const char *spec, const char *heldout_spec,
                    const CorpusOptions *corpus, const ShardOptions *o,
                    const Tokenizer *tok, Err *err)
{
    if (tokenizer_eos(tok) < 0)
        return err_set(err, ERR_FORMAT,
                       "the tokenizer has no token for the end of a document");
    uint64_t source = 0;
    TRY(source_hash(spec, heldout_spec, corpus, o, &source, err));
    TRY(file_make_folders(folder, err));
    bool train_is, heldout_is;
    TRY(is_up_to_date(folder, "train.shard", tok, source, &train_is, err));
    TRY(is_up_to_date(folder, "heldout.shard", tok, source, &heldout_is, err));
    if (train_is && heldout_is)
        return OK;
    ShardWriter train = {0}, heldout = {0};
    Status status = writer_open(&train, folder, "train.shard", tok, source, err);
    if (status == OK)
        status = writer_open(&heldout, folder, "heldout.shard", tok, source, err);
    if (status == OK)
        status = build(&train, &heldout, spec, heldout_spec, corpus, o, tok, err);
    if (status == OK)
        log_info("%s documents, %s tokens; %s documents held out",
                 log_count((double)train.n), log_count((double)train.tokens),
                 log_count((double)heldout.n));
    writer_release(&train);
    writer_release(&heldout);
    return status;
}
