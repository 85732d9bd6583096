/* gold.c - sample, score, average, compare; see gold.h. */
#include "eval/gold.h"

#include "base/mem.h"
#include "think/answer.h"

static const OptField fields[] = {
    OPT_REAL(GoldOptions, temperature, 1, 0, 10,
             "divides the logits; 0 takes the most likely token"),
    OPT_INT(GoldOptions, answers, 1, 1, 1e6, "answers to each prompt"),
    OPT_INT(GoldOptions, max_new, 160, 1, 1e9, "tokens an answer at most"),
    OPT_INT(GoldOptions, max_calls, 2, 0, 1000,
            "calculator calls in an answer at most; 0: no tools"),
    OPT_INT(GoldOptions, limit, 0, 0, 1e15, "prompts at most; 0: all"),
    OPT_INT(GoldOptions, seed, 0, 0, 9e15, "the same seed draws the same answers"),
    OPT_END,
};

const OptTable gold_options = {"gold", "mean score of sampled answers",
                               sizeof(GoldOptions), fields};

/* Scores answer i of `a` into scores[i]. */
static Status score_answers(const Answers *a, const Record *prompts,
                            const ChatTemplate *chat, Reward *judge, double *scores,
                            Err *err)
{
    int64_t total = a->n_prompts * a->per_prompt;
    RewardItem *items;
    TRY(MEM_ARRAY(&items, (size_t)total, err));
    for (int64_t i = 0; i < total; i++)
        items[i] = reward_item(a, prompts, chat, i);
    Status status = reward_score(judge, items, total, err);
    for (int64_t i = 0; i < total; i++)
        scores[i] = items[i].score;
    mem_free(items);
    return status;
}

static void summarise(const Answers *a, const ChatTemplate *chat, const double *scores,
                      GoldReport *out)
{
    int64_t K = a->per_prompt, total = a->n_prompts * K;
    out->answers = total;
    out->mean = stats_mean(scores, total);
    out->sd = stats_sd(scores, total);
    for (int64_t p = 0; p < a->n_prompts; p++)
        out->scores[p] = stats_mean(scores + p * K, K);
    for (int64_t i = 0; i < total; i++) {
        out->ended += answer_ended(chat, &a->results[i]);
        out->called += answer_called(chat, &a->results[i]);
        out->tokens += (double)a->results[i].n;
    }
    if (total > 0) {
        out->ended /= (double)total;
        out->called /= (double)total;
        out->tokens /= (double)total;
    }
}

Status gold_measure(Engine *engine, const Tokenizer *tok, const ChatTemplate *chat,
                    Reward *judge, const RecordList *prompts, const GoldOptions *o,
                    const char *progress, GoldReport *out, Err *err)
{
    *out = (GoldReport){0};
    int64_t n = (int64_t)prompts->n;
    if (o->limit > 0 && o->limit < n)
        n = o->limit;
    AskOptions how = {.sample = sample_plain(o->temperature, o->max_new, o->seed),
                      .per_prompt = o->answers,
                      .max_calls = o->max_calls};
    double *scores = NULL;
    Answers answers = {0};
    Status status = MEM_ARRAY(&scores, (size_t)(n * o->answers), err);
    if (status == OK)
        status = MEM_ARRAY(&out->scores, (size_t)n, err);
    if (status != OK)
        goto done;
    out->n = n;
    status = answers_sample(engine, tok, chat, prompts->records, n, &how, progress,
                            &answers, err);
    if (status == OK)
        status = score_answers(&answers, prompts->records, chat, judge, scores, err);
    if (status == OK)
        summarise(&answers, chat, scores, out);
done:
    answers_release(&answers);
    mem_free(scores);
    if (status != OK)
        gold_release(out);
    return status;
}

void gold_release(GoldReport *r)
{
    mem_free(r->scores);
    *r = (GoldReport){0};
}

GoldComparison gold_compare(const GoldReport *a, const GoldReport *b)
{
    ASSERT(a->n == b->n);
    GoldComparison c = {.n = a->n, .mean_a = a->mean, .mean_b = b->mean};
    c.difference = stats_paired(b->scores, a->scores, a->n, &c.interval);
    c.in_deviations = a->sd > 0 ? c.difference / a->sd : 0;
    double wins = 0;
    for (int64_t p = 0; p < a->n; p++) {
        double d = b->scores[p] - a->scores[p];
        wins += d > 0 ? 1 : d < 0 ? 0 : 0.5;
    }
    c.win_rate = a->n > 0 ? wins / (double)a->n : 0.5;
    c.win_interval = stats_wilson(wins, (double)a->n);
    return c;
}
