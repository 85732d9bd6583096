/* judge_bias.h - one line on how far a judge goes by the order of the answers. */
#ifndef CLI_JUDGE_BIAS_H
#define CLI_JUDGE_BIAS_H

#include "eval/judge.h"

void print_judge_bias(JudgeBias bias); /* nothing for judges that see no order */

#endif
