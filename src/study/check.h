/* check.h - a check of a study: a figure against its pass mark, and what it came to. */
#ifndef STUDY_CHECK_H
#define STUDY_CHECK_H

#include "base/str.h"

#include <stdbool.h>

typedef enum Verdict { CHECK_MISS, CHECK_PASS, CHECK_OPEN } Verdict;

typedef struct Check {
    int number;
    const char *title, *mark; /* of the table; static */
    Str figure;               /* what was measured, with its intervals */
    Str why; /* where missed: what the figures say; where open: what is not measured */
    Verdict verdict;
} Check;

/* "3/3 seeds" and the like are many parts, all of which must hold: each is said in the
 * figure, and in `why` where it does not hold. Appends `text` to the figure, and where
 * `holds` is false notes the miss. NAN anywhere in a comparison does not hold. */
void check_part(Check *c, bool holds, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* A sentence for the reader of a miss; only kept when the check is missed. */
void check_why(Check *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Something that this check asks for is not measured: it does not pass, and says so. */
void check_open(Check *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
void check_release(Check *c);
const char *verdict_name(Verdict v); /* "pass", "miss", "open" */

#endif
