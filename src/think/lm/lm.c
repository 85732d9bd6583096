/* lm.c - what both kinds of language models share, see lm.h. */
#include "think/lm/lm.h"

#include "base/mem.h"

void lm_answer_release(LmAnswer *a)
{
    for (size_t i = 0; i < a->n_calls; i++) {
        str_release(&a->calls[i].name);
        str_release(&a->calls[i].arguments);
        str_release(&a->calls[i].id);
    }
    mem_free(a->calls);
    str_release(&a->text);
    *a = (LmAnswer){0};
}

void lm_usage_add(LmUsage *to, const LmUsage *from)
{
    to->prompt_tokens += from->prompt_tokens;
    to->cached_tokens += from->cached_tokens;
    to->answer_tokens += from->answer_tokens;
    to->requests += from->requests;
    to->seconds += from->seconds;
    to->cost += from->cost;
}

void lm_free(Lm *lm)
{
    if (lm && lm->free)
        lm->free(lm->self);
    mem_free(lm);
}
