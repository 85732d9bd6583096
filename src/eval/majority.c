/* majority.c - see majority.h. */
#include "eval/majority.h"

#include "base/mem.h"
#include "base/stats.h"

static int64_t count(const int64_t *answers, int64_t n, int64_t answer)
{
    int64_t votes = 0;
    for (int64_t i = 0; i < n; i++)
        votes += answers[i] == answer;
    return votes;
}

int64_t majority_of(const int64_t *answers, int64_t n)
{
    int64_t best = -1, most = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t votes = answers[i] < 0 ? 0 : count(answers, n, answers[i]);
        if (votes > most) {
            most = votes;
            best = answers[i];
        }
    }
    return best;
}

/* k of 0..n, each set alike, in ascending order (Knuth's algorithm S). */
static void choose(const int64_t *answers, int64_t n, int64_t k, Rng *rng, int64_t *out)
{
    int64_t taken = 0;
    for (int64_t i = 0; taken < k; i++) {
        if ((int64_t)rng_below(rng, (uint32_t)(n - i)) < k - taken)
            out[taken++] = answers[i];
    }
}

Status majority_at(const int64_t *answers, int64_t n, int64_t k, int64_t right,
                   int64_t subsets, Rng rng, double *out, Err *err)
{
    ASSERT(k >= 1 && k <= n && subsets >= 1);
    int64_t *chosen, hits = 0;
    if (k == n) {
        *out = majority_of(answers, n) == right;
        return OK;
    }
    TRY(MEM_ARRAY(&chosen, (size_t)k, err));
    for (int64_t s = 0; s < subsets; s++) {
        choose(answers, n, k, &rng, chosen);
        hits += majority_of(chosen, k) == right;
    }
    *out = (double)hits / (double)subsets;
    mem_free(chosen);
    return OK;
}

bool majority_settled(const int64_t *answers, int64_t n, double sure)
{
    int64_t best = majority_of(answers, n), second = 0;
    if (best < 0)
        return false;
    for (int64_t i = 0; i < n; i++) {
        int64_t votes =
            answers[i] < 0 || answers[i] == best ? 0 : count(answers, n, answers[i]);
        second = votes > second ? votes : second;
    }
    return stats_lead(count(answers, n, best), second) >= sure;
}
