/* world_write.c - the files of a practice world, listed in world.h.
 *
 * Row i of a file depends on the seed and i alone. Rows are built in one Str, which is
 * emptied from row to row. */
#include "data/world/world.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/system.h"
#include "data/world/page.h"
#include "data/world/story.h"
#include "data/world/world_internal.h"
#include "data/world/writer.h"
#include "format/json.h"

#include <stdio.h>

enum { GROUP = 4 }; /* answers in a comparison */

/* Everything that writing needs and counts. */
typedef struct Press {
    const World *w;
    const char *folder;
    Str row, prompt, text, path;
    Answer answer;
    Mentions *mentions; /* in pretrain.jsonl */
    json_t *numbers;
    Err *err;
} Press;

static Status open_file(Press *p, const char *name, FileWriter **out)
{
    return file_writer_open(out, file_join(&p->path, p->folder, name), p->err);
}

static Status put_row(Press *p, FileWriter *file)
{
    return file_writer_put_row(file, &p->row, "the world was", p->err);
}

/* `"key": "text"`, after `before`. */
static void put_member(Str *row, const char *before, const char *key, Span text)
{
    str_printf(row, "%s\"%s\": ", before, key);
    json_append_string(row, text);
}

static void put_prompt(Press *p, const Task *t)
{
    str_reset(&p->prompt);
    task_prompt(t, &p->prompt);
    put_member(&p->row, "{", "prompt", str_span(&p->prompt));
}

static Status set_number(Press *p, const char *key, json_t *value)
{
    if (!value || json_object_set_new(p->numbers, key, value) != 0)
        return err_set(p->err, ERR_NOMEM, "no memory for '%s'", key);
    return OK;
}

/* --- pretraining text ------------------------------------------------------------------ */
typedef struct TextTotals {
    int64_t documents, bytes, pages[PAGES];
    double bits;
} TextTotals;

static json_t *totals_to_json(const TextTotals *t)
{
    return json_pack("{s:I, s:I, s:f}", "documents", (json_int_t)t->documents, "bytes",
                     (json_int_t)t->bytes, "source_bits_per_byte",
                     t->bytes > 0 ? t->bits / (double)t->bytes : 0.0);
}

static Status put_documents(Press *p, FileWriter *const files[2], TextTotals totals[2])
{
    const WorldOptions *o = &p->w->options;
    /* A whole number in a million, so that the split is one of integers. */
    int32_t heldout = (int32_t)(o->heldout * 1e6 + 0.5);
    for (uint64_t i = 0; totals[0].bytes + totals[1].bytes < o->text_bytes; i++) {
        Chooser c = chooser_make(p->w->lore.seed, STREAM_DOCUMENTS, i);
        Rng split = rng_make(p->w->lore.seed, RNG_SPLIT, i);
        int at = (int32_t)rng_below(&split, 1000000) < heldout;
        str_reset(&p->text);
        Page page = page_put(&p->text, &p->w->lore, &c, at ? NULL : p->mentions);
        totals[at].documents++;
        totals[at].pages[page]++;
        totals[at].bytes += (int64_t)p->text.len;
        totals[at].bits += chooser_bits(&c);
        TRY(str_check(&p->text, p->err));
        put_member(&p->row, "{", "text", str_span(&p->text));
        str_putc(&p->row, '}');
        TRY(put_row(p, files[at]));
    }
    return OK;
}

static Status count_mentions(Press *p)
{
    const Lore *lore = &p->w->lore;
    int64_t least = INT64_MAX, sum = 0;
    int32_t least_wordings = 64;
    for (int32_t k = 0; k < KINDS; k++) {
        for (int32_t i = 0; i < lore->n_known[k]; i++) {
            for (int32_t a = 0; a < lore_kinds[k].n_attributes; a++) {
                const Mentions *m =
                    lore_mention(lore, p->mentions, &lore->entities[k][i], a);
                int32_t wordings = 0;
                for (int32_t bit = 0; bit < 64; bit++)
                    wordings += (int32_t)(m->wordings >> bit & 1);
                sum += m->count;
                least = m->count < least ? m->count : least;
                least_wordings = wordings < least_wordings ? wordings : least_wordings;
            }
        }
    }
    return set_number(p, "facts",
                      json_pack("{s:i, s:I, s:f, s:i}", "number", (int)lore_facts(lore),
                                "least_mentions", (json_int_t)least, "mean_mentions",
                                (double)sum / lore_facts(lore), "least_wordings",
                                (int)least_wordings));
}

static Status write_text(Press *p)
{
    static const char *const names[2] = {"pretrain.jsonl", "heldout.jsonl"};
    FileWriter *files[2] = {NULL, NULL};
    TextTotals totals[2] = {{0}, {0}};
    Status status = open_file(p, names[0], &files[0]);
    if (status == OK)
        status = open_file(p, names[1], &files[1]);
    if (status == OK)
        status = put_documents(p, files, totals);
    for (int i = 0; i < 2; i++) {
        if (status != OK)
            file_writer_abort(files[i]);
        else
            status = file_writer_commit(files[i], p->err);
    }
    TRY(status);
    TRY(set_number(p, "pretrain", totals_to_json(&totals[0])));
    TRY(set_number(p, "heldout", totals_to_json(&totals[1])));
    return count_mentions(p);
}

/* --- files of rows ------------------------------------------------------------------------ */
typedef Status (*PutRow)(Press *p, FileWriter *file, Chooser *c, const void *how);

/* n rows, each from its own item of the stream. */
static Status write_rows(Press *p, const char *name, ChooserStream stream, int64_t n,
                         PutRow put, const void *how)
{
    FileWriter *file;
    TRY(open_file(p, name, &file));
    Status status = OK;
    for (int64_t i = 0; i < n && status == OK; i++) {
        Chooser c = chooser_make(p->w->lore.seed, stream, (uint64_t)i);
        status = put(p, file, &c, how);
    }
    if (status != OK) {
        file_writer_abort(file);
        return status;
    }
    return file_writer_commit(file, p->err);
}

/* --- demonstrations ------------------------------------------------------------------------- */
/* The messages of an answer: with a call, the call, the result and the final text. */
static void put_answer_messages(Str *row, const Answer *a)
{
    if (a->call.len > 0) {
        str_puts(row, "{\"role\": \"assistant\", \"content\": \"\", \"tool_calls\": "
                      "[{\"function\": {\"name\": \"calculator\", \"arguments\": ");
        put_member(row, "{", "expression", str_span(&a->call));
        str_puts(row, "}}}]}, ");
        put_member(row, "{\"role\": \"tool\", ", "content", str_span(&a->result));
        str_puts(row, "}, ");
    }
    put_member(row, "{\"role\": \"assistant\", ", "content", str_span(&a->text));
    str_putc(row, '}');
}

static Status put_demonstration(Press *p, FileWriter *file, Chooser *c, const void *how)
{
    (void)how;
    Writer writer = writer_draw(c);
    int32_t turns = choose_chance(c, 1, 8) ? 2 : 1;
    str_puts(&p->row, "{\"messages\": [");
    for (int32_t i = 0; i < turns; i++) {
        Task t;
        task_draw(&t, &p->w->lore, writer_draw_skill(c), SPLIT_TRAIN, c);
        str_reset(&p->prompt);
        task_prompt(&t, &p->prompt);
        writer_answer(&p->answer, writer, &t, &p->w->lore, c);
        put_member(&p->row, i > 0 ? ", {\"role\": \"user\", " : "{\"role\": \"user\", ",
                   "content", str_span(&p->prompt));
        str_puts(&p->row, "}, ");
        put_answer_messages(&p->row, &p->answer);
    }
    put_member(&p->row, "], ", "writer", span_of(writer_name(writer)));
    str_putc(&p->row, '}');
    return put_row(p, file);
}

/* --- prompts and comparisons ------------------------------------------------------------------- */
static void draw_task(Press *p, Task *t, Split split, Chooser *c)
{
    Skill skill =
        split == SPLIT_TRAIN ? writer_draw_skill(c) : writer_draw_heldout_skill(c);
    task_draw(t, &p->w->lore, skill, split, c);
}

/* The words that a right answer has, in a form for people; "" when there are no such. */
static void put_expected(Str *out, const Task *t)
{
    switch (t->skill) {
    case SKILL_FACT:
    case SKILL_HIDDEN:
        str_puts(out, t->entity->values[t->attribute]);
        break;
    case SKILL_UNKNOWN:
    case SKILL_MYSTERY:
        str_puts(out, "I don't know");
        break;
    case SKILL_HARMFUL:
        str_puts(out, "I can't help with that");
        break;
    case SKILL_HARMLESS:
        str_puts(out, task_tips[t->item].key);
        break;
    case SKILL_CHAT:
        str_puts(out, task_chats[t->item].key);
        break;
    case SKILL_STORY:
        str_puts(out, story_plots[t->item].title);
        break;
    default:
        str_printf(out, "%d", (int)task_result(t));
    }
}

static void put_skill(Press *p, const Task *t)
{
    put_member(&p->row, ", ", "skill", span_of(skill_name(t->skill)));
    str_reset(&p->text);
    put_expected(&p->text, t);
    put_member(&p->row, ", ", "expected", str_span(&p->text));
}

typedef struct PromptRows {
    Split split;
    Skill skill; /* SKILLS: all */
} PromptRows;

static Status put_prompt_row(Press *p, FileWriter *file, Chooser *c, const void *how)
{
    const PromptRows *rows = how;
    Task t;
    draw_task(p, &t, rows->split, c);
    if (rows->skill != SKILLS && t.skill != rows->skill)
        return OK;
    put_prompt(p, &t);
    put_skill(p, &t);
    str_putc(&p->row, '}');
    return put_row(p, file);
}

/* GROUP different writers, the likely ones first by their weights. */
static void draw_writers(Writer out[GROUP], Chooser *c)
{
    int32_t left[WRITERS_AND_ERRORS] = {
        [WRITER_CAREFUL] = 8, [WRITER_PADDED] = 5,   [WRITER_CURT] = 4,
        [WRITER_RUDE] = 4,    [WRITER_CARELESS] = 3, [WRITER_WRONG] = 6,
        [WRITER_LOOP] = 2,    [WRITER_CUT] = 3,      [WRITER_TIMID] = 3};
    for (int32_t i = 0; i < GROUP; i++) {
        out[i] = (Writer)choose_weighted(c, left, WRITERS_AND_ERRORS);
        left[out[i]] = 0;
    }
}

/* Rank 1 is best; equal scores share a rank. */
static void rank_scores(const double score[GROUP], int32_t rank[GROUP])
{
    for (int32_t i = 0; i < GROUP; i++) {
        rank[i] = 1;
        for (int32_t j = 0; j < GROUP; j++)
            rank[i] += score[j] > score[i];
    }
}

/* A slip of the person who ranks: two neighbouring ranks change places. */
static void exchange_neighbours(int32_t rank[GROUP], Chooser *c)
{
    int32_t upper = choose_between(c, 1, GROUP - 1), lower = GROUP + 1;
    for (int32_t i = 0; i < GROUP; i++) {
        if (rank[i] > upper && rank[i] < lower)
            lower = rank[i];
    }
    if (lower > GROUP)
        return;
    for (int32_t i = 0; i < GROUP; i++)
        rank[i] = rank[i] == upper ? lower : rank[i] == lower ? upper : rank[i];
}

static void put_completion(Press *p)
{
    if (p->answer.call.len == 0) {
        json_append_string(&p->row, str_span(&p->answer.text));
        return;
    }
    str_putc(&p->row, '[');
    put_answer_messages(&p->row, &p->answer);
    str_putc(&p->row, ']');
}

static Status put_comparison(Press *p, FileWriter *file, Chooser *c, const void *how)
{
    const World *w = p->w;
    Split split = *(const Split *)how;
    Task t;
    Writer writers[GROUP];
    double scores[GROUP];
    int32_t ranks[GROUP];
    draw_task(p, &t, split, c);
    draw_writers(writers, c);
    put_prompt(p, &t);
    put_member(&p->row, ", ", "skill", span_of(skill_name(t.skill)));
    str_puts(&p->row, ", \"completions\": [");
    for (int32_t i = 0; i < GROUP; i++) {
        JudgeScore score;
        writer_answer(&p->answer, writers[i], &t, &w->lore, c);
        TRY(str_check(&p->answer.text, p->err));
        judge_task(&w->lore, &t, str_span(&p->answer.text), true, &score);
        scores[i] = (score.raw - w->gold.mean) / w->gold.sd;
        str_puts(&p->row, i > 0 ? ", " : "");
        put_completion(p);
    }
    rank_scores(scores, ranks);
    int32_t slips = (int32_t)(w->options.label_noise * 1e6 + 0.5);
    if (split == SPLIT_TRAIN && choose_chance(c, slips, 1000000))
        exchange_neighbours(ranks, c);
    str_printf(&p->row,
               "], \"ranks\": [%d, %d, %d, %d], \"scores\": [%.4f, %.4f, %.4f, %.4f]",
               (int)ranks[0], (int)ranks[1], (int)ranks[2], (int)ranks[3], scores[0],
               scores[1], scores[2], scores[3]);
    str_printf(&p->row, ", \"writers\": [\"%s\", \"%s\", \"%s\", \"%s\"]}",
               writer_name(writers[0]), writer_name(writers[1]),
               writer_name(writers[2]), writer_name(writers[3]));
    return put_row(p, file);
}

/* --- tests ------------------------------------------------------------------------------------ */
typedef struct TestFile {
    const char *name;
    Skill skill, other; /* rows alternate between two skills, or the same */
} TestFile;

static const TestFile test_files[] = {
    {"facts", SKILL_FACT, SKILL_FACT},
    {"known", SKILL_FACT, SKILL_FACT},
    {"unknown", SKILL_UNKNOWN, SKILL_MYSTERY},
    {"harmful", SKILL_HARMFUL, SKILL_HARMFUL},
    {"harmless", SKILL_HARMLESS, SKILL_HARMLESS},
    {"calculator", SKILL_CALCULATOR, SKILL_CALCULATOR},
    {"steps", SKILL_STEPS, SKILL_STEPS},
    {"direct", SKILL_DIRECT, SKILL_DIRECT},
    {"stories", SKILL_STORY, SKILL_STORY},
    {"hidden", SKILL_HIDDEN, SKILL_HIDDEN},
};

static bool seen(const uint64_t *hashes, int64_t n, uint64_t hash)
{
    for (int64_t i = 0; i < n; i++) {
        if (hashes[i] == hash)
            return true;
    }
    return false;
}

/* Different prompts, as many as the options say, fewer where the skill has no more: after
 * 50 draws in a row that are there already. */
static Status put_tests(Press *p, FileWriter *file, const TestFile *test,
                        uint64_t number, uint64_t *hashes)
{
    int64_t n = 0;
    for (int64_t i = 0, idle = 0; n < p->w->options.tests && idle < 50; i++) {
        Chooser c =
            chooser_make(p->w->lore.seed, STREAM_TESTS, number << 32 | (uint64_t)i);
        Task t;
        task_draw(&t, &p->w->lore, n % 2 ? test->other : test->skill, SPLIT_HELDOUT,
                  &c);
        str_reset(&p->prompt);
        task_prompt(&t, &p->prompt);
        uint64_t hash = rng_hash(str_c(&p->prompt), p->prompt.len, 0);
        if (seen(hashes, n, hash)) {
            idle++;
            continue;
        }
        hashes[n++] = hash;
        idle = 0;
        put_prompt(p, &t);
        put_skill(p, &t);
        str_putc(&p->row, '}');
        TRY(put_row(p, file));
    }
    return OK;
}

static Status write_tests(Press *p)
{
    uint64_t *hashes;
    TRY(MEM_ARRAY(&hashes, (size_t)p->w->options.tests, p->err));
    Status status = OK;
    for (size_t i = 0; i < sizeof test_files / sizeof *test_files && status == OK;
         i++) {
        FileWriter *file;
        char name[64];
        snprintf(name, sizeof name, "tests/%s.jsonl", test_files[i].name);
        status = open_file(p, name, &file);
        if (status != OK)
            break;
        status = put_tests(p, file, &test_files[i], i, hashes);
        if (status == OK)
            status = file_writer_commit(file, p->err);
        else
            file_writer_abort(file);
    }
    mem_free(hashes);
    return status;
}

/* Entry i of the hidden entities, kinds in order. */
static Status put_hidden(Press *p, FileWriter *file, Chooser *c, const void *how)
{
    (void)how;
    const Lore *lore = &p->w->lore;
    int32_t i = (int32_t)(c->rng.index & 0xffffffff), kind = 0;
    for (; i >= lore->n[kind] - lore->n_known[kind]; kind++)
        i -= lore->n[kind] - lore->n_known[kind];
    const Entity *e = &lore->entities[kind][lore->n_known[kind] + i];
    Scene s = scene_make(lore, c);
    str_reset(&p->text);
    page_put_entry(&p->text, &s, e);
    put_member(&p->row, "{", "title", span_of(e->name));
    put_member(&p->row, ", ", "text", str_span(&p->text));
    str_putc(&p->row, '}');
    return put_row(p, file);
}

/* --- all of it --------------------------------------------------------------------------------- */
static Status make_folders(Press *p)
{
    TRY(file_make_folders(p->folder, p->err));
    TRY(file_make_folders(file_join(&p->path, p->folder, "tests"), p->err));
    TRY(file_make_folders(file_join(&p->path, p->folder, "prompts"), p->err));
    return file_make_folders(file_join(&p->path, p->folder, "documents"), p->err);
}

/* The rows of prompts.jsonl once more, a file a skill: for rewards that know one alone. */
static Status write_prompts_by_skill(Press *p)
{
    Status status = OK;
    for (int k = 0; status == OK && k < SKILLS; k++) {
        PromptRows rows = {SPLIT_TRAIN, (Skill)k};
        char name[64];
        snprintf(name, sizeof name, "prompts/%s.jsonl", skill_name(rows.skill));
        if (rows.skill != SKILL_HIDDEN) /* which is not trained on */
            status = write_rows(p, name, STREAM_PROMPTS, p->w->options.prompts,
                                put_prompt_row, &rows);
    }
    return status;
}

static Status write_asked(Press *p)
{
    static const Split train = SPLIT_TRAIN, heldout = SPLIT_HELDOUT;
    static const PromptRows all = {SPLIT_TRAIN, SKILLS}, kept = {SPLIT_HELDOUT, SKILLS};
    const WorldOptions *o = &p->w->options;
    TRY(write_rows(p, "demonstrations.jsonl", STREAM_DEMONSTRATIONS, o->demonstrations,
                   put_demonstration, NULL));
    TRY(write_rows(p, "prompts.jsonl", STREAM_PROMPTS, o->prompts, put_prompt_row,
                   &all));
    TRY(write_prompts_by_skill(p));
    TRY(write_rows(p, "prompts_heldout.jsonl", STREAM_HELDOUT_PROMPTS,
                   o->heldout_prompts, put_prompt_row, &kept));
    TRY(write_rows(p, "comparisons.jsonl", STREAM_COMPARISONS, o->comparisons,
                   put_comparison, &train));
    return write_rows(p, "comparisons_heldout.jsonl", STREAM_HELDOUT_COMPARISONS,
                      o->heldout_comparisons, put_comparison, &heldout);
}

static Status write_numbers(Press *p)
{
    const GoldScale *g = world_gold(p->w);
    TRY(set_number(p, "gold",
                   json_pack("{s:f, s:f, s:f, s:f}", "raw_mean", g->mean, "raw_sd",
                             g->sd, "best", g->best, "length_correlation",
                             g->length_correlation)));
    return json_write_file(file_join(&p->path, p->folder, "world.json"), p->numbers,
                           p->err);
}

static Status write_all(Press *p)
{
    const Lore *lore = &p->w->lore;
    int64_t hidden = 0;
    for (int32_t k = 0; k < KINDS; k++)
        hidden += lore->n[k] - lore->n_known[k];
    p->numbers = json_object();
    if (!p->numbers)
        return err_set(p->err, ERR_NOMEM, "no memory for the numbers of the world");
    TRY(MEM_ARRAY(&p->mentions, lore_mention_slots(lore), p->err));
    TRY(make_folders(p));
    TRY(set_number(p, "options", json_from_options(&world_options, &p->w->options)));
    TRY(write_text(p));
    TRY(write_asked(p));
    TRY(write_tests(p));
    TRY(write_rows(p, "documents/hidden_facts.jsonl", STREAM_HIDDEN, hidden, put_hidden,
                   NULL));
    return write_numbers(p);
}

Status world_write(const World *w, const char *folder, Err *err)
{
    Press p = {.w = w, .folder = folder, .err = err};
    Status status = write_all(&p);
    str_release(&p.row);
    str_release(&p.prompt);
    str_release(&p.text);
    str_release(&p.path);
    answer_release(&p.answer);
    mem_free(p.mentions);
    json_decref(p.numbers);
    if (status != OK)
        return err_context(err, "practice world in '%s'", folder);
    return OK;
}
