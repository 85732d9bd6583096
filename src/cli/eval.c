/* eval.c - `tame eval WHAT MODEL...`: skills, gold, winrate, kl, entropy, bits. Numbers go to stdout as a table,
 * or as JSON with --json. */
#include "cli/command.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/eval_retrieval.h"
#include "cli/judge_bias.h"
#include "eval/bits.h"
#include "eval/gold.h"
#include "eval/kl.h"
#include "eval/skills.h"
#include "eval/variety.h"
#include "eval/winrate.h"
#include "think/fit.h"
#include "think/loaded.h"

#include <stdio.h>
#include <string.h>

typedef struct EvalOptions {
    char *world, *prompts, *data, *write;
    int64_t slots, documents;
    bool json;
} EvalOptions;
static const OptField eval_fields[] = {
    OPT_TEXT(EvalOptions, world, NULL, "folder of the practice world"),
    OPT_TEXT(EvalOptions, prompts, NULL,
             "gold, winrate, kl, entropy: prompts; unset: the world's held-out ones"),
    OPT_TEXT(EvalOptions, data, NULL,
             "bits: documents; unset: the world's held-out ones"),
    OPT_TEXT(EvalOptions, write, NULL, "skills: write every answer to this JSONL file"),
    OPT_INT(EvalOptions, slots, 64, 1, 4096, "sequences decoded together"),
    OPT_INT(EvalOptions, documents, 1000, 0, 1e12, "bits: documents at most; 0: all"),
    OPT_BOOL(EvalOptions, json, false, "print JSON"),
    OPT_END,
};
static const OptTable eval_options = {"eval", "options", sizeof(EvalOptions),
                                      eval_fields};

/* All that the ways share. */
typedef struct Eval {
    EvalOptions o;
    SkillsOptions skills;
    GoldOptions gold;
    KlOptions kl;
    VarietyOptions variety;
    WinrateOptions winrate;
    JudgeOptions judge;
    World *world;
    json_t *json;               /* what is printed with --json */
    const char *const *folders; /* of all models */
    size_t n_folders;
    const char *folder; /* of the model in hand */
} Eval;

static Status open_world(Eval *e, Err *err)
{
    if (e->world)
        return OK; /* of the model before */
    if (!e->o.world)
        return err_set(err, ERR_OPTION,
                       "give --world, the folder of the practice world "
                       "(runs/demo/data/world)");
    return world_open(&e->world, e->o.world, err);
}

/* --world may also name the folder's world.json, as other commands take it. */
static void cut_world_name(char *world)
{
    if (!world || file_is_folder(world) ||
        strcmp(file_base_name(world), "world.json") != 0)
        return;
    size_t at = (size_t)(file_base_name(world) - world);
    if (at > 0)
        world[at - 1] = '\0';
    else
        world[0] = '.', world[1] = '\0';
}

/* The option, or else a file of the world's folder. */
static Status file_or_world(const Eval *e, const char *given, const char *option,
                            const char *name, Str *out, Err *err)
{
    str_reset(out);
    if (given)
        str_puts(out, given);
    else if (e->o.world)
        file_join(out, e->o.world, name);
    else
        return err_set(err, ERR_OPTION, "give --world FOLDER or --%s FILE", option);
    return str_check(out, err);
}

/* --- skills --------------------------------------------------------------------------- */
static void print_skills(const SkillsReport *r)
{
    printf("%-12s %6s %7s   %-15s %9s %8s %7s %6s\n", "skill", "n", "right", "95 %",
           "abstained", "refused", "called", "ended");
    for (size_t i = 0; i < r->n; i++) {
        const SkillResult *s = &r->skills[i];
        double n = s->n > 0 ? (double)s->n : 1;
        printf("%-12s %6lld %6.1f%%   %5.1f .. %5.1f %8.1f%% %7.1f%% %6.1f%% %5.1f%%\n",
               s->name, (long long)s->n, 100 * (double)s->right / n,
               100 * s->interval.low, 100 * s->interval.high,
               100 * (double)s->abstained / n, 100 * (double)s->refused / n,
               100 * (double)s->called / n, 100 * (double)s->ended / n);
    }
}

static Status eval_skills(Eval *e, Loaded *m, Err *err)
{
    Engine *engine = NULL;
    Str folder = {0}, answers = {0};
    SkillsReport report = {0};
    TRY(open_world(e, err));
    file_join(&folder, e->o.world, "tests");
    Status status = engine_new(&engine, m->model, (int32_t)e->o.slots, 0, NULL, err);
    if (status == OK)
        status = skills_measure(engine, m->tok, m->chat, e->world, str_c(&folder),
                                &e->skills, e->folder, e->o.write ? &answers : NULL,
                                &report, err);
    if (status == OK && e->o.write)
        status = file_write_atomic(e->o.write, answers.ptr, answers.len, err);
    if (status == OK && e->o.json)
        json_object_set_new(e->json, e->folder, skills_to_json(&report));
    else if (status == OK)
        print_skills(&report);
    skills_release(&report);
    engine_free(engine);
    str_release(&answers);
    str_release(&folder);
    return status;
}

/* --- gold ----------------------------------------------------------------------------- */
static Status measure_gold(Eval *e, Loaded *m, const RecordList *prompts,
                           GoldReport *out, Err *err)
{
    Engine *engine = NULL;
    Reward judge = {0};
    TRY(reward_from_judge(&judge, e->world, m->tok, m->chat, err));
    Status status = engine_new(&engine, m->model, (int32_t)e->o.slots, 0, NULL, err);
    if (status == OK)
        status = gold_measure(engine, m->tok, m->chat, &judge, prompts, &e->gold,
                              e->folder, out, err);
    engine_free(engine);
    reward_release(&judge);
    return status;
}

static void report_gold(Eval *e, const GoldReport *g)
{
    if (e->o.json) {
        json_object_set_new(e->json, e->folder,
                            json_pack("{s:f,s:f,s:I,s:f,s:f,s:f}", "gold", g->mean,
                                      "sd", g->sd, "prompts", (json_int_t)g->n, "ended",
                                      g->ended, "called", g->called, "tokens",
                                      g->tokens));
        return;
    }
    printf(
        "%-28s gold %+.3f (sd %.3f), %lld prompts, %.1f tokens, %.1f%% ended, %.1f%% "
        "called\n",
        e->folder, g->mean, g->sd, (long long)g->n, g->tokens, 100 * g->ended,
        100 * g->called);
}

static void report_comparison(Eval *e, const GoldComparison *c)
{
    if (e->o.json) {
        json_object_set_new(
            e->json, "comparison",
            json_pack("{s:f,s:f,s:f,s:f,s:f,s:f,s:f}", "difference", c->difference,
                      "low", c->interval.low, "high", c->interval.high, "in_deviations",
                      c->in_deviations, "win_rate", c->win_rate, "win_low",
                      c->win_interval.low, "win_high", c->win_interval.high));
        return;
    }
    printf(
        "second over first: %+.3f (95 %% %+.3f .. %+.3f), %+.2f deviations; better on "
        "%.1f%% of prompts (%.1f .. %.1f, ties half)\n",
        c->difference, c->interval.low, c->interval.high, c->in_deviations,
        100 * c->win_rate, 100 * c->win_interval.low, 100 * c->win_interval.high);
}

/* --prompts, or the world's held-out ones: those that all models can read. */
static Status load_prompts(const Eval *e, RecordList *out, Err *err)
{
    CorpusOptions corpus;
    Str file = {0};
    TRY(opt_defaults(&corpus_options, &corpus, err));
    Status status =
        file_or_world(e, e->o.prompts, "prompts", "prompts_heldout.jsonl", &file, err);
    if (status == OK)
        status = corpus_load(out, str_c(&file), RECORD_PROMPT, &corpus, err);
    for (size_t i = 0; status == OK && i < e->n_folders; i++)
        status = fit_prompts(out, e->folders[i], err);
    str_release(&file);
    return status;
}

static Status eval_gold(Eval *e, TensorOps *ops, const char **folders, size_t n,
                        Err *err)
{
    RecordList prompts = {0};
    GoldReport reports[2] = {{0}, {0}};
    if (n > 2)
        return err_set(err, ERR_OPTION, "gold takes one model, or two to compare");
    TRY(open_world(e, err));
    Status status = load_prompts(e, &prompts, err);
    for (size_t i = 0; status == OK && i < n; i++) {
        Loaded m = {0};
        e->folder = folders[i];
        status = loaded_open(&m, ops, e->folder, true, err);
        if (status == OK)
            status = measure_gold(e, &m, &prompts, &reports[i], err);
        if (status == OK)
            report_gold(e, &reports[i]);
        loaded_release(&m);
    }
    if (status == OK && n == 2) {
        GoldComparison c = gold_compare(&reports[0], &reports[1]);
        report_comparison(e, &c);
    }
    for (int i = 0; i < 2; i++)
        gold_release(&reports[i]);
    record_list_release(&prompts);
    return status;
}

/* --- winrate ---------------------------------------------------------------------------- */
static Status answer_prompts(Eval *e, TensorOps *ops, const RecordList *prompts,
                             int which, WinrateAnswers *out, Err *err)
{
    Loaded m = {0};
    Engine *engine = NULL;
    TRY(loaded_open(&m, ops, e->folder, true, err));
    Status status = engine_new(&engine, m.model, (int32_t)e->o.slots, 0, NULL, err);
    if (status == OK)
        status = winrate_answer(engine, m.tok, m.chat, prompts, &e->winrate, which,
                                e->folder, out, err);
    engine_free(engine);
    loaded_release(&m);
    return status;
}

static json_t *winrate_json(const Winrate *w, const char *judge, JudgeBias bias)
{
    json_t *o = json_pack(
        "{s:s,s:I,s:I,s:I,s:I,s:I,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f}", "judge", judge,
        "prompts", (json_int_t)w->n, "wins", (json_int_t)w->wins, "ties",
        (json_int_t)w->ties, "losses", (json_int_t)w->losses, "too_long",
        (json_int_t)w->too_long, "win_rate", w->rate, "low", w->interval.low, "high",
        w->interval.high, "length_controlled", w->controlled, "length_controlled_low",
        w->controlled_interval.low, "length_controlled_high",
        w->controlled_interval.high, "length_effect", w->length_effect, "bytes_first",
        w->length_a, "bytes_second", w->length_b);
    if (bias.pairs > 0)
        json_object_set_new(o, "position_bias",
                            json_pack("{s:I,s:I,s:I}", "pairs", (json_int_t)bias.pairs,
                                      "agreed", (json_int_t)bias.agreed, "for_first",
                                      (json_int_t)bias.for_first));
    return o;
}

static void report_winrate(Eval *e, const char **folders, const Winrate *w,
                           const Judge *judge)
{
    if (e->o.json) {
        json_object_set_new(e->json, "winrate",
                            winrate_json(w, judge_name(judge), judge_bias(judge)));
        return;
    }
    printf("%s over %s, %s: %lld prompts, %lld won, %lld tied, %lld lost\n", folders[1],
           folders[0], judge_name(judge), (long long)w->n, (long long)w->wins,
           (long long)w->ties, (long long)w->losses);
    if (w->too_long > 0)
        printf("%lld answers are too long for the judge and left out\n",
               (long long)w->too_long);
    printf("win rate           %5.1f %% (95 %% %.1f .. %.1f), ties half\n",
           100 * w->rate, 100 * w->interval.low, 100 * w->interval.high);
    printf("length-controlled  %5.1f %% (95 %% %.1f .. %.1f): %.0f bytes an answer "
           "against "
           "%.0f\n",
           100 * w->controlled, 100 * w->controlled_interval.low,
           100 * w->controlled_interval.high, w->length_b, w->length_a);
    print_judge_bias(judge_bias(judge));
}

/* The judge first, so that one that is missing is found before anything is answered. */
static Status judge_models(Eval *e, TensorOps *ops, const char **folders,
                           const RecordList *prompts, WinrateAnswers answers[2],
                           Err *err)
{
    Judge *judge = NULL;
    Winrate w;
    TRY(judge_open(&judge, ops, &e->judge, err));
    Status status = OK;
    for (int i = 0; i < 2 && status == OK; i++) {
        e->folder = folders[i];
        status = answer_prompts(e, ops, prompts, i, &answers[i], err);
    }
    if (status == OK)
        status = winrate_judge(judge, prompts, &answers[0], &answers[1], &w, err);
    if (status == OK)
        report_winrate(e, folders, &w, judge);
    judge_free(judge);
    return status;
}

static Status eval_winrate(Eval *e, TensorOps *ops, const char **folders, size_t n,
                           Err *err)
{
    RecordList prompts = {0};
    WinrateAnswers answers[2] = {{0}, {0}};
    if (n != 2)
        return err_set(err, ERR_OPTION, "winrate takes two models");
    if (!e->judge.reward && !e->judge.judge) {
        if (!e->o.world)
            return err_set(
                err, ERR_OPTION,
                "give a judge: --world FOLDER (the gold judge), --reward FOLDER "
                "or --judge FOLDER (a chat model)");
        e->judge.world = e->o.world; /* borrowed */
    }
    Status status = load_prompts(e, &prompts, err);
    if (status == OK)
        status = judge_models(e, ops, folders, &prompts, answers, err);
    for (int i = 0; i < 2; i++)
        winrate_answers_release(&answers[i]);
    record_list_release(&prompts);
    return status;
}

/* --- kl ------------------------------------------------------------------------------- */
static void report_kl(Eval *e, const KlReport *r)
{
    if (e->o.json) {
        json_object_set_new(e->json, e->folder,
                            json_pack("{s:f,s:f,s:f,s:I,s:f}", "kl", r->kl, "low",
                                      r->interval.low, "high", r->interval.high,
                                      "answers", (json_int_t)r->n, "tokens",
                                      r->tokens));
        return;
    }
    printf("%-28s KL %.3f nats an answer (95 %% %.3f .. %.3f), %lld answers, %.1f "
           "tokens\n",
           e->folder, r->kl, r->interval.low, r->interval.high, (long long)r->n,
           r->tokens);
}

static Status measure_kl(Eval *e, Loaded *m, Loaded *reference,
                         const RecordList *prompts, Err *err)
{
    Engine *engines[2] = {NULL, NULL};
    KlReport report;
    if (m->model->shape.vocab != reference->model->shape.vocab)
        return err_set(err, ERR_OPTION,
                       "'%s' has a vocabulary of %d, the reference of %d", e->folder,
                       m->model->shape.vocab, reference->model->shape.vocab);
    Status status =
        engine_new(&engines[0], m->model, (int32_t)e->o.slots, 0, NULL, err);
    if (status == OK)
        status = engine_new(&engines[1], reference->model, 1, 0, NULL, err);
    if (status == OK)
        status = kl_measure(engines[0], engines[1], m->tok, m->chat, prompts, &e->kl,
                            e->folder, &report, err);
    if (status == OK)
        report_kl(e, &report);
    engine_free(engines[0]);
    engine_free(engines[1]);
    return status;
}

/* folders[0] is the reference. */
static Status eval_kl(Eval *e, TensorOps *ops, const char **folders, size_t n, Err *err)
{
    RecordList prompts = {0};
    Loaded reference = {0};
    if (n < 2)
        return err_set(err, ERR_OPTION, "kl takes a reference and a model or more");
    Status status = load_prompts(e, &prompts, err);
    if (status == OK)
        status = loaded_open(&reference, ops, folders[0], true, err);
    for (size_t i = 1; status == OK && i < n; i++) {
        Loaded m = {0};
        e->folder = folders[i];
        status = loaded_open(&m, ops, e->folder, true, err);
        if (status == OK)
            status = measure_kl(e, &m, &reference, &prompts, err);
        loaded_release(&m);
    }
    loaded_release(&reference);
    record_list_release(&prompts);
    return status;
}

/* --- entropy -------------------------------------------------------------------------- */
static void report_variety(Eval *e, const VarietyReport *r)
{
    const TextVariety *t = &r->texts;
    if (e->o.json) {
        json_object_set_new(
            e->json, e->folder,
            json_pack("{s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:I,s:I}", "entropy",
                      r->entropy, "low", r->interval.low, "high", r->interval.high,
                      "distinct_1", t->distinct[0], "distinct_2", t->distinct[1],
                      "distinct_3", t->distinct[2], "self_bleu", t->self_bleu, "unique",
                      t->unique, "tokens", r->tokens, "prompts", (json_int_t)r->prompts,
                      "answers", (json_int_t)r->answers));
        return;
    }
    printf("%-28s %.3f nats a token (95 %% %.3f .. %.3f), distinct-1/2/3 %.3f %.3f "
           "%.3f, self-BLEU %.3f, %.1f%% unique, %.1f tokens, %lld answers\n",
           e->folder, r->entropy, r->interval.low, r->interval.high, t->distinct[0],
           t->distinct[1], t->distinct[2], t->self_bleu, 100 * t->unique, r->tokens,
           (long long)r->answers);
}

static Status eval_entropy(Eval *e, Loaded *m, Err *err)
{
    Engine *engine = NULL;
    RecordList prompts = {0};
    VarietyReport report;
    TRY(load_prompts(e, &prompts, err));
    Status status = engine_new(&engine, m->model, (int32_t)e->o.slots, 0, NULL, err);
    if (status == OK)
        status = variety_measure(engine, m->tok, m->chat, &prompts, &e->variety,
                                 e->folder, &report, err);
    if (status == OK)
        report_variety(e, &report);
    engine_free(engine);
    record_list_release(&prompts);
    return status;
}

/* --- bits ----------------------------------------------------------------------------- */
static Status eval_bits(Eval *e, Loaded *m, Err *err)
{
    Engine *engine = NULL;
    BitsReport r = {0};
    Str file = {0};
    Status status = file_or_world(e, e->o.data, "data", "heldout.jsonl", &file, err);
    if (status == OK)
        status = engine_new(&engine, m->model, 1, 0, NULL, err);
    if (status == OK)
        status = bits_measure(engine, m->tok, str_c(&file), e->o.documents, &r, err);
    if (status == OK && e->o.json)
        json_object_set_new(
            e->json, e->folder,
            json_pack("{s:f,s:f,s:I,s:I}", "bits_per_byte", r.bits_per_byte,
                      "bits_per_token", r.bits_per_token, "documents",
                      (json_int_t)r.documents, "tokens", (json_int_t)r.tokens));
    else if (status == OK)
        printf("%-28s %.4f bits per byte, %.3f bits per token, %lld documents, %s\n",
               e->folder, r.bits_per_byte, r.bits_per_token, (long long)r.documents,
               log_bytes(r.bytes));
    engine_free(engine);
    str_release(&file);
    return status;
}

/* --- the command ------------------------------------------------------------------------ */
static Status eval_each(Eval *e, TensorOps *ops, bool chat, const char **folders,
                        size_t n, Status (*measure)(Eval *, Loaded *, Err *), Err *err)
{
    Status status = OK;
    for (size_t i = 0; status == OK && i < n; i++) {
        Loaded m = {0};
        e->folder = folders[i];
        status = loaded_open(&m, ops, e->folder, chat, err);
        if (status == OK)
            status = measure(e, &m, err);
        loaded_release(&m);
    }
    return status;
}

typedef enum Way {
    WAY_SKILLS,
    WAY_GOLD,
    WAY_WINRATE,
    WAY_KL,
    WAY_ENTROPY,
    WAY_BITS,
    WAYS
} Way;
static const char *const way_names[WAYS] = {"skills", "gold",    "winrate",
                                            "kl",     "entropy", "bits"};

static Status eval(Eval *e, Way way, const char **folders, size_t n, Err *err)
{
    TensorOps *ops = NULL;
    TRY(command_backend(&ops, COMPUTE_F32, err));
    e->json = json_object();
    e->folders = folders;
    e->n_folders = n;
    Status status;
    if (way == WAY_SKILLS)
        status = eval_each(e, ops, true, folders, n, eval_skills, err);
    else if (way == WAY_GOLD)
        status = eval_gold(e, ops, folders, n, err);
    else if (way == WAY_WINRATE)
        status = eval_winrate(e, ops, folders, n, err);
    else if (way == WAY_KL)
        status = eval_kl(e, ops, folders, n, err);
    else if (way == WAY_ENTROPY)
        status = eval_each(e, ops, true, folders, n, eval_entropy, err);
    else
        status = eval_each(e, ops, false, folders, n, eval_bits, err);
    if (status == OK && e->o.json) {
        Str text = {0};
        json_append(&text, e->json);
        puts(str_c(&text));
        str_release(&text);
    }
    json_decref(e->json);
    world_free(e->world);
    tensor_free(ops);
    return status;
}

static Way way_named(const char *word)
{
    int way = 0;
    while (way < WAYS && strcmp(way_names[way], word) != 0)
        way++;
    return (Way)way;
}

static int unknown_way(const char *word)
{
    const char *near = opt_nearest(word, way_names, WAYS);
    return near ? command_usage_error("eval", "no '%s' to measure; did you mean '%s'?",
                                      word, near)
                : command_usage_error(
                      "eval", "'%s' is not skills, gold, winrate, kl, entropy or bits",
                      word);
}

/* Skills, gold, winrate, kl and entropy have options of the same names (--max-new): only those of the way that
 * is asked for are bound, and those of all for help in general. */
int eval_command(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "retrieval") == 0)
        return eval_retrieval_command(argc - 1, argv + 1);
    Err err = {0};
    Eval e = {0};
    const OptBinding all[] = {{&eval_options, &e.o},
                              {&skills_options, &e.skills},
                              {&gold_options, &e.gold},
                              {&kl_options, &e.kl},
                              {&variety_options, &e.variety},
                              {&winrate_options, &e.winrate},
                              {&judge_models_options, &e.judge}};
    enum { ALL = sizeof all / sizeof *all };
    Status status = command_defaults(all, ALL, &err);
    if (status != OK)
        return command_fail(status, &err);
    Way way = WAYS;
    for (int i = 1; i < argc && way == WAYS; i++)
        way = way_named(argv[i]);
    OptBinding bindings[ALL] = {{&eval_options, &e.o}};
    size_t n_bindings = 1;
    if (way == WAY_SKILLS || way == WAYS)
        bindings[n_bindings++] = (OptBinding){&skills_options, &e.skills};
    if (way == WAY_GOLD || way == WAYS)
        bindings[n_bindings++] = (OptBinding){&gold_options, &e.gold};
    if (way == WAY_WINRATE || way == WAYS) {
        bindings[n_bindings++] = (OptBinding){&winrate_options, &e.winrate};
        bindings[n_bindings++] = (OptBinding){&judge_models_options, &e.judge};
    }
    if (way == WAY_KL || way == WAYS)
        bindings[n_bindings++] = (OptBinding){&kl_options, &e.kl};
    if (way == WAY_ENTROPY || way == WAYS)
        bindings[n_bindings++] = (OptBinding){&variety_options, &e.variety};
    const Usage usage = {
        .name = "eval",
        .words = "skills|gold|winrate|kl|entropy|bits MODEL...",
        .what =
            "skills  the practice world's tests, answered greedily, judged right or "
            "wrong\n"
            "gold    mean score by the gold judge of sampled answers; two models are "
            "compared prompt by prompt\n"
            "winrate how often the second model's answers are better than the first's, "
            "by "
            "a judge; also at equal length\n"
            "kl      how far models' answers are from those of the first, a reference\n"
            "entropy how many different things models say: nats a token, distinct "
            "words, "
            "self-BLEU\n"
            "bits    bits per byte of documents: how well the model predicts text\n"
            "`tame eval retrieval INDEX` measures an index: see its --help",
        .examples = "  tame eval skills runs/demo/ppo --world runs/demo/data/world\n"
                    "  tame eval gold runs/demo/sft runs/demo/ppo --world "
                    "runs/demo/data/world\n"
                    "  tame eval winrate runs/demo/sft runs/demo/ppo --world "
                    "runs/demo/data/world\n"
                    "  tame eval winrate sft ppo --judge other --prompts "
                    "prompts.jsonl\n"
                    "  tame eval kl runs/demo/sft runs/demo/ppo --world "
                    "runs/demo/data/world\n"
                    "  tame eval entropy runs/demo/base runs/demo/sft runs/demo/ppo "
                    "--world runs/demo/data/world\n"
                    "  tame eval bits runs/demo/base --data book.txt\n",
        .options = bindings,
        .n_options = n_bindings,
    };
    const char *words[16];
    size_t n;
    Parsed parsed = command_parse(&usage, argc, argv, words, 2, 16, &n);
    int result = parsed == PARSED_HELP ? 0 : 2;
    if (parsed == PARSED_OK && (way == WAYS || way_named(words[0]) != way)) {
        result = unknown_way(words[0]);
    } else if (parsed == PARSED_OK) {
        cut_world_name(e.o.world);
        status = eval(&e, way, words + 1, n - 1, &err);
        result = command_end(status, &err);
    }
    command_release(all, ALL);
    return result;
}
