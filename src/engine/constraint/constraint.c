/* constraint.c - see constraint.h: from text to a network, and masks of tokens. */
#include "engine/constraint/constraint.h"

#include "base/mem.h"
#include "engine/constraint/constraint_internal.h"
#include "format/grammar/gbnf.h"
#include "format/grammar/regex.h"
#include "format/grammar/schema.h"

#include <string.h>

/* --- from text ----------------------------------------------------------------------------- */
Status constraint_parse(Grammar *g, const ConstraintText *text, int32_t *node, Err *err)
{
    switch (text->kind) {
    case CONSTRAINT_CHOICES:
        return grammar_choices(g, text->choices, text->n_choices, node, err);
    case CONSTRAINT_REGEX:
        return regex_parse(g, text->text, (RegexOptions){0}, node, err);
    case CONSTRAINT_GBNF:
        return gbnf_parse(g, text->text, node, err);
    case CONSTRAINT_JSON_SCHEMA:
        return schema_parse(g, text->text, node, err);
    }
    return err_set(err, ERR_OPTION, "no constraint of kind %d", (int)text->kind);
}

static const char *kind_name(ConstraintKind kind)
{
    static const char *const names[] = {"choices", "regex", "schema", "grammar"};
    return names[kind];
}

Status constraint_new(Constraint **out, const ConstraintText *text,
                      const TokenTrie *trie, Err *err)
{
    Grammar g = {0};
    int32_t node = 0;
    *out = NULL;
    Status status = constraint_parse(&g, text, &node, err);
    if (status == OK)
        status = constraint_from_parts(out, &g, &node, NULL, 1, trie, err);
    grammar_release(&g);
    return status == OK ? OK : err_context(err, "%s", kind_name(text->kind));
}

static Status fill(Constraint *c, const Grammar *g, const int32_t *parts,
                   const int64_t *max_tokens, int32_t n, Err *err)
{
    TRY(network_new(&c->net, g, parts, n, err));
    TRY(automaton_new(&c->a, c->net, 0, err));
    TRY(MEM_ARRAY(&c->path, (size_t)c->trie->deepest + 1, err));
    TRY(MEM_ARRAY(&c->max_tokens, (size_t)n + 1, err));
    if (max_tokens)
        memcpy(c->max_tokens, max_tokens, (size_t)n * sizeof *max_tokens);
    c->words = ((size_t)c->trie->vocab + 31) / 32;
    c->generation = automaton_generation(c->a);
    return OK;
}

Status constraint_from_parts(Constraint **out, const Grammar *g, const int32_t *parts,
                             const int64_t *max_tokens, int32_t n,
                             const TokenTrie *trie, Err *err)
{
    Constraint *c;
    *out = NULL;
    TRY(MEM_ARRAY(&c, 1, err));
    c->trie = trie;
    (void)pthread_mutex_init(&c->lock, NULL);
    Status status = fill(c, g, parts, max_tokens, n, err);
    if (status != OK) {
        constraint_free(c);
        return status;
    }
    *out = c;
    return OK;
}

static void free_masks(Constraint *c)
{
    for (size_t i = 0; i < c->n_masks; i++)
        mem_free(c->masks[i].bits);
    mem_free(c->masks);
    c->masks = NULL;
    c->n_masks = 0;
}

void constraint_free(Constraint *c)
{
    if (!c)
        return;
    free_masks(c);
    automaton_free(c->a);
    network_free(c->net);
    mem_free(c->path);
    mem_free(c->max_tokens);
    (void)pthread_mutex_destroy(&c->lock);
    mem_free(c);
}

Status constraint_accepts(Constraint *c, Span text, bool *yes, Err *err)
{
    (void)pthread_mutex_lock(&c->lock);
    int32_t state = AUTOMATON_FULL;
    for (int tries = 0; tries < 2 && state == AUTOMATON_FULL; tries++) {
        if (tries > 0)
            automaton_forget(c->a);
        state = automaton_start(c->a);
        if (state > 0)
            state = automaton_read(c->a, state, text);
    }
    *yes = state > 0 && automaton_accepts(c->a, state);
    (void)pthread_mutex_unlock(&c->lock);
    if (state == AUTOMATON_FULL)
        return err_set(err, ERR_LIMIT, "the grammar takes too much memory");
    return OK;
}

/* --- masks ---------------------------------------------------------------------------------- */
/* By how many bytes the state is over the limits. */
static int64_t over(const Constraint *c, int32_t state, const MaskLimits *limits)
{
    int64_t end = automaton_least(c->a, state) - limits->to_end;
    int64_t part =
        limits->to_part_end == INT64_MAX
            ? 0
            : automaton_least_of_part(c->a, state, limits->part) - limits->to_part_end;
    int64_t most = end > part ? end : part;
    return most > 0 ? most : 0;
}

MaskWalk constraint_walk(Constraint *c, int32_t state, const MaskLimits *limits,
                         uint32_t *bits)
{
    const TokenTrie *t = c->trie;
    MaskWalk w = {.least_over = INT64_MAX};
    c->path[0] = state;
    for (int32_t i = 1; i < t->n;) {
        int32_t s = automaton_step(c->a, c->path[t->depth[i] - 1], t->byte[i]);
        if (s == AUTOMATON_FULL) {
            w.full = true;
            return w;
        }
        if (s == AUTOMATON_DEAD) {
            i = t->end[i];
            continue;
        }
        c->path[t->depth[i]] = s;
        if (t->first[i] < t->first[i + 1]) {
            int32_t least = automaton_least(c->a, s);
            int64_t too_far = limits ? over(c, s, limits) : 0;
            w.least_over = too_far < w.least_over ? too_far : w.least_over;
            w.farthest = least > w.farthest ? least : w.farthest;
            for (int32_t k = t->first[i];
                 k < t->first[i + 1] && (!limits || too_far <= limits->slack); k++) {
                bits[t->ids[k] / 32] |= 1U << (t->ids[k] % 32);
                w.any = true;
            }
        }
        i++;
    }
    return w;
}

/* Where the mask of a state is kept; NULL: no room. */
static Mask *mask_place(Constraint *c, int32_t state)
{
    if (c->generation != automaton_generation(c->a)) {
        free_masks(c);
        c->generation = automaton_generation(c->a);
    }
    if (c->masks && (size_t)state < c->n_masks)
        return &c->masks[state];
    size_t n = (size_t)state + 1 > 2 * c->n_masks ? (size_t)state + 64 : 2 * c->n_masks;
    if (!automaton_take(c->a, (n - c->n_masks) * sizeof *c->masks))
        return NULL;
    Mask *more = mem_grow_array(c->masks, c->n_masks, n, sizeof *c->masks);
    if (!more)
        return NULL;
    c->masks = more;
    c->n_masks = n;
    return &more[state];
}

const Mask *constraint_mask(Constraint *c, int32_t state)
{
    Mask *m = mask_place(c, state);
    if (!m || m->bits)
        return m;
    if (!automaton_take(c->a, c->words * sizeof *m->bits))
        return NULL;
    uint32_t *bits = mem_alloc_array(c->words, sizeof *bits);
    if (!bits)
        return NULL;
    MaskWalk w = constraint_walk(c, state, NULL, bits);
    if (w.full) {
        mem_free(bits);
        return NULL;
    }
    *m = (Mask){bits, w.farthest};
    return m;
}

bool constraint_spans(Constraint *c, Span text, int32_t state)
{
    const TokenTrie *t = c->trie;
    int32_t node = token_trie_find(t, text), top = (int32_t)text.len;
    if (node < 0)
        return false;
    c->path[top] = state;
    for (int32_t i = node + 1; i < t->end[node];) {
        int32_t s = automaton_step(c->a, c->path[t->depth[i] - 1], t->byte[i]);
        if (s <= 0) {
            i = t->end[i];
            continue;
        }
        if (t->first[i] < t->first[i + 1])
            return true;
        c->path[t->depth[i++]] = s;
    }
    return false;
}
