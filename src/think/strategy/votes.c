/* votes.c - see votes.h. */
#include "think/strategy/votes.h"

#include "base/mem.h"

#include <math.h>

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

/* I_1/2(a, b) for whole a and b is the chance of at least a heads in a + b - 1 throws of a
 * coin. */
static double half_beta(int32_t a, int32_t b)
{
    int32_t n = a + b - 1;
    double sum = 0;
    for (int32_t i = a; i <= n; i++)
        sum +=
            exp(lgamma(n + 1.0) - lgamma(i + 1.0) - lgamma(n - i + 1.0) - n * log(2));
    return sum;
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
    return 1 - half_beta(first + 1, second + 1);
}
