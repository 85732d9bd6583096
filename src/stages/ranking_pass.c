/* ranking_pass.c - whole rankings in passes, see ranking_pass.h. */
#include "stages/ranking_pass.h"

#include "base/mem.h"

int64_t ranking_pass_tokens(int64_t micro_batch, const ModelShape *shape,
                            const Rankings *a, const Rankings *b)
{
    int64_t most = micro_batch;
    const int64_t sizes[] = {rankings_largest(a), rankings_largest(b), shape->context};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        most = sizes[i] > most ? sizes[i] : most;
    return most;
}

Status ranking_pass_init(RankingPass *p, Model *model, int64_t most_tokens,
                         int64_t micro_batch, TapeOptions o, Err *err)
{
    *p = (RankingPass){.micro_batch = micro_batch, .cap = most_tokens};
    TRY(answer_pass_new(&p->answers, model, most_tokens, o, err));
    return MEM_ARRAY(&p->queue, (size_t)p->cap, err);
}

void ranking_pass_release(RankingPass *p)
{
    answer_pass_free(p->answers);
    mem_free(p->queue);
    *p = (RankingPass){0};
}

static void run_queue(RankingPass *p)
{
    AnswerPass *a = p->answers;
    if (p->queued == 0)
        return;
    answer_pass_forward(a);
    int64_t at = 0;
    for (int64_t q = 0; q < p->queued; q++) {
        p->take(p->self, p->queue[q], a->value + at, a->tokens + at, a->dvalue + at);
        at += rankings_answers(p->rankings, p->queue[q]);
    }
    if (p->learns)
        answer_pass_backward(a);
    answer_pass_clear(a);
    p->queued = 0;
}

void ranking_pass_begin(RankingPass *p, const Rankings *rankings, bool learns)
{
    answer_pass_clear(p->answers);
    p->queued = 0;
    p->rankings = rankings;
    p->learns = learns;
}

void ranking_pass_add(RankingPass *p, int64_t i)
{
    const Rankings *r = p->rankings;
    int64_t size = 0, in_batch = p->answers->batch->n;
    for (int64_t d = r->first[i]; d < r->first[i + 1]; d++)
        size += documents_len(&r->docs, d);
    bool over = in_batch > 0 && in_batch + size > p->micro_batch;
    if (over || p->queued == p->cap)
        run_queue(p);
    for (int64_t d = r->first[i]; d < r->first[i + 1]; d++) {
        bool fits = answer_pass_add(p->answers, &r->docs, d);
        ASSERT(fits);
    }
    p->queue[p->queued++] = i;
    p->tokens += p->learns ? (double)size : 0;
}

void ranking_pass_end(RankingPass *p)
{
    run_queue(p);
}
