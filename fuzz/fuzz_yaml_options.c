// floor: format
/* fuzz_yaml_options.c - a document that parses is written to one that reads the same;
 * options accepted from it are within their ranges, and their record reads back to
 * the same record. */
#include "format/json.h"
#include "format/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Sample {
    double lr;
    int64_t steps;
    bool shuffle;
    char *data;
    int schedule;
} Sample;

static const char *const schedules[] = {"cosine", "linear", "constant", NULL};
static const OptField fields[] = {
    OPT_REAL(Sample, lr, 1e-3, 0, 1, "rate"),
    OPT_INT(Sample, steps, 100, 1, 1e6, "steps"),
    OPT_BOOL(Sample, shuffle, true, "mix"),
    OPT_TEXT(Sample, data, "corpus.txt", "file"),
    OPT_CHOICE(Sample, schedule, 0, schedules, "fall"),
    OPT_END,
};
static const OptTable table = {"sample", "", sizeof(Sample), fields};

static void check_writing(const json_t *tree)
{
    Err err = {0};
    Str text = {0};
    json_t *back;
    yaml_append(&text, tree);
    ASSERT(yaml_parse(str_span(&text), &back, &err) == OK);
    ASSERT(json_equal(tree, back));
    json_decref(back);
    str_release(&text);
}

static void check_record(const Sample *o)
{
    Err err = {0};
    ASSERT(o->lr >= 0 && o->lr <= 1 && o->steps >= 1 && o->steps <= 1000000);
    ASSERT(o->schedule >= 0 && o->schedule < 3);
    Sample copy;
    ASSERT(opt_defaults(&table, &copy, &err) == OK);
    json_t *record = json_from_options(&table, o);
    ASSERT(record && json_to_options(record, &table, &copy, &err) == OK);
    json_t *again = json_from_options(&table, &copy);
    ASSERT(again && json_equal(record, again));
    json_decref(record);
    json_decref(again);
    opt_release(&table, &copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Err err = {0};
    json_t *tree;
    Status status = yaml_parse((Span){(const char *)data, size}, &tree, &err);
    ASSERT((status == OK) == (tree != NULL));
    if (!tree) {
        ASSERT(err.code == status && err.msg[0]);
        return 0;
    }
    check_writing(tree);
    Sample o;
    ASSERT(opt_defaults(&table, &o, &err) == OK);
    status = json_to_options(tree, &table, &o, &err);
    ASSERT(status == OK || (status == ERR_OPTION && err.msg[0]));
    check_record(&o); /* also when a later member was refused */
    opt_release(&table, &o);
    json_decref(tree);
    return 0;
}
