/* kl.c - sample from one model, score by both; see kl.h. */
#include "eval/kl.h"

#include "base/mem.h"
#include "think/answer.h"

#include <string.h>

static const OptField fields[] = {
    OPT_INT(KlOptions, answers, 1, 1, 1e6, "answers to each prompt"),
    OPT_INT(KlOptions, max_new, 160, 1, 1e9, "tokens an answer at most"),
    OPT_INT(KlOptions, max_calls, 2, 0, 1000,
            "calculator calls in an answer at most; 0: no tools"),
    OPT_INT(KlOptions, limit, 0, 0, 1e15, "prompts at most; 0: all"),
    OPT_INT(KlOptions, seed, 0, 0, 9e15, "the same seed draws the same answers"),
    OPT_END,
};

const OptTable kl_options = {"kl", "distance of sampled answers from a reference",
                             sizeof(KlOptions), fields};

/* Prompts and answers end to end, as engine_score wants them. */
typedef struct Scored {
    EngineScore *items; /* [answers] */
    int32_t *ids;
    float *logprobs; /* of the reference */
} Scored;

static void release(Scored *s)
{
    mem_free(s->items);
    mem_free(s->ids);
    mem_free(s->logprobs);
}

static Status lay(Scored *s, const Answers *a, Err *err)
{
    int64_t total = a->n_prompts * a->per_prompt;
    size_t ids = 0;
    for (int64_t i = 0; i < total; i++)
        ids += a->prompts[i / a->per_prompt].len + (size_t)a->results[i].n;
    TRY(MEM_ARRAY(&s->items, (size_t)total, err));
    TRY(MEM_ARRAY(&s->ids, ids, err));
    TRY(MEM_ARRAY(&s->logprobs, ids, err));
    size_t at = 0;
    for (int64_t i = 0; i < total; i++) {
        const Ids *prompt = &a->prompts[i / a->per_prompt];
        const EngineResult *r = &a->results[i];
        memcpy(s->ids + at, prompt->ptr, prompt->len * sizeof *s->ids);
        memcpy(s->ids + at + prompt->len, r->ids, (size_t)r->n * sizeof *s->ids);
        s->items[i] = (EngineScore){.ids = s->ids + at,
                                    .n = (int64_t)prompt->len + r->n,
                                    .first = (int64_t)prompt->len,
                                    .logprobs = s->logprobs + at};
        at += prompt->len + (size_t)r->n;
    }
    return OK;
}

static Status summarise(const Answers *a, const Scored *s, KlReport *out, Err *err)
{
    int64_t total = a->n_prompts * a->per_prompt;
    double *kl, *none = NULL;
    TRY(MEM_ARRAY(&kl, (size_t)total, err));
    Status status = MEM_ARRAY(&none, (size_t)total, err); /* zeros */
    for (int64_t i = 0; status == OK && i < total; i++) {
        const EngineResult *r = &a->results[i];
        const float *reference = s->items[i].logprobs + s->items[i].first;
        for (int64_t t = 0; t < r->n; t++) {
            if (r->forced[t])
                continue;
            kl[i] += (double)r->logprobs[t] - (double)reference[t];
            out->tokens += 1 / (double)total;
        }
    }
    if (status == OK) {
        out->n = total;
        out->kl = stats_paired(kl, none, total, &out->interval);
    }
    mem_free(kl);
    mem_free(none);
    return status;
}

Status kl_measure(Engine *policy, Engine *reference, const Tokenizer *tok,
                  const ChatTemplate *chat, const RecordList *prompts,
                  const KlOptions *o, const char *progress, KlReport *out, Err *err)
{
    *out = (KlReport){0};
    int64_t n = (int64_t)prompts->n;
    if (o->limit > 0 && o->limit < n)
        n = o->limit;
    AskOptions how = {.sample = sample_plain(1, o->max_new, o->seed),
                      .per_prompt = o->answers,
                      .max_calls = o->max_calls};
    Answers answers = {0};
    Scored scored = {0};
    Status status = answers_sample(policy, tok, chat, prompts->records, n, &how,
                                   progress, &answers, err);
    if (status == OK)
        status = lay(&scored, &answers, err);
    if (status == OK)
        status = engine_score(reference, scored.items, n * o->answers, err);
    if (status == OK)
        status = summarise(&answers, &scored, out, err);
    release(&scored);
    answers_release(&answers);
    return status;
}
