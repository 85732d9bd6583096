/* judge_bias.c - see judge_bias.h. */
#include "cli/judge_bias.h"

#include "base/stats.h"

#include <stdio.h>

void print_judge_bias(JudgeBias bias)
{
    if (bias.pairs == 0)
        return;
    double asked = 2 * (double)bias.pairs;
    StatsInterval i = stats_wilson((double)bias.for_first, asked);
    printf(
        "position bias: it chose the answer that stood first in %.1f %% of %.0f "
        "questions (95 %% %.1f .. %.1f; 50 without bias); both orders agreed on %.1f "
        "%% of the pairs, the others tie\n",
        100 * (double)bias.for_first / asked, asked, 100 * i.low, 100 * i.high,
        100 * (double)bias.agreed / (double)bias.pairs);
}
