/* session.h - one conversation with a model: what was said, and the next answer shown
 * while it is written. `tame chat` is commands around it. */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "data/world/world.h"
#include "engine/engine.h"
#include "think/loaded.h"
#include "think/tool/call_guard.h"
#include "think/tools.h"

typedef struct Session {
    const Loaded *loaded; /* borrowed */
    Engine *engine;
    Tools *tools;     /* NULL: no tools */
    CallGuard *guard; /* NULL: calls are free */
    World *world;     /* NULL: no judge */
    SampleOptions sample;
    Conversation talk;
    uint64_t answers; /* so far: keys the draws of the next */
} Session;

/* max_calls 0: no tools; world_json NULL: no judge. */
NODISCARD Status session_init(Session *s, const Loaded *loaded,
                              const SampleOptions *sample, int64_t max_calls,
                              const char *world_json, Err *err);
void session_release(Session *s); /* accepts zeroed */

/* Offers these tools (borrowed) instead of the calculator; no invalid call of them can be
 * written. ERR_OPTION: no calls are allowed, or there are no tools. */
NODISCARD Status session_offer(Session *s, const Toolbox *box, ToolApprove approve,
                               void *self, Err *err);

/* Forgets everything said; a system text (may be empty) begins the new conversation. */
NODISCARD Status session_reset(Session *s, Span system, Err *err);
/* The user's turn, and the answer to it. On an error, and when nothing was answered, the
 * conversation is as before. A conversation that fills the context is ERR_LIMIT with the
 * numbers. The stop flag (base/system.h) ends the answer; what was written stays. */
NODISCARD Status session_ask(Session *s, Span text, Err *err);
/* Answers the last question again, with new draws; ERR_OPTION when there is none. */
NODISCARD Status session_regenerate(Session *s, Err *err);

#endif
