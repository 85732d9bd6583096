/* bpe_count.c - counts pieces in parallel, see bpe_count.h.
 *
 * Documents are cut into tasks of about TASK_BYTES: several small documents, or a part
 * of a large one. A part begins between a newline and an ASCII letter, where each of
 * the known patterns begins a piece whatever stands around; a scanner of a part sees
 * the rest of its document, so that it cuts as if it had begun at the start. Each
 * worker takes the next task and counts in a table of its own, in front of which stand
 * the counts of the short pieces met last: they fit the caches, as the table does not. */
#include "text/bpe_count.h"

#include "base/mem.h"
#include "base/system.h"
#include "text/char_class.h"
#include "text/piece_key.h"

#include <stdatomic.h>

enum { TASK_BYTES = 1 << 20, MOST_WORKERS = 128, RECENT_BITS = 15 };

typedef struct Recent {
    PieceKey key; /* zero: free */
    uint64_t count;
} Recent;

typedef struct Worker {
    ByteMap pieces;
    Recent *recent; /* [1 << RECENT_BITS], while it counts: not yet in pieces */
    Status status;
    Err err;
} Worker;

struct BpeCount {
    Split *split;
    Worker *workers;
    int n_workers;
};

Status bpe_count_new(BpeCount **out, SplitPattern pattern, int workers, Err *err)
{
    *out = NULL;
    if (pattern == SPLIT_CUSTOM)
        return err_set(err, ERR_OPTION,
                       "a tokenizer is trained with the split pattern gpt2, cl100k or "
                       "qwen2, not with a custom one");
    BpeCount *c;
    TRY(MEM_ARRAY(&c, 1, err));
    c->n_workers = workers > 0 ? workers : system_cpus();
    if (c->n_workers > MOST_WORKERS)
        c->n_workers = MOST_WORKERS;
    Status status = MEM_ARRAY(&c->workers, (size_t)c->n_workers, err);
    if (status == OK)
        status = split_new(&c->split, err);
    if (status == OK)
        status = split_add(c->split, pattern, (Span){0}, err);
    if (status != OK) {
        bpe_count_free(c);
        return status;
    }
    *out = c;
    return OK;
}

void bpe_count_free(BpeCount *c)
{
    if (!c)
        return;
    for (int i = 0; c->workers && i < c->n_workers; i++) {
        byte_map_release(&c->workers[i].pieces);
        mem_free(c->workers[i].recent);
    }
    mem_free(c->workers);
    split_free(c->split);
    mem_free(c);
}

/* --- tasks ----------------------------------------------------------------------- */
typedef struct Task {
    size_t doc, n_docs;
    size_t from, to; /* n_docs 1: the pieces that begin in [from, to) of doc */
} Task;

typedef struct Tasks {
    Task *all;
    size_t n, cap;
} Tasks;

static Status add_task(Tasks *tasks, Task task, Err *err)
{
    TRY(MEM_PUSH_ROOM(&tasks->all, tasks->n, &tasks->cap, err));
    tasks->all[tasks->n++] = task;
    return OK;
}

/* The first place at or after `from` where a piece surely begins, or the end. */
static size_t next_cut(Span doc, size_t from)
{
    for (ptrdiff_t at; (at = span_find(doc, SPAN("\n"), from)) >= 0;) {
        from = (size_t)at + 1;
        if (from == doc.len)
            break;
        unsigned char c = (unsigned char)doc.ptr[from];
        if (c < 128 && char_class_ascii[c] == CHAR_LETTER)
            return from;
    }
    return doc.len;
}

static Status cut_document(Tasks *tasks, size_t number, Span doc, Err *err)
{
    for (size_t from = 0, to; from < doc.len; from = to) {
        to = doc.len - from > TASK_BYTES ? next_cut(doc, from + TASK_BYTES) : doc.len;
        TRY(add_task(tasks, (Task){number, 1, from, to}, err));
    }
    return OK;
}

static Status make_tasks(Tasks *tasks, const Span *docs, size_t n, Err *err)
{
    for (size_t i = 0, next; i < n; i = next) {
        size_t bytes = docs[i].len;
        for (next = i + 1; next < n && bytes + docs[next].len <= TASK_BYTES; next++)
            bytes += docs[next].len;
        if (next == i + 1)
            TRY(cut_document(tasks, i, docs[i], err));
        else
            TRY(add_task(tasks, (Task){i, next - i, 0, 0}, err));
    }
    return OK;
}

/* --- counting -------------------------------------------------------------------- */
typedef struct Job {
    BpeCount *count;
    const Span *docs;
    const Tasks *tasks;
    atomic_size_t next;
} Job;

static Status count_piece(Worker *w, Span piece, uint64_t count, Err *err)
{
    ByteMapEntry *entry;
    TRY(byte_map_put(&w->pieces, piece, byte_map_hash(piece), &entry, NULL, err));
    entry->value += count;
    return OK;
}

static Status retire(Worker *w, Recent *r, Err *err)
{
    char bytes[16];
    Span piece = piece_key_bytes(r->key, bytes);
    TRY(piece.len > 0 ? count_piece(w, piece, r->count, err) : OK);
    *r = (Recent){0};
    return OK;
}

static Status count_short(Worker *w, PieceKey key, Err *err)
{
    Recent *r = &w->recent[piece_key_hash(key) >> (64 - RECENT_BITS)];
    if (!piece_key_equal(r->key, key)) {
        TRY(retire(w, r, err));
        r->key = key;
    }
    r->count++;
    return OK;
}

static Status count_range(Worker *w, const Split *split, Span doc, size_t from,
                          size_t to, Err *err)
{
    SplitCursor cursor;
    TRY(split_begin(&cursor, split, (Span){doc.ptr + from, doc.len - from}, err));
    Status status = OK;
    for (;;) {
        Span piece;
        status = split_next(&cursor, &piece, err);
        if (status != OK || piece.len == 0 || piece.ptr >= doc.ptr + to)
            break;
        status = piece.len <= PIECE_KEY_MOST
                     ? count_short(w, piece_key(piece, doc.ptr + doc.len), err)
                     : count_piece(w, piece, 1, err);
        if (status != OK)
            break;
    }
    split_end(&cursor);
    return status;
}

static Status count_task(const Job *job, Worker *w, const Task *task)
{
    const Split *split = job->count->split;
    if (task->n_docs == 1)
        return count_range(w, split, job->docs[task->doc], task->from, task->to,
                           &w->err);
    for (size_t i = 0; i < task->n_docs; i++) {
        Span doc = job->docs[task->doc + i];
        if (doc.len > 0)
            TRY(count_range(w, split, doc, 0, doc.len, &w->err));
    }
    return OK;
}

static void work(void *self, int64_t i)
{
    Job *job = self;
    Worker *w = &job->count->workers[i];
    if (!w->recent)
        w->status = MEM_ARRAY(&w->recent, (size_t)1 << RECENT_BITS, &w->err);
    while (w->status == OK) {
        size_t task = atomic_fetch_add(&job->next, 1);
        if (task >= job->tasks->n)
            break;
        w->status = count_task(job, w, &job->tasks->all[task]);
    }
}

Status bpe_count_add(BpeCount *c, const Span *docs, size_t n, Err *err)
{
    Tasks tasks = {0};
    Status status = make_tasks(&tasks, docs, n, err);
    if (status == OK) {
        Job job = {.count = c, .docs = docs, .tasks = &tasks};
        for (int i = 0; i < c->n_workers; i++)
            c->workers[i].status = OK;
        system_parallel(c->n_workers, work, &job);
    }
    mem_free(tasks.all);
    for (int i = 0; status == OK && i < c->n_workers; i++) {
        const Worker *w = &c->workers[i];
        if (w->status != OK)
            status = err_set(err, w->status, "%s", w->err.msg);
    }
    return status;
}

static Status retire_all(Worker *w, Err *err)
{
    for (size_t i = 0; w->recent && i < (size_t)1 << RECENT_BITS; i++)
        TRY(retire(w, &w->recent[i], err));
    return OK;
}

Status bpe_count_sum(BpeCount *c, const ByteMap **out, Err *err)
{
    for (int i = 0; i < c->n_workers; i++)
        TRY(retire_all(&c->workers[i], err));
    ByteMap *sum = &c->workers[0].pieces;
    for (int i = 1; i < c->n_workers; i++) {
        ByteMap *from = &c->workers[i].pieces;
        for (; from->n > 0; from->n--) {
            const ByteMapEntry *e = &from->entries[from->n - 1];
            Span piece = byte_map_key(from, e);
            ByteMapEntry *entry;
            TRY(byte_map_put(sum, piece, byte_map_hash(piece), &entry, NULL, err));
            entry->value += e->value;
        }
        byte_map_release(from);
    }
    *out = sum;
    return OK;
}
