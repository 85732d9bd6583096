/* pack.c - best-fit-decreasing packing and the order of batches, see pack.h.
 *
 * Which documents share a row is decided once, in packer_new; epochs only shuffle the
 * rows. Attention stays within a document, so neighbours in a row do not matter to the
 * loss, and a fixed plan gives every epoch the same number of batches, which is what
 * makes batch i a pure function of i.
 *
 * Best-fit decreasing (Johnson et al. 1974; for language models Ding et al. 2024):
 * pieces from long to short, each into the row with the least space that is enough.
 * Rows hang in one stack per amount of free space, and a binary tree over the amounts
 * says which stacks are not empty, so a piece costs O(log C) for rows of C tokens. It
 * needs at most 11/9 of the fewest rows possible, and nearly none too many on text,
 * where short pieces fill the gaps.
 *
 * Documents are planned in windows of WINDOW, so that the working memory does not grow
 * with the data; what stays is 8 bytes a piece and 16 a row. */
#include "data/pack.h"

#include "base/mem.h"
#include "base/rng.h"

#include <string.h>

enum { WINDOW = 1 << 18 };

/* Ids [part*row, part*row + row] of a document, as far as it goes. */
typedef struct Piece {
    uint32_t doc, part;
} Piece;

struct Packer {
    PackSource source;
    PackOptions o;
    Piece *pieces; /* row by row */
    size_t n_pieces, cap_pieces;
    size_t *row_ends; /* row r: pieces [row_ends[r-1], row_ends[r]) */
    size_t n_rows, cap_rows;
    int64_t *order; /* of the rows in epoch order_epoch */
    int64_t order_epoch;
    int64_t tokens, dropped;
    int32_t *ids; /* one piece: row + 1 */
    float *weights;
};

static Status add_piece(Packer *p, Piece piece, Err *err)
{
    TRY(MEM_PUSH_ROOM(&p->pieces, p->n_pieces, &p->cap_pieces, err));
    p->pieces[p->n_pieces++] = piece;
    return OK;
}

/* The pieces added since the last call are a row. */
static Status end_row(Packer *p, Err *err)
{
    TRY(MEM_PUSH_ROOM(&p->row_ends, p->n_rows, &p->cap_rows, err));
    p->row_ends[p->n_rows++] = p->n_pieces;
    return OK;
}

/* --- one window ------------------------------------------------------------------ */
/* A piece shorter than a row, to be placed. */
typedef struct Item {
    Piece piece;
    int32_t targets; /* rows of the batch that it takes */
    int32_t bin;     /* row of this window that it went into */
} Item;

typedef struct Plan {
    Item *items;     /* [WINDOW]: at most one a document */
    int32_t *sorted; /* [WINDOW] items, longest first */
    int32_t *free;   /* [WINDOW] space left in each bin */
    int32_t *next;   /* [WINDOW] the next bin in its stack, or -1 */
    int32_t *head;   /* [row+1] the first bin with that much space, or -1 */
    int64_t *count;  /* [max(row, WINDOW)+1] for counting sorts */
    uint8_t *any;    /* [2*width] tree: leaf width+s says whether head[s] >= 0 */
    int64_t width;   /* leaves: a power of two above row */
    int32_t n_items, n_bins;
} Plan;

static void plan_release(Plan *plan)
{
    mem_free(plan->items);
    mem_free(plan->sorted);
    mem_free(plan->free);
    mem_free(plan->next);
    mem_free(plan->head);
    mem_free(plan->count);
    mem_free(plan->any);
}

static Status plan_init(Plan *plan, int64_t row, int64_t window, Err *err)
{
    *plan = (Plan){.width = 1};
    while (plan->width <= row)
        plan->width *= 2;
    size_t n = (size_t)window, most = (size_t)(row > window ? row : window);
    TRY(MEM_ARRAY(&plan->items, n, err));
    TRY(MEM_ARRAY(&plan->sorted, n, err));
    TRY(MEM_ARRAY(&plan->free, n, err));
    TRY(MEM_ARRAY(&plan->next, n, err));
    TRY(MEM_ARRAY(&plan->head, (size_t)row + 1, err));
    TRY(MEM_ARRAY(&plan->count, most + 2, err));
    return MEM_ARRAY(&plan->any, (size_t)plan->width * 2, err);
}

static void mark_amount(Plan *plan, int64_t amount, bool present)
{
    int64_t i = plan->width + amount;
    plan->any[i] = present;
    for (i /= 2; i >= 1; i /= 2)
        plan->any[i] = plan->any[2 * i] | plan->any[2 * i + 1];
}

/* The least amount >= least that some bin has free, or -1: up until a right sibling
 * holds something, then down its leftmost path. */
static int64_t best_amount(const Plan *plan, int64_t least)
{
    int64_t i = plan->width + least;
    if (!plan->any[i]) {
        while (i > 1 && (i % 2 == 1 || !plan->any[i + 1]))
            i /= 2;
        if (i == 1)
            return -1;
        i++;
        while (i < plan->width)
            i = plan->any[2 * i] ? 2 * i : 2 * i + 1;
    }
    return i - plan->width;
}

static int32_t pop_bin(Plan *plan, int64_t amount)
{
    int32_t bin = plan->head[amount];
    plan->head[amount] = plan->next[bin];
    if (plan->head[amount] < 0)
        mark_amount(plan, amount, false);
    return bin;
}

static void push_bin(Plan *plan, int32_t bin)
{
    int32_t amount = plan->free[bin];
    plan->next[bin] = plan->head[amount];
    plan->head[amount] = bin;
    if (plan->next[bin] < 0)
        mark_amount(plan, amount, true);
}

static void sort_longest_first(Plan *plan, int64_t row)
{
    int64_t *begin = plan->count;
    memset(begin, 0, (size_t)(row + 2) * sizeof *begin);
    for (int32_t i = 0; i < plan->n_items; i++)
        begin[row - plan->items[i].targets + 1]++;
    for (int64_t k = 1; k <= row; k++)
        begin[k] += begin[k - 1];
    for (int32_t i = 0; i < plan->n_items; i++)
        plan->sorted[begin[row - plan->items[i].targets]++] = i;
}

static void place_items(Plan *plan, int64_t row)
{
    memset(plan->any, 0, (size_t)plan->width * 2);
    for (int64_t s = 0; s <= row; s++)
        plan->head[s] = -1;
    plan->n_bins = 0;
    for (int32_t k = 0; k < plan->n_items; k++) {
        Item *item = &plan->items[plan->sorted[k]];
        int64_t amount = best_amount(plan, item->targets);
        int32_t bin = amount >= 0 ? pop_bin(plan, amount) : plan->n_bins++;
        if (amount < 0)
            plan->free[bin] = (int32_t)row;
        item->bin = bin;
        plan->free[bin] -= item->targets;
        push_bin(plan, bin);
    }
}

/* Gathers the items of each bin (counting sort) and writes them down as rows. */
static Status emit_rows(Packer *p, Plan *plan, Err *err)
{
    int64_t *begin = plan->count;
    memset(begin, 0, (size_t)(plan->n_bins + 1) * sizeof *begin);
    for (int32_t i = 0; i < plan->n_items; i++)
        begin[plan->items[i].bin + 1]++;
    for (int32_t b = 0; b < plan->n_bins; b++)
        begin[b + 1] += begin[b];
    for (int32_t i = 0; i < plan->n_items; i++)
        plan->sorted[begin[plan->items[i].bin]++] = i;
    for (int32_t k = 0; k < plan->n_items; k++) {
        const Item *item = &plan->items[plan->sorted[k]];
        TRY(add_piece(p, item->piece, err));
        bool last =
            k + 1 == plan->n_items || plan->items[plan->sorted[k + 1]].bin != item->bin;
        if (last)
            TRY(end_row(p, err));
    }
    return OK;
}

/* Full rows are written at once; what is shorter becomes the document's item. */
static Status plan_document(Packer *p, Plan *plan, int64_t doc, Err *err)
{
    int64_t row = p->o.row, len = p->source.len(p->source.self, doc), targets = len - 1;
    if (targets > row && p->o.overlong == PACK_REFUSE)
        return err_set(err, ERR_LIMIT,
                       "document %lld has %lld tokens, and a row holds at most %lld",
                       (long long)doc + 1, (long long)len, (long long)row + 1);
    bool skip = targets < 1 || (targets > row && p->o.overlong == PACK_DROP);
    bool cut = targets > row && p->o.overlong == PACK_TRUNCATE;
    p->dropped += skip || cut;
    if (skip)
        return OK;
    if (cut)
        targets = row;
    p->tokens += targets;
    uint32_t part = 0;
    for (; targets >= row; targets -= row) {
        TRY(add_piece(p, (Piece){(uint32_t)doc, part++}, err));
        TRY(end_row(p, err));
    }
    if (targets > 0)
        plan->items[plan->n_items++] =
            (Item){{(uint32_t)doc, part}, (int32_t)targets, -1};
    return OK;
}

static Status plan_rows(Packer *p, Plan *plan, int64_t window, Err *err)
{
    for (int64_t from = 0; from < p->source.documents; from += window) {
        int64_t left = p->source.documents - from,
                to = from + (left < window ? left : window);
        plan->n_items = 0;
        for (int64_t doc = from; doc < to; doc++)
            TRY(plan_document(p, plan, doc, err));
        sort_longest_first(plan, p->o.row);
        place_items(plan, p->o.row);
        TRY(emit_rows(p, plan, err));
    }
    if (p->n_rows == 0)
        return err_set(err, ERR_FORMAT,
                       "nothing to learn from: %lld documents, %lld of "
                       "them empty or too long",
                       (long long)p->source.documents, (long long)p->dropped);
    return OK;
}

/* --- the packer ------------------------------------------------------------------ */
Status packer_new(Packer **out, PackSource source, const PackOptions *o, Err *err)
{
    *out = NULL;
    if (o->row < 1 || o->rows < 1 || o->row > INT32_MAX / 2 ||
        o->rows > INT32_MAX / o->row)
        return err_set(err, ERR_OPTION,
                       "a batch of %lld rows of %lld tokens is not "
                       "between 1 and 2^31 tokens",
                       (long long)o->rows, (long long)o->row);
    if (source.documents > (int64_t)UINT32_MAX)
        return err_set(err, ERR_LIMIT, "%lld documents are more than the limit of %lld",
                       (long long)source.documents, (long long)UINT32_MAX);
    Packer *p = NULL;
    TRY(MEM_ARRAY(&p, 1, err));
    p->source = source;
    p->o = *o;
    p->order_epoch = -1;
    int64_t window = source.documents < WINDOW ? source.documents : WINDOW;
    Plan plan;
    Status status = plan_init(&plan, o->row, window, err);
    if (status == OK)
        status = plan_rows(p, &plan, window, err);
    plan_release(&plan);
    if (status == OK)
        status = MEM_ARRAY(&p->order, p->n_rows, err);
    if (status == OK)
        status = MEM_ARRAY(&p->ids, (size_t)o->row + 1, err);
    if (status == OK)
        status = MEM_ARRAY(&p->weights, (size_t)o->row + 1, err);
    if (status != OK) {
        packer_free(p);
        return status;
    }
    *out = p;
    return OK;
}

void packer_free(Packer *p)
{
    if (!p)
        return;
    mem_free(p->pieces);
    mem_free(p->row_ends);
    mem_free(p->order);
    mem_free(p->ids);
    mem_free(p->weights);
    mem_free(p);
}

int64_t packer_batches(const Packer *p)
{
    return ((int64_t)p->n_rows + p->o.rows - 1) / p->o.rows;
}

double packer_fill(const Packer *p)
{
    return (double)p->tokens / ((double)p->n_rows * (double)p->o.row);
}

int64_t packer_tokens(const Packer *p)
{
    return p->tokens;
}

int64_t packer_dropped(const Packer *p)
{
    return p->dropped;
}

static void order_rows(Packer *p, int64_t epoch)
{
    if (p->order_epoch == epoch)
        return;
    for (size_t r = 0; r < p->n_rows; r++)
        p->order[r] = (int64_t)r;
    Rng rng = rng_make(p->o.seed, RNG_SHUFFLE, (uint64_t)epoch);
    if (p->o.shuffle)
        rng_shuffle(&rng, p->order, (int64_t)p->n_rows);
    p->order_epoch = epoch;
}

static void add_to_batch(Packer *p, Piece piece, Batch *out)
{
    int64_t from = (int64_t)piece.part * p->o.row;
    int64_t n = p->source.len(p->source.self, piece.doc) - from;
    if (n > p->o.row + 1)
        n = p->o.row + 1;
    p->source.ids(p->source.self, piece.doc, from, n, p->ids, p->weights);
    bool fits = batch_add(out, p->ids, p->weights, n);
    ASSERT(fits);
}

Status packer_batch(Packer *p, int64_t i, Batch *out, Err *err)
{
    (void)err;
    ASSERT(i >= 0 && out->capacity >= p->o.row * p->o.rows);
    int64_t batches = packer_batches(p), first = i % batches * p->o.rows;
    order_rows(p, i / batches);
    batch_reset(out);
    for (int64_t k = first; k < first + p->o.rows && k < (int64_t)p->n_rows; k++) {
        int64_t row = p->order[k];
        size_t piece = row == 0 ? 0 : p->row_ends[row - 1];
        for (; piece < p->row_ends[row]; piece++)
            add_to_batch(p, p->pieces[piece], out);
    }
    batch_finish(out);
    if (p->o.id_bytes)
        batch_count_bytes(out, p->o.id_bytes);
    return OK;
}

Status pack_id_bytes(int32_t **out, const Tokenizer *tok, Err *err)
{
    int32_t vocab = tokenizer_vocab(tok);
    TRY(MEM_ARRAY(out, (size_t)vocab, err));
    for (int32_t id = 0; id < vocab; id++)
        (*out)[id] =
            tokenizer_is_special(tok, id) ? 0 : (int32_t)tokenizer_bytes(tok, id).len;
    return OK;
}
