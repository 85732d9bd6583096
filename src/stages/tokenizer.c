/* tokenizer.c - stage 0: a byte-level BPE vocabulary learned from text, see tokenizer.h.
 *
 * Texts are read, copied into blocks of a few megabytes (the counting uses all cores on
 * a block), and counted; then the merges are learned. Conversations count with the text
 * of their messages. */
#include "stages/tokenizer.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/system.h"
#include "data/corpus.h"
#include "stages/stage_internal.h"
#include "text/bpe_train.h"

#include <stdio.h>
#include <string.h>

static const char *const pattern_names[] = {"gpt2", "cl100k", "qwen2", NULL};

/* clang-format off */
static const OptField fields[] = {
    OPT_TEXT(TokenizerOptions, data, NULL, "text to learn from: FILE[:WEIGHT],... or a glob"),
    OPT_INT(TokenizerOptions, vocab, 2048, 265, 1000000, "tokens: 256 bytes, the merges and 9 special tokens; 265: bytes alone"),
    OPT_CHOICE(TokenizerOptions, pattern, SPLIT_QWEN2, pattern_names, "how text is split before merging; qwen2 gives every digit its own token"),
    OPT_INT(TokenizerOptions, max_bytes, 0, 0, 9e15, "bytes of text to learn from; 0: all"),
    OPT_END
};
/* clang-format on */
const OptTable tokenizer_stage_options = {"tokenizer", "learn a vocabulary from text",
                                          sizeof(TokenizerOptions), fields};

enum { BLOCK_BYTES = 8 << 20 };

/* Texts that wait to be counted together. */
typedef struct Block {
    Str bytes;
    size_t *ends;
    Span *docs;
    size_t n, cap, docs_cap;
} Block;

static Status count_block(Block *b, BpeTrainer *trainer, Err *err)
{
    TRY(str_check(&b->bytes, err));
    if (b->n > b->docs_cap) {
        mem_free(b->docs);
        b->docs = NULL;
        b->docs_cap = 0;
        TRY(MEM_ARRAY(&b->docs, b->n, err));
        b->docs_cap = b->n;
    }
    for (size_t i = 0; i < b->n; i++) {
        size_t start = i > 0 ? b->ends[i - 1] : 0;
        b->docs[i] = (Span){b->bytes.ptr + start, b->ends[i] - start};
    }
    Status status = b->n > 0 ? bpe_trainer_add(trainer, b->docs, b->n, err) : OK;
    b->n = 0;
    str_reset(&b->bytes);
    return status;
}

static Status add_text(Block *b, Span text, Err *err)
{
    if (text.len == 0)
        return OK;
    TRY(MEM_PUSH_ROOM(&b->ends, b->n, &b->cap, err));
    str_span_append(&b->bytes, text);
    b->ends[b->n++] = b->bytes.len;
    return OK;
}

static Status add_chat(Block *b, const Conversation *c, Err *err)
{
    for (size_t i = 0; i < c->n; i++)
        TRY(add_text(b, (Span){c->messages[i].content, c->messages[i].len}, err));
    return OK;
}

static Status add_record(Block *b, const Record *r, Err *err)
{
    if (r->kind == RECORD_TEXT)
        return add_text(b, str_span(&r->text), err);
    TRY(add_chat(b, &r->chat, err));
    for (int32_t i = 0; i < r->n_answers; i++)
        TRY(add_chat(b, &r->answers[i], err));
    return OK;
}

/* Reads until the end of the data or max_bytes; *total is what was counted. */
static Status count_all(Corpus *corpus, const TokenizerOptions *o, BpeTrainer *trainer,
                        int64_t *total, Err *err)
{
    Block b = {0};
    Status status = OK;
    bool end = false;
    while (status == OK && !end && (o->max_bytes == 0 || *total < o->max_bytes)) {
        Record *record;
        status = corpus_next(corpus, &record, &end, err);
        size_t before = b.bytes.len;
        if (status == OK && !end)
            status = add_record(&b, record, err);
        *total += (int64_t)(b.bytes.len - before);
        if (status == OK && (end || b.bytes.len >= BLOCK_BYTES))
            status = count_block(&b, trainer, err);
    }
    if (status == OK)
        status = count_block(&b, trainer, err);
    str_release(&b.bytes);
    mem_free(b.ends);
    mem_free(b.docs);
    return status;
}

Status stage_tokenizer(const StageEnv *env, const TokenizerOptions *o,
                       StageReport *report, Err *err)
{
    if (!o->data)
        return err_set(err, ERR_OPTION, "option 'data' is not set: text to learn from");
    double start = system_seconds();
    Corpus *corpus = NULL;
    BpeTrainer *trainer = NULL;
    Tokenizer *tok = NULL;
    int64_t bytes = 0;
    Status status = file_make_folders(env->folder, err);
    if (status == OK)
        status = corpus_open(&corpus, o->data, &env->corpus, err);
    if (status == OK)
        status = bpe_trainer_new(&trainer, (SplitPattern)o->pattern, err);
    if (status == OK)
        status = count_all(corpus, o, trainer, &bytes, err);
    if (status == OK && bytes == 0)
        status = err_set(err, ERR_FORMAT, "'%s' has no text", o->data);
    if (status == OK)
        status = bpe_trainer_finish(trainer, (int32_t)o->vocab, &tok, err);
    if (status == OK)
        status = tokenizer_save(tok, env->folder, err);
    if (status == OK) {
        report->seconds = system_seconds() - start;
        report->peak_bytes = mem_peak_rss();
        snprintf(report->data, sizeof report->data,
                 "%s of text, %s tokens of vocabulary", log_bytes((double)bytes),
                 log_count((double)o->vocab));
        status = stage_mark_finished(env, report, err);
    }
    tokenizer_free(tok);
    bpe_trainer_free(trainer);
    corpus_close(corpus);
    return status;
}
