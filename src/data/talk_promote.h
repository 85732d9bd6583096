/* talk_promote.h - the way back from use to training: a stored answer becomes a
 * demonstration, or the better one of a comparison. */
#ifndef DATA_TALK_PROMOTE_H
#define DATA_TALK_PROMOTE_H

#include "data/labels.h"
#include "data/talks.h"

/* The two halves of a conversation that ends with an answer: what was asked, up to the
 * user's last turn, and all that followed it. */
typedef struct Promoted {
    Conversation prompt;
    Conversation answers[LABEL_MAX_ANSWERS]; /* [0]: the one that is promoted */
    Str models[LABEL_MAX_ANSWERS];           /* of each; "" when nobody noted it */
    int32_t n;
} Promoted;
void promoted_release(Promoted *p); /* accepts zeroed */

/* The answer at `id` alone. ERR_OPTION: it is no answer. */
NODISCARD Status promote_demonstration(Talks *t, const TalkId *id, Promoted *out,
                                       Err *err);
/* And the others to the same prompt, newest first, or the one at `over` (NULL: all).
 * ERR_OPTION: there is none, or `over` answers another prompt. */
NODISCARD Status promote_comparison(Talks *t, const TalkId *id, const TalkId *over,
                                    Promoted *out, Err *err);

/* Appends rows of JSON Lines: a demonstration, or a comparison for each of the others. */
void promoted_rows(const Promoted *p, Str *out);
/* Puts it into a store of labels, as if `labeler` had written, or ranked first, the
 * answer. ERR_OPTION: they have already said something about it. */
NODISCARD Status promoted_label(const Promoted *p, Labels *labels, const char *labeler,
                                Err *err);

#endif
