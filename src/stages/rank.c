/* rank.c - comparisons: K answers a prompt from a model, ranked by a judge, see rank.h.
 *
 * Where people would read K answers and order them (Ouyang et al. 2022, 3.4: K between 4
 * and 9, all pairs of one ranking used), a judge scores them: the gold judge of the
 * practice world, or a reward model. Equal answers are one answer: they would tie by
 * definition and say nothing. A prompt whose answers all tie is left out.
 *
 * Which prompts go to the held-out file is decided by a hash of the prompt. The held-out
 * file is put in place first: where the main file is, both are. */
#include "stages/rank.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/system.h"
#include "data/record_json.h"
#include "stages/answers.h"
#include "stages/stage_judge.h"
#include "think/answer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const label_names[] = {"clean", "sampled", "flipped", "shuffled",
                                          NULL};

/* clang-format off */
static const OptField fields[] = {
    OPT_TEXT(RankOptions, model, NULL, "folder of the model that answers"),
    OPT_TEXT(RankOptions, prompts, NULL, "prompts: FILE[:WEIGHT],... or a glob"),
    OPT_TEXT(RankOptions, world, NULL, "the judge: a practice world (its folder or world.json), or the folder of a reward model"),
    OPT_TEXT(RankOptions, out, NULL, "file to write; unset: comparisons.jsonl in the stage's folder"),
    OPT_INT(RankOptions, answers, 4, 2, 9, "answers a prompt"),
    OPT_INT(RankOptions, max_prompts, 0, 0, 1e9, "prompts at most; 0: all"),
    OPT_REAL(RankOptions, temperature, 1, 0, 10, "of the answers"),
    OPT_INT(RankOptions, max_new, 96, 1, 1e6, "tokens an answer may have"),
    OPT_INT(RankOptions, seed, 1, 0, 9e15, "of the answers"),
    OPT_REAL(RankOptions, tie, 0, 0, 1e9, "scores no further apart than this tie"),
    OPT_REAL(RankOptions, heldout, 0.1, 0, 0.5, "share of the prompts whose comparisons go to the _heldout file beside"),
    OPT_CHOICE(RankOptions, labels, RANK_LABELS_CLEAN, label_names, "how sure the judge's order is; sampled: the better one comes first with chance sigma(difference / label_scale); flipped: an order is turned round with chance label_noise; shuffled: any order"),
    OPT_REAL(RankOptions, label_scale, 1, 1e-6, 1e9, "difference of scores that is told apart in 73 of 100 pairs, with labels sampled"),
    OPT_REAL(RankOptions, label_noise, 0.25, 0, 1, "share of the orders that are turned round, with labels flipped"),
    OPT_END
};
/* clang-format on */
const OptTable rank_options = {"rank", "rank a model's answers with a judge",
                               sizeof(RankOptions), fields};

enum { CHUNK = 64, SLOTS = 64, MOST_ANSWERS = 9 };

typedef struct Ranker {
    const RankOptions *o;
    ChatModel model;
    Prompts prompts;
    Answerer *answerer;
    StageJudge judge;
    FileWriter *file[2]; /* comparisons, held-out ones */
    int64_t written[2], answers, duplicates, without_order;
} Ranker;

/* "dir/name_heldout.jsonl" for "dir/name.jsonl". */
static void heldout_path(Str *out, const char *path)
{
    const char *name = file_base_name(path), *dot = strrchr(name, '.');
    size_t stem = dot ? (size_t)(dot - path) : strlen(path);
    str_reset(out);
    str_append(out, path, stem);
    str_printf(out, "_heldout%s", dot ? dot : "");
}

/* --- one ranking --------------------------------------------------------------------- */

static bool same_answer(const RewardItem *a, const RewardItem *b)
{
    return a->n_answer == b->n_answer &&
           memcmp(a->answer, b->answer, (size_t)a->n_answer * sizeof *a->answer) == 0;
}

/* Leaves the first of equal answers; returns how many are left. */
static int64_t drop_duplicates(RewardItem *items, int64_t n)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < n; i++) {
        bool seen = false;
        for (int64_t j = 0; j < kept; j++)
            seen = seen || same_answer(&items[i], &items[j]);
        if (!seen)
            items[kept++] = items[i];
    }
    return kept;
}

static int best_first(const void *a, const void *b)
{
    const RewardItem *x = a, *y = b;
    return (x->score < y->score) - (x->score > y->score);
}

/* Ranks of items that are sorted best first; a group ties with its best. Returns the
 * number of ranks. */
static int64_t rank_sorted(const RewardItem *items, int64_t n, double tie,
                           int64_t *rank)
{
    int64_t current = 1;
    double best = items[0].score;
    for (int64_t i = 0; i < n; i++) {
        if (best - items[i].score > tie) {
            current++;
            best = items[i].score;
        }
        rank[i] = current;
    }
    return current;
}

/* --- labels as people give them -------------------------------------------------------- */

/* Orders drawn by adding Gumbel noise to scores are Plackett's and Luce's, in which every
 * pair is Bradley's and Terry's (Yellott 1977). */
static double gumbel(Rng *rng)
{
    double u = rng_uniform(rng);
    return -log(-log(u > 0 ? u : 0x1p-53));
}

/* Ranks in the order of noisy scores, without ties; scale 0: of the noise alone. */
static void rank_by_noise(const RewardItem *items, int64_t n, double scale, Rng *rng,
                          int64_t *rank)
{
    double noisy[MOST_ANSWERS];
    for (int64_t i = 0; i < n; i++)
        noisy[i] = (scale > 0 ? items[i].score / scale : 0) + gumbel(rng);
    for (int64_t i = 0; i < n; i++) {
        rank[i] = 1;
        for (int64_t j = 0; j < n; j++)
            rank[i] += noisy[j] > noisy[i];
    }
}

/* From the judge's order, best first, to the one that is written. */
static void apply_labels(const RankOptions *o, int64_t prompt, const RewardItem *items,
                         int64_t n, int64_t *rank)
{
    Rng rng = rng_make((uint64_t)o->seed, RNG_LABEL, (uint64_t)prompt);
    if (o->labels == RANK_LABELS_SAMPLED)
        rank_by_noise(items, n, o->label_scale, &rng, rank);
    else if (o->labels == RANK_LABELS_SHUFFLED)
        rank_by_noise(items, n, 0, &rng, rank);
    else if (o->labels == RANK_LABELS_FLIPPED && rng_uniform(&rng) < o->label_noise) {
        int64_t ranks = rank[n - 1];
        for (int64_t i = 0; i < n; i++)
            rank[i] = ranks + 1 - rank[i];
    }
}

/* What a reward model's accuracy may be broken down by. */
static void copy_group(json_t *row, const json_t *prompt)
{
    static const char *const keys[] = {"source", "skill"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        json_t *value = json_object_get(prompt, keys[i]);
        if (json_is_string(value))
            json_object_set(row, keys[i], value);
    }
}

static Status write_ranking(Ranker *r, const RewardItem *items, const int64_t *rank,
                            int64_t n, bool heldout, Err *err)
{
    json_t *row = json_object(), *completions = json_array(), *ranks = json_array(),
           *scores = json_array();
    json_object_set_new(row, "prompt", conversation_json(items[0].prompt));
    copy_group(row, items[0].row);
    Status status = OK;
    for (int64_t i = 0; status == OK && i < n; i++) {
        json_t *completion = NULL;
        status = answer_completion(r->model.tok, r->model.chat, items[i].answer,
                                   items[i].n_answer, &completion, err);
        json_array_append_new(completions, completion ? completion : json_null());
        json_array_append_new(ranks, json_integer(rank[i]));
        json_array_append_new(scores, json_real(items[i].score));
    }
    json_object_set_new(row, "completions", completions);
    json_object_set_new(row, "ranks", ranks);
    json_object_set_new(row, "scores", scores);
    Str line = {0};
    json_append(&line, row);
    str_putc(&line, '\n');
    if (status == OK)
        status = str_check(&line, err);
    if (status == OK)
        status = file_writer_put(r->file[heldout], line.ptr, line.len, err);
    r->written[heldout]++;
    str_release(&line);
    json_decref(row);
    return status;
}

/* The K answers to one prompt. */
static Status rank_prompt(Ranker *r, int64_t prompt, const EngineResult *results,
                          Err *err)
{
    RewardItem items[MOST_ANSWERS];
    int64_t rank[MOST_ANSWERS], K = r->o->answers;
    for (int64_t k = 0; k < K; k++)
        items[k] = answerer_item(r->answerer, &r->prompts, prompt, &results[k]);
    int64_t n = drop_duplicates(items, K);
    r->answers += K;
    r->duplicates += K - n;
    if (n >= 2)
        TRY(reward_score(&r->judge.reward, items, n, err));
    qsort(items, (size_t)n, sizeof *items, best_first);
    if (n < 2 || rank_sorted(items, n, r->o->tie, rank) < 2) {
        r->without_order++;
        return OK;
    }
    apply_labels(r->o, prompt, items, n, rank);
    bool heldout = documents_is_heldout(&r->prompts.rendered, prompt, r->o->heldout);
    return write_ranking(r, items, rank, n, heldout, err);
}

/* --- all of them --------------------------------------------------------------------- */

static Status rank_chunk(Ranker *r, int64_t first, int64_t n, Err *err)
{
    int64_t K = r->o->answers, which[CHUNK * MOST_ANSWERS];
    EngineResult results[CHUNK * MOST_ANSWERS];
    for (int64_t i = 0; i < n * K; i++)
        which[i] = first + i / K;
    AnswerOptions o = {r->o->temperature, r->o->max_new, r->o->seed};
    TRY(answerer_run(r->answerer, &r->prompts, which, n * K, (uint64_t)(first * K), &o,
                     results, NULL, err));
    Status status = OK;
    for (int64_t i = 0; status == OK && i < n; i++)
        status = rank_prompt(r, first + i, results + i * K, err);
    for (int64_t i = 0; i < n * K; i++)
        engine_result_release(&results[i]);
    return status;
}

static Status rank_all(Ranker *r, Err *err)
{
    Status status = OK;
    log_progress_begin("rank", (double)r->prompts.n, "prompts");
    for (int64_t i = 0; status == OK && i < r->prompts.n; i += CHUNK) {
        if (system_stop_requested()) {
            status = err_set(err, ERR_STOPPED, "stopped after %lld of %lld prompts",
                             (long long)i, (long long)r->prompts.n);
            break;
        }
        int64_t n = r->prompts.n - i < CHUNK ? r->prompts.n - i : CHUNK;
        status = rank_chunk(r, i, n, err);
        log_progress((double)(i + n), NULL);
    }
    log_progress_end();
    return status;
}

static Status prepare(Ranker *r, const StageEnv *env, Err *err)
{
    TensorOps *ops = env->ops;
    const RankOptions *o = r->o;
    if (!o->prompts)
        return err_set(err, ERR_OPTION, "option 'prompts' is not set");
    TRY(chat_model_open(&r->model, ops, o->model, false, err));
    TRY(prompts_load(&r->prompts, o->prompts, &env->corpus, r->model.chat,
                     r->model.model->shape.context, o->max_new, o->max_prompts, err));
    TRY(stage_judge_open(&r->judge, ops, o->world, "world", &r->model, err));
    int32_t capacity =
        prompts_capacity(&r->prompts, o->max_new, &r->model.model->shape);
    return answerer_new(&r->answerer, r->model.model, r->model.tok, r->model.chat,
                        SLOTS, capacity, true, err);
}

static Status commit(Ranker *r, int which, Err *err)
{
    FileWriter *w = r->file[which];
    r->file[which] = NULL;
    return file_writer_commit(w, err);
}

static void release(Ranker *r)
{
    file_writer_abort(r->file[0]);
    file_writer_abort(r->file[1]);
    stage_judge_release(&r->judge);
    answerer_free(r->answerer);
    prompts_release(&r->prompts);
    chat_model_release(&r->model);
}

Status stage_rank(const StageEnv *env, const RankOptions *o, StageReport *report,
                  Err *err)
{
    double start = system_seconds();
    Ranker r = {.o = o};
    Str path = {0}, heldout = {0};
    Status status = file_make_folders(env->folder, err);
    file_join(&path, env->folder, "comparisons.jsonl");
    if (o->out) {
        str_reset(&path);
        str_puts(&path, o->out);
    }
    heldout_path(&heldout, str_c(&path));
    if (status == OK)
        status = prepare(&r, env, err);
    if (status == OK)
        status = file_writer_open(&r.file[0], str_c(&path), err);
    if (status == OK)
        status = file_writer_open(&r.file[1], str_c(&heldout), err);
    if (status == OK)
        status = rank_all(&r, err);
    if (status == OK && r.written[0] == 0)
        status = err_set(err, ERR_FORMAT,
                         "the judge sees no difference in any of %lld answers",
                         (long long)r.answers);
    if (status == OK)
        status = commit(&r, 1, err);
    if (status == OK)
        status = commit(&r, 0, err);
    if (status == OK) {
        report->seconds = system_seconds() - start;
        report->peak_bytes = mem_peak_rss();
        report->params = r.model.model->n_params;
        snprintf(report->started_from, sizeof report->started_from, "%s", o->model);
        snprintf(
            report->data, sizeof report->data,
            "%lld prompts, %lld answers (%lld equal to another): %lld rankings and "
            "%lld held out; %lld prompts without an order",
            (long long)r.prompts.n, (long long)r.answers, (long long)r.duplicates,
            (long long)r.written[0], (long long)r.written[1],
            (long long)r.without_order);
        log_info("rank: %s", report->data);
        status = stage_mark_finished(env, report, err);
    }
    release(&r);
    str_release(&path);
    str_release(&heldout);
    return status;
}
