/* world.c - options, and the world as an object: facts and the judge's reference set. */
#include "data/world/world.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/stats.h"
#include "data/world/world_internal.h"
#include "data/world/writer.h"
#include "format/json.h"

enum { REFERENCE_ANSWERS = 4000 };

/* clang-format off */
static const OptField fields[] = {
    OPT_INT(WorldOptions, seed, 1, 0, 1e15, "number of the world; another seed, other names and facts"),
    OPT_INT(WorldOptions, people, 60, 4, 150, "people; each has six facts"),
    OPT_INT(WorldOptions, places, 40, 4, 150, "places; each has four facts"),
    OPT_INT(WorldOptions, animals, 40, 4, 150, "animals; each has four facts"),
    OPT_INT(WorldOptions, text_bytes, 34e6, 1e4, 1e11, "bytes of pretraining text"),
    OPT_REAL(WorldOptions, heldout, 0.01, 0, 0.5, "share of the documents held out"),
    OPT_INT(WorldOptions, demonstrations, 6000, 0, 1e7, "conversations written by the simulated writers"),
    OPT_INT(WorldOptions, prompts, 3000, 0, 1e7, "prompts for rollouts"),
    OPT_INT(WorldOptions, heldout_prompts, 400, 0, 1e6, "prompts for measuring"),
    OPT_INT(WorldOptions, comparisons, 3000, 0, 1e7, "ranked groups of four answers"),
    OPT_INT(WorldOptions, heldout_comparisons, 400, 0, 1e6, "ranked groups for measuring"),
    OPT_REAL(WorldOptions, label_noise, 0.05, 0, 1, "chance that a ranking has two neighbours exchanged"),
    OPT_INT(WorldOptions, tests, 100, 1, 1e5, "most test prompts a skill"),
    OPT_END
};
/* clang-format on */
const OptTable world_options = {"world", "the practice world", sizeof(WorldOptions),
                                fields};

typedef struct Reference {
    double raw[REFERENCE_ANSWERS], best[REFERENCE_ANSWERS], bytes[REFERENCE_ANSWERS];
} Reference;

/* The scores of a writer's answer, and of the careful one's, to a drawn task. */
static Status score_reference(World *w, Reference *r, int32_t i, Answer *answer,
                              Err *err)
{
    Chooser c = chooser_make(w->lore.seed, STREAM_REFERENCE, (uint64_t)i);
    Task t;
    JudgeScore score;
    task_draw(&t, &w->lore, writer_draw_skill(&c), SPLIT_TRAIN, &c);
    writer_answer(answer, writer_draw(&c), &t, &w->lore, &c);
    TRY(str_check(&answer->text, err));
    judge_task(&w->lore, &t, str_span(&answer->text), true, &score);
    r->raw[i] = score.raw;
    r->bytes[i] = (double)answer->text.len;
    writer_answer(answer, WRITER_CAREFUL, &t, &w->lore, &c);
    TRY(str_check(&answer->text, err));
    judge_task(&w->lore, &t, str_span(&answer->text), true, &score);
    r->best[i] = score.raw;
    return OK;
}

static Status make_reference(World *w, Err *err)
{
    Reference *r;
    TRY(MEM_ARRAY(&r, 1, err));
    Answer answer = {0};
    Status status = OK;
    for (int32_t i = 0; i < REFERENCE_ANSWERS && status == OK; i++)
        status = score_reference(w, r, i, &answer, err);
    w->gold.mean = stats_mean(r->raw, REFERENCE_ANSWERS);
    w->gold.sd = stats_sd(r->raw, REFERENCE_ANSWERS);
    w->gold.best = (stats_mean(r->best, REFERENCE_ANSWERS) - w->gold.mean) / w->gold.sd;
    w->gold.length_correlation = stats_correlation(r->bytes, r->raw, REFERENCE_ANSWERS);
    answer_release(&answer);
    mem_free(r);
    return status;
}

Status world_new(World **out, const WorldOptions *o, Err *err)
{
    World *w;
    TRY(MEM_ARRAY(&w, 1, err));
    w->options = *o;
    Status status = lore_init(&w->lore, o, err);
    if (status == OK)
        status = make_reference(w, err);
    if (status != OK) {
        world_free(w);
        return status;
    }
    *out = w;
    return OK;
}

static Status read_world(const char *path, json_t **root, Err *err)
{
    if (!file_is_folder(path))
        return json_read_file(path, root, err);
    Str name = {0};
    Status status = json_read_file(file_join(&name, path, "world.json"), root, err);
    str_release(&name);
    return status;
}

Status world_open(World **out, const char *path, Err *err)
{
    json_t *root;
    TRY(read_world(path, &root, err));
    WorldOptions o;
    const json_t *options = json_object_get(root, "options");
    Status status;
    if (!options)
        status =
            err_set(err, ERR_FORMAT, "no 'options': not the file of a practice world");
    else
        status = opt_defaults(&world_options, &o, err);
    if (status == OK)
        status = json_to_options(options, &world_options, &o, err);
    if (status == OK)
        status = world_new(out, &o, err);
    json_decref(root);
    if (status != OK)
        return err_context(err, "world '%s'", path);
    return OK;
}

void world_free(World *w)
{
    if (!w)
        return;
    lore_release(&w->lore);
    mem_free(w);
}

const WorldOptions *world_get_options(const World *w)
{
    return &w->options;
}

const GoldScale *world_gold(const World *w)
{
    return &w->gold;
}
