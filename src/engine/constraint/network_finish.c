/* network_finish.c - pass 2 of network.c: edges by state, fewest bytes to an end, what
 * leads nowhere, left recursion, classes of bytes. */
#include "engine/constraint/network_internal.h"

#include "base/mem.h"

#include <string.h>

enum { NEVER = INT32_MAX / 4 }; /* so that a sum of two is still one */

/* --- edges by state -------------------------------------------------------------------- */
static Status sort_edges(const Builder *b, Network *net, Err *err)
{
    size_t n = b->n_states;
    net->n_states = (int32_t)n;
    net->n_edges = (int32_t)b->n_edges;
    TRY(MEM_ARRAY(&net->first, n + 2, err));
    TRY(MEM_ARRAY(&net->edges, b->n_edges, err));
    TRY(MEM_ARRAY(&net->least, n, err));
    TRY(MEM_ARRAY(&net->part, n, err));
    TRY(MEM_ARRAY(&net->is_end, n, err));
    TRY(MEM_ARRAY(&net->tail, n, err));
    memcpy(net->part, b->parts, n * sizeof *net->part);
    int32_t *first = net->first + 1; /* one ahead: filling moves each to its end */
    for (size_t i = 0; i < b->n_edges; i++)
        first[b->edges[i].from + 1]++;
    for (size_t s = 0; s < n; s++)
        first[s + 1] += first[s];
    for (size_t i = 0; i < b->n_edges; i++)
        net->edges[first[b->edges[i].from]++] = b->edges[i].edge;
    net->first[0] = 0;
    net->is_end[net->part_start[net->n_parts]] = 1;
    for (int32_t r = 0; r < net->n_rules; r++) {
        if (net->finish[r] >= 0)
            net->is_end[net->finish[r]] = 1;
    }
    return OK;
}

/* --- fewest bytes to an end (Knuth 1977) -------------------------------------------------- */
typedef struct Waiting {
    int32_t cost, state;
} Waiting;

/* The edges that end in a state, or wait for the rule that begins there. */
typedef struct Search {
    const Network *net;
    int32_t *from;          /* (n_edges): the state that an edge leaves */
    int32_t *first, *edges; /* edges[first[s], first[s+1]) concern state s */
    Waiting *heap;
    size_t n, cap;
    uint8_t *done;
} Search;

static Status push(Search *s, Waiting w, Err *err)
{
    TRY(MEM_PUSH_ROOM(&s->heap, s->n, &s->cap, err));
    size_t i = s->n++;
    for (; i > 0 && s->heap[(i - 1) / 2].cost > w.cost; i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = w;
    return OK;
}

static Waiting pop(Search *s)
{
    Waiting top = s->heap[0], last = s->heap[--s->n];
    size_t i = 0;
    for (size_t kid; (kid = 2 * i + 1) < s->n; i = kid) {
        if (kid + 1 < s->n && s->heap[kid + 1].cost < s->heap[kid].cost)
            kid++;
        if (s->heap[kid].cost >= last.cost)
            break;
        s->heap[i] = s->heap[kid];
    }
    s->heap[i] = last;
    return top;
}

/* Edge i concerns state `s`, or with a call also the begin of its rule. */
static void concern(Search *s, int32_t i, int32_t *at)
{
    const Edge *e = &s->net->edges[i];
    s->edges[at[e->to]++] = i;
    if (e->kind == EDGE_CALL)
        s->edges[at[s->net->start[e->rule]]++] = i;
}

static Status search_begin(Search *s, Err *err)
{
    const Network *net = s->net;
    size_t states = (size_t)net->n_states, edges = (size_t)net->n_edges;
    TRY(MEM_ARRAY(&s->from, edges, err));
    TRY(MEM_ARRAY(&s->first, states + 2, err));
    TRY(MEM_ARRAY(&s->edges, 2 * edges, err));
    TRY(MEM_ARRAY(&s->done, states, err));
    for (int32_t v = 0; v < net->n_states; v++) {
        for (int32_t i = net->first[v]; i < net->first[v + 1]; i++)
            s->from[i] = v;
    }
    for (int32_t i = 0; i < net->n_edges; i++) {
        const Edge *e = &net->edges[i];
        s->first[e->to + 2]++;
        if (e->kind == EDGE_CALL)
            s->first[net->start[e->rule] + 2]++;
    }
    for (size_t v = 0; v < states; v++)
        s->first[v + 2] += s->first[v + 1];
    for (int32_t i = 0; i < net->n_edges; i++)
        concern(s, i, s->first + 1);
    return OK;
}

/* What an edge costs with what is behind it; NEVER when that is not known yet. */
static int32_t edge_cost(const Network *net, const Edge *e)
{
    int32_t behind = net->least[e->to];
    if (e->kind == EDGE_BYTES)
        behind += 1;
    else if (e->kind == EDGE_CALL)
        behind += net->least[net->start[e->rule]];
    return behind < NEVER ? behind : NEVER;
}

static Status find_least(Search *s, Network *net, Err *err)
{
    TRY(search_begin(s, err));
    for (int32_t v = 0; v < net->n_states; v++) {
        net->least[v] = net->is_end[v] ? 0 : NEVER;
        if (net->is_end[v])
            TRY(push(s, (Waiting){0, v}, err));
    }
    while (s->n > 0) {
        Waiting w = pop(s);
        if (s->done[w.state])
            continue;
        s->done[w.state] = 1;
        for (int32_t k = s->first[w.state]; k < s->first[w.state + 1]; k++) {
            int32_t i = s->edges[k], from = s->from[i];
            int32_t cost = edge_cost(net, &net->edges[i]);
            if (cost < net->least[from]) {
                net->least[from] = cost;
                TRY(push(s, (Waiting){cost, from}, err));
            }
        }
    }
    return OK;
}

static void search_release(Search *s)
{
    mem_free(s->from);
    mem_free(s->first);
    mem_free(s->edges);
    mem_free(s->heap);
    mem_free(s->done);
}

/* --- what cannot be ------------------------------------------------------------------------ */
static Status rule_error(const Grammar *g, int32_t rule, const char *what, Err *err)
{
    const GrammarRule *r = &g->rules[rule];
    if (r->line > 0)
        return err_set(err, ERR_FORMAT, "line %d, column %d: rule '%.60s' %s", r->line,
                       r->column, r->name, what);
    return err_set(err, ERR_FORMAT, "'%.60s' %s", r->name, what);
}

static Status check_ends(const Grammar *g, const Network *net, Err *err)
{
    for (int32_t r = 0; r < net->n_rules; r++) {
        if (net->start[r] >= 0 && net->least[net->start[r]] >= NEVER)
            return rule_error(g, r, "can never end: each way through it needs itself",
                              err);
    }
    if (net->least[net->part_start[0]] >= NEVER)
        return err_set(err, ERR_FORMAT, "no text fits this grammar");
    return OK;
}

static void drop_dead_edges(Network *net)
{
    int32_t n = 0, begin = 0;
    for (int32_t s = 0; s < net->n_states; s++) {
        int32_t end = net->first[s + 1];
        for (int32_t i = begin; i < end; i++) {
            if (edge_cost(net, &net->edges[i]) < NEVER)
                net->edges[n++] = net->edges[i];
        }
        begin = end;
        net->first[s + 1] = n;
    }
    net->n_edges = n;
}

/* Depth first over rules. What a rule may call before it reads a byte is reached from its
 * begin by nothing and by calls of what may be empty; a rule's states are its own, so all
 * of that together is no more than the network. */
typedef struct Visit {
    int32_t rule;
    size_t at, end; /* its calls that are still to be visited: calls[at, end) */
} Visit;

typedef struct Left {
    const Network *net;
    uint8_t *seen;   /* (n_states) */
    int32_t *stack;  /* (n_states) */
    int32_t *listed; /* (n_rules): by which rule last, plus 1 */
    uint8_t *colour; /* (n_rules): 0 new, 1 on the way, 2 done */
    Visit *way;      /* (n_rules) */
    int32_t *calls;
    size_t n_calls, cap_calls;
} Left;

/* Appends to calls what `rule` may call first. */
static Status list_calls(Left *l, int32_t rule, Err *err)
{
    const Network *net = l->net;
    int32_t top = 0;
    l->stack[top++] = net->start[rule];
    l->seen[net->start[rule]] = 1;
    while (top > 0) {
        int32_t s = l->stack[--top];
        for (int32_t i = net->first[s]; i < net->first[s + 1]; i++) {
            const Edge *e = &net->edges[i];
            bool goes_on = e->kind == EDGE_NOTHING;
            if (e->kind == EDGE_CALL) {
                goes_on = net->least[net->start[e->rule]] == 0;
                if (l->listed[e->rule] != rule + 1) {
                    TRY(MEM_PUSH_ROOM(&l->calls, l->n_calls, &l->cap_calls, err));
                    l->calls[l->n_calls++] = e->rule;
                    l->listed[e->rule] = rule + 1;
                }
            }
            if (goes_on && !l->seen[e->to]) {
                l->seen[e->to] = 1;
                l->stack[top++] = e->to;
            }
        }
    }
    return OK;
}

static Status visit(Left *l, int32_t *n, int32_t rule, Err *err)
{
    size_t at = l->n_calls;
    l->colour[rule] = 1;
    TRY(list_calls(l, rule, err));
    l->way[(*n)++] = (Visit){rule, at, l->n_calls};
    return OK;
}

static Status check_left(const Grammar *g, Left *l, int32_t root, Err *err)
{
    int32_t n = 0;
    TRY(visit(l, &n, root, err));
    while (n > 0) {
        Visit *v = &l->way[n - 1];
        if (v->at == v->end) {
            l->colour[v->rule] = 2;
            n--;
            continue;
        }
        int32_t rule = l->calls[v->at++];
        if (l->colour[rule] == 1)
            return rule_error(g, rule,
                              "calls itself before it reads anything (left "
                              "recursion): repeat with * or call it on the right",
                              err);
        if (l->colour[rule] == 0)
            TRY(visit(l, &n, rule, err));
    }
    return OK;
}

static Status make_left(Left *l, Err *err)
{
    size_t states = (size_t)l->net->n_states, rules = (size_t)l->net->n_rules;
    TRY(MEM_ARRAY(&l->seen, states, err));
    TRY(MEM_ARRAY(&l->stack, states, err));
    TRY(MEM_ARRAY(&l->listed, rules, err));
    TRY(MEM_ARRAY(&l->colour, rules, err));
    return MEM_ARRAY(&l->way, rules, err);
}

static Status check_left_recursion(const Grammar *g, const Network *net, Err *err)
{
    Left l = {.net = net};
    Status status = make_left(&l, err);
    for (int32_t r = 0; r < net->n_rules && status == OK; r++) {
        if (net->start[r] >= 0 && l.colour[r] == 0)
            status = check_left(g, &l, r, err);
    }
    mem_free(l.seen);
    mem_free(l.stack);
    mem_free(l.listed);
    mem_free(l.colour);
    mem_free(l.way);
    mem_free(l.calls);
    return status;
}

/* --- what speeds decoding up ---------------------------------------------------------------- */
/* From the back: states are numbered forward mostly, so that few rounds do; a tail that is
 * not found costs a little depth. */
static void find_tails(Network *net)
{
    for (int32_t s = 0; s < net->n_states; s++)
        net->tail[s] = net->is_end[s];
    for (int round = 0; round < 4; round++) {
        for (int32_t s = net->n_states - 1; s >= 0; s--) {
            const Edge *e = &net->edges[net->first[s]];
            if (!net->tail[s] && net->first[s + 1] == net->first[s] + 1 &&
                e->kind == EDGE_NOTHING && net->tail[e->to])
                net->tail[s] = true;
        }
    }
}

static void find_classes(Network *net)
{
    bool begins[257] = {true};
    for (int32_t i = 0; i < net->n_edges; i++) {
        const Edge *e = &net->edges[i];
        if (e->kind == EDGE_BYTES)
            begins[e->low] = begins[e->high + 1] = true;
    }
    net->n_classes = 0;
    for (int b = 0; b < 256; b++) {
        if (begins[b])
            net->class_byte[net->n_classes++] = (uint8_t)b;
        net->class_of[b] = (uint8_t)(net->n_classes - 1);
        net->class_size[net->n_classes - 1]++;
    }
}

Status network_finish(Builder *b, Network *net, Err *err)
{
    Search search = {.net = net};
    TRY(sort_edges(b, net, err));
    Status status = find_least(&search, net, err);
    search_release(&search);
    if (status != OK)
        return status;
    TRY(check_ends(b->g, net, err));
    drop_dead_edges(net);
    TRY(check_left_recursion(b->g, net, err));
    find_tails(net);
    find_classes(net);
    return OK;
}
