/* bestof.c - the best of N answers as demonstrations, see bestof.h.
 *
 * An answer that did not come to its end is never kept, nor one that equals a better one of
 * its prompt. On the way it is measured what best-of-n would give for each n up to N: with
 * the scores of a prompt in ascending order,
 *
 *     E[best of n] = sum_{i=n..N} C(i-1, n-1)/C(N, n) score_(i)
 *
 * without bias (stats_best_of), at a KL of log n - (n - 1)/n from the model. */
#include "stages/bestof.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stats.h"
#include "base/system.h"
#include "data/record_json.h"
#include "stages/answers.h"
#include "stages/stage_judge.h"
#include "think/answer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
static const OptField fields[] = {
    OPT_TEXT(BestofOptions, model, NULL, "folder of the model that answers"),
    OPT_TEXT(BestofOptions, prompts, NULL, "prompts: FILE[:WEIGHT],... or a glob"),
    OPT_TEXT(BestofOptions, reward, NULL, "who scores: the folder of a reward model, or a practice world (its folder or world.json)"),
    OPT_TEXT(BestofOptions, out, NULL, "file to write; unset: demonstrations.jsonl in the stage's folder"),
    OPT_INT(BestofOptions, answers, 8, 1, 256, "answers a prompt"),
    OPT_INT(BestofOptions, keep, 1, 1, 256, "of them to keep, the best first"),
    OPT_REAL(BestofOptions, min_score, -1e9, -1e9, 1e9, "what scores less is not kept"),
    OPT_INT(BestofOptions, max_prompts, 0, 0, 1e9, "prompts at most; 0: all"),
    OPT_REAL(BestofOptions, temperature, 1, 0.01, 10, "of the answers"),
    OPT_INT(BestofOptions, max_new, 96, 1, 1e6, "tokens an answer may have"),
    OPT_INT(BestofOptions, seed, 1, 0, 9e15, "of the answers"),
    OPT_END
};
/* clang-format on */
const OptTable bestof_options = {"bestof", "keep the best of several answers",
                                 sizeof(BestofOptions), fields};

enum { AT_ONCE = 512, SLOTS = 64, MOST_POINTS = 9 }; /* points: n = 1, 2, 4, ... 256 */

typedef struct Bestof {
    const BestofOptions *o;
    ChatModel model;
    Prompts prompts;
    Answerer *answerer;
    StageJudge judge;
    FileWriter *file;
    int64_t chunk;  /* prompts at once */
    int64_t *which; /* [chunk * answers], like the next two */
    EngineResult *results;
    RewardItem *items;
    double *score;            /* [answers] */
    int64_t written, without; /* demonstrations; prompts without any */
    double curve[MOST_POINTS], kept;
} Bestof;

/* --- one prompt ---------------------------------------------------------------------- */

static int best_first(const void *a, const void *b)
{
    const RewardItem *x = a, *y = b;
    return (x->score < y->score) - (x->score > y->score);
}

static bool same_answer(const RewardItem *a, const RewardItem *b)
{
    return a->n_answer == b->n_answer &&
           memcmp(a->answer, b->answer, (size_t)a->n_answer * sizeof *a->answer) == 0;
}

/* The conversation with its answer: {"messages": [...], "score"}. */
static Status write_demonstration(Bestof *b, const RewardItem *item, Err *err)
{
    json_t *answer = NULL;
    TRY(answer_completion(b->model.tok, b->model.chat, item->answer, item->n_answer,
                          &answer, err));
    json_t *row = json_object(), *messages = conversation_json(item->prompt);
    if (json_is_string(answer)) {
        json_t *turn = json_object();
        json_object_set_new(turn, "role", json_string("assistant"));
        json_object_set(turn, "content", answer);
        json_array_append_new(messages, turn);
    } else {
        json_array_extend(messages, answer);
    }
    json_decref(answer);
    json_object_set_new(row, "messages", messages);
    json_object_set_new(row, "score", json_real(item->score));
    Str line = {0};
    json_append(&line, row);
    str_putc(&line, '\n');
    Status status = str_check(&line, err);
    if (status == OK)
        status = file_writer_put(b->file, line.ptr, line.len, err);
    str_release(&line);
    json_decref(row);
    b->written++;
    b->kept += item->score;
    return status;
}

static void add_to_curve(Bestof *b, const RewardItem *best_first_items)
{
    int64_t N = b->o->answers;
    for (int64_t i = 0; i < N; i++)
        b->score[i] = best_first_items[N - 1 - i].score;
    for (int64_t n = 1, k = 0; n <= N; n *= 2, k++)
        b->curve[k] += stats_best_of(b->score, N, n) / (double)b->prompts.n;
}

static Status keep_best(Bestof *b, RewardItem *items, Err *err)
{
    int64_t kept = 0;
    qsort(items, (size_t)b->o->answers, sizeof *items, best_first);
    add_to_curve(b, items);
    for (int64_t i = 0; i < b->o->answers && kept < b->o->keep; i++) {
        bool seen = false;
        for (int64_t j = 0; j < i; j++)
            seen = seen || same_answer(&items[i], &items[j]);
        if (seen || !items[i].ended || items[i].score < b->o->min_score)
            continue;
        TRY(write_demonstration(b, &items[i], err));
        kept++;
    }
    b->without += kept == 0;
    return OK;
}

/* --- all of them --------------------------------------------------------------------- */

static Status sample_chunk(Bestof *b, int64_t first, int64_t n, Err *err)
{
    int64_t N = b->o->answers;
    for (int64_t i = 0; i < n * N; i++)
        b->which[i] = first + i / N;
    AnswerOptions o = {b->o->temperature, b->o->max_new, b->o->seed};
    TRY(answerer_run(b->answerer, &b->prompts, b->which, n * N, (uint64_t)(first * N),
                     &o, b->results, NULL, err));
    for (int64_t i = 0; i < n * N; i++)
        b->items[i] =
            answerer_item(b->answerer, &b->prompts, b->which[i], &b->results[i]);
    Status status = reward_score(&b->judge.reward, b->items, n * N, err);
    for (int64_t i = 0; status == OK && i < n; i++)
        status = keep_best(b, b->items + i * N, err);
    for (int64_t i = 0; i < n * N; i++)
        engine_result_release(&b->results[i]);
    return status;
}

static Status sample_all(Bestof *b, Err *err)
{
    Status status = OK;
    log_progress_begin("bestof", (double)b->prompts.n, "prompts");
    for (int64_t i = 0; status == OK && i < b->prompts.n; i += b->chunk) {
        if (system_stop_requested()) {
            status = err_set(err, ERR_STOPPED, "stopped after %lld of %lld prompts",
                             (long long)i, (long long)b->prompts.n);
            break;
        }
        int64_t n = b->prompts.n - i < b->chunk ? b->prompts.n - i : b->chunk;
        status = sample_chunk(b, i, n, err);
        log_progress((double)(i + n), NULL);
    }
    log_progress_end();
    if (status == OK && b->written == 0)
        status = err_set(err, ERR_FORMAT,
                         "no answer of %lld came to its end with a score of %g",
                         (long long)b->prompts.n * b->o->answers, b->o->min_score);
    return status;
}

static Status prepare(Bestof *b, const StageEnv *env, Err *err)
{
    const BestofOptions *o = b->o;
    if (!o->prompts)
        return err_set(err, ERR_OPTION, "option 'prompts' is not set");
    TRY(chat_model_open(&b->model, env->ops, o->model, false, err));
    TRY(prompts_load(&b->prompts, o->prompts, &env->corpus, b->model.chat,
                     b->model.model->shape.context, o->max_new, o->max_prompts, err));
    TRY(stage_judge_open(&b->judge, env->ops, o->reward, "reward", &b->model, err));
    b->chunk = AT_ONCE / o->answers;
    size_t most = (size_t)(b->chunk * o->answers);
    TRY(MEM_ARRAY(&b->which, most, err));
    TRY(MEM_ARRAY(&b->results, most, err));
    TRY(MEM_ARRAY(&b->items, most, err));
    TRY(MEM_ARRAY(&b->score, (size_t)o->answers, err));
    int32_t capacity =
        prompts_capacity(&b->prompts, o->max_new, &b->model.model->shape);
    return answerer_new(&b->answerer, b->model.model, b->model.tok, b->model.chat,
                        SLOTS, capacity, true, err);
}

static void release(Bestof *b)
{
    file_writer_abort(b->file);
    answerer_free(b->answerer);
    stage_judge_release(&b->judge);
    mem_free(b->which);
    mem_free(b->results);
    mem_free(b->items);
    mem_free(b->score);
    prompts_release(&b->prompts);
    chat_model_release(&b->model);
}

static void fill_report(const Bestof *b, double start, StageReport *report)
{
    const BestofOptions *o = b->o;
    report->seconds = system_seconds() - start;
    report->peak_bytes = mem_peak_rss();
    report->params = b->model.model->n_params;
    report->metrics = json_object();
    for (int64_t n = 1, k = 0; n <= o->answers; n *= 2, k++) {
        char key[32];
        snprintf(key, sizeof key, "best_of/%lld", (long long)n);
        json_object_set_new(report->metrics, key, json_real(b->curve[k]));
        log_info("bestof: best of %lld: score %.3f, %.2f nats from the model",
                 (long long)n, b->curve[k],
                 log((double)n) - (double)(n - 1) / (double)n);
    }
    json_object_set_new(report->metrics, "score",
                        json_real(b->kept / (double)b->written));
    snprintf(report->started_from, sizeof report->started_from, "%s", o->model);
    snprintf(report->data, sizeof report->data,
             "%lld prompts, %lld answers each: %lld kept, score %.3f (all: %.3f); %lld "
             "prompts without any",
             (long long)b->prompts.n, (long long)o->answers, (long long)b->written,
             b->kept / (double)b->written, b->curve[0], (long long)b->without);
    log_info("bestof: %s", report->data);
}

Status stage_bestof(const StageEnv *env, const BestofOptions *o, StageReport *report,
                    Err *err)
{
    double start = system_seconds();
    Bestof b = {.o = o};
    Str path = {0};
    Status status = file_make_folders(env->folder, err);
    file_join(&path, env->folder, "demonstrations.jsonl");
    if (status == OK)
        status = prepare(&b, env, err);
    if (status == OK)
        status = file_writer_open(&b.file, o->out ? o->out : str_c(&path), err);
    if (status == OK)
        status = sample_all(&b, err);
    if (status == OK) {
        FileWriter *done = b.file;
        b.file = NULL;
        status = file_writer_commit(done, err);
    }
    if (status == OK) {
        fill_report(&b, start, report);
        status = stage_mark_finished(env, report, err);
    }
    release(&b);
    str_release(&path);
    return status;
}
