/* memory.c - the plan of a training stage's memory, see memory.h.
 *
 *     peak = weights + packed + gradients + optimizer      of all models
 *          + activations(recomputed)                       of all tapes
 *          + cache + scratch + process
 *
 * All memory of tensors is touched when it is made, so the sum is the resident set and
 * not only a bound. Only activations can be less: each layer that is recomputed saves its
 * share and costs a forward pass of it (model/tape.c), so the fewest that fit are taken. */
#include "train/memory.h"

#include "base/log.h"
#include "base/mem.h"

static const double auto_share = 0.8; /* of what is available, to leave others room */

void memory_add_model(MemoryPlan *plan, const ModelShape *shape, bool trainable)
{
    ModelBytes bytes = model_bytes(plan->ops, shape, trainable);
    plan->weights += bytes.weights;
    plan->packed += bytes.packed;
    plan->gradients += bytes.gradients;
}

void memory_add_optimizer(MemoryPlan *plan, const ModelShape *shape)
{
    plan->optimizer += adamw_bytes(shape);
}

void memory_add_muon(MemoryPlan *plan, const ModelShape *shape)
{
    plan->optimizer += adamw_muon_bytes(plan->ops, shape);
}

/* Scratch is shared: the largest demand counts. */
void memory_add_tape(MemoryPlan *plan, const ModelShape *shape, int64_t tokens,
                     bool backward)
{
    size_t scratch = model_scratch_bytes(plan->ops, shape, tokens);
    plan->scratch = scratch > plan->scratch ? scratch : plan->scratch;
    if (!backward) {
        plan->scoring += tape_bytes(plan->ops, shape, tokens, (TapeOptions){0});
        return;
    }
    ASSERT(plan->n_tapes < MEMORY_TAPES);
    plan->tape[plan->n_tapes].shape = *shape;
    plan->tape[plan->n_tapes++].tokens = tokens;
}

void memory_add_cache(MemoryPlan *plan, size_t bytes)
{
    plan->cache += bytes;
}

void memory_add_process(MemoryPlan *plan)
{
    int64_t rest = mem_rss() - (int64_t)memory_peak(plan);
    plan->process += rest > 0 ? (size_t)rest : 0;
}

size_t memory_activations(const MemoryPlan *plan, int32_t recomputed)
{
    TapeOptions o = {.backward = true, .recomputed = recomputed};
    size_t sum = plan->scoring;
    for (int i = 0; i < plan->n_tapes; i++)
        sum += tape_bytes(plan->ops, &plan->tape[i].shape, plan->tape[i].tokens, o);
    return sum;
}

size_t memory_peak(const MemoryPlan *plan)
{
    return plan->weights + plan->packed + plan->gradients + plan->optimizer +
           memory_activations(plan, plan->recomputed) + plan->cache + plan->scratch +
           plan->process;
}

/* --- in words ------------------------------------------------------------------------ */

static int32_t most_layers(const MemoryPlan *plan)
{
    int32_t most = 0;
    for (int i = 0; i < plan->n_tapes; i++)
        most = plan->tape[i].shape.layers > most ? plan->tape[i].shape.layers : most;
    return most;
}

void memory_describe(const MemoryPlan *plan, Str *out)
{
    size_t peak = memory_peak(plan);
    bool small = peak < 1000 * 1000 * 1000;
    double unit = small ? 1e6 : 1e9;
    const struct {
        const char *name;
        size_t bytes;
    } parts[] = {
        {"weights", plan->weights},
        {"packed", plan->packed},
        {"gradients", plan->gradients},
        {"optimizer", plan->optimizer},
        {"activations", memory_activations(plan, plan->recomputed)},
        {"cache", plan->cache},
        {"scratch", plan->scratch},
        {"program and data", plan->process},
    };
    const char *between = "";
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].bytes == 0)
            continue;
        str_printf(out, "%s%s %.*f", between, parts[i].name, small ? 1 : 2,
                   (double)parts[i].bytes / unit);
        if (i == 4 && plan->recomputed > 0)
            str_printf(out, " (%d of %d layers recomputed)", plan->recomputed,
                       most_layers(plan));
        between = " + ";
    }
    str_printf(out, " = peak %.*f %s", small ? 0 : 2, (double)peak / unit,
               small ? "MB" : "GB");
}

/* --- the choice ---------------------------------------------------------------------- */

/* Bytes that the whole process may have; -1: no limit is known. */
static int64_t budget_of(const TrainOptions *t)
{
    if (t->memory > 0)
        return t->memory;
    int64_t available = mem_available("");
    return available < 0 ? -1 : (int64_t)(auto_share * (double)(available + mem_rss()));
}

static int64_t longest_pass(const MemoryPlan *plan)
{
    int64_t most = 0;
    for (int i = 0; i < plan->n_tapes; i++)
        most = plan->tape[i].tokens > most ? plan->tape[i].tokens : most;
    return most;
}

static Status too_much(const MemoryPlan *plan, const TrainOptions *t, int64_t budget,
                       Err *err)
{
    int64_t tokens = longest_pass(plan);
    size_t rest = memory_peak(plan) - memory_activations(plan, plan->recomputed);
    const char *helps = tokens > t->micro_batch
                            ? " (a smaller micro_batch does not help: a pass has at "
                              "least the longest document)"
                        : (int64_t)rest >= budget
                            ? " (a smaller micro_batch does not help enough)"
                            : ", or lower micro_batch";
    Str text = {0};
    memory_describe(plan, &text);
    Status status = err_set(
        err, ERR_LIMIT,
        "passes of %lld tokens need %s of memory and may take %s: raise the option "
        "memory%s%s. In full: %s",
        (long long)tokens, log_bytes((double)memory_peak(plan)),
        log_bytes((double)budget),
        t->memory > 0 ? "" : ", now 80 % of what is available", helps, str_c(&text));
    str_release(&text);
    return status;
}

Status memory_settle(MemoryPlan *plan, const TrainOptions *t, Err *err)
{
    int64_t budget = budget_of(t);
    int32_t most = most_layers(plan) - 1;
    plan->recomputed = 0;
    while (budget >= 0 && (int64_t)memory_peak(plan) > budget &&
           plan->recomputed < most)
        plan->recomputed++;
    if (budget >= 0 && (int64_t)memory_peak(plan) > budget)
        return too_much(plan, t, budget, err);
    Str text = {0};
    memory_describe(plan, &text);
    if (budget >= 0)
        str_printf(&text, " of %s", log_bytes((double)budget));
    if (plan->mapped > memory_peak(plan) / 100)
        str_printf(&text, ", and up to %s of data mapped from files",
                   log_bytes((double)plan->mapped));
    log_info("memory: %s", str_c(&text));
    str_release(&text);
    return OK;
}
