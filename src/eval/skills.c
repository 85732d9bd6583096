/* skills.c - tests in, counts out; see skills.h. */
#include "eval/skills.h"

#include "base/file.h"
#include "base/mem.h"
#include "data/corpus.h"
#include "data/world/judge.h"
#include "think/answer.h"

#include <string.h>

static const OptField fields[] = {
    OPT_INT(SkillsOptions, max_new, 160, 1, 1e9, "tokens an answer at most"),
    OPT_INT(SkillsOptions, max_calls, 2, 0, 1000,
            "calculator calls in an answer at most; 0: no tools"),
    OPT_INT(SkillsOptions, limit, 0, 0, 1e15, "questions a skill at most; 0: all"),
    OPT_END,
};

const OptTable skills_options = {"skills", "the practice world's tests",
                                 sizeof(SkillsOptions), fields};

/* What does not change from skill to skill. */
typedef struct Exam {
    Engine *engine;
    const Tokenizer *tok;
    const ChatTemplate *chat;
    const World *world;
    const SkillsOptions *o;
    const char *progress;
    Str *log; /* NULL: none */
    Str text; /* reused */
} Exam;

static Span question_of(const Record *r)
{
    const Message *last = &r->chat.messages[r->chat.n - 1];
    return (Span){last->content, last->len};
}

static void write_line(Str *log, const char *skill, Span prompt, Span answer,
                       bool right)
{
    str_puts(log, "{\"skill\": ");
    json_append_string(log, span_of(skill));
    str_puts(log, ", \"prompt\": ");
    json_append_string(log, prompt);
    str_puts(log, ", \"answer\": ");
    json_append_string(log, answer);
    str_printf(log, ", \"right\": %s}\n", right ? "true" : "false");
}

static Status mark(Exam *e, const Record *record, const EngineResult *r,
                   SkillResult *out, Err *err)
{
    str_reset(&e->text);
    TRY(answer_text(e->tok, e->chat, r->ids, r->n, &e->text, err));
    Span prompt = question_of(record), answer = str_span(&e->text);
    bool right = judge_skill_right(e->world, prompt, answer);
    out->n++;
    out->right += right;
    out->abstained += judge_abstains(answer);
    out->refused += judge_refuses(answer);
    out->called += answer_called(e->chat, r);
    out->ended += answer_ended(e->chat, r);
    if (e->log)
        write_line(e->log, out->name, prompt, answer, right);
    return str_check(&e->text, err);
}

static Status ask(Exam *e, const RecordList *tests, SkillResult *out, Err *err)
{
    int64_t n = (int64_t)tests->n;
    if (e->o->limit > 0 && e->o->limit < n)
        n = e->o->limit;
    AskOptions how = {.sample = sample_plain(0, e->o->max_new, 0),
                      .per_prompt = 1,
                      .max_calls = e->o->max_calls};
    Answers answers = {0};
    char line[96];
    (void)snprintf(line, sizeof line, "%s: %s", e->progress ? e->progress : "",
                   out->name);
    Status status = answers_sample(e->engine, e->tok, e->chat, tests->records, n, &how,
                                   e->progress ? line : NULL, &answers, err);
    for (int64_t i = 0; status == OK && i < n; i++)
        status = mark(e, &tests->records[i], &answers.results[i], out, err);
    out->interval = stats_wilson((double)out->right, (double)out->n);
    answers_release(&answers);
    return status;
}

/* The file's name without folder and ".jsonl". */
static void name_skill(SkillResult *s, const char *path)
{
    const char *base = file_base_name(path);
    size_t n = strlen(base) - strlen(".jsonl");
    if (n >= sizeof s->name)
        n = sizeof s->name - 1;
    memcpy(s->name, base, n);
}

static Status run_file(Exam *e, const char *path, SkillResult *out, Err *err)
{
    CorpusOptions options;
    RecordList tests = {0};
    name_skill(out, path);
    TRY(opt_defaults(&corpus_options, &options, err));
    Status status = corpus_load(&tests, path, RECORD_PROMPT, &options, err);
    if (status == OK)
        status = ask(e, &tests, out, err);
    record_list_release(&tests);
    opt_release(&corpus_options, &options);
    return status == OK ? OK : err_context(err, "skill '%s'", out->name);
}

Status skills_measure(Engine *engine, const Tokenizer *tok, const ChatTemplate *chat,
                      const World *world, const char *folder, const SkillsOptions *o,
                      const char *progress, Str *answers, SkillsReport *out, Err *err)
{
    Exam e = {.engine = engine,
              .tok = tok,
              .chat = chat,
              .world = world,
              .o = o,
              .progress = progress,
              .log = answers};
    *out = (SkillsReport){0};
    char **paths = NULL;
    size_t n = 0;
    Str pattern = {0};
    Status status = file_glob(file_join(&pattern, folder, "*.jsonl"), &paths, &n, err);
    if (status == OK)
        status = MEM_ARRAY(&out->skills, n, err);
    for (size_t i = 0; status == OK && i < n; i++)
        status = run_file(&e, paths[i], &out->skills[out->n++], err);
    if (status == OK && answers)
        status = str_check(answers, err);
    file_list_free(paths, n);
    str_release(&pattern);
    str_release(&e.text);
    if (status != OK)
        skills_release(out);
    return status;
}

void skills_release(SkillsReport *r)
{
    mem_free(r->skills);
    *r = (SkillsReport){0};
}

const SkillResult *skills_find(const SkillsReport *r, const char *name)
{
    for (size_t i = 0; i < r->n; i++) {
        if (strcmp(r->skills[i].name, name) == 0)
            return &r->skills[i];
    }
    return NULL;
}

json_t *skills_to_json(const SkillsReport *r)
{
    json_t *all = json_object();
    for (size_t i = 0; i < r->n; i++) {
        const SkillResult *s = &r->skills[i];
        double n = s->n > 0 ? (double)s->n : 1;
        json_object_set_new(
            all, s->name,
            json_pack("{s:I, s:I, s:f, s:f, s:f, s:I, s:I, s:I, s:I}", "n",
                      (json_int_t)s->n, "right", (json_int_t)s->right, "rate",
                      (double)s->right / n, "low", s->interval.low, "high",
                      s->interval.high, "abstained", (json_int_t)s->abstained,
                      "refused", (json_int_t)s->refused, "called",
                      (json_int_t)s->called, "ended", (json_int_t)s->ended));
    }
    return all;
}
