/* stop.h - stop strings, matched over the bytes of ids as they are drawn. A stop string
 * may begin in one token and end in another, so the matcher keeps the last bytes of the
 * text and looks after each new byte whether they end with a stop string. */
#ifndef ENGINE_STOP_H
#define ENGINE_STOP_H

#include "base/str.h"
#include "engine/engine.h"

#include <stdint.h>

typedef struct StopMatcher {
    char tail[2 * ENGINE_STOP_BYTES]; /* the last bytes of the text */
    int32_t n;
} StopMatcher;

/* No stop string reaches back over this point. */
void stop_reset(StopMatcher *m);
/* Takes the bytes of one more id. When a stop string ends in them (the first to end; of
 * those that end together, the longest), gives the bytes from its first to the end of
 * the id's; otherwise 0. Strings: 1 to ENGINE_STOP_BYTES bytes each. */
int64_t stop_feed(StopMatcher *m, const Span *strings, int32_t n_strings, Span bytes);

#endif
