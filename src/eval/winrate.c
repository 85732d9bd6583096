/* winrate.c - see winrate.h. */
#include "eval/winrate.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/system.h"
#include "think/answer.h"

#include <math.h>

static const OptField fields[] = {
    OPT_REAL(WinrateOptions, temperature, 1, 0, 10,
             "divides the logits; 0 takes the most likely token"),
    OPT_INT(WinrateOptions, max_new, 160, 1, 1e9, "tokens an answer at most"),
    OPT_INT(WinrateOptions, max_calls, 2, 0, 1000,
            "calculator calls in an answer at most; 0: no tools"),
    OPT_INT(WinrateOptions, limit, 0, 0, 1e15, "prompts at most; 0: all"),
    OPT_INT(WinrateOptions, seed, 0, 0, 4e15, "the same seed draws the same answers"),
    OPT_END,
};
const OptTable winrate_options = {"winrate", "how often one model's answers are better",
                                  sizeof(WinrateOptions), fields};

/* --- answers ---------------------------------------------------------------------------- */
static Status keep_answers(const Answers *sampled, const Tokenizer *tok,
                           const ChatTemplate *chat, WinrateAnswers *out, Err *err)
{
    TRY(MEM_ARRAY(&out->answers, (size_t)sampled->n_prompts, err));
    TRY(MEM_ARRAY(&out->cut, (size_t)sampled->n_prompts, err));
    for (int64_t i = 0; i < sampled->n_prompts; i++) {
        const EngineResult *r = &sampled->results[i];
        out->n = i + 1;
        out->cut[i] = !answer_ended(chat, r);
        TRY(answer_conversation(tok, chat, r->ids, r->n, &out->answers[i], err));
    }
    return OK;
}

Status winrate_answer(Engine *engine, const Tokenizer *tok, const ChatTemplate *chat,
                      const RecordList *prompts, const WinrateOptions *o, int which,
                      const char *progress, WinrateAnswers *out, Err *err)
{
    int64_t n = (int64_t)prompts->n;
    if (o->limit > 0 && o->limit < n)
        n = o->limit;
    AskOptions how = {.sample =
                          sample_plain(o->temperature, o->max_new, 2 * o->seed + which),
                      .per_prompt = 1,
                      .max_calls = o->max_calls};
    Answers sampled = {0};
    *out = (WinrateAnswers){0};
    TRY(answers_sample(engine, tok, chat, prompts->records, n, &how, progress, &sampled,
                       err));
    Status status = keep_answers(&sampled, tok, chat, out, err);
    answers_release(&sampled);
    if (status != OK)
        winrate_answers_release(out);
    return status;
}

void winrate_answers_release(WinrateAnswers *a)
{
    for (int64_t i = 0; i < a->n; i++)
        conversation_release(&a->answers[i]);
    mem_free(a->answers);
    mem_free(a->cut);
    *a = (WinrateAnswers){0};
}

/* --- the fit ------------------------------------------------------------------------------ */
/* A weak prior on both coefficients, so that a model that always wins has a rate: of
 * deviation 30, which moves a rate of 400 prompts by less than its last printed digit. */
static const double prior = 1.0 / (30 * 30);
enum { NEWTON_STEPS = 50 };

typedef struct Fit {
    double theta, phi;
    double h[3]; /* minus the second derivatives: theta theta, theta phi, phi phi */
} Fit;

static double log_likelihood(const double *y, const double *x, int64_t n, double theta,
                             double phi)
{
    double sum = -prior / 2 * (theta * theta + phi * phi);
    for (int64_t i = 0; i < n; i++) {
        double z = theta + phi * x[i];
        sum += y[i] * z - (z > 0 ? z + log1p(exp(-z)) : log1p(exp(z)));
    }
    return sum;
}

/* Newton's steps, halved where they would go down. */
static Fit fit_logistic(const double *y, const double *x, int64_t n)
{
    Fit f = {0};
    double at = log_likelihood(y, x, n, 0, 0);
    for (int step = 0; step < NEWTON_STEPS; step++) {
        double g0 = -prior * f.theta, g1 = -prior * f.phi, size = 1;
        f.h[0] = f.h[2] = prior;
        f.h[1] = 0;
        for (int64_t i = 0; i < n; i++) {
            double p = 1 / (1 + exp(-(f.theta + f.phi * x[i]))), w = p * (1 - p);
            g0 += y[i] - p;
            g1 += (y[i] - p) * x[i];
            f.h[0] += w;
            f.h[1] += w * x[i];
            f.h[2] += w * x[i] * x[i];
        }
        double det = f.h[0] * f.h[2] - f.h[1] * f.h[1];
        double d0 = (f.h[2] * g0 - f.h[1] * g1) / det,
               d1 = (f.h[0] * g1 - f.h[1] * g0) / det;
        double next = log_likelihood(y, x, n, f.theta + d0, f.phi + d1);
        while (next < at && size > 1e-6) {
            size /= 2;
            next = log_likelihood(y, x, n, f.theta + size * d0, f.phi + size * d1);
        }
        if (!(next > at + 1e-12))
            break;
        f.theta += size * d0;
        f.phi += size * d1;
        at = next;
    }
    return f;
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static Status control_length(const double *outcome, const double *longer, int64_t n,
                             Winrate *out, Err *err)
{
    double *x, sd = stats_sd(longer, n);
    TRY(MEM_ARRAY(&x, (size_t)n, err));
    for (int64_t i = 0; i < n; i++)
        x[i] = sd > 0 ? tanh(longer[i] / sd) : 0;
    Fit f = fit_logistic(outcome, x, n);
    double det = f.h[0] * f.h[2] - f.h[1] * f.h[1];
    double error = 1.96 * sqrt(f.h[2] / det);
    out->controlled = sigmoid(f.theta);
    out->controlled_interval =
        (StatsInterval){sigmoid(f.theta - error), sigmoid(f.theta + error)};
    out->length_effect = sd > 0 ? f.phi : 0;
    mem_free(x);
    return OK;
}

Status winrate_of(const double *outcome, const double *longer, int64_t n, Winrate *out,
                  Err *err)
{
    double sum = 0;
    out->n = n;
    out->wins = out->ties = out->losses = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += outcome[i];
        out->wins += outcome[i] > 0.5;
        out->losses += outcome[i] < 0.5;
    }
    out->ties = n - out->wins - out->losses;
    out->rate = n > 0 ? sum / (double)n : 0.5;
    out->interval = stats_wilson(sum, (double)n);
    return control_length(outcome, longer, n, out, err);
}

/* --- the judge ------------------------------------------------------------------------------ */
/* The two answers to a prompt as a record of their own; borrows all. */
static Record pair_of(const Record *prompt, const Conversation *a,
                      const Conversation *b)
{
    Record pair = {.kind = RECORD_ANSWERS, .chat = prompt->chat, .n_answers = 2};
    pair.row = prompt->row;
    pair.answers[0] = *a;
    pair.answers[1] = *b;
    return pair;
}

static double text_bytes(const Conversation *answer)
{
    return answer->n > 0 ? (double)answer->messages[answer->n - 1].len : 0;
}

typedef struct Outcomes {
    double *outcome, *longer;
    int64_t n;
} Outcomes;

static void take_case(const JudgeCase *c, Outcomes *o, Winrate *out)
{
    if (c->too_long) {
        out->too_long++;
        return;
    }
    double a = text_bytes(&c->record->answers[0]),
           b = text_bytes(&c->record->answers[1]);
    int32_t ahead = c->ranks[0] - c->ranks[1];
    o->outcome[o->n] = ahead > 0 ? 1 : ahead < 0 ? 0 : 0.5;
    o->longer[o->n++] = b - a;
    out->length_a += a;
    out->length_b += b;
}

enum { CHUNK = 32 };

static Status judge_all(Judge *judge, const RecordList *prompts,
                        const WinrateAnswers *a, const WinrateAnswers *b, Outcomes *o,
                        Winrate *out, Err *err)
{
    Status status = OK;
    log_progress_begin("judge", (double)a->n, "prompts");
    for (int64_t i = 0; i < a->n && status == OK; i += CHUNK) {
        Record pairs[CHUNK];
        JudgeCase cases[CHUNK];
        int64_t n = a->n - i < CHUNK ? a->n - i : CHUNK;
        if (system_stop_requested()) {
            status = err_set(err, ERR_STOPPED, "stopped after %lld of %lld prompts",
                             (long long)i, (long long)a->n);
            break;
        }
        for (int64_t k = 0; k < n; k++) {
            pairs[k] = pair_of(&prompts->records[i + k], &a->answers[i + k],
                               &b->answers[i + k]);
            cases[k] = (JudgeCase){.record = &pairs[k],
                                   .cut = (uint32_t)a->cut[i + k] |
                                          (uint32_t)b->cut[i + k] << 1};
        }
        status = judge_rank(judge, cases, n, err);
        for (int64_t k = 0; k < n && status == OK; k++)
            take_case(&cases[k], o, out);
        log_progress((double)(i + n), NULL);
    }
    log_progress_end();
    return status;
}

Status winrate_judge(Judge *judge, const RecordList *prompts, const WinrateAnswers *a,
                     const WinrateAnswers *b, Winrate *out, Err *err)
{
    ASSERT(a->n == b->n && a->n <= (int64_t)prompts->n);
    *out = (Winrate){0};
    Outcomes o = {0};
    Status status = MEM_ARRAY(&o.outcome, (size_t)a->n, err);
    if (status == OK)
        status = MEM_ARRAY(&o.longer, (size_t)a->n, err);
    if (status == OK)
        status = judge_all(judge, prompts, a, b, &o, out, err);
    if (status == OK && o.n == 0)
        status = err_set(err, ERR_LIMIT,
                         "the judge cannot read any of the answers: they "
                         "are longer than its context");
    if (status == OK)
        status = winrate_of(o.outcome, o.longer, o.n, out, err);
    if (o.n > 0) {
        out->length_a /= (double)o.n;
        out->length_b /= (double)o.n;
    }
    mem_free(o.outcome);
    mem_free(o.longer);
    return status;
}
