/* constraint_book.c - see constraint_book.h. A few are kept: when the book is full, the
 * one that nobody has used for longest makes room. */
#include "think/lm/constraint_book.h"

#include "base/mem.h"

#include <pthread.h>

enum { KEPT = 16 };

typedef struct Entry {
    Str key; /* kind and text */
    Constraint *c;
    int users;
    int64_t used; /* when it was asked for last */
} Entry;

struct ConstraintBook {
    const Tokenizer *tok; /* borrowed: outlives us */
    pthread_mutex_t lock; /* of all below */
    TokenTrie *trie;      /* made for the first constraint */
    Entry *entries;       /* more than KEPT while that many are in use */
    size_t n, cap;
    int64_t clock;
};

Status constraint_book_new(ConstraintBook **out, const Tokenizer *tok, Err *err)
{
    TRY(MEM_ARRAY(out, 1, err));
    **out = (ConstraintBook){.tok = tok};
    pthread_mutex_init(&(*out)->lock, NULL);
    return OK;
}

static void release(Entry *e)
{
    constraint_free(e->c);
    str_release(&e->key);
    *e = (Entry){0};
}

void constraint_book_free(ConstraintBook *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->n; i++)
        release(&b->entries[i]);
    mem_free(b->entries);
    token_trie_free(b->trie);
    pthread_mutex_destroy(&b->lock);
    mem_free(b);
}

static ConstraintText text_of(const LmConstraint *c)
{
    static const ConstraintKind kinds[] = {[LM_CHOICES] = CONSTRAINT_CHOICES,
                                           [LM_REGEX] = CONSTRAINT_REGEX,
                                           [LM_JSON_SCHEMA] = CONSTRAINT_JSON_SCHEMA,
                                           [LM_GBNF] = CONSTRAINT_GBNF};
    return (ConstraintText){kinds[c->kind], c->text, c->choices, c->n_choices};
}

static void make_key(const LmConstraint *c, Str *out)
{
    str_printf(out, "%d:", (int)c->kind);
    if (c->kind != LM_CHOICES)
        str_span_append(out, c->text);
    for (size_t i = 0; c->kind == LM_CHOICES && i < c->n_choices; i++) {
        str_printf(out, "%zu:", c->choices[i].len);
        str_span_append(out, c->choices[i]);
    }
}

static Entry *find(ConstraintBook *b, const Str *key)
{
    for (size_t i = 0; i < b->n; i++) {
        if (span_equal(str_span(&b->entries[i].key), str_span(key)))
            return &b->entries[i];
    }
    return NULL;
}

/* The place for one more: a new one, or that of the one unused for longest. */
static Status make_room(ConstraintBook *b, Entry **out, Err *err)
{
    Entry *oldest = NULL;
    for (size_t i = 0; i < b->n; i++) {
        Entry *e = &b->entries[i];
        if (e->users == 0 && (!oldest || e->used < oldest->used))
            oldest = e;
    }
    if (b->n < KEPT || !oldest) {
        TRY(MEM_PUSH_ROOM(&b->entries, b->n, &b->cap, err));
        *out = &b->entries[b->n++];
        **out = (Entry){0};
        return OK;
    }
    release(oldest);
    *out = oldest;
    return OK;
}

static Status add(ConstraintBook *b, const LmConstraint *text, Str *key, Entry **out,
                  Err *err)
{
    Constraint *c;
    ConstraintText compiled = text_of(text);
    if (!b->trie)
        TRY(token_trie_new(&b->trie, b->tok, err));
    TRY(constraint_new(&c, &compiled, b->trie, err));
    Status status = make_room(b, out, err);
    if (status != OK) {
        constraint_free(c);
        return status;
    }
    (*out)->c = c;
    (*out)->key = *key;
    *key = (Str){0};
    return OK;
}

Status constraint_book_get(ConstraintBook *b, const LmConstraint *text,
                           Constraint **out, Err *err)
{
    Str key = {0};
    make_key(text, &key);
    TRY(str_check(&key, err));
    pthread_mutex_lock(&b->lock);
    Entry *e = find(b, &key);
    Status status = e ? OK : add(b, text, &key, &e, err);
    if (status == OK && e) {
        e->users++;
        e->used = ++b->clock;
        *out = e->c;
    }
    pthread_mutex_unlock(&b->lock);
    str_release(&key);
    return status;
}

void constraint_book_put(ConstraintBook *b, const Constraint *c)
{
    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < b->n; i++) {
        if (b->entries[i].c == c)
            b->entries[i].users--;
    }
    pthread_mutex_unlock(&b->lock);
}
