/* fake_lm.h - a language model that says what a script wants: answers in a fixed order, or
 * a function of the request, and remembers what it was asked. */
#ifndef SUPPORT_FAKE_LM_H
#define SUPPORT_FAKE_LM_H

#include "support/check.h"

#include "base/mem.h"
#include "think/lm/lm.h"

enum { FAKE_MOST = 256 };

typedef struct FakeLm {
    Lm lm;
    /* What it says: the texts in order, then "" for ever. A text "CALL name {json}" is a
     * call. Or, when set, `say` decides: text into *out from the request and answer k. */
    const char *const *texts;
    int next;
    void (*say)(void *self, const LmRequest *r, int32_t k, Str *out);
    void *self;
    /* Log-probability of a text; NULL: minus its length. */
    double (*value)(void *self, const LmRequest *r, Span text);
    double entropy; /* of every answer */
    Status status;  /* of every request */
    /* What it was asked. */
    int requests;
    int32_t n[FAKE_MOST], first[FAKE_MOST];
    int64_t max_new[FAKE_MOST];
    uint64_t keys[FAKE_MOST];
    double temperatures[FAKE_MOST];
    const LmConstraint *constraints[FAKE_MOST];
    char *prompts[FAKE_MOST]; /* "user: 2+2?|assistant: 4|...>prefix" */
} FakeLm;

static inline void fake_prompt(const LmRequest *r, Str *out)
{
    for (size_t i = 0; r->talk && i < r->talk->n; i++) {
        const Message *m = &r->talk->messages[i];
        str_printf(out, "%s%s: %s", i > 0 ? "|" : "", role_name(m->role), m->content);
        if (m->call_name)
            str_printf(out, "[%s(%s)]", m->call_name, m->call_args ? m->call_args : "");
    }
    str_span_append(out, r->document);
    if (r->prefix.len > 0) {
        str_putc(out, '>');
        str_span_append(out, r->prefix);
    }
}

static inline void fake_note(FakeLm *f, const LmRequest *r)
{
    Str prompt = {0};
    assert_true(f->requests < FAKE_MOST);
    fake_prompt(r, &prompt);
    f->n[f->requests] = r->n;
    f->first[f->requests] = r->first;
    f->max_new[f->requests] = r->sample.max_new;
    f->temperatures[f->requests] = r->sample.temperature;
    f->keys[f->requests] = r->key;
    f->constraints[f->requests] = r->constraint;
    str_puts(&prompt, "");
    f->prompts[f->requests++] = str_take(&prompt);
}

/* A word is a token; an answer longer than it may be is cut. */
static inline void fake_cut(Str *text, int64_t max_new, LmAnswer *out)
{
    size_t at = 0;
    out->finish = FINISH_STOP;
    for (out->tokens = 0; at < text->len; out->tokens++) {
        if (out->tokens == max_new) {
            str_truncate(text, at);
            out->finish = FINISH_LENGTH;
            return;
        }
        at += strcspn(text->ptr + at, " ");
        at += strspn(text->ptr + at, " ");
    }
}

static inline void fake_text(FakeLm *f, const LmRequest *r, int32_t k, Str *text)
{
    if (f->say)
        f->say(f->self, r, k, text);
    else if (f->texts && f->texts[f->next])
        str_puts(text, f->texts[f->next++]);
}

static inline void fake_call(Str *text, LmAnswer *out)
{
    char name[64], arguments[512];
    if (!text->ptr || sscanf(text->ptr, "CALL %63s %511[^\n]", name, arguments) != 2)
        return;
    Err err = {0};
    CHECK_OK(mem_array_((void **)&out->calls, 1, sizeof *out->calls, &err));
    out->n_calls = 1;
    str_puts(&out->calls[0].name, name);
    str_puts(&out->calls[0].arguments, arguments);
    str_reset(text);
}

static inline Status fake_complete(void *self, const LmRequest *r, LmAnswer *answers,
                                   LmUsage *usage, Err *err)
{
    FakeLm *f = self;
    fake_note(f, r);
    if (f->status != OK)
        return err_set(err, f->status, "the fake fails");
    usage->requests++;
    for (int32_t k = 0; k < r->n; k++) {
        LmAnswer *a = &answers[k];
        fake_text(f, r, r->first + k, &a->text);
        fake_cut(&a->text, r->sample.max_new, a);
        fake_call(&a->text, a);
        a->logprob = -(double)a->tokens;
        a->entropy = f->entropy;
        a->kept = 1;
        usage->answer_tokens += a->tokens;
        if (r->on_text && a->text.len > 0)
            (void)r->on_text(r->self, str_span(&a->text));
    }
    return OK;
}

static inline Status fake_score(void *self, const LmRequest *r, const Span *texts,
                                size_t n, double *logprobs, int64_t *tokens,
                                LmUsage *usage, Err *err)
{
    FakeLm *f = self;
    (void)err;
    fake_note(f, r);
    usage->requests++;
    for (size_t i = 0; i < n; i++) {
        logprobs[i] = f->value ? f->value(f->self, r, texts[i]) : -(double)texts[i].len;
        tokens[i] = (int64_t)texts[i].len;
    }
    return OK;
}

static inline void fake_init(FakeLm *f, const char *const *texts)
{
    *f = (FakeLm){.texts = texts};
    f->lm = (Lm){.name = "fake",
                 .can = {.score = true,
                         .logprobs = true,
                         .documents = true,
                         .prefixes = true,
                         .tools = true},
                 .self = f,
                 .complete = fake_complete,
                 .score = fake_score};
}

static inline void fake_release(FakeLm *f)
{
    for (int i = 0; i < f->requests; i++)
        mem_free(f->prompts[i]);
}

/* A clock that stands still. */
static inline double fake_clock(void)
{
    return 0;
}

#endif
