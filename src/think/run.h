/* run.h - one question on its way to an answer: the model, what may still be spent on it,
 * and the trace. Strategies ask the model and its tools through a Run alone, so every
 * call is in the trace and no budget is ever exceeded.
 *
 * A budget that is used up is ERR_LIMIT from the call that would go over it, and
 * run_spent(): a strategy then makes the best of what it has. */
#ifndef THINK_RUN_H
#define THINK_RUN_H

#include "base/options.h"
#include "think/lm/lm.h"
#include "think/trace.h"

typedef struct Budget {
    int64_t tokens; /* that the model writes; prompts are not counted; 0: no limit */
    int64_t calls;  /* answers and scorings asked of the model; 0: no limit */
    double seconds; /* 0: no limit */
} Budget;
extern const OptTable budget_options;

typedef struct Run {
    Lm *lm; /* borrowed: outlives us */
    Budget budget;
    Trace *trace;
    double (*clock)(void);
    double begin;
    LmUsage usage;
    int64_t tokens, calls, tool_calls; /* so far */
    bool spent;                        /* a budget said no */
} Run;

/* clock NULL: system_seconds. The trace opens with a span named `name` (a constant). */
NODISCARD Status run_init(Run *run, Lm *lm, const Budget *budget, double (*clock)(void),
                          const char *name, Err *err);
void run_release(Run *run); /* accepts zeroed */
/* Closes the trace. Nothing is asked any more. */
void run_end(Run *run);

/* Lm's complete, with a span `name` that has the prompt, the answers and their cost. An
 * answer may be shorter than asked for: its share of the tokens that are left. Answers are
 * zeroed first; release them on success, there are none else. ERR_STOPPED: the user asked
 * to stop. */
NODISCARD Status run_complete(Run *run, const char *name, const LmRequest *request,
                              LmAnswer *answers, Err *err);
NODISCARD Status run_score(Run *run, const char *name, const LmRequest *request,
                           const Span *texts, size_t n, double *logprobs,
                           int64_t *tokens, Err *err);
/* toolbox_call with its span. */
NODISCARD Status run_tool(Run *run, const Toolbox *tools, const LmCall *call,
                          ToolApprove approve, void *self, Str *out, bool *failed,
                          Err *err);

/* Answers of up to max_new tokens that the budgets still allow: at most n; 0: none. */
int32_t run_room(const Run *run, int32_t n, int64_t max_new);
/* Is this failure a budget's no? */
static inline bool run_spent(const Run *run, Status status)
{
    return status == ERR_LIMIT && run->spent;
}

#endif
