/* network.c - see network.h.
 *
 * Pass 1 walks the tree of each rule and lays edges between states (Thompson 1968). Pass 2
 * sorts edges by state, finds the fewest bytes to each end, leaves out what cannot end,
 * and looks for left recursion. */
#include "engine/constraint/network.h"

#include "base/mem.h"
#include "engine/constraint/network_internal.h"

#include <string.h>

/* --- states and edges ------------------------------------------------------------------ */
static int32_t new_state(Builder *b)
{
    if (b->failed.code != OK)
        return 0;
    if (b->n_states == NETWORK_STATES) {
        (void)err_set(&b->failed, ERR_LIMIT,
                      "the grammar is too large: it needs over %d states",
                      NETWORK_STATES);
        return 0;
    }
    if (MEM_PUSH_ROOM(&b->parts, b->n_states, &b->cap_states, &b->failed) != OK)
        return 0;
    b->parts[b->n_states] = b->part;
    return (int32_t)b->n_states++;
}

static void add_edge(Builder *b, int32_t from, Edge edge)
{
    if (b->failed.code == OK && b->n_edges == (size_t)4 * NETWORK_STATES)
        (void)err_set(&b->failed, ERR_LIMIT,
                      "the grammar is too large: it needs over %d edges",
                      4 * NETWORK_STATES);
    if (b->failed.code == OK &&
        MEM_PUSH_ROOM(&b->edges, b->n_edges, &b->cap_edges, &b->failed) == OK)
        b->edges[b->n_edges++] = (LooseEdge){edge, from};
}

static void add_bytes(Builder *b, int32_t from, int32_t to, uint32_t low, uint32_t high)
{
    add_edge(
        b, from,
        (Edge){
            .kind = EDGE_BYTES, .low = (uint8_t)low, .high = (uint8_t)high, .to = to});
}

static void add_nothing(Builder *b, int32_t from, int32_t to)
{
    add_edge(b, from, (Edge){.kind = EDGE_NOTHING, .to = to});
}

/* --- characters as bytes ----------------------------------------------------------------- */
/* Where k more bytes of any value lead to the end: shared by the ranges of a class. */
typedef struct Class {
    Builder *b;
    int32_t from, to;
    int32_t any[4]; /* -1: not made yet; any[0] = to */
} Class;

static int32_t any_behind(Class *c, int k)
{
    if (c->any[k] < 0) {
        c->any[k] = new_state(c->b);
        add_bytes(c->b, c->any[k], any_behind(c, k - 1), 0x80, 0xBF);
    }
    return c->any[k];
}

/* Characters whose UTF-8 forms are low[0..n) to high[0..n), a byte at a time: where the
 * first bytes differ, what follows is any for those between. */
static void add_forms(Class *c, int32_t from, const uint8_t *low, const uint8_t *high,
                      int n)
{
    Builder *b = c->b;
    ASSERT(n >= 1);
    if (n == 1) {
        add_bytes(b, from, c->to, low[0], high[0]);
        return;
    }
    bool low_all = true, high_all = true; /* is all behind low[0] and high[0] in? */
    for (int i = 1; i < n; i++) {
        low_all = low_all && low[i] == 0x80;
        high_all = high_all && high[i] == 0xBF;
    }
    static const uint8_t least[4] = {0x80, 0x80, 0x80, 0x80};
    static const uint8_t most[4] = {0xBF, 0xBF, 0xBF, 0xBF};
    uint32_t begin = low[0], end = high[0];
    if (begin == end && !(low_all && high_all)) {
        int32_t next = new_state(b);
        add_bytes(b, from, next, begin, begin);
        add_forms(c, next, low + 1, high + 1, n - 1);
        return;
    }
    if (!low_all) {
        int32_t next = new_state(b);
        add_bytes(b, from, next, begin, begin);
        add_forms(c, next, low + 1, most, n - 1);
        begin++;
    }
    if (!high_all) {
        int32_t next = new_state(b);
        add_bytes(b, from, next, end, end);
        add_forms(c, next, least, high + 1, n - 1);
        end--;
    }
    if (begin <= end)
        add_bytes(b, from, any_behind(c, n - 1), begin, end);
}

static int utf8_form(uint32_t code, uint8_t out[4])
{
    static const uint8_t lead[5] = {0, 0, 0xC0, 0xE0, 0xF0};
    int n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (int i = n - 1; i > 0; i--, code >>= 6)
        out[i] = (uint8_t)(0x80 | (code & 0x3F));
    out[0] = (uint8_t)(lead[n] | code);
    return n;
}

static void add_range(Class *c, CharRange r)
{
    /* Forms of one length; surrogates are no characters. */
    static const CharRange lengths[] = {{0, 0x7F},
                                        {0x80, 0x7FF},
                                        {0x800, 0xD7FF},
                                        {0xE000, 0xFFFF},
                                        {0x10000, 0x10FFFF}};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        uint8_t low[4] = {0}, high[4] = {0};
        uint32_t from = r.low > lengths[i].low ? r.low : lengths[i].low;
        uint32_t to = r.high < lengths[i].high ? r.high : lengths[i].high;
        if (from > to)
            continue;
        int n = utf8_form(from, low);
        (void)utf8_form(to, high);
        add_forms(c, c->from, low, high, n);
    }
}

static void add_ranges(Builder *b, int32_t from, int32_t to, const CharRange *ranges,
                       int32_t n)
{
    Class c = {.b = b, .from = from, .to = to, .any = {to, -1, -1, -1}};
    for (int32_t i = 0; i < n; i++)
        add_range(&c, ranges[i]);
}

/* --- nodes --------------------------------------------------------------------------------- */
static void add_literal(Builder *b, Span text, int32_t from, int32_t to)
{
    if (text.len == 0)
        add_nothing(b, from, to);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = (uint8_t)text.ptr[i];
        int32_t next = i + 1 < text.len ? new_state(b) : to;
        add_bytes(b, from, next, byte, byte);
        from = next;
    }
}

static void add_loop(Builder *b, const GrammarNode *node, int32_t from, int32_t to)
{
    int32_t kid = b->g->kids[node->first];
    for (int32_t i = 0; i < node->min && b->failed.code == OK; i++) {
        int32_t next = new_state(b);
        network_add_node(b, kid, from, next);
        from = next;
    }
    if (node->max == -1) {
        int32_t again = new_state(b);
        add_nothing(b, from, again);
        network_add_node(b, kid, again, again);
        from = again;
    }
    for (int32_t i = node->min; i < node->max && b->failed.code == OK; i++) {
        int32_t next = new_state(b);
        add_nothing(b, from, to);
        network_add_node(b, kid, from, next);
        from = next;
    }
    add_nothing(b, from, to);
}

void network_add_node(Builder *b, int32_t number, int32_t from, int32_t to)
{
    const Grammar *g = b->g;
    const GrammarNode *node = &g->nodes[number];
    if (b->failed.code != OK)
        return;
    switch (node->kind) {
    case GRAMMAR_EMPTY:
        add_nothing(b, from, to);
        break;
    case GRAMMAR_CHARS:
        add_ranges(b, from, to, g->ranges + node->first, node->n);
        break;
    case GRAMMAR_BYTES:
        add_literal(b, (Span){g->bytes.ptr + node->first, (size_t)node->n}, from, to);
        break;
    case GRAMMAR_SEQUENCE:
        for (int32_t i = 0; i < node->n; i++) {
            int32_t next = i + 1 < node->n ? new_state(b) : to;
            network_add_node(b, g->kids[node->first + i], from, next);
            from = next;
        }
        if (node->n == 0)
            add_nothing(b, from, to);
        break;
    case GRAMMAR_CHOICE:
        for (int32_t i = 0; i < node->n; i++)
            network_add_node(b, g->kids[node->first + i], from, to);
        break;
    case GRAMMAR_LOOP:
        add_loop(b, node, from, to);
        break;
    case GRAMMAR_CALL:
        if (!b->used[node->first])
            b->queue[b->n_queue++] = node->first;
        b->used[node->first] = true;
        add_edge(b, from, (Edge){.kind = EDGE_CALL, .to = to, .rule = node->first});
        break;
    case GRAMMAR_UNTIL:
        network_add_until(b, node, from, to);
        break;
    }
}

int32_t network_new_state(Builder *b)
{
    return new_state(b);
}

void network_add_set(Builder *b, int32_t from, int32_t to, const CharSet *set)
{
    add_ranges(b, from, to, set->ranges, set->n);
}

void network_add_nothing(Builder *b, int32_t from, int32_t to)
{
    add_nothing(b, from, to);
}

/* --- the whole ------------------------------------------------------------------------------ */
static void add_top(Builder *b, Network *net, const int32_t *parts)
{
    for (int32_t i = 0; i <= net->n_parts; i++) {
        b->part = (uint16_t)i;
        net->part_start[i] = new_state(b);
    }
    for (int32_t i = 0; i < net->n_parts; i++) {
        b->part = (uint16_t)i;
        int32_t end = new_state(b); /* behind it the part is the next */
        network_add_node(b, parts[i], net->part_start[i], end);
        add_nothing(b, end, net->part_start[i + 1]);
    }
    b->part = 0;
}

/* Rules that are used: laying one may find more. */
static void add_rules(Builder *b, Network *net)
{
    for (int32_t i = 0; i < b->n_queue && b->failed.code == OK; i++) {
        int32_t r = b->queue[i];
        net->start[r] = new_state(b);
        net->finish[r] = new_state(b);
        network_add_node(b, b->g->rules[r].node, net->start[r], net->finish[r]);
    }
}

static Status make_arrays(Network *net, size_t n_rules, Err *err)
{
    TRY(MEM_ARRAY(&net->start, n_rules, err));
    TRY(MEM_ARRAY(&net->finish, n_rules, err));
    for (size_t r = 0; r < n_rules; r++)
        net->start[r] = net->finish[r] = -1;
    return MEM_ARRAY(&net->part_start, (size_t)net->n_parts + 1, err);
}

static Status build(Builder *b, Network *net, const int32_t *parts, Err *err)
{
    TRY(make_arrays(net, b->g->n_rules, err));
    TRY(MEM_ARRAY(&b->used, b->g->n_rules, err));
    TRY(MEM_ARRAY(&b->queue, b->g->n_rules, err));
    add_top(b, net, parts);
    add_rules(b, net);
    if (b->failed.code != OK)
        return err_set(err, b->failed.code, "%s", b->failed.msg);
    return network_finish(b, net, err);
}

Status network_new(Network **out, const Grammar *g, const int32_t *parts,
                   int32_t n_parts, Err *err)
{
    ASSERT(n_parts >= 1);
    *out = NULL;
    if (n_parts > NETWORK_PARTS)
        return err_set(err, ERR_LIMIT, "%d parts, the limit is %d", n_parts,
                       NETWORK_PARTS);
    Network *net;
    Builder b = {.g = g};
    TRY(MEM_ARRAY(&net, 1, err));
    net->n_rules = (int32_t)g->n_rules;
    net->n_parts = n_parts;
    Status status = build(&b, net, parts, err);
    mem_free(b.parts);
    mem_free(b.edges);
    mem_free(b.used);
    mem_free(b.queue);
    if (status != OK) {
        network_free(net);
        return status;
    }
    *out = net;
    return OK;
}

void network_free(Network *net)
{
    if (!net)
        return;
    mem_free(net->first);
    mem_free(net->edges);
    mem_free(net->least);
    mem_free(net->part);
    mem_free(net->is_end);
    mem_free(net->tail);
    mem_free(net->start);
    mem_free(net->finish);
    mem_free(net->part_start);
    mem_free(net);
}
