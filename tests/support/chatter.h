/* chatter.h - a random model with a byte tokenizer and a chat template, and scripts that
 * put words in its mouth: a constraint allows one id at a time, then all. */
#ifndef SUPPORT_CHATTER_H
#define SUPPORT_CHATTER_H

#include "support/check.h"

#include "engine/engine.h"
#include "text/template.h"

typedef struct Chatter {
    TensorOps *ops;
    Model *model;
    Tokenizer *tok;
    ChatTemplate *chat;
    Engine *engine;
} Chatter;

static inline void chatter_init(Chatter *c, int32_t context)
{
    Err err = {0};
    CHECK_OK(tokenizer_of_bytes(&c->tok, &err));
    CHECK_OK(template_new(&c->chat, c->tok, &err));
    ModelShape shape = {.family = MODEL_LLAMA,
                        .head = HEAD_LM,
                        .vocab = tokenizer_vocab(c->tok),
                        .hidden = 8,
                        .intermediate = 12,
                        .layers = 1,
                        .heads = 2,
                        .kv_heads = 1,
                        .head_dim = 4,
                        .context = context,
                        .rope_theta = 10000,
                        .norm_eps = 1e-5,
                        .tied = true};
    CHECK_OK(tensor_ref_new(&c->ops, &err));
    CHECK_OK(model_shape_check(&shape, &err));
    CHECK_OK(model_new(&c->model, c->ops, &shape, false, &err));
    CHECK_OK(model_init(c->model, 3, &err));
    CHECK_OK(engine_new(&c->engine, c->model, 3, 0, NULL, &err));
}

static inline void chatter_release(Chatter *c)
{
    engine_free(c->engine);
    model_free(c->model);
    tensor_free(c->ops);
    template_free(c->chat);
    tokenizer_free(c->tok);
}

/* Appends the ids of text, in which <name> of a special token is that token. */
static inline void chatter_ids(const Chatter *c, const char *text, Ids *out)
{
    Err err = {0};
    while (*text) {
        const char *end = text[0] == '<' && text[1] == '|' ? strstr(text, "|>") : NULL;
        if (end) {
            char name[32] = {0};
            memcpy(name, text, (size_t)(end + 2 - text));
            CHECK_OK(ids_push(out, tokenizer_special(c->tok, name), &err));
            text = end + 2;
        } else {
            const char *next = strstr(text, "<|");
            size_t n = next ? (size_t)(next - text) : strlen(text);
            CHECK_OK(tokenizer_encode(c->tok, (Span){text, n}, out, &err));
            text += n;
        }
    }
}

#endif
