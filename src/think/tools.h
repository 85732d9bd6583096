/* tools.h - tools in the native call format: after an assistant's
 * `<|call|>calculator(12*7)<|im_end|>` the result is forced into the sequence as
 * `<|tool|>84<|im_end|><|assistant|>` and generation goes on. One EngineHook serves chat,
 * evaluation and rollouts. A failing call gives "error: ..." as its result. A sequence
 * whose room is too small for the result ends at its call. */
#ifndef THINK_TOOLS_H
#define THINK_TOOLS_H

#include "engine/engine.h"
#include "text/template.h"
#include "think/tool/tool.h"

typedef struct Tools Tools;
/* Tokenizer and template are borrowed. max_calls a sequence; further calls end it. The
 * one tool is the calculator. */
NODISCARD Status tools_new(Tools **out, const Tokenizer *tok, const ChatTemplate *chat,
                           int64_t max_calls, Err *err);
void tools_free(Tools *t);
/* Offers these tools instead (borrowed), with who is asked before a call (tool.h). */
void tools_use(Tools *t, const Toolbox *box, ToolApprove approve, void *self);
/* An EngineHook; self is the Tools. */
Status tools_hook(void *self, int64_t request, const int32_t *ids, int64_t n,
                  bool *go_on, int32_t *force, int64_t room, int64_t *n_force,
                  Err *err);

#endif
