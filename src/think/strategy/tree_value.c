/* tree_value.c - what partial answers are worth, see tree.c. */
#include "think/strategy/tree_internal.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

/* The paper's words and what they are worth. */
enum { WORDS = 3 };
static const Span words[WORDS] = {{"sure", 4}, {"likely", 6}, {"impossible", 10}};
static const double worths[WORDS] = {20, 1, 0.001};

/* Q, a partial answer, and what is asked about it. */
static Status ask_about(const Tree *t, Span path, const char *what, Conversation *out,
                        Err *err)
{
    const Question *q = t->q;
    const Message *asked = &q->talk->messages[q->talk->n - 1];
    Conversation head = {q->talk->messages, q->talk->n - 1, q->talk->n - 1};
    Str text = {0};
    str_append(&text, asked->content, asked->len);
    str_puts(&text, "\n\n");
    str_span_append(&text, path);
    str_printf(&text, "\n\n%s", what);
    Status status = str_check(&text, err);
    if (status == OK)
        status = conversation_copy(out, &head, err);
    if (status == OK)
        status = conversation_add(out, ROLE_USER, str_span(&text), err);
    str_release(&text);
    return status;
}

/* By the probability of each word. */
static Status value_by_score(Tree *t, const LmRequest *r, double *value, Err *err)
{
    double logprobs[WORDS], sum = 0, total = 0;
    int64_t tokens[WORDS];
    TRY(run_score(t->run, "value", r, words, WORDS, logprobs, tokens, err));
    for (int i = 0; i < WORDS; i++) {
        double p = exp(logprobs[i] - logprobs[0]);
        sum += p * worths[i];
        total += p;
    }
    *value = isfinite(sum / total) ? sum / total : worths[WORDS - 1];
    return OK;
}

/* By what samples say: the sum of their worths. */
static Status value_by_samples(Tree *t, LmRequest *r, double *value, Err *err)
{
    enum { MOST = 16 };
    LmAnswer answers[MOST];
    r->n = (int32_t)(t->q->o->tree_values < MOST ? t->q->o->tree_values : MOST);
    TRY(run_complete(t->run, "value", r, answers, err));
    *value = 0;
    for (int32_t k = 0; k < r->n; k++) {
        t->tokens += answers[k].tokens;
        for (int i = WORDS - 1; i >= 0; i--) {
            if (span_find(str_span(&answers[k].text), words[i], 0) >= 0) {
                *value += worths[i];
                break;
            }
        }
        lm_answer_release(&answers[k]);
    }
    return OK;
}

static Status value_of(Tree *t, size_t i, Err *err)
{
    Conversation talk = {0};
    TreeNode *x = &t->nodes[i];
    LmRequest r = {.talk = &talk,
                   .sample = t->q->sample,
                   .key = question_key(t->q, "value", (int64_t)i),
                   .n = 1};
    Status status = ask_about(t, str_span(&x->path), t->q->o->tree_ask, &talk, err);
    if (status == OK)
        status = t->run->lm->can.score ? value_by_score(t, &r, &x->value, err)
                                       : value_by_samples(t, &r, &x->value, err);
    conversation_release(&talk);
    return status;
}

/* All partial answers with their numbers, for a vote. */
static void list_nodes(const Tree *t, size_t from, Str *out)
{
    for (size_t i = from; i < t->n; i++)
        str_printf(out, "Answer %zu:\n%s\n\n", i - from + 1, str_c(&t->nodes[i].path));
}

static Status vote(Tree *t, size_t from, Err *err)
{
    enum { MOST = 16 };
    LmAnswer answers[MOST];
    Conversation talk = {0};
    Str list = {0}, number = {0};
    Extractor last_number = {.kind = EXTRACT_NUMBER};
    LmRequest r = {
        .talk = &talk,
        .sample = t->q->sample,
        .key = question_key(t->q, "vote", (int64_t)from),
        .n = (int32_t)(t->q->o->tree_values < MOST ? t->q->o->tree_values : MOST)};
    list_nodes(t, from, &list);
    Status status = ask_about(t, str_span(&list),
                              "Which of these is the most promising? End with its "
                              "number.",
                              &talk, err);
    if (status == OK)
        status = run_complete(t->run, "vote", &r, answers, err);
    for (int32_t k = 0; status == OK && k < r.n; k++) {
        bool valid;
        str_reset(&number);
        status =
            extract(&last_number, str_span(&answers[k].text), &number, &valid, err);
        long choice = valid ? strtol(str_c(&number), NULL, 10) : 0;
        if (choice >= 1 && (size_t)choice <= t->n - from)
            t->nodes[from + (size_t)choice - 1].value++;
        t->tokens += answers[k].tokens;
        lm_answer_release(&answers[k]);
    }
    conversation_release(&talk);
    str_release(&list);
    str_release(&number);
    return status;
}

Status tree_judge(Tree *t, size_t from, Err *err)
{
    const Judging *judge = t->q->judge;
    if (!judge && t->q->o->tree_value == TREE_VOTE)
        return t->n > from ? vote(t, from, err) : OK;
    for (size_t i = from; i < t->n; i++) {
        TreeNode *x = &t->nodes[i];
        TRY(judge ? judge->score(judge->self, t->q->talk, str_span(&x->path), &x->value,
                                 err)
                  : value_of(t, i, err));
    }
    return OK;
}
