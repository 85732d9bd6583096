/* lab.c - see lab.h. */
#include "study/lab.h"

#include "base/file.h"

#include <math.h>
#include <string.h>

enum { MEASURE_SEED = 77 }; /* draws that no run has seen */

Status lab_run(Lab *lab, Span yaml, const char *runs, Err *err)
{
    recipe_release(&lab->recipe);
    lab->recipe = (Recipe){0};
    TRY(recipe_parse(yaml, runs, &lab->recipe, err));
    return recipe_run(&lab->recipe, lab->ops, err);
}

void lab_release(Lab *lab)
{
    recipe_release(&lab->recipe);
    lab->recipe = (Recipe){0};
}

const RecipeStage *lab_stage(const Lab *lab, const char *run)
{
    for (size_t i = 0; i < lab->recipe.n; i++) {
        if (strcmp(lab->recipe.stages[i].name, run) == 0)
            return &lab->recipe.stages[i];
    }
    ASSERT(false); /* the recipe has the run */
    return NULL;
}

Status lab_run_again(const Lab *lab, const char *run, const char *folder,
                     TensorOps *ops, int64_t micro_batch, Err *err)
{
    const RecipeStage *s = lab_stage(lab, run);
    TrainOptions train = s->options.train;
    Str path = {0}, data = {0};
    StageReport report = {0};
    if (micro_batch > 0)
        train.micro_batch = micro_batch;
    StageEnv env = {.ops = ops,
                    .folder = file_join(&path, lab->recipe.folder, folder),
                    .data = file_join(&data, lab->recipe.folder, "data"),
                    .corpus = s->options.corpus,
                    .lora = s->options.lora};
    Status status = file_make_folders(env.folder, err);
    if (status == OK && !stage_is_finished(&env))
        status = s->kind->run(&env, s->options.own, &train, &report, err);
    if (status != OK)
        err_context(err, "'%s'", folder);
    stage_report_release(&report);
    str_release(&path);
    str_release(&data);
    return status;
}

Status lab_series(const Lab *lab, const char *run, Series *out, Err *err)
{
    return series_read(out, lab_folder(lab, run), err);
}

Status lab_final(const Lab *lab, const char *run, const char *key, double *out,
                 Err *err)
{
    Str path = {0};
    json_t *report = NULL;
    Status status = json_read_file(
        file_join(&path, lab_folder(lab, run), "training.json"), &report, err);
    const json_t *value =
        json_object_get(json_object_get(report, "final_metrics"), key);
    *out = json_is_number(value) ? json_number_value(value) : (double)NAN;
    json_decref(report);
    str_release(&path);
    return status;
}

/* --- measures ------------------------------------------------------------------------ */

static Status measure(const Lab *lab, const char *run, const char *file,
                      const char *const *proxies, MeasureOptions *o, Measure *out,
                      Err *err)
{
    Str path = {0}, prompts = {0};
    const char *world = lab_folder(lab, "world");
    o->file = file_join(&path, lab_folder(lab, run), file);
    o->policy = lab_folder(lab, run);
    o->world = world;
    o->prompts = file_join(&prompts, world, "prompts_heldout.jsonl");
    o->max_new = lab->max_new;
    o->seed = MEASURE_SEED;
    for (size_t i = 0; proxies && proxies[i]; i++) {
        ASSERT(i < MEASURE_PROXIES);
        o->proxies[i].name = proxies[i];
        o->proxies[i].folder = lab_folder(lab, proxies[i]);
    }
    Status status = measure_policy(o, lab->ops, out, err);
    if (status != OK)
        err_context(err, "measuring '%s'", run);
    str_release(&path);
    str_release(&prompts);
    return status;
}

Status lab_measure(const Lab *lab, const char *run, const char *const *proxies,
                   Measure *out, Err *err)
{
    MeasureOptions o = {.reference =
                            lab_folder(lab, lab->reference ? lab->reference : "sft"),
                        .limit = lab->limit,
                        .answers = 1};
    return measure(lab, run, "measure.json", proxies, &o, out, err);
}

Status lab_best_of(const Lab *lab, const char *const *proxies, int64_t prompts,
                   int64_t answers, Measure *out, Err *err)
{
    MeasureOptions o = {.limit = prompts, .answers = answers};
    return measure(lab, "sft", "best_of.json", proxies, &o, out, err);
}

Status lab_bits(const Lab *lab, const char *run, int64_t documents, double *out,
                Err *err)
{
    Str path = {0}, text = {0};
    Status status = measure_bits(
        file_join(&path, lab_folder(lab, run), "bits.json"), lab_folder(lab, run),
        file_join(&text, lab_folder(lab, "world"), "heldout.jsonl"), documents,
        lab->ops, out, err);
    str_release(&path);
    str_release(&text);
    return status;
}

/* --- folders ------------------------------------------------------------------------- */

typedef Status (*WithNames)(const char *a, const char *b, void *self, Err *err);

/* Calls `each` for a/NAME and b/NAME of every NAME in folder a. */
static Status each_name(const char *a, const char *b, WithNames each, void *self,
                        Err *err)
{
    char **names;
    size_t n;
    Str in_a = {0}, in_b = {0};
    TRY(file_list(a, &names, &n, err));
    Status status = OK;
    for (size_t i = 0; status == OK && i < n; i++)
        status = each(file_join(&in_a, a, names[i]), file_join(&in_b, b, names[i]),
                      self, err);
    file_list_free(names, n);
    str_release(&in_a);
    str_release(&in_b);
    return status;
}

static Status copy_one(const char *from, const char *to, void *self, Err *err)
{
    (void)self;
    return file_is_folder(from) ? lab_copy_tree(from, to, err)
                                : file_copy(from, to, err);
}

Status lab_copy_tree(const char *from, const char *to, Err *err)
{
    TRY(file_make_folders(to, err));
    return each_name(from, to, copy_one, NULL, err);
}

typedef struct Comparison {
    bool same;
    Str *difference;
} Comparison;

static Status compare_files(const char *a, const char *b, bool *same, Err *err)
{
    FileMap x = {0}, y = {0};
    *same = false;
    if (!file_exists(b))
        return OK;
    Status status = file_map(a, &x, err);
    if (status == OK)
        status = file_map(b, &y, err);
    if (status == OK)
        *same = x.len == y.len && (x.len == 0 || memcmp(x.ptr, y.ptr, x.len) == 0);
    file_unmap(&x);
    file_unmap(&y);
    return status;
}

static Status compare_one(const char *a, const char *b, void *self, Err *err)
{
    Comparison *c = self;
    if (file_is_folder(a))
        return each_name(a, b, compare_one, c, err);
    bool same;
    TRY(compare_files(a, b, &same, err));
    if (!same && c->same && c->difference)
        str_puts(c->difference, a);
    c->same = c->same && same;
    return OK;
}

Status lab_same_bytes(const char *a, const char *b, bool *same, Str *difference,
                      Err *err)
{
    Comparison c = {true, difference};
    Status status = compare_one(a, b, &c, err);
    *same = c.same;
    return status;
}
