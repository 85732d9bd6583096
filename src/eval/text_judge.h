/* text_judge.h - a reward (reward_spec.h) as the judge of answers that are texts: what
 * best-of-n, reflection and tree search pick by. A text is judged as the answer that it
 * would be in the tokens of the model that is asked or, where nobody knows those (an
 * endpoint), of the reward model; without one, in bytes. */
#ifndef EVAL_TEXT_JUDGE_H
#define EVAL_TEXT_JUDGE_H

#include "tensor/ops.h"
#include "think/loaded.h"
#include "think/strategy/strategy.h"

typedef struct TextJudge TextJudge;
/* `spec` is text as for reward_spec_read, and must need no row of data. `asked` (borrowed;
 * NULL: an endpoint) has a chat template. */
NODISCARD Status text_judge_open(TextJudge **out, const char *spec, TensorOps *ops,
                                 const Loaded *asked, Err *err);
void text_judge_free(TextJudge *j); /* accepts NULL */
/* Borrows j. Threads: any, one after another. */
Judging text_judge_as(TextJudge *j);

#endif
