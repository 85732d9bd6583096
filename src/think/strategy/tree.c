/* tree.c - tree of thoughts (Yao et al. 2023): an answer is written a thought (a line) at
 * a time, several ways at once; partial answers are judged, and the promising ones go on.
 *
 *     breadth-first   S <- {""};  repeat depth times:
 *                         S' <- all S with each of n next thoughts, duplicates dropped
 *                         S  <- the `width` best of S'
 *     best-first      expand the best partial answer there is, until the best is whole
 *
 * Next thoughts are sampled (n continuations) or proposed (one call that lists them). A
 * partial answer is worth what the question's judge says; without one the model is asked
 * whether it is "sure", "likely" or "impossible" to lead to the right answer (20, 1 and
 * 0.001, as in the paper; by probability where the model gives it), or for its vote among
 * them. One answer comes out: the best whole one. Which one was right is for others to
 * say. */
#include "think/strategy/strategy.h"

#include "base/mem.h"
#include "think/strategy/tree_internal.h"

#include <string.h>

const char *const tree_search_names[] = {"breadth", "best", NULL};
const char *const tree_thoughts_names[] = {"sample", "propose", NULL};
const char *const tree_value_names[] = {"value", "vote", NULL};

void tree_release(Tree *t)
{
    for (size_t i = 0; i < t->n; i++)
        str_release(&t->nodes[i].path);
    mem_free(t->nodes);
    mem_free(t->open);
    mem_free(t->next);
}

/* --- growing ------------------------------------------------------------------------- */
/* A whole answer says that it is one, or ends where a thought would begin. */
static Status is_whole(const Question *q, Span path, Span thought, bool *whole,
                       Err *err)
{
    Span found;
    bool marked;
    TRY(extract_find(q->extract, path, &found, &marked, err));
    *whole = span_trim(thought).len == 0 || (found.len > 0 && marked);
    return OK;
}

static bool is_known(const Tree *t, Span path)
{
    for (size_t i = 0; i < t->n; i++) {
        if (span_equal(span_trim(str_span(&t->nodes[i].path)), span_trim(path)))
            return true;
    }
    return false;
}

/* The node's path with one more line, unless that is there already. */
static Status add_child(Tree *t, size_t parent, Span thought, Err *err)
{
    Str path = {0};
    bool whole = false;
    str_span_append(&path, str_span(&t->nodes[parent].path));
    if (path.len > 0 && span_trim(thought).len > 0)
        str_putc(&path, '\n');
    str_span_append(&path, thought);
    Status status = str_check(&path, err);
    if (status == OK)
        status = is_whole(t->q, str_span(&path), thought, &whole, err);
    bool same = span_trim(thought).len == 0 && parent > 0;
    if (status == OK && same)
        t->nodes[parent].whole = true;
    if (status == OK && !same && path.len > 0 && !is_known(t, str_span(&path))) {
        status = MEM_PUSH_ROOM(&t->nodes, t->n, &t->cap, err);
        if (status == OK) {
            t->nodes[t->n++] = (TreeNode){.path = path,
                                          .parent = parent,
                                          .depth = t->nodes[parent].depth + 1,
                                          .whole = whole};
            return OK;
        }
    }
    str_release(&path);
    return status;
}

/* n continuations of a path, a line each. */
static Status sample_thoughts(Tree *t, size_t parent, Err *err)
{
    static const Span line_end[] = {{"\n", 1}};
    const Question *q = t->q;
    Question next = *q;
    Outcome *out;
    Str prefix = {0};
    int32_t n = (int32_t)q->o->tree_thoughts_n, room = run_room(t->run, n, 1);
    room = room > 0 ? room : 1;
    str_span_append(&prefix, q->prefix);
    str_span_append(&prefix, str_span(&t->nodes[parent].path));
    if (t->nodes[parent].path.len > 0)
        str_putc(&prefix, '\n');
    next.prefix = str_span(&prefix);
    next.stops = line_end;
    next.n_stops = 1;
    next.key = question_key(q, "thoughts", (int64_t)parent);
    Status status = str_check(&prefix, err);
    if (status == OK)
        status = MEM_ARRAY(&out, (size_t)n, err);
    if (status != OK) {
        str_release(&prefix);
        return status;
    }
    status = strategy_inner(t->s, t->run, &next, 0, room, out, err);
    for (int32_t i = 0; i < room; i++) {
        t->tokens += status == OK ? out[i].tokens : 0;
        if (status == OK)
            status = add_child(t, parent, str_span(&out[i].text), err);
        outcome_release(&out[i]);
    }
    mem_free(out);
    str_release(&prefix);
    return status;
}

/* One call that lists next thoughts, a line each. */
static Status propose_thoughts(Tree *t, size_t parent, Err *err)
{
    const Question *q = t->q;
    Conversation talk = {0};
    Str text = {0};
    LmAnswer answer = {0};
    LmRequest r = {.talk = &talk,
                   .sample = q->sample,
                   .key = question_key(q, "proposals", (int64_t)parent),
                   .n = 1};
    const Message *asked = &q->talk->messages[q->talk->n - 1];
    Conversation head = {q->talk->messages, q->talk->n - 1, q->talk->n - 1};
    str_append(&text, asked->content, asked->len);
    str_printf(&text, "\n\nSo far:\n%s\n\nList %lld possible next steps, one a line.",
               str_c(&t->nodes[parent].path), (long long)q->o->tree_thoughts_n);
    Status status = conversation_copy(&talk, &head, err);
    if (status == OK)
        status = conversation_add(&talk, ROLE_USER, str_span(&text), err);
    if (status == OK)
        status = run_complete(t->run, "proposals", &r, &answer, err);
    Span rest = str_span(&answer.text);
    t->tokens += answer.tokens;
    while (status == OK && rest.len > 0) {
        ptrdiff_t end = span_find(rest, SPAN("\n"), 0);
        size_t n = end < 0 ? rest.len : (size_t)end;
        Span line = span_trim((Span){rest.ptr, n});
        if (line.len > 0)
            status = add_child(t, parent, line, err);
        n += n < rest.len;
        rest = (Span){rest.ptr + n, rest.len - n};
    }
    lm_answer_release(&answer);
    conversation_release(&talk);
    str_release(&text);
    return status;
}

/* The children of a node, judged. */
static Status expand(Tree *t, size_t parent, Err *err)
{
    t->nodes[parent].expanded = true;
    TRY(t->q->o->tree_thoughts == TREE_SAMPLE ? sample_thoughts(t, parent, err)
                                              : propose_thoughts(t, parent, err));
    return OK;
}

/* --- searching ----------------------------------------------------------------------- */
static bool is_better(const Tree *t, size_t a, size_t b)
{
    double x = t->nodes[a].value, y = t->nodes[b].value;
    return x > y || (x == y && a < b);
}

/* Moves the `width` best of next[0..n) to the front. */
static size_t keep_best(Tree *t, size_t n, size_t width)
{
    for (size_t i = 0; i < n && i < width; i++) {
        for (size_t j = i + 1; j < n; j++) {
            if (is_better(t, t->next[j], t->next[i])) {
                size_t swap = t->next[i];
                t->next[i] = t->next[j];
                t->next[j] = swap;
            }
        }
    }
    return n < width ? n : width;
}

/* Room for all nodes in the lists. */
static Status make_lists(Tree *t, size_t n, Err *err)
{
    mem_free(t->next);
    t->next = NULL;
    return MEM_ARRAY(&t->next, n + 1, err);
}

/* One level: from t->open[0..*n_open) to the best of what follows from them. */
static Status one_level(Tree *t, size_t width, size_t *n_open, Err *err)
{
    size_t before = t->n, n = 0;
    for (size_t i = 0; i < *n_open; i++) {
        if (!t->nodes[t->open[i]].whole)
            TRY(expand(t, t->open[i], err));
    }
    TRY(tree_judge(t, before, err));
    TRY(make_lists(t, *n_open + t->n - before, err));
    for (size_t i = 0; i < *n_open; i++) {
        if (t->nodes[t->open[i]].whole)
            t->next[n++] = t->open[i];
    }
    for (size_t i = before; i < t->n; i++)
        t->next[n++] = i;
    *n_open = keep_best(t, n, width);
    mem_free(t->open);
    t->open = t->next;
    t->next = NULL;
    return OK;
}

static Status breadth_first(Tree *t, size_t width, Err *err)
{
    size_t n_open = 1;
    TRY(MEM_ARRAY(&t->open, 1, err));
    for (int64_t depth = 0; depth < t->q->o->tree_depth && n_open > 0; depth++) {
        bool all_whole = true;
        for (size_t i = 0; i < n_open; i++)
            all_whole = all_whole && t->nodes[t->open[i]].whole;
        if (all_whole)
            break;
        TRY(one_level(t, width, &n_open, err));
    }
    return OK;
}

/* The best node that could still grow or is whole; t->n: none. */
static size_t best_node(const Tree *t)
{
    size_t best = t->n;
    for (size_t i = 0; i < t->n; i++) {
        const TreeNode *x = &t->nodes[i];
        bool candidate = x->whole || (!x->expanded && x->depth < t->q->o->tree_depth);
        if (candidate && (best == t->n || is_better(t, i, best)))
            best = i;
    }
    return best;
}

static Status best_first(Tree *t, size_t width, Err *err)
{
    size_t most = width * (size_t)t->q->o->tree_depth;
    for (size_t i = 0; i < most; i++) {
        size_t best = best_node(t), before = t->n;
        if (best == t->n || t->nodes[best].whole)
            break;
        TRY(expand(t, best, err));
        TRY(tree_judge(t, before, err));
    }
    return OK;
}

/* --- the answer ---------------------------------------------------------------------- */
/* The best whole path; without one the best of all that are not the root. */
static const TreeNode *winner(const Tree *t)
{
    const TreeNode *best = NULL;
    for (size_t i = 1; i < t->n; i++) {
        const TreeNode *x = &t->nodes[i];
        if (!best || x->whole > best->whole ||
            (x->whole == best->whole && x->value > best->value))
            best = x;
    }
    return best;
}

static Status take_winner(Tree *t, bool spent, Outcome *out, Err *err)
{
    const TreeNode *best = winner(t);
    Span found = {NULL, 0};
    bool marked;
    if (best) {
        TRY(extract_find(t->q->extract, str_span(&best->path), &found, &marked, err));
        str_span_append(&out->thinking, str_span(&best->path));
        str_span_append(&out->text, found.len > 0 ? found : str_span(&best->path));
        if (best->whole)
            extract_normal(found, &out->answer);
        out->confidence = best->value;
    }
    out->tokens = t->tokens;
    out->cut = !best || !best->whole;
    if (out->cut)
        str_puts(&out->note, spent ? "cut: a budget ended the search"
                                   : "no branch came to an answer");
    trace_note(t->run->trace, "states", json_integer((json_int_t)t->n - 1));
    TRY(str_check(&out->thinking, err));
    TRY(str_check(&out->note, err));
    return str_check(&out->text, err);
}

static Status search(const Strategy *s, Run *run, const Question *q, Outcome *out,
                     Err *err)
{
    Tree t = {.s = s, .run = run, .q = q};
    Status status = MEM_PUSH_ROOM(&t.nodes, t.n, &t.cap, err);
    if (status == OK) {
        t.nodes[t.n++] = (TreeNode){0};
        status = q->o->tree_search == TREE_BREADTH
                     ? breadth_first(&t, (size_t)s->number, err)
                     : best_first(&t, (size_t)s->number, err);
    }
    bool spent = run_spent(run, status);
    if (status == OK || (spent && t.n > 1))
        status = take_winner(&t, spent, out, err);
    tree_release(&t);
    return status;
}

static Status tree_attempt(const Strategy *s, Run *run, const Question *q,
                           int32_t first, int32_t n, Outcome *out, Err *err)
{
    Question silent = *q;
    silent.on_text = NULL;
    silent.steps = true;
    Status status = OK;
    for (int32_t i = 0; status == OK && i < n; i++) {
        trace_open(run->trace, "strategy", "tree");
        silent.key = question_key(q, "tree", first + i);
        status = search(s, run, &silent, &out[i], err);
        trace_close(run->trace);
    }
    return status;
}

static Status tree_check(const Strategy *s, const Lm *lm, Err *err)
{
    (void)s;
    return lm->can.prefixes
               ? OK
               : err_set(err, ERR_OPTION,
                         "'%s' does not go on with an answer that is begun", lm->name);
}

const StrategyKind tree_kind = {
    .name = "tree",
    .argument = "width",
    .help = "tree of thoughts: writes line by line, several ways, the best go on",
    .place = 3,
    .def = 5,
    .min = 1,
    .max = 64,
    .attempt = tree_attempt,
    .check = tree_check,
};
