/* automaton.c - see automaton.h. States are sets of places, kept once (hash consing);
 * frames of stacks likewise; both numbered from 1. A state's row of next states, one a
 * class of bytes, is filled as it is asked for. */
#include "engine/constraint/automaton.h"

#include "base/mem.h"
#include "base/rng.h"

#include <stdlib.h>
#include <string.h>

enum { UNKNOWN = -2, DEFAULT_BYTES = 128 * 1024 * 1024 };

/* A frame of a stack: where to go on, and the frame below. */
typedef struct Frame {
    int32_t to, below;    /* below 0: none */
    int32_t depth, least; /* fewest bytes from `to` to the end, those below included */
    int32_t part;
} Frame;

/* One place: a state of the network with something to read, and its stack. */
typedef struct Place {
    int32_t state, stack;
} Place;

typedef struct State {
    int32_t first, n; /* places[first, first + n), sorted */
    int32_t least, part;
    bool accepts;
    int32_t *row; /* (n_classes) next states, UNKNOWN where not asked yet; NULL */
} State;

/* Open addressing: numbers from 1, 0 is empty; the size is a power of two. */
typedef struct Table {
    int32_t *slots;
    size_t size;
} Table;

struct Automaton {
    const Network *net;
    Frame *frames;
    State *states;
    Place *places;
    size_t n_frames, cap_frames, n_states, cap_states, n_places, cap_places;
    Table frame_table, state_table;
    size_t used, max_bytes;
    int64_t generation;
    bool limited;

    /* The set that is being made. */
    Place *set, *work; /* (AUTOMATON_PLACES) to be kept; (SEEN) still to follow */
    size_t n_set, n_work;
    Place *seen; /* (SEEN) open addressing, valid where stamp is `now` */
    uint32_t *stamp, now;
    size_t n_seen;
    bool accepts;
};

/* Places met while a set is made, also those that only lead on. */
enum { SEEN = 16 * 1024, SEEN_MOST = 8 * 1024 };

/* --- memory ------------------------------------------------------------------------------ */
bool automaton_take(Automaton *a, size_t bytes)
{
    if (bytes > a->max_bytes - a->used)
        return false;
    a->used += bytes;
    return true;
}

static uint32_t mix(uint32_t x, uint32_t y)
{
    uint64_t h = ((uint64_t)x << 32 | y) * 0x9E3779B97F4A7C15ULL;
    return (uint32_t)(h >> 32) ^ (uint32_t)h;
}

static uint32_t frame_hash(const Frame *f)
{
    return mix((uint32_t)f->to, (uint32_t)f->below);
}

static uint32_t state_hash(const Automaton *a, const State *s)
{
    const void *places = s->n > 0 ? (const void *)(a->places + s->first) : "";
    return (uint32_t)rng_hash(places, (uint64_t)s->n * sizeof(Place), s->accepts);
}

static uint32_t hash_of(const Automaton *a, const Table *t, int32_t number)
{
    return t == &a->frame_table ? frame_hash(&a->frames[number])
                                : state_hash(a, &a->states[number]);
}

static void table_put(const Automaton *a, Table *t, int32_t number)
{
    size_t i = hash_of(a, t, number) & (t->size - 1);
    while (t->slots[i])
        i = (i + 1) & (t->size - 1);
    t->slots[i] = number;
}

/* Room for one more among n: half of the slots stay empty. */
static bool table_room(Automaton *a, Table *t, size_t n)
{
    if (2 * (n + 1) < t->size)
        return true;
    Table bigger = {.size = t->size ? 2 * t->size : 1024};
    if (!automaton_take(a, (bigger.size - t->size) * sizeof *t->slots))
        return false;
    bigger.slots = mem_alloc_array(bigger.size, sizeof *bigger.slots);
    if (!bigger.slots)
        return false;
    mem_free(t->slots);
    *t = bigger;
    for (size_t i = 1; i < n; i++)
        table_put(a, t, (int32_t)i);
    return true;
}

Status automaton_new(Automaton **out, const Network *net, size_t max_bytes, Err *err)
{
    Automaton *a;
    *out = NULL;
    TRY(MEM_ARRAY(&a, 1, err));
    a->net = net;
    a->max_bytes = max_bytes ? max_bytes : DEFAULT_BYTES;
    Status status = MEM_ARRAY(&a->set, AUTOMATON_PLACES, err);
    if (status == OK)
        status = MEM_ARRAY(&a->work, SEEN, err);
    if (status == OK)
        status = MEM_ARRAY(&a->seen, SEEN, err);
    if (status == OK)
        status = MEM_ARRAY(&a->stamp, SEEN, err);
    if (status != OK) {
        automaton_free(a);
        return status;
    }
    automaton_forget(a);
    *out = a;
    return OK;
}

void automaton_forget(Automaton *a)
{
    for (size_t i = 1; i < a->n_states; i++)
        mem_free(a->states[i].row);
    mem_free(a->frames);
    mem_free(a->states);
    mem_free(a->places);
    mem_free(a->frame_table.slots);
    mem_free(a->state_table.slots);
    a->frames = NULL;
    a->states = NULL;
    a->places = NULL;
    a->frame_table = a->state_table = (Table){0};
    a->n_frames = a->n_states = 1; /* number 0 is none */
    a->n_places = a->cap_frames = a->cap_states = a->cap_places = a->used = 0;
    a->generation++;
}

void automaton_free(Automaton *a)
{
    if (!a)
        return;
    automaton_forget(a);
    mem_free(a->set);
    mem_free(a->work);
    mem_free(a->seen);
    mem_free(a->stamp);
    mem_free(a);
}

int64_t automaton_generation(const Automaton *a)
{
    return a->generation;
}

bool automaton_was_limited(const Automaton *a)
{
    return a->limited;
}

/* --- stacks -------------------------------------------------------------------------------- */
static int32_t sum_least(int32_t x, int32_t y)
{
    return x < INT32_MAX - y ? x + y : INT32_MAX;
}

/* The number of frame (to, below); 0: no memory. */
static int32_t frame_number(Automaton *a, int32_t to, int32_t below)
{
    Frame f = {.to = to, .below = below};
    if (!table_room(a, &a->frame_table, a->n_frames))
        return 0;
    const Table *t = &a->frame_table;
    size_t i = frame_hash(&f) & (t->size - 1);
    for (; t->slots[i]; i = (i + 1) & (t->size - 1)) {
        const Frame *there = &a->frames[t->slots[i]];
        if (there->to == to && there->below == below)
            return t->slots[i];
    }
    if (!automaton_take(a, 2 * sizeof f) ||
        MEM_PUSH_ROOM(&a->frames, a->cap_frames ? a->n_frames : 0, &a->cap_frames,
                      NULL) != OK)
        return 0;
    const Frame *b = below ? &a->frames[below] : NULL;
    f.depth = b ? b->depth + 1 : 1;
    f.least = sum_least(a->net->least[to], b ? b->least : 0);
    f.part = b ? b->part : a->net->part[to];
    a->frames[a->n_frames] = f;
    t->slots[i] = (int32_t)a->n_frames;
    return (int32_t)a->n_frames++;
}

/* --- sets of places ------------------------------------------------------------------------ */
static void begin_set(Automaton *a)
{
    a->n_set = a->n_work = a->n_seen = 0;
    a->accepts = false;
    if (++a->now == 0) {
        memset(a->stamp, 0, SEEN * sizeof *a->stamp);
        a->now = 1;
    }
}

/* A place to follow, unless it was met before. */
static void meet(Automaton *a, int32_t state, int32_t stack)
{
    size_t i = mix((uint32_t)state, (uint32_t)stack) & (SEEN - 1);
    for (; a->stamp[i] == a->now; i = (i + 1) & (SEEN - 1)) {
        if (a->seen[i].state == state && a->seen[i].stack == stack)
            return;
    }
    if (a->n_seen == SEEN_MOST) {
        a->limited = true;
        return;
    }
    a->n_seen++;
    a->stamp[i] = a->now;
    a->seen[i] = a->work[a->n_work++] = (Place){state, stack};
}

/* false: no memory. */
static bool follow_call(Automaton *a, const Edge *e, int32_t stack)
{
    bool comes_back = stack == 0 || !a->net->tail[e->to];
    if (comes_back) {
        if (stack && a->frames[stack].depth >= AUTOMATON_DEPTH) {
            a->limited = true;
            return true;
        }
        stack = frame_number(a, e->to, stack);
        if (!stack)
            return false;
    }
    meet(a, a->net->start[e->rule], stack);
    return true;
}

/* Follows what reads nothing; places that read bytes join the set. false: no memory. */
static bool close_set(Automaton *a)
{
    const Network *net = a->net;
    while (a->n_work > 0) {
        Place p = a->work[--a->n_work];
        bool reads = false;
        for (int32_t i = net->first[p.state]; i < net->first[p.state + 1]; i++) {
            const Edge *e = &net->edges[i];
            reads = reads || e->kind == EDGE_BYTES;
            if (e->kind == EDGE_NOTHING)
                meet(a, e->to, p.stack);
            else if (e->kind == EDGE_CALL && !follow_call(a, e, p.stack))
                return false;
        }
        if (net->is_end[p.state] && p.stack)
            meet(a, a->frames[p.stack].to, a->frames[p.stack].below);
        else if (net->is_end[p.state])
            a->accepts = true;
        if (reads && a->n_set < AUTOMATON_PLACES)
            a->set[a->n_set++] = p;
        else if (reads)
            a->limited = true;
    }
    return true;
}

static int32_t place_least(const Automaton *a, Place p)
{
    return sum_least(a->net->least[p.state], p.stack ? a->frames[p.stack].least : 0);
}

static int32_t place_part(const Automaton *a, Place p)
{
    return p.stack ? a->frames[p.stack].part : a->net->part[p.state];
}

static int by_place(const void *a, const void *b)
{
    const Place *x = a, *y = b;
    if (x->state != y->state)
        return x->state < y->state ? -1 : 1;
    return (x->stack > y->stack) - (x->stack < y->stack);
}

static bool add_places(Automaton *a)
{
    while (a->n_places + a->n_set > a->cap_places) {
        size_t cap = a->cap_places ? 2 * a->cap_places : 1024;
        if (!automaton_take(a, (cap - a->cap_places) * sizeof *a->places))
            return false;
        Place *more = mem_grow_array(a->places, a->cap_places, cap, sizeof *a->places);
        if (!more)
            return false;
        a->places = more;
        a->cap_places = cap;
    }
    for (size_t i = 0; i < a->n_set; i++)
        a->places[a->n_places + i] = a->set[i];
    return true;
}

static State describe_set(const Automaton *a)
{
    State s = {.first = (int32_t)a->n_places,
               .n = (int32_t)a->n_set,
               .least = a->accepts ? 0 : INT32_MAX,
               .part = a->accepts ? a->net->n_parts : INT32_MAX,
               .accepts = a->accepts};
    for (size_t i = 0; i < a->n_set; i++) {
        int32_t least = place_least(a, a->set[i]), part = place_part(a, a->set[i]);
        s.least = least < s.least ? least : s.least;
        s.part = part < s.part ? part : s.part;
    }
    return s;
}

/* The number of the set that was made; DEAD, FULL. */
static int32_t set_number(Automaton *a)
{
    if (a->n_set == 0 && !a->accepts)
        return AUTOMATON_DEAD;
    if (a->n_set > 1)
        qsort(a->set, a->n_set, sizeof *a->set, by_place);
    if (!table_room(a, &a->state_table, a->n_states) || !add_places(a))
        return AUTOMATON_FULL;
    State s = describe_set(a);
    const Table *t = &a->state_table;
    size_t i = state_hash(a, &s) & (t->size - 1);
    for (; t->slots[i]; i = (i + 1) & (t->size - 1)) {
        const State *there = &a->states[t->slots[i]];
        if (there->n == s.n && there->accepts == s.accepts &&
            (s.n == 0 || memcmp(a->places + there->first, a->places + s.first,
                                (size_t)s.n * sizeof(Place)) == 0))
            return t->slots[i];
    }
    if (!automaton_take(a, 2 * sizeof s) ||
        MEM_PUSH_ROOM(&a->states, a->cap_states ? a->n_states : 0, &a->cap_states,
                      NULL) != OK)
        return AUTOMATON_FULL;
    a->n_places += a->n_set;
    a->states[a->n_states] = s;
    t->slots[i] = (int32_t)a->n_states;
    return (int32_t)a->n_states++;
}

/* --- use ------------------------------------------------------------------------------------ */
int32_t automaton_start(Automaton *a)
{
    begin_set(a);
    meet(a, a->net->part_start[0], 0);
    return close_set(a) ? set_number(a) : AUTOMATON_FULL;
}

static bool make_row(Automaton *a, State *s)
{
    size_t n = (size_t)a->net->n_classes;
    if (!automaton_take(a, n * sizeof *s->row))
        return false;
    s->row = mem_alloc_array(n, sizeof *s->row);
    for (size_t c = 0; s->row && c < n; c++)
        s->row[c] = UNKNOWN;
    return s->row != NULL;
}

static int32_t make_step(Automaton *a, int32_t state, uint8_t byte)
{
    const Network *net = a->net;
    State s = a->states[state];
    begin_set(a);
    for (int32_t i = 0; i < s.n; i++) {
        Place p = a->places[s.first + i];
        for (int32_t k = net->first[p.state]; k < net->first[p.state + 1]; k++) {
            const Edge *e = &net->edges[k];
            if (e->kind == EDGE_BYTES && byte >= e->low && byte <= e->high)
                meet(a, e->to, p.stack);
        }
    }
    return close_set(a) ? set_number(a) : AUTOMATON_FULL;
}

int32_t automaton_step(Automaton *a, int32_t state, uint8_t byte)
{
    ASSERT(state > 0 && (size_t)state < a->n_states);
    if (!a->states[state].row && !make_row(a, &a->states[state]))
        return AUTOMATON_FULL;
    int32_t c = a->net->class_of[byte], next = a->states[state].row[c];
    if (next != UNKNOWN)
        return next;
    next = make_step(a, state, byte);
    if (next != AUTOMATON_FULL)
        a->states[state].row[c] = next;
    return next;
}

int32_t automaton_read(Automaton *a, int32_t state, Span text)
{
    for (size_t i = 0; i < text.len && state > 0; i++)
        state = automaton_step(a, state, (uint8_t)text.ptr[i]);
    return state;
}

bool automaton_accepts(const Automaton *a, int32_t state)
{
    return a->states[state].accepts;
}

int automaton_only_byte(Automaton *a, int32_t state)
{
    const Network *net = a->net;
    const State *s = &a->states[state];
    int only = -1;
    for (int32_t i = 0; i < s->n; i++) {
        int32_t from = a->places[s->first + i].state;
        for (int32_t k = net->first[from]; k < net->first[from + 1]; k++) {
            const Edge *e = &net->edges[k];
            if (e->kind != EDGE_BYTES)
                continue;
            if (e->low != e->high || (only >= 0 && only != e->low))
                return -1;
            only = e->low;
        }
    }
    return s->accepts ? -1 : only;
}

int32_t automaton_least(const Automaton *a, int32_t state)
{
    return a->states[state].least;
}

int32_t automaton_part(const Automaton *a, int32_t state)
{
    return a->states[state].part;
}

int32_t automaton_least_of_part(const Automaton *a, int32_t state, int32_t part)
{
    const State *s = &a->states[state];
    int32_t least = s->accepts ? 0 : INT32_MAX;
    int32_t behind = a->net->least[a->net->part_start[part + 1]];
    for (int32_t i = 0; i < s->n; i++) {
        Place p = a->places[s->first + i];
        int32_t this = place_part(a, p) > part ? 0 : place_least(a, p) - behind;
        least = this < least ? this : least;
    }
    return least;
}

int32_t automaton_leave(Automaton *a, int32_t state, int32_t part)
{
    State s = a->states[state];
    begin_set(a);
    a->accepts = s.accepts;
    for (int32_t i = 0; i < s.n; i++) {
        Place p = a->places[s.first + i];
        if (place_part(a, p) > part)
            a->set[a->n_set++] = p;
    }
    return set_number(a);
}
