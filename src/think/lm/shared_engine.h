/* shared_engine.h - one engine for several threads. What waits when a run begins is run
 * together, by one of the threads that wait: questions asked side by side share the
 * engine's batches, and the draws of a request do not depend on what runs beside it
 * (engine.h). */
#ifndef THINK_LM_SHARED_ENGINE_H
#define THINK_LM_SHARED_ENGINE_H

#include "engine/engine.h"

typedef struct SharedEngine SharedEngine;
/* The engine is borrowed, and nobody else's while this lives. */
NODISCARD Status shared_engine_new(SharedEngine **out, Engine *engine, Err *err);
void shared_engine_free(SharedEngine *s); /* accepts NULL; nobody waits any more */

/* As engine_run and engine_score_shared. What is wrong with one caller's requests is that
 * caller's error alone. A request's callbacks may run in another caller's thread. */
NODISCARD Status shared_engine_run(SharedEngine *s, const EngineRequest *requests,
                                   int64_t n, EngineResult *results, Err *err);
NODISCARD Status shared_engine_score(SharedEngine *s, EngineScore *items, int64_t n,
                                     Err *err);

#endif
