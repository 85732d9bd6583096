/* votes.c - see votes.h. */
#include "think/strategy/votes.h"

#include "base/mem.h"
#include "base/stats.h"

Status votes_init(Votes *v, int32_t cap, Err *err)
{
    *v = (Votes){.cap = cap};
    return MEM_ARRAY(&v->entries, (size_t)cap, err);
}

void votes_release(Votes *v)
{
    mem_free(v->entries);
    *v = (Votes){0};
}

void votes_add(Votes *v, int32_t i, Span answer)
{
    if (answer.len == 0) {
        v->invalid++;
        return;
    }
    for (int32_t k = 0; k < v->n; k++) {
        if (span_equal(v->entries[k].answer, answer)) {
            v->entries[k].count++;
            return;
        }
    }
    ASSERT(v->n < v->cap);
    v->entries[v->n++] = (VotesEntry){answer, 1, i};
}

const VotesEntry *votes_winner(const Votes *v)
{
    const VotesEntry *best = NULL;
    for (int32_t k = 0; k < v->n; k++) {
        if (!best || v->entries[k].count > best->count)
            best = &v->entries[k];
    }
    return best;
}

double votes_lead(const Votes *v)
{
    int32_t first = 0, second = 0;
    for (int32_t k = 0; k < v->n; k++) {
        int32_t count = v->entries[k].count;
        if (count > first) {
            second = first;
            first = count;
        } else if (count > second) {
            second = count;
        }
    }
    return stats_lead(first, second);
}
