/* label_queue.h - which item a labeler is asked next: a pure function of what is in the
 * store, so that it does not matter where a session ended.
 *
 * Each labeler goes through the items in an order of their own. An item is for `each`
 * people; a repeated one is for all of them, and comes to each a second time, when
 * LABEL_QUEUE_GAP others were asked in between: how often two people agree, and how often
 * a person agrees with themselves, is measured on these. One label in
 * LABEL_QUEUE_SECONDS at most is such a second one, until nothing else is left. */
#ifndef DATA_LABEL_QUEUE_H
#define DATA_LABEL_QUEUE_H

#include "data/labels.h"

enum { LABEL_QUEUE_GAP = 8, LABEL_QUEUE_SECONDS = 4 };

typedef struct LabelNext {
    bool any;
    int64_t item;
    int32_t round;
    int64_t done, open; /* questions this labeler has answered; that are left */
} LabelNext;
LabelNext label_queue_next(const LabelChoice *choices, size_t n, int64_t labeler,
                           int64_t each);
/* The order in which the n answers of an item are shown: shown[i] is the answer at place
 * i. Another one for each labeler and round. */
void label_queue_shown(int64_t item, int64_t labeler, int32_t round, int32_t n,
                       int32_t *shown);

#endif
