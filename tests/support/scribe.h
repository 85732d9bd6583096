/* scribe.h - a tokenizer of 256 bytes and some merges with a random model that writes under
 * constraints. */
#ifndef SUPPORT_SCRIBE_H
#define SUPPORT_SCRIBE_H

#include "support/check.h"

#include "base/mem.h"
#include "engine/constraint/constraint.h"
#include "engine/engine.h"

enum { SCRIBE_CONTEXT = 160, SCRIBE_PARTS = 16 };

typedef struct Scribe {
    Tokenizer *tok;
    TokenTrie *trie;
    TensorOps *ops;
    Model *model;
    int32_t bos, end;
} Scribe;

static const Span scribe_merges[][2] = {
    {{"a", 1}, {"b", 1}},       {{"ab", 2}, {"c", 1}}, {{"y", 1}, {"e", 1}},
    {{"ye", 2}, {"s", 1}},      {{"n", 1}, {"o", 1}},  {{"{", 1}, {"\"", 1}},
    {{"\"", 1}, {":", 1}},      {{"n", 1}, {"a", 1}},  {{"m", 1}, {"e", 1}},
    {{"na", 2}, {"me", 2}},     {{"1", 1}, {"2", 1}},  {{"\xC3", 1}, {"\xA9", 1}},
    {{"\xE2", 1}, {"\x82", 1}}, {{"k", 1}, {"m", 1}},  {{" ", 1}, {"km", 2}},
    {{"\"", 1}, {",", 1}},      {{"e", 1}, {"r", 1}},  {{"a", 1}, {"\"", 1}},
};

static inline void scribe_init(Scribe *s)
{
    static const char *const specials[] = {TOKEN_BOS, TOKEN_EOS, TOKEN_END};
    Err err = {0};
    CHECK_OK(tokenizer_from_merges(&s->tok, SPLIT_CL100K, scribe_merges,
                                   sizeof scribe_merges / sizeof *scribe_merges,
                                   specials, 3, &err));
    CHECK_OK(token_trie_new(&s->trie, s->tok, &err));
    ModelShape shape = {.family = MODEL_LLAMA,
                        .head = HEAD_LM,
                        .vocab = tokenizer_vocab(s->tok) + 3, /* padded, as some are */
                        .hidden = 8,
                        .intermediate = 12,
                        .layers = 1,
                        .heads = 2,
                        .kv_heads = 2,
                        .head_dim = 4,
                        .context = SCRIBE_CONTEXT,
                        .rope_theta = 10000,
                        .norm_eps = 1e-5,
                        .tied = true};
    CHECK_OK(tensor_ref_new(&s->ops, &err));
    CHECK_OK(model_shape_check(&shape, &err));
    CHECK_OK(model_new(&s->model, s->ops, &shape, false, &err));
    CHECK_OK(model_init(s->model, 7, &err));
    s->ops->scale(s->ops, s->model->params, 5);
    model_changed(s->model);
    s->bos = tokenizer_bos(s->tok);
    s->end = tokenizer_end_of_turn(s->tok);
}

static inline void scribe_release(Scribe *s)
{
    model_free(s->model);
    tensor_free(s->ops);
    token_trie_free(s->trie);
    tokenizer_free(s->tok);
}

static inline bool scribe_allow(void *self, const int32_t *ids, int64_t n,
                                uint32_t *allowed)
{
    return constraint_run_allow(self, ids, n, allowed);
}

static inline Status scribe_force(void *self, int64_t request, const int32_t *ids,
                                  int64_t n, bool *go_on, int32_t *out, int64_t room,
                                  int64_t *n_force, Err *err)
{
    (void)request;
    *go_on = false;
    return constraint_run_force(self, ids, n, out, room, n_force, err);
}

typedef struct ScribeAnswer {
    EngineResult result;
    Str text;
    bool complete;
    int64_t cuts[SCRIBE_PARTS];
} ScribeAnswer;

/* One answer; keys the draws by `key`. */
static inline void scribe_answer(Scribe *s, Constraint *c, uint64_t key,
                                 int64_t max_new, bool forces, ScribeAnswer *out)
{
    Err err = {0};
    ConstraintRun *run;
    Engine *engine;
    Ids begin = {0};
    const int32_t prompt[] = {s->bos, 65, 66};
    *out = (ScribeAnswer){0};
    CHECK_OK(engine_new(&engine, s->model, 1, 0, NULL, &err));
    CHECK_OK(constraint_run_new(&run, c, &s->end, 1, &err));
    CHECK_OK(constraint_run_begin(run, 66, max_new, &begin, &err));
    EngineRequest r = {.prompt = prompt,
                       .n_prompt = 3,
                       .sample = sample_plain(1, max_new, 1),
                       .index = key,
                       .begin = begin.ptr,
                       .n_begin = forces ? (int64_t)begin.len : 0,
                       .stop_ids = &s->end,
                       .n_stop_ids = 1,
                       .constraint = scribe_allow,
                       .hook = forces ? scribe_force : NULL,
                       .self = run};
    CHECK_OK(engine_run(engine, &r, 1, &out->result, NULL, &err));
    CHECK_OK(
        constraint_run_end(run, out->result.ids, out->result.n, &out->complete, &err));
    str_span_append(&out->text, constraint_run_text(run));
    for (int32_t i = 0; i < SCRIBE_PARTS; i++)
        out->cuts[i] = constraint_run_cut(run, i);
    ids_release(&begin);
    constraint_run_free(run);
    engine_free(engine);
}

static inline void scribe_answer_release(ScribeAnswer *a)
{
    engine_result_release(&a->result);
    str_release(&a->text);
}

#endif
