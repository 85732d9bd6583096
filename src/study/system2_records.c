/* system2_records.c - E11: records out of sentences by a model that has not learned enough to
 * be trusted with their form: free, under a schema, in a template whose fixed text is never
 * drawn, and after notes (think free, then keep to the form). */
#include "format/json.h"
#include "study/system2_internal.h"

#include <string.h>

enum { RECORD_TOKENS = 128 };

void compose_records(Str *y, const System2Scale *s, int64_t seeds)
{
    put_questions(y, s, "records", "records", "record,notes", 8000, "");
    str_puts(y, "  - tokenizer: {data: $records/text.jsonl, vocab: 300}\n");
    put_learners(y, s, seeds, "clerk", "records", (Learning){900000, 3e-3, 0.2, 224});
}

static const char schema[] =
    "{\"type\": \"object\", \"properties\": {\"name\": {\"type\": \"string\"}, "
    "\"age\": "
    "{\"type\": \"integer\"}, \"town\": {\"type\": \"string\"}, \"bags\": {\"type\": "
    "\"integer\"}}, \"required\": [\"name\", \"age\", \"town\", \"bags\"], "
    "\"additionalProperties\": false}";
#define TEMPLATE                                                                       \
    "\"{\\\"name\\\": \\\"\" [a-z]{1,12} \"\\\", \\\"age\\\": \" [1-9] [0-9]{0,2} "    \
    "\", "                                                                             \
    "\\\"town\\\": "                                                                   \
    "\\\"\" [a-z]{1,12} \"\\\", \\\"bags\\\": \" [1-9] [0-9]{0,2} \"}\"\n"
static const char template[] = "root ::= " TEMPLATE;
static const char after_notes[] = "root ::= [a-z0-9 ]{1,40} \"\\n\" " TEMPLATE;

/* --- what is a record, and which is right ------------------------------------------------- */

/* From the first brace: notes stand before it. NULL: it is none. */
static json_t *read_record(Span said)
{
    const char *brace = memchr(said.ptr, '{', said.len);
    return brace ? json_loadb(brace, said.len - (size_t)(brace - said.ptr), 0, NULL)
                 : NULL;
}

static bool is_record(Span said)
{
    json_t *record = read_record(said);
    bool is = json_object_size(record) == 4 &&
              json_is_string(json_object_get(record, "name")) &&
              json_is_integer(json_object_get(record, "age")) &&
              json_is_string(json_object_get(record, "town")) &&
              json_is_integer(json_object_get(record, "bags"));
    json_decref(record);
    return is;
}

static bool is_right(const json_t *row, Span said)
{
    json_t *record = read_record(said);
    json_t *expected =
        json_loads(json_string_value(json_object_get(row, "expected")), 0, NULL);
    bool is = record && json_equal(record, expected);
    json_decref(record);
    json_decref(expected);
    return is;
}

/* --- arms --------------------------------------------------------------------------------- */

typedef struct Way {
    const char *label, *variant, *name;
    double temperature;
    LmConstraint form; /* text NULL: free */
} Way;
enum { GREEDY, FREE, SCHEMA, FILLED, NOTES, NOTES_FILLED, WAYS };
#define FORM(kind, text)                                                               \
    {                                                                                  \
        (kind), {(text), sizeof(text) - 1}, NULL, 0                                    \
    }
static const Way ways[WAYS] = {
    [GREEDY] = {"greedy", "record", "free, greedy", 0, {0}},
    [FREE] = {"free", "record", "free, temperature 1", 1, {0}},
    [SCHEMA] = {"schema", "record", "under the schema", 1,
                FORM(LM_JSON_SCHEMA, schema)},
    [FILLED] = {"template", "record", "blanks in a template", 1,
                FORM(LM_GBNF, template)},
    [NOTES] = {"notes", "notes", "notes first, free", 1, {0}},
    [NOTES_FILLED] = {"notes-template", "notes", "notes free, then the template", 1,
                      FORM(LM_GBNF, after_notes)},
};

static Status ask(System2 *s, const Way *way, ArmSet *out, Err *err)
{
    Str tests = {0};
    ArmThinking thinking = {.spec = "direct",
                            .extract = "exact",
                            .constraint = way->form.text.ptr ? &way->form : NULL};
    ArmHow how = {.temperature = way->temperature,
                  .samples = 1,
                  .max_new = RECORD_TOKENS,
                  .judge = is_right,
                  .valid = is_record,
                  .whole = true,
                  .thinking = &thinking};
    str_printf(&tests, "%s/tests/%s.jsonl", lab_folder(&s->lab, "records"),
               way->variant);
    Status status = run_arms_of(s, "clerk", str_c(&tests), way->label, how, out, err);
    str_release(&tests);
    return status;
}

static void put_table(Section *out, const ArmSet *sets)
{
    str_puts(
        &out->text,
        "| | right | 95 % | valid | tokens | of them forced | probability kept | ms "
        "a question |\n|---|---|---|---|---|---|---|---|\n");
    for (int i = 0; i < WAYS; i++) {
        const ArmScore *a = &sets[i].all;
        str_printf(&out->text,
                   "| %s | %.1f %% | %.1f to %.1f | %.1f %% | %.1f | %.1f %% | %.3f | "
                   "%.1f |\n",
                   ways[i].name, 100 * a->right, 100 * a->interval.low,
                   100 * a->interval.high, 100 * (1 - a->invalid), a->tokens,
                   100 * a->forced, a->kept, 1e3 * a->seconds);
    }
    str_putc(&out->text, '\n');
}

static void check_validity(Check *c, const char *what, const ArmSet *a, double least,
                           double most)
{
    for (int64_t s = 0; s < a->n; s++) {
        double valid = 1 - a->scores[s].invalid;
        check_part(c, valid >= least && valid <= most, "%s %.1f %%", what, 100 * valid);
    }
}

static void check_records(Section *out, const ArmSet *sets)
{
    Check *c =
        section_check(out, "A free answer is not always a record",
                      "temperature 1: 60 to 95 % valid, on every seed (a model that "
                      "needs help)");
    check_validity(c, "free", &sets[FREE], 0.6, 0.95);
    check_why(c, "A model that has learned the form better than the mark expects "
                 "needs less help; the marks below say what the rest gets.");
    c = section_check(out, "Under a form every answer is", "100 % valid on every seed");
    check_validity(c, "schema", &sets[SCHEMA], 1, 1);
    check_validity(c, "template", &sets[FILLED], 1, 1);
    check_validity(c, "after notes", &sets[NOTES_FILLED], 1, 1);
    check_why(c, "What is not valid was cut at the limit of tokens within a text that "
                 "the model did not end.");
    c = section_check(
        out, "The form costs no rightness",
        "under the schema not less right than free: the difference is not "
        "below 0 with 95 % confidence");
    ArmPair p = pair_arms(&sets[SCHEMA], &sets[FREE]);
    check_pair(c, p.interval.high >= 0, "schema over free", &p);
    c = section_check(out, "Fixed text is not drawn",
                      "at least 20 % of a template's tokens are forced, on every seed");
    for (int64_t s = 0; s < sets[FILLED].n; s++)
        check_part(c, sets[FILLED].scores[s].forced >= 0.2, "%.1f %%",
                   100 * sets[FILLED].scores[s].forced);
}

Status measure_records(System2 *s, Section *out, Err *err)
{
    ArmSet sets[WAYS] = {0};
    Status status = OK;
    for (int i = 0; status == OK && i < WAYS; i++)
        status = ask(s, &ways[i], &sets[i], err);
    if (status == OK) {
        str_puts(&out->text,
                 "Sentences of six forms about a traveller, and the record that they "
                 "tell: name, age, town, bags. The model learned too little to be sure "
                 "of its form. \"Probability kept\" is the share that the form left, "
                 "geometric mean over drawn tokens. Constraints are those of `tame ask "
                 "--schema` and of grammars (docs/constrained.md).\n\n");
        put_table(out, sets);
        check_records(out, sets);
    }
    for (int i = 0; i < WAYS; i++)
        arms_release(&sets[i]);
    return status;
}
