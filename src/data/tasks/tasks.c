/* tasks.c - the files of a task, listed in tasks.h.
 *
 * Row i of a file depends on the options and i alone. Questions are drawn again until one
 * is of the right side of the split, and in tests until it is a new one. */
#include "data/tasks/tasks.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/system.h"
#include "data/record_json.h"
#include "data/tasks/tasks_internal.h"
#include "format/json.h"

#include <stdlib.h>
#include <string.h>

static const TaskKind *const kinds[] = {&task_multiply,  &task_facts,    &task_people,
                                        &task_countdown, &task_patterns, &task_records,
                                        &task_sums};
const char *const tasks_names[] = {"multiply", "facts",   "people", "countdown",
                                   "patterns", "records", "sums",   NULL};

/* clang-format off */
static const OptField fields[] = {
    OPT_INT(TasksOptions, seed, 1, 0, 9e15, "of everything that is drawn"),
    OPT_CHOICE(TasksOptions, task, 0, tasks_names, "what is asked"),
    OPT_TEXT(TasksOptions, variants, NULL, "what is demonstrated: VARIANT[:WEIGHT],...; unset: the task's mixture"),
    OPT_INT(TasksOptions, size, 0, 0, 1e6, "multiply: digits of the first factor; sums: of both; facts: places that are told; countdown: numbers; patterns: cues of the pool; 0: the task's own"),
    OPT_INT(TasksOptions, size2, 0, 0, 1e6, "multiply: digits of the second factor; 0: as the first"),
    OPT_INT(TasksOptions, examples, 20000, 1, 1e9, "demonstrations to train on"),
    OPT_INT(TasksOptions, heldout, 300, 0, 1e9, "demonstrations on questions of the tests' side, to watch the loss"),
    OPT_INT(TasksOptions, texts, 2000, 0, 1e9, "of the demonstrations as plain text"),
    OPT_INT(TasksOptions, tests, 1000, 0, 100000, "questions, asked in every variant"),
    OPT_END
};
/* clang-format on */
const OptTable tasks_options = {"tasks", "questions for the study of System 2",
                                sizeof(TasksOptions), fields};

enum { MOST_VARIANTS = 32, TEST_SHARE = 20 /* one of so many questions is a test's */ };
enum { MOST_TRIES = 10000 };
static const uint64_t split_seed = 0x5eed;

typedef enum Side { TRAIN_SIDE, TEST_SIDE } Side;

/* Which draws belong together: files never share any. */
typedef enum TaskFile { FILE_TRAIN, FILE_HELDOUT, FILE_TESTS, FILES } TaskFile;

typedef struct Press {
    const TaskKind *kind;
    TasksOptions o; /* sizes filled in; its texts are the caller's */
    const char *folder;
    double weights[MOST_VARIANTS];
    int n_variants;
    Example example;
    Str row, path;
    uint64_t *tries; /* [tests]: which draw the question of row i is */
    uint64_t *asked; /* [tests]: its hash */
    Err *err;
} Press;

const char task_consonants[] = "bdfghjklmnprstvwxyzc", task_vowels[] = "aeiou";

void task_put_reversed(Str *out, int64_t x, int32_t digits)
{
    for (int32_t i = 0; i < digits; i++, x /= 10)
        str_putc(out, (char)('0' + x % 10));
}

Status example_say(Example *e, Role role, Err *err)
{
    TRY(str_check(&e->text, err));
    TRY(conversation_add(&e->chat, role, str_span(&e->text), err));
    str_reset(&e->text);
    return OK;
}

static void example_reset(Example *e)
{
    str_reset(&e->question);
    str_reset(&e->expected);
    str_reset(&e->text);
    conversation_reset(&e->chat);
}

static void release(Press *p)
{
    str_release(&p->example.question);
    str_release(&p->example.expected);
    str_release(&p->example.text);
    conversation_release(&p->example.chat);
    str_release(&p->row);
    str_release(&p->path);
    mem_free(p->tries);
    mem_free(p->asked);
}

/* --- options --------------------------------------------------------------------------- */

static int find_variant(const TaskKind *kind, Span name)
{
    for (int v = 0; kind->variants[v].name; v++) {
        if (span_equal(span_of(kind->variants[v].name), name))
            return v;
    }
    return -1;
}

/* "NAME" or "NAME:WEIGHT". */
static Status read_variant(Press *p, Span item)
{
    ptrdiff_t colon = span_find(item, SPAN(":"), 0);
    Span name = span_trim((Span){item.ptr, colon < 0 ? item.len : (size_t)colon});
    int v = find_variant(p->kind, name);
    if (v < 0)
        return err_set(p->err, ERR_OPTION, "variants: '%s' has no variant '%.*s'",
                       p->kind->name, (int)name.len, name.ptr);
    double weight = 1;
    if (colon >= 0) {
        char *end;
        weight = strtod(item.ptr + colon + 1, &end);
        if (end != item.ptr + item.len || !(weight > 0))
            return err_set(p->err, ERR_OPTION, "variants: no weight in '%.*s'",
                           (int)item.len, item.ptr);
    }
    p->weights[v] = weight;
    return OK;
}

static Status read_variants(Press *p)
{
    for (; p->kind->variants[p->n_variants].name; p->n_variants++)
        p->weights[p->n_variants] =
            p->o.variants ? 0 : p->kind->variants[p->n_variants].weight;
    ASSERT(p->n_variants <= MOST_VARIANTS);
    Span rest = p->o.variants ? span_of(p->o.variants) : (Span){0};
    while (rest.len > 0) {
        ptrdiff_t comma = span_find(rest, SPAN(","), 0);
        size_t len = comma < 0 ? rest.len : (size_t)comma;
        TRY(read_variant(p, (Span){rest.ptr, len}));
        len += comma >= 0;
        rest = (Span){rest.ptr + len, rest.len - len};
    }
    return OK;
}

static Status read_size(Press *p)
{
    const TaskKind *k = p->kind;
    if (p->o.size == 0)
        p->o.size = k->size;
    if (p->o.size < k->size_min || p->o.size > k->size_max || p->o.size2 > k->size_max)
        return err_set(p->err, ERR_OPTION, "size of '%s' must be in [%lld, %lld]",
                       k->name, (long long)k->size_min, (long long)k->size_max);
    return OK;
}

/* --- rows ------------------------------------------------------------------------------ */

static uint64_t hash_of(Span question)
{
    return rng_hash(question.ptr, question.len, split_seed);
}

static Side side_of(uint64_t hash)
{
    return hash % TEST_SHARE == 0 ? TEST_SIDE : TRAIN_SIDE;
}

bool task_is_tests(Span question)
{
    return side_of(hash_of(question)) == TEST_SIDE;
}

/* Draw `attempt` of row i. */
static Status draw(Press *p, TaskFile file, uint64_t i, uint64_t attempt, int variant,
                   uint64_t *hash)
{
    Example *e = &p->example;
    Rng all = rng_make((uint64_t)p->o.seed, RNG_TASKS, (uint64_t)file);
    Rng row = rng_child(&all, i), question = rng_child(&row, attempt),
        way = rng_child(&question, 1 + (uint64_t)variant);
    example_reset(e);
    TRY(p->kind->put(&p->o, variant, question, way, e, p->err));
    TRY(str_check(&e->question, p->err));
    TRY(str_check(&e->expected, p->err));
    *hash = hash_of(str_span(&e->question));
    return OK;
}

static bool is_asked(const Press *p, uint64_t n, uint64_t hash)
{
    for (uint64_t i = 0; i < n; i++) {
        if (p->asked[i] == hash)
            return true;
    }
    return false;
}

/* The first draw of row i that is on this side and, among the tests, a new question. */
static Status draw_on_side(Press *p, TaskFile file, uint64_t i, int variant,
                           uint64_t *attempt)
{
    Side side = file == FILE_TRAIN ? TRAIN_SIDE : TEST_SIDE;
    for (*attempt = 0; *attempt < MOST_TRIES; ++*attempt) {
        uint64_t hash;
        TRY(draw(p, file, i, *attempt, variant, &hash));
        if (side_of(hash) != side)
            continue;
        if (file != FILE_TESTS)
            return OK;
        if (!is_asked(p, i, hash)) {
            p->asked[i] = hash;
            return OK;
        }
    }
    return err_set(p->err, ERR_OPTION,
                   "'%s' of size %lld has not enough questions for row %llu",
                   p->kind->name, (long long)p->o.size, (unsigned long long)i + 1);
}

static Status put_row(Press *p, FileWriter *file)
{
    return file_writer_put_row(file, &p->row, "tasks were", p->err);
}

/* Demonstration i: its variant by the weights, its question of the right side. */
static Status draw_demonstration(Press *p, TaskFile which, uint64_t i)
{
    Rng all = rng_make((uint64_t)p->o.seed, RNG_TASKS, FILES + (uint64_t)which);
    Rng row = rng_child(&all, i);
    uint64_t attempt;
    int variant = (int)rng_pick(&row, p->weights, p->n_variants);
    return draw_on_side(p, which, i, variant, &attempt);
}

static Status put_demonstration(Press *p, FileWriter *file, TaskFile which, uint64_t i)
{
    TRY(draw_demonstration(p, which, i));
    json_t *messages = conversation_json(&p->example.chat);
    if (!messages)
        return err_set(p->err, ERR_NOMEM, "no memory for a row");
    str_puts(&p->row, "{\"messages\": ");
    json_append(&p->row, messages);
    str_puts(&p->row, ", \"expected\": ");
    json_append_string(&p->row, str_span(&p->example.expected));
    str_putc(&p->row, '}');
    json_decref(messages);
    return put_row(p, file);
}

/* A turn as a document has it: calls as the template writes them. */
static void put_turn(Str *text, const Message *turn)
{
    if (text->len > 0)
        str_putc(text, ' ');
    if (turn->call_name)
        str_printf(text, "%s(%s)", turn->call_name, turn->call_args);
    else
        str_append(text, turn->content, turn->len);
}

static void put_page(Str *text, const Conversation *chat)
{
    for (size_t m = 0; m < chat->n; m++) {
        const Message *turn = &chat->messages[m];
        str_puts(text, turn->role == ROLE_USER ? "Question: " : "Answer: ");
        str_append(text, turn->content, turn->len);
        str_puts(text, turn->role == ROLE_USER ? "\n" : "\n\n");
    }
}

static Status put_text(Press *p, FileWriter *file, TaskFile which, uint64_t i)
{
    TRY(draw_demonstration(p, which, i));
    Str *text = &p->example.text;
    if (p->kind->page)
        put_page(text, &p->example.chat);
    for (size_t m = 0; !p->kind->page && m < p->example.chat.n; m++)
        put_turn(text, &p->example.chat.messages[m]);
    TRY(str_check(text, p->err));
    str_puts(&p->row, "{\"text\": ");
    json_append_string(&p->row, str_span(text));
    str_putc(&p->row, '}');
    return put_row(p, file);
}

/* What the demonstration's searches found: where there are any, a member of the row. */
static void put_documents(Str *row, const Conversation *chat)
{
    int found = 0;
    for (size_t i = 1; i < chat->n; i++) {
        const Message *call = &chat->messages[i - 1], *result = &chat->messages[i];
        if (!call->call_name || strcmp(call->call_name, "search") != 0)
            continue;
        str_puts(row, found++ == 0 ? ", \"documents\": [" : ", ");
        json_append_string(row, (Span){result->content, result->len});
    }
    if (found > 0)
        str_putc(row, ']');
}

static Status put_test(Press *p, FileWriter *file, int variant, uint64_t i)
{
    uint64_t hash;
    TRY(draw(p, FILE_TESTS, i, p->tries[i], variant, &hash));
    const Message *ask = &p->example.chat.messages[0];
    str_puts(&p->row, "{\"prompt\": ");
    json_append_string(&p->row, (Span){ask->content, ask->len});
    str_puts(&p->row, ", \"question\": ");
    json_append_string(&p->row, str_span(&p->example.question));
    str_puts(&p->row, ", \"expected\": ");
    json_append_string(&p->row, str_span(&p->example.expected));
    put_documents(&p->row, &p->example.chat);
    str_putc(&p->row, '}');
    return put_row(p, file);
}

/* --- files ----------------------------------------------------------------------------- */

typedef Status (*PutRow)(Press *p, FileWriter *file, TaskFile which, uint64_t i);

static Status finish(Press *p, FileWriter *file, Status status)
{
    if (status == OK)
        return file_writer_commit(file, p->err);
    file_writer_abort(file);
    return status;
}

static Status write_rows(Press *p, const char *name, TaskFile which, int64_t n,
                         PutRow put)
{
    FileWriter *file;
    TRY(file_writer_open(&file, file_join(&p->path, p->folder, name), p->err));
    Status status = OK;
    for (int64_t i = 0; status == OK && i < n; i++)
        status = put(p, file, which, (uint64_t)i);
    return finish(p, file, status);
}

/* The draws of all tests: the same for every variant. */
static Status choose_tests(Press *p)
{
    TRY(MEM_ARRAY(&p->tries, (size_t)p->o.tests, p->err));
    TRY(MEM_ARRAY(&p->asked, (size_t)p->o.tests, p->err));
    for (int64_t i = 0; i < p->o.tests; i++)
        TRY(draw_on_side(p, FILE_TESTS, (uint64_t)i, 0, &p->tries[i]));
    return OK;
}

static Status write_tests(Press *p)
{
    Str folder = {0}, name = {0};
    Status status = choose_tests(p);
    if (status == OK)
        status = file_make_folders(file_join(&folder, p->folder, "tests"), p->err);
    for (int v = 0; status == OK && v < p->n_variants; v++) {
        FileWriter *file;
        str_reset(&name);
        str_printf(&name, "%s.jsonl", p->kind->variants[v].name);
        status = file_writer_open(
            &file, file_join(&p->path, str_c(&folder), str_c(&name)), p->err);
        if (status != OK)
            break;
        for (int64_t i = 0; status == OK && i < p->o.tests; i++)
            status = put_test(p, file, v, (uint64_t)i);
        status = finish(p, file, status);
    }
    str_release(&folder);
    str_release(&name);
    return status;
}

Status tasks_write(const TasksOptions *o, const char *folder, Err *err)
{
    Press p = {.kind = kinds[o->task], .o = *o, .folder = folder, .err = err};
    Status status = read_size(&p);
    if (status == OK)
        status = read_variants(&p);
    if (status == OK)
        status = file_make_folders(folder, err);
    if (status == OK)
        status =
            write_rows(&p, "train.jsonl", FILE_TRAIN, o->examples, put_demonstration);
    if (status == OK)
        status = write_rows(&p, "heldout.jsonl", FILE_HELDOUT, o->heldout,
                            put_demonstration);
    if (status == OK)
        status = write_rows(&p, "text.jsonl", FILE_TRAIN,
                            o->texts < o->examples ? o->texts : o->examples, put_text);
    if (status == OK)
        status = write_tests(&p);
    release(&p);
    return status;
}

static bool ends_answer(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ';';
}

Span tasks_answer(Span text)
{
    size_t start = text.len;
    while (start > 0 && text.ptr[start - 1] != '#')
        start--;
    if (start == 0)
        return (Span){text.ptr, 0};
    size_t end = start;
    while (end < text.len && !ends_answer(text.ptr[end]))
        end++;
    return (Span){text.ptr + start, end - start};
}
