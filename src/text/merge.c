/* merge.c - BPE merging, see merge.h.
 *
 * Pieces of text are short (4 bytes on average), and for them a scan for the lowest
 * rank before every merge is fastest. A long piece (a line of blanks, a text of a
 * tokenizer without split pattern) goes through a heap of (rank, position) over a list
 * of what is left; an entry whose pair is gone or has changed is skipped when it
 * comes up. */
#include "text/merge.h"

#include "base/mem.h"

#include <string.h>

enum { SHORT = 40 };
static const uint64_t none = UINT64_MAX;

static uint64_t lookup(const PairMap *merges, int32_t a, int32_t b)
{
    const uint64_t *value = pair_map_find(merges, a, b);
    return value ? *value : none;
}

static size_t merge_short(const PairMap *merges, int32_t *ids, size_t n)
{
    uint64_t pairs[SHORT]; /* pairs[i]: merge of ids[i] and ids[i + 1] */
    for (size_t i = 0; i + 1 < n; i++)
        pairs[i] = lookup(merges, ids[i], ids[i + 1]);
    while (n > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < n; i++) {
            if (pairs[i] >> 32 < pairs[best] >> 32)
                best = i;
        }
        if (pairs[best] == none)
            break;
        ids[best] = (int32_t)(uint32_t)pairs[best];
        n--;
        memmove(ids + best + 1, ids + best + 2, (n - best - 1) * sizeof *ids);
        memmove(pairs + best, pairs + best + 1, (n - best) * sizeof *pairs);
        if (best + 1 < n)
            pairs[best] = lookup(merges, ids[best], ids[best + 1]);
        if (best > 0)
            pairs[best - 1] = lookup(merges, ids[best - 1], ids[best]);
    }
    return n;
}

/* --- long pieces ----------------------------------------------------------------- */
typedef struct Node {
    uint32_t prev, next; /* list_end: none */
    uint64_t pair;       /* merge with the next one, or none */
} Node;

static const uint32_t list_end = UINT32_MAX;

typedef struct Heap { /* least rank << 32 | position first */
    uint64_t *keys;
    size_t n, cap;
} Heap;

static Status heap_push(Heap *h, uint64_t key, Err *err)
{
    TRY(MEM_PUSH_ROOM(&h->keys, h->n, &h->cap, err));
    size_t i = h->n++;
    for (; i > 0 && h->keys[(i - 1) / 2] > key; i = (i - 1) / 2)
        h->keys[i] = h->keys[(i - 1) / 2];
    h->keys[i] = key;
    return OK;
}

static uint64_t heap_pop(Heap *h)
{
    uint64_t top = h->keys[0], key = h->keys[--h->n];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < h->n; i = child) {
        if (child + 1 < h->n && h->keys[child + 1] < h->keys[child])
            child++;
        if (h->keys[child] >= key)
            break;
        h->keys[i] = h->keys[child];
    }
    if (h->n > 0)
        h->keys[i] = key;
    return top;
}

/* Looks up the pair at node i and its next one; queues it when it can merge. */
static Status renew(const PairMap *merges, const int32_t *ids, Node *nodes, uint32_t i,
                    Heap *heap, Err *err)
{
    Node *node = &nodes[i];
    node->pair =
        node->next == list_end ? none : lookup(merges, ids[i], ids[node->next]);
    if (node->pair == none)
        return OK;
    return heap_push(heap, (node->pair >> 32 << 32) | i, err);
}

static Status merge_all(const PairMap *merges, int32_t *ids, size_t n, Node *nodes,
                        Heap *heap, Err *err)
{
    for (uint32_t i = 0; i < n; i++) {
        nodes[i].prev = i > 0 ? i - 1 : list_end;
        nodes[i].next = i + 1 < n ? i + 1 : list_end;
    }
    for (uint32_t i = 0; i < n; i++)
        TRY(renew(merges, ids, nodes, i, heap, err));
    while (heap->n > 0) {
        uint64_t key = heap_pop(heap);
        uint32_t at = (uint32_t)key;
        Node *node = &nodes[at];
        if (node->pair == none || node->pair >> 32 != key >> 32)
            continue;
        ids[at] = (int32_t)(uint32_t)node->pair;
        Node *gone = &nodes[node->next];
        gone->pair = none;
        node->next = gone->next;
        if (node->next != list_end)
            nodes[node->next].prev = at;
        TRY(renew(merges, ids, nodes, at, heap, err));
        if (node->prev != list_end)
            TRY(renew(merges, ids, nodes, node->prev, heap, err));
    }
    return OK;
}

static Status merge_long(const PairMap *merges, int32_t *ids, size_t *n, Err *err)
{
    if (*n >= list_end)
        return err_set(err, ERR_LIMIT, "a piece of text of %zu bytes", *n);
    Node *nodes;
    TRY(MEM_ARRAY(&nodes, *n, err));
    Heap heap = {0};
    Status status = merge_all(merges, ids, *n, nodes, &heap, err);
    if (status == OK) {
        size_t kept = 0;
        for (uint32_t i = 0; i != list_end; i = nodes[i].next)
            ids[kept++] = ids[i];
        *n = kept;
    }
    mem_free(heap.keys);
    mem_free(nodes);
    return status;
}

Status merge_ids(const PairMap *merges, int32_t *ids, size_t *n, Err *err)
{
    if (*n > SHORT)
        return merge_long(merges, ids, n, err);
    *n = merge_short(merges, ids, *n);
    return OK;
}
