/* network_until.c - any text up to the first of some literals: Aho & Corasick 1975, over
 * characters. A state of the machine is the longest beginning of a literal that the text
 * so far ends with. Behind a character that no literal holds it is the empty one. */
#include "engine/constraint/network_internal.h"

#include "base/mem.h"

enum { UNTIL_CHARS = 2000 };

typedef struct Machine {
    /* State k > 0 is state `parent[k]` and character `last[k]`. */
    uint32_t last[UNTIL_CHARS];
    int32_t parent[UNTIL_CHARS], fail[UNTIL_CHARS], state[UNTIL_CHARS];
    bool ends[UNTIL_CHARS]; /* a literal ends here */
    int32_t n;
    CharSet alphabet;
} Machine;

static int32_t kid_of(const Machine *m, int32_t k, uint32_t c)
{
    for (int32_t i = 1; i < m->n; i++) {
        if (m->parent[i] == k && m->last[i] == c)
            return i;
    }
    return -1;
}

static Status add_literal(Machine *m, Span text, Err *err)
{
    int32_t k = 0;
    for (size_t at = 0, len; at < text.len; at += len) {
        uint32_t c;
        TRY(grammar_read_char(text, at, &c, &len, err));
        int32_t kid = kid_of(m, k, c);
        if (kid < 0) {
            if (m->n == UNTIL_CHARS)
                return err_set(err, ERR_LIMIT, "stops have over %d characters",
                               UNTIL_CHARS);
            kid = m->n++;
            m->parent[kid] = k;
            m->last[kid] = c;
            charset_add(&m->alphabet, c, c);
        }
        k = kid;
    }
    m->ends[k] = true;
    return OK;
}

static int32_t step(const Machine *m, int32_t k, uint32_t c)
{
    for (;; k = m->fail[k]) {
        int32_t kid = kid_of(m, k, c);
        if (kid >= 0 || k == 0)
            return kid >= 0 ? kid : 0;
    }
}

/* A state's parent is one character shorter, so that breadth goes first by depth. */
static void find_fails(Machine *m)
{
    int32_t order[UNTIL_CHARS], n = 1;
    order[0] = 0;
    for (int32_t i = 0; i < n; i++) {
        int32_t k = order[i], p = m->parent[k];
        if (i > 0) {
            m->fail[k] = p == 0 ? 0 : step(m, m->fail[p], m->last[k]);
            m->ends[k] = m->ends[k] || m->ends[m->fail[k]];
        }
        for (int32_t kid = 1; kid < m->n; kid++) {
            if (m->parent[kid] == k)
                order[n++] = kid;
        }
    }
}

static void add_edges(Builder *b, Machine *m, int32_t k, int32_t to)
{
    CharSet other = m->alphabet;
    charset_negate(&other);
    network_add_set(b, m->state[k], m->state[0], &other);
    for (int32_t i = 0; i < m->alphabet.n; i++) {
        for (uint32_t c = m->alphabet.ranges[i].low; c <= m->alphabet.ranges[i].high;
             c++) {
            int32_t next = step(m, k, c);
            CharSet one = {.ranges = {{c, c}}, .n = 1};
            network_add_set(b, m->state[k], m->ends[next] ? to : m->state[next], &one);
        }
    }
}

void network_add_until(Builder *b, const GrammarNode *node, int32_t from, int32_t to)
{
    Machine *m = mem_alloc_array(1, sizeof *m);
    if (!m) {
        (void)err_set(&b->failed, ERR_NOMEM, "no memory for stops");
        return;
    }
    m->n = 1;
    Status status = OK;
    for (int32_t i = 0; i < node->n && status == OK; i++) {
        const GrammarNode *kid = &b->g->nodes[b->g->kids[node->first + i]];
        Span text = {b->g->bytes.ptr + kid->first, (size_t)kid->n};
        status = text.len > 0
                     ? add_literal(m, text, &b->failed)
                     : err_set(&b->failed, ERR_OPTION, "a stop is an empty text");
    }
    if (status == OK && m->alphabet.full)
        status = err_set(&b->failed, ERR_LIMIT,
                         "stops have over %d different characters", GRAMMAR_RANGES);
    if (status == OK) {
        charset_normalise(&m->alphabet);
        find_fails(m);
        for (int32_t k = 0; k < m->n; k++)
            m->state[k] = m->ends[k] ? to : network_new_state(b);
        network_add_nothing(b, from, m->state[0]);
        for (int32_t k = 0; k < m->n; k++) {
            if (!m->ends[k])
                add_edges(b, m, k, to);
        }
    }
    mem_free(m);
}
