/* call_guard.h - no invalid call of a tool can be written: while a turn of our own models
 * is a call, the tokens that may come next are those of a call of one of these tools, with
 * arguments that its schema allows. Turns that are no calls are free.
 *
 *     call_guard_new(&guard, tok, chat, box, err);           once for a box
 *     call_guard_run(guard, room, &run, err);                one a sequence
 *     request.constraint = call_guard_allow, with run as its self (or called from it)
 *
 * Threads: a guard may be used by several, a run by one. */
#ifndef THINK_TOOL_CALL_GUARD_H
#define THINK_TOOL_CALL_GUARD_H

#include "engine/constraint/constraint.h"
#include "text/template.h"
#include "think/tool/call_format.h"

/* What a call of native or react looks like, as a grammar (call_constraint says less of the
 * arguments: a text of GBNF cannot hold a schema). A schema with words that no grammar is
 * made of stands for any JSON object. ERR_OPTION: the box is empty. */
NODISCARD Status call_grammar(Grammar *g, CallFormat format, const Toolbox *box,
                              int32_t *node, Err *err);

typedef struct CallGuard CallGuard;
/* Tokenizer, template and box are borrowed: they outlive it. */
NODISCARD Status call_guard_new(CallGuard **out, const Tokenizer *tok,
                                const ChatTemplate *chat, const Toolbox *box, Err *err);
void call_guard_free(CallGuard *g); /* accepts NULL; after its runs */

typedef struct CallGuardRun CallGuardRun;
/* room: tokens that the sequence may have; as they become few, a call is brought to its
 * end. */
NODISCARD Status call_guard_run(CallGuard *g, int64_t room, CallGuardRun **out,
                                Err *err);
void call_guard_run_free(CallGuardRun *run); /* accepts NULL */
/* An EngineConstraint; self is the CallGuardRun. */
bool call_guard_allow(void *self, const int32_t *ids, int64_t n, uint32_t *allowed);

#endif
