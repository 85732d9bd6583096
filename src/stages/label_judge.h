/* label_judge.h - a judge as a labeler: it ranks what a store holds, as people do, under a
 * name of its own. */
#ifndef STAGES_LABEL_JUDGE_H
#define STAGES_LABEL_JUDGE_H

#include "data/labels.h"
#include "eval/judge.h"

typedef struct LabelJudged {
    int64_t labels, known; /* put in; there before */
    int64_t too_long;      /* items that the judge cannot read */
    int64_t all_alike;     /* of the labels: no answer is better than another */
} LabelJudged;

/* Ranks the items that `name` has not ranked yet. ERR_STOPPED keeps what is done; the same
 * call goes on. */
NODISCARD Status label_judge(Labels *l, Judge *judge, const char *name,
                             LabelJudged *out, Err *err);

#endif
