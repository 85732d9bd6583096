/* bits.c - documents into windows, windows into the scorer, see bits.h. Windows are
 * collected until there are enough for a few full passes, so memory does not grow with
 * the data. */
#include "eval/bits.h"

#include "base/log.h"
#include "base/mem.h"
#include "data/corpus.h"

#include <math.h>

enum {
    FLUSH_IDS = 16384, /* collected before they are scored */
    AT_ONCE = 256      /* windows in a call of the scorer: progress is shown between */
};

/* Ids [start, start + n) of those collected. Neighbours share one: the last of a window
 * is predicted by it and begins the next. */
typedef struct Window {
    size_t start, n;
} Window;

typedef struct Collector {
    Engine *engine;
    const Tokenizer *tok;
    int32_t bos, eos;
    Ids ids; /* of all windows, one document after another */
    Window *windows;
    size_t n, cap;
    BitsReport report;
} Collector;

/* Scores the windows; `items` and `logprobs` are room for all of them. */
static Status score_windows(Collector *c, EngineScore *items, float *logprobs, Err *err)
{
    for (size_t i = 0; i < c->n; i++) {
        const Window *w = &c->windows[i];
        items[i] = (EngineScore){c->ids.ptr + w->start, (int64_t)w->n, 1, logprobs};
        logprobs += w->n;
    }
    for (size_t done = 0; done < c->n; done += AT_ONCE) {
        size_t end = done + AT_ONCE < c->n ? done + AT_ONCE : c->n;
        TRY(engine_score(c->engine, items + done, (int64_t)(end - done), err));
        for (size_t i = done; i < end; i++) {
            for (int64_t k = 1; k < items[i].n; k++)
                c->report.bits -= (double)items[i].logprobs[k] / log(2);
            c->report.tokens += items[i].n - 1;
        }
        log_progress((double)c->report.tokens, NULL);
    }
    return OK;
}

static Status flush(Collector *c, Err *err)
{
    EngineScore *items = NULL;
    float *logprobs = NULL;
    size_t total = 0;
    for (size_t i = 0; i < c->n; i++)
        total += c->windows[i].n;
    Status status = MEM_ARRAY(&items, c->n, err);
    if (status == OK)
        status = MEM_ARRAY(&logprobs, total, err);
    if (status == OK)
        status = score_windows(c, items, logprobs, err);
    mem_free(items);
    mem_free(logprobs);
    c->n = 0;
    ids_reset(&c->ids);
    return status;
}

static Status add_document(Collector *c, Span text, Err *err)
{
    size_t start = c->ids.len;
    if (c->bos >= 0)
        TRY(ids_push(&c->ids, c->bos, err));
    TRY(tokenizer_encode(c->tok, text, &c->ids, err));
    if (c->eos >= 0)
        TRY(ids_push(&c->ids, c->eos, err));
    c->report.documents++;
    c->report.bytes += (double)text.len;
    size_t n = c->ids.len - start, window = (size_t)engine_capacity(c->engine) + 1;
    c->report.cut += n > window;
    for (size_t at = 0; at + 1 < n; at += window - 1) {
        TRY(MEM_PUSH_ROOM(&c->windows, c->n, &c->cap, err));
        c->windows[c->n++] = (Window){start + at, n - at < window ? n - at : window};
    }
    return c->ids.len >= FLUSH_IDS ? flush(c, err) : OK;
}

static Status read_all(Collector *c, Corpus *corpus, int64_t max_documents, Err *err)
{
    while (max_documents == 0 || c->report.documents < max_documents) {
        Record *record;
        bool end;
        TRY(corpus_next(corpus, &record, &end, err));
        if (end)
            break;
        if (record->kind != RECORD_TEXT)
            return err_set(err, ERR_FORMAT, "%s: not a text", corpus_where(corpus));
        TRY(add_document(c, str_span(&record->text), err));
    }
    return flush(c, err);
}

Status bits_measure(Engine *engine, const Tokenizer *tok, const char *spec,
                    int64_t max_documents, BitsReport *out, Err *err)
{
    CorpusOptions options;
    TRY(opt_defaults(&corpus_options, &options, err));
    Corpus *corpus = NULL;
    Collector c = {.engine = engine,
                   .tok = tok,
                   .bos = tokenizer_bos(tok),
                   .eos = tokenizer_eos(tok)};
    Status status = corpus_open(&corpus, spec, &options, err);
    if (status == OK) {
        log_progress_begin("bits", 0, "tokens");
        status = read_all(&c, corpus, max_documents, err);
        log_progress_end();
    }
    if (status == OK && c.report.bytes <= 0)
        status = err_set(err, ERR_FORMAT, "data '%s': no text to measure", spec);
    if (status == OK) {
        *out = c.report;
        out->bits_per_byte = out->bits / out->bytes;
        out->bits_per_token = out->bits / (double)out->tokens;
    }
    corpus_close(corpus);
    opt_release(&corpus_options, &options);
    ids_release(&c.ids);
    mem_free(c.windows);
    return status;
}
