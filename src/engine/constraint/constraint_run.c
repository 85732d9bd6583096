/* constraint_run.c - one sequence under a constraint, see constraint.h. */
#include "engine/constraint/constraint_internal.h"

#include "base/mem.h"

#include <string.h>

enum {
    FORCED_BYTES = 8192, /* of forced text at a time */
    HEALED_TOKENS = 4    /* left to be drawn at its end, at most */
};

/* A part was left at this byte of the text. */
typedef struct Cut {
    size_t at;
    int32_t part;
} Cut;

struct ConstraintRun {
    Constraint *c;
    int32_t ends[CONSTRAINT_ENDS], n_ends;
    int32_t before; /* the id in front of the answer, or -1 */
    int64_t room;   /* tokens that the answer may have */
    int64_t read;   /* ids of the answer that were read */
    Str text;       /* their bytes */
    int32_t state;  /* of the automaton behind them, in this generation of it: */
    int64_t generation;
    int32_t part;
    int64_t part_tokens;
    Cut *cuts;
    size_t n_cuts, cap_cuts;
    bool ended;
    Ids forced;
    Err failed; /* code OK: nothing went wrong */
};

Status constraint_run_new(ConstraintRun **out, Constraint *c, const int32_t *ends,
                          int32_t n_ends, Err *err)
{
    ASSERT(n_ends >= 0 && n_ends <= CONSTRAINT_ENDS);
    ConstraintRun *run;
    TRY(MEM_ARRAY(&run, 1, err));
    *run = (ConstraintRun){.c = c, .n_ends = n_ends};
    if (n_ends > 0)
        memcpy(run->ends, ends, (size_t)n_ends * sizeof *ends);
    *out = run;
    return OK;
}

void constraint_run_free(ConstraintRun *run)
{
    if (!run)
        return;
    str_release(&run->text);
    mem_free(run->cuts);
    ids_release(&run->forced);
    mem_free(run);
}

Span constraint_run_text(const ConstraintRun *run)
{
    return str_span(&run->text);
}

int64_t constraint_run_cut(const ConstraintRun *run, int32_t part)
{
    for (size_t i = 0; i < run->n_cuts; i++) {
        if (run->cuts[i].part == part)
            return (int64_t)run->cuts[i].at;
    }
    return -1;
}

/* --- reading --------------------------------------------------------------------------------- */
/* The state behind the text, with the parts that were left: from the beginning. */
static int32_t read_anew(const ConstraintRun *run)
{
    Automaton *a = run->c->a;
    Span text = str_span(&run->text);
    int32_t state = automaton_start(a);
    size_t at = 0;
    for (size_t i = 0; i <= run->n_cuts && state > 0; i++) {
        size_t end = i < run->n_cuts ? run->cuts[i].at : text.len;
        state = automaton_read(a, state, (Span){text.ptr + at, end - at});
        if (i < run->n_cuts && state > 0)
            state = automaton_leave(a, state, run->cuts[i].part);
        at = end;
    }
    return state;
}

/* The automaton is full, or another sequence had it forget: reads again. */
static Status settle(ConstraintRun *run, Err *err)
{
    Automaton *a = run->c->a;
    TRY(str_check(&run->text, err));
    if (run->state != AUTOMATON_FULL && run->generation == automaton_generation(a))
        return OK;
    if (run->generation == automaton_generation(a))
        automaton_forget(a);
    run->state = read_anew(run);
    if (run->state == AUTOMATON_FULL) {
        automaton_forget(a);
        run->state = read_anew(run);
    }
    run->generation = automaton_generation(a);
    if (run->state == AUTOMATON_FULL)
        return err_set(err, ERR_LIMIT,
                       "decoding under this grammar takes too much memory: it is too "
                       "ambiguous, or the text is too long");
    return OK;
}

static bool is_end(const ConstraintRun *run, int32_t id)
{
    for (int32_t i = 0; i < run->n_ends; i++) {
        if (run->ends[i] == id)
            return true;
    }
    return false;
}

static Status misfit(const ConstraintRun *run, Span bytes, Err *err)
{
    Str shown = {0};
    str_quote(&shown, bytes, 40);
    Status status =
        err_set(err, ERR_FORMAT, "'%s' does not fit the constraint at byte %zu",
                str_c(&shown), run->text.len - bytes.len);
    str_release(&shown);
    return status;
}

/* A token more for its part, which may be its last. */
static Status count_token(ConstraintRun *run, Err *err)
{
    Constraint *c = run->c;
    int32_t part = automaton_part(c->a, run->state);
    run->part_tokens++;
    if (part > run->part)
        run->part_tokens = 0;
    run->part = part;
    if (part >= c->net->n_parts || c->max_tokens[part] == 0 ||
        run->part_tokens < c->max_tokens[part])
        return OK;
    int32_t next = automaton_leave(c->a, run->state, part);
    if (next == AUTOMATON_DEAD)
        return OK; /* brought to its end token by token */
    TRY(MEM_PUSH_ROOM(&run->cuts, run->n_cuts, &run->cap_cuts, err));
    run->cuts[run->n_cuts++] = (Cut){run->text.len, part};
    run->state = next;
    TRY(settle(run, err));
    run->part = automaton_part(c->a, run->state);
    run->part_tokens = 0;
    return OK;
}

static Status read_id(ConstraintRun *run, int32_t id, Err *err)
{
    const TokenTrie *t = run->c->trie;
    int64_t number = run->read++;
    if (run->ended || is_end(run, id)) {
        run->ended = true;
        return OK;
    }
    if (id < 0 || id >= t->vocab)
        return err_set(err, ERR_FORMAT, "id %d is not the tokenizer's", id);
    int32_t before = run->before;
    Span bytes = number == 0 && run->text.len == 0
                     ? tokenizer_bytes_after(t->tok, before, id)
                     : tokenizer_bytes(t->tok, id);
    TRY(settle(run, err));
    str_span_append(&run->text, bytes);
    run->state = automaton_read(run->c->a, run->state, bytes);
    TRY(settle(run, err));
    if (run->state == AUTOMATON_DEAD)
        return misfit(run, bytes, err);
    return count_token(run, err);
}

/* Reads what is new of ids [0, n). */
static Status catch_up(ConstraintRun *run, const int32_t *ids, int64_t n)
{
    while (run->read < n && run->failed.code == OK)
        (void)read_id(run, ids[run->read], &run->failed);
    if (run->failed.code == OK)
        (void)settle(run, &run->failed);
    return run->failed.code;
}

static void start(ConstraintRun *run)
{
    str_reset(&run->text);
    run->n_cuts = 0;
    run->part = 0;
    run->part_tokens = 0;
    run->ended = false;
    run->failed.code = OK;
    run->generation = -1;
}

void constraint_run_skip(ConstraintRun *run, int64_t n)
{
    start(run);
    run->read = n;
}

/* --- masks ----------------------------------------------------------------------------------- */
static MaskLimits limits_of(const ConstraintRun *run, int64_t n)
{
    const Constraint *c = run->c;
    MaskLimits l = {.to_end = run->room - n - 1 - (run->n_ends > 0),
                    .to_part_end = INT64_MAX,
                    .part = run->part};
    if (run->part < c->net->n_parts && c->max_tokens[run->part] > 0)
        l.to_part_end = c->max_tokens[run->part] - run->part_tokens - 1;
    return l;
}

static bool within(const Constraint *c, int32_t farthest, const MaskLimits *l)
{
    if (farthest > l->to_end)
        return false;
    return l->to_part_end == INT64_MAX ||
           farthest - c->net->least[c->net->part_start[l->part + 1]] <= l->to_part_end;
}

/* Few tokens are left: only those from which the end can be reached in time, or, when it
 * is too late for that, those that are nearest to it. */
static bool walk_within(ConstraintRun *run, MaskLimits *l, uint32_t *allowed)
{
    MaskWalk w = constraint_walk(run->c, run->state, l, allowed);
    if (w.full || w.any || w.least_over == INT64_MAX)
        return !w.full;
    if (automaton_accepts(run->c->a, run->state) && run->n_ends > 0)
        return true;
    l->slack = w.least_over;
    return !constraint_walk(run->c, run->state, l, allowed).full;
}

static bool fill_mask(ConstraintRun *run, int64_t n, uint32_t *allowed)
{
    Constraint *c = run->c;
    MaskLimits limits = limits_of(run, n);
    const Mask *m = constraint_mask(c, run->state);
    if (!m)
        return false;
    if (!within(c, m->farthest, &limits))
        return walk_within(run, &limits, allowed);
    memcpy(allowed, m->bits, c->words * sizeof *allowed);
    return true;
}

static bool any_bit(const uint32_t *bits, size_t words)
{
    for (size_t i = 0; i < words; i++) {
        if (bits[i])
            return true;
    }
    return false;
}

static void allow(ConstraintRun *run, int64_t n, uint32_t *allowed)
{
    Constraint *c = run->c;
    if (!fill_mask(run, n, allowed)) { /* there was no room: once more with all of it */
        automaton_forget(c->a);
        memset(allowed, 0, c->words * sizeof *allowed);
        if (settle(run, &run->failed) != OK)
            return;
        if (!fill_mask(run, n, allowed)) {
            (void)err_set(&run->failed, ERR_LIMIT,
                          "decoding under this grammar takes too much memory");
            memset(allowed, 0, c->words * sizeof *allowed);
            return;
        }
    }
    if (automaton_accepts(c->a, run->state)) {
        for (int32_t i = 0; i < run->n_ends; i++)
            allowed[run->ends[i] / 32] |= 1U << (run->ends[i] % 32);
    } else if (!any_bit(allowed, c->words)) {
        (void)err_set(&run->failed, ERR_LIMIT, "no token goes on behind byte %zu%s",
                      run->text.len,
                      automaton_was_limited(c->a)
                          ? ": the grammar goes deeper there than can be followed"
                          : ": the tokenizer cannot write what the grammar wants");
    }
}

bool constraint_run_allow(ConstraintRun *run, const int32_t *ids, int64_t n,
                          uint32_t *allowed)
{
    (void)pthread_mutex_lock(&run->c->lock);
    if (catch_up(run, ids, n) == OK && !run->ended)
        allow(run, n, allowed);
    (void)pthread_mutex_unlock(&run->c->lock);
    return true;
}

/* --- forced text ------------------------------------------------------------------------------ */
/* Appends the bytes that must follow; gives the state behind them, 0 when there are none. */
static int32_t forced_text(ConstraintRun *run, Str *text)
{
    Automaton *a = run->c->a;
    int32_t state = run->state;
    int byte;
    while (text->len < FORCED_BYTES && (byte = automaton_only_byte(a, state)) >= 0) {
        int32_t next = automaton_step(a, state, (uint8_t)byte);
        if (next <= 0)
            break;
        str_putc(text, (char)byte);
        state = next;
    }
    return text->len > 0 ? state : 0;
}

/* How many of n ids stay when the last ones are left to be drawn: the most are left whose
 * text a longer token could begin with. */
static size_t healed(ConstraintRun *run, const int32_t *ids, size_t n, Span text,
                     int32_t state)
{
    size_t first = n > HEALED_TOKENS ? n - HEALED_TOKENS : 0, at = text.len;
    for (size_t i = n; i > first; i--)
        at -= tokenizer_bytes(run->c->trie->tok, ids[i - 1]).len;
    for (size_t i = first; i < n; i++) {
        if (constraint_spans(run->c, (Span){text.ptr + at, text.len - at}, state))
            return i;
        at += tokenizer_bytes(run->c->trie->tok, ids[i]).len;
    }
    return n;
}

static Status force(ConstraintRun *run, Err *err)
{
    Str text = {0};
    ids_reset(&run->forced);
    int32_t state = run->state > 0 ? forced_text(run, &text) : 0;
    Status status = str_check(&text, err);
    if (status == OK && state > 0) {
        Err why;
        status = token_trie_encode(run->c->trie, str_span(&text), &run->forced, &why);
        if (status == ERR_NOMEM)
            *err = why;
        else if (status == OK)
            run->forced.len =
                healed(run, run->forced.ptr, run->forced.len, str_span(&text), state);
        else /* what cannot be written is found when it is to be drawn */
            status = OK, run->forced.len = 0;
    }
    str_release(&text);
    return status;
}

Status constraint_run_begin(ConstraintRun *run, int32_t before, int64_t room,
                            Ids *begin, Err *err)
{
    start(run);
    run->read = 0;
    run->before = before;
    run->room = room;
    (void)pthread_mutex_lock(&run->c->lock);
    Status status = settle(run, err);
    if (status == OK)
        status = force(run, err);
    (void)pthread_mutex_unlock(&run->c->lock);
    if (status != OK)
        return status;
    return ids_append(begin, run->forced.ptr, run->forced.len, err);
}

Status constraint_run_prompt(ConstraintRun *run, int64_t room, Ids *prompt, Err *err)
{
    start(run);
    run->read = 0;
    run->before = prompt->len > 0 ? prompt->ptr[prompt->len - 1] : -1;
    run->room = room;
    (void)pthread_mutex_lock(&run->c->lock);
    Status status = settle(run, err);
    do { /* a long text is forced in pieces */
        if (status == OK)
            status = force(run, err);
        if (status == OK)
            status = ids_append(prompt, run->forced.ptr, run->forced.len, err);
        for (size_t i = 0; status == OK && i < run->forced.len; i++)
            status = read_id(run, run->forced.ptr[i], err);
    } while (status == OK && run->forced.len > 0);
    (void)pthread_mutex_unlock(&run->c->lock);
    run->read = 0;
    return status;
}

Status constraint_run_force(ConstraintRun *run, const int32_t *ids, int64_t n,
                            int32_t *out, int64_t room, int64_t *n_force, Err *err)
{
    Status status = OK;
    *n_force = 0;
    (void)pthread_mutex_lock(&run->c->lock);
    if (catch_up(run, ids, n) == OK && !run->ended) {
        status = force(run, err);
        int64_t k = (int64_t)run->forced.len < room ? (int64_t)run->forced.len : room;
        if (status == OK && k > 0) {
            memcpy(out, run->forced.ptr, (size_t)k * sizeof *out);
            *n_force = k;
        }
    }
    (void)pthread_mutex_unlock(&run->c->lock);
    return status;
}

Status constraint_run_end(ConstraintRun *run, const int32_t *ids, int64_t n,
                          bool *complete, Err *err)
{
    (void)pthread_mutex_lock(&run->c->lock);
    *complete = catch_up(run, ids, n) == OK && run->state > 0 &&
                automaton_accepts(run->c->a, run->state);
    (void)pthread_mutex_unlock(&run->c->lock);
    if (run->failed.code != OK)
        return err_set(err, run->failed.code, "%s", run->failed.msg);
    return OK;
}
