/* reward_spec.c - the parts of a reward from their description, see reward_spec.h.
 *
 * The members that all kinds share and those that one has are fields of one options table,
 * so that types, ranges and misspelt names are told as everywhere; which kind may have
 * which is a second, small table. */
#include "eval/reward_spec.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "format/yaml.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 1 << 20, MOST_WORDS = 64, MOST_NAME = 40 };

static const char *const match_names[] = {"whole", "final", "number", "contains", NULL};
static const char *const length_names[] = {"target", "penalty", "over", NULL};
static const char *const format_names[] = {"ended", "answer",  "json",
                                           "call",  "no_call", NULL};

/* clang-format off */
static const OptField fields[] = {
    OPT_TEXT(RewardPartOptions, name, NULL, "in the metrics"),
    OPT_REAL(RewardPartOptions, weight, 1, -1e6, 1e6, "of the part in the sum"),
    OPT_REAL(RewardPartOptions, timeout, 30, 0.01, 86400, "seconds without an answer"),
    OPT_INT(RewardPartOptions, attempts, 3, 1, 1000, "on one answer"),
    OPT_TEXT(RewardPartOptions, failed, NULL, "score of an answer that the program failed on"),
    OPT_CHOICE(RewardPartOptions, match, MATCH_WHOLE, match_names, "what is compared"),
    OPT_BOOL(RewardPartOptions, ignore_case, false, "of letters"),
    OPT_TEXT(RewardPartOptions, after, NULL, "words before the final answer"),
    OPT_INT(RewardPartOptions, tokens, 0, 0, 1e9, "the length"),
    OPT_INT(RewardPartOptions, buffer, 0, 0, 1e9, "tokens over which it falls"),
    OPT_END
};
/* clang-format on */
static const OptTable table = {"reward", "a part of a reward",
                               sizeof(RewardPartOptions), fields};

/* The kinds, and what each may have beside name, weight and when. */
static const struct {
    const char *name;
    const char *has[6];
} kinds[REWARD_KINDS] = {
    [REWARD_MODEL] = {"model", {NULL}},
    [REWARD_GOLD] = {"gold", {NULL}},
    [REWARD_SKILL] = {"skill", {NULL}},
    [REWARD_PROGRAM] = {"program", {"timeout", "attempts", "failed", NULL}},
    [REWARD_EXACT] = {"exact", {"match", "ignore_case", "after", NULL}},
    [REWARD_REGEX] = {"regex", {NULL}},
    [REWARD_LENGTH] = {"length", {"tokens", "buffer", NULL}},
    [REWARD_FORMAT] = {"format", {"after", NULL}},
    [REWARD_RANDOM] = {"random", {NULL}},
};

const char *reward_kind_name(RewardKind kind)
{
    return kinds[kind].name;
}

static bool is_one_of(const char *word, const char *const *words)
{
    for (; *words; words++) {
        if (strcmp(word, *words) == 0)
            return true;
    }
    return false;
}

/* --- the kind and what it is about --------------------------------------------------- */

static Status find_kind(const json_t *given, RewardKind *out, Err *err)
{
    int found = 0;
    for (int k = 0; k < REWARD_KINDS; k++) {
        if (!json_object_get(given, kinds[k].name))
            continue;
        if (found++)
            return err_set(err, ERR_OPTION,
                           "'%s' and '%s' in one part: each is a part of its own",
                           kinds[*out].name, kinds[k].name);
        *out = (RewardKind)k;
    }
    if (found == 0)
        return err_set(err, ERR_OPTION,
                       "no kind: a part has one of model, gold, skill, program, exact, "
                       "regex, length, format, random");
    return OK;
}

/* A text without NUL that is not empty, or NULL. */
static const char *word_of(const json_t *value)
{
    const char *text = json_string_value(value);
    return text && text[0] && strlen(text) == json_string_length(value) ? text : NULL;
}

/* PROGRAM or [PROGRAM, ARGUMENT, ...]. */
static Status read_command(RewardPart *p, const json_t *value, Err *err)
{
    size_t n = json_is_array(value) ? json_array_size(value) : 1;
    if (n < 1 || n > MOST_WORDS)
        return err_set(err, ERR_OPTION,
                       "'program' has %zu words, not 1 to %d: [PROGRAM, ARGUMENT, ...]",
                       n, MOST_WORDS);
    TRY(MEM_ARRAY(&p->command, n + 1, err));
    for (size_t i = 0; i < n; i++) {
        const json_t *word = json_is_array(value) ? json_array_get(value, i) : value;
        bool empty_argument =
            i > 0 && json_is_string(word) && !json_string_length(word);
        p->command[i] = empty_argument ? "" : word_of(word);
        if (!p->command[i])
            return err_set(err, ERR_OPTION,
                           "word %zu of 'program' is no text; numbers want quotes",
                           i + 1);
    }
    return OK;
}

static Status read_choice(int *out, const char *key, const json_t *value,
                          const char *const *names, Err *err)
{
    const char *word = word_of(value);
    size_t n = 0;
    for (; names[n]; n++) {
        if (word && strcmp(names[n], word) == 0) {
            *out = (int)n;
            return OK;
        }
    }
    const char *near = word ? opt_nearest(word, names, n) : NULL;
    return err_set(err, ERR_OPTION, "'%s' is not one of %s, %s, %s%s%s%s%s", key,
                   names[0], names[1], names[2], n > 3 ? ", ..." : "",
                   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static Status read_seed(uint64_t *out, const json_t *value, Err *err)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return err_set(err, ERR_OPTION,
                       "'random' is no seed: a whole number, 0 or more");
    *out = (uint64_t)json_integer_value(value);
    return OK;
}

static Status read_what(RewardPart *p, Err *err)
{
    const char *key = kinds[p->kind].name;
    const json_t *value = json_object_get(p->given, key);
    switch (p->kind) {
    case REWARD_PROGRAM:
        return read_command(p, value, err);
    case REWARD_LENGTH:
        return read_choice(&p->how, key, value, length_names, err);
    case REWARD_FORMAT:
        return read_choice(&p->how, key, value, format_names, err);
    case REWARD_RANDOM:
        return read_seed(&p->seed, value, err);
    default:
        break;
    }
    const char *word = word_of(value);
    if (!word)
        return err_set(err, ERR_OPTION, "'%s' is no text", key);
    p->what = mem_dup(word, strlen(word));
    return p->what ? OK : err_set(err, ERR_NOMEM, "no memory for a reward");
}

/* --- when ---------------------------------------------------------------------------- */

static bool is_plain(const json_t *value)
{
    return json_is_string(value) || json_is_number(value) || json_is_boolean(value);
}

static Status check_when(const json_t *when, Err *err)
{
    if (!json_is_object(when) || json_object_size(when) == 0)
        return err_set(err, ERR_OPTION,
                       "'when' is no mapping of a row's fields: {skill: [steps]}");
    const char *field;
    json_t *wanted;
    json_object_foreach(json_iterable(when), field, wanted)
    {
        bool good = is_plain(wanted) || json_array_size(wanted) > 0;
        for (size_t i = 0; i < json_array_size(wanted); i++)
            good = good && is_plain(json_array_get(wanted, i));
        if (!good)
            return err_set(err, ERR_OPTION,
                           "'when': '%.60s' is no value or list of them", field);
    }
    return OK;
}

static bool is_any(const json_t *value, const json_t *wanted)
{
    if (!json_is_array(wanted))
        return value && json_equal(value, wanted);
    for (size_t i = 0; i < json_array_size(wanted); i++) {
        if (value && json_equal(value, json_array_get(wanted, i)))
            return true;
    }
    return false;
}

bool reward_part_applies(const RewardPart *part, const json_t *row)
{
    const char *field;
    json_t *wanted;
    json_object_foreach(json_iterable(part->when), field, wanted)
    {
        if (!is_any(json_object_get(row, field), wanted))
            return false;
    }
    return true;
}

/* --- options ------------------------------------------------------------------------- */

/* The members that are options, as a tree of their own; each must be the kind's. */
static Status own_options(const RewardPart *p, json_t *out, Err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(json_iterable(p->given), key, value)
    {
        if (strcmp(key, kinds[p->kind].name) == 0 || strcmp(key, "when") == 0)
            continue;
        const OptField *f = opt_find(&table, key);
        if (!f)
            return opt_unknown(&table, key, err);
        bool shared = strcmp(f->name, "name") == 0 || strcmp(f->name, "weight") == 0;
        if (!shared && !is_one_of(f->name, kinds[p->kind].has))
            return err_set(err, ERR_OPTION, "'%s' has a meaning with other parts alone",
                           f->name);
        if (json_object_set(out, key, value) != 0)
            return err_set(err, ERR_NOMEM, "no memory for a reward");
    }
    return OK;
}

static Status check_options(const RewardPart *p, Err *err)
{
    const RewardPartOptions *o = &p->o;
    double number;
    char *end;
    if (p->kind == REWARD_LENGTH && o->tokens == 0)
        return err_set(err, ERR_OPTION,
                       "'tokens' is not set: the length that is meant");
    if (p->kind == REWARD_LENGTH && p->how == LENGTH_OVER &&
        (o->buffer == 0 || o->buffer > o->tokens))
        return err_set(err, ERR_OPTION, "'buffer' is %lld, not 1 to %lld tokens",
                       (long long)o->buffer, (long long)o->tokens);
    if (p->kind == REWARD_LENGTH && p->how != LENGTH_OVER && o->buffer > 0)
        return err_set(err, ERR_OPTION,
                       "'buffer' has a meaning with length: over alone");
    if (o->failed) {
        number = strtod(o->failed, &end);
        if (end == o->failed || *end || !isfinite(number))
            return err_set(err, ERR_OPTION, "'failed' is '%.60s', not a number",
                           o->failed);
    }
    if (o->after && !o->after[0])
        return err_set(err, ERR_OPTION, "'after' is empty");
    return OK;
}

static bool is_name(const char *s)
{
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "0123456789_-.");
    return n > 0 && n <= MOST_NAME && !s[n];
}

static bool has_name(const RewardSpec *spec, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(spec->parts[i].o.name, name) == 0)
            return true;
    }
    return false;
}

/* Part i's name: its own, or that of its kind, numbered from the second on. */
static Status name_part(RewardSpec *spec, size_t i, Err *err)
{
    RewardPart *p = &spec->parts[i];
    if (p->o.name && (!is_name(p->o.name) || has_name(spec, i, p->o.name)))
        return err_set(err, ERR_OPTION,
                       "'name' is not a new word of up to %d letters, digits, '_', '-' "
                       "and '.'",
                       (int)MOST_NAME);
    if (p->o.name)
        return OK;
    char name[MOST_NAME];
    snprintf(name, sizeof name, "%s", kinds[p->kind].name);
    for (int k = 2; has_name(spec, i, name); k++)
        snprintf(name, sizeof name, "%s_%d", kinds[p->kind].name, k);
    p->o.name = mem_dup(name, strlen(name));
    return p->o.name ? OK : err_set(err, ERR_NOMEM, "no memory for a reward");
}

/* --- parts and lists ----------------------------------------------------------------- */

static Status read_part(RewardPart *p, const json_t *item, Err *err)
{
    p->given =
        json_is_string(item) ? json_pack("{sO}", "model", item) : json_deep_copy(item);
    if (!p->given)
        return err_set(err, ERR_NOMEM, "no memory for a reward");
    if (!json_is_object(p->given))
        return err_set(err, ERR_OPTION,
                       "a part is a mapping: {model: FOLDER, weight: 1}");
    TRY(opt_defaults(&table, &p->o, err));
    TRY(find_kind(p->given, &p->kind, err));
    TRY(read_what(p, err));
    p->when = json_object_get(p->given, "when");
    if (p->when)
        TRY(check_when(p->when, err));
    json_t *own = json_object();
    Status status =
        own ? own_options(p, own, err) : err_set(err, ERR_NOMEM, "no memory");
    if (status == OK)
        status = json_to_options(own, &table, &p->o, err);
    json_decref(own);
    return status == OK ? check_options(p, err) : status;
}

static Status read_list(const json_t *tree, RewardSpec *out, Err *err)
{
    size_t n = json_is_array(tree) ? json_array_size(tree) : 1;
    if (n < 1 || n > REWARD_MOST_PARTS)
        return err_set(err, ERR_OPTION, "a reward of %zu parts, not 1 to %d", n,
                       REWARD_MOST_PARTS);
    TRY(MEM_ARRAY(&out->parts, n, err));
    for (size_t i = 0; i < n; i++) {
        out->n++; /* first, so that it is released */
        const json_t *item = json_is_array(tree) ? json_array_get(tree, i) : tree;
        Status status = read_part(&out->parts[i], item, err);
        if (status == OK)
            status = name_part(out, i, err);
        if (status != OK)
            return err_context(err, "part %zu", i + 1);
    }
    return OK;
}

/* Whether text is a list or a mapping, and not a folder. */
static bool is_nested(Span text)
{
    bool flow = text.len > 0 && (text.ptr[0] == '[' || text.ptr[0] == '{');
    return flow || span_starts(text, SPAN("- ")) || span_find(text, SPAN("\n"), 0) >= 0;
}

static Status read_tree(Span text, json_t **out, Err *err)
{
    Err ignored;
    if (json_parse(text, out, &ignored) == OK)
        return OK;
    return yaml_parse(text, out, err);
}

static Status parse(Span text, bool nested, RewardSpec *out, Err *err)
{
    json_t *tree = NULL;
    Status status = OK;
    *out = (RewardSpec){0};
    if (nested)
        status = read_tree(text, &tree, err);
    else if (!(tree = json_stringn(text.ptr ? text.ptr : "", text.len)))
        status = err_set(err, ERR_FORMAT, "it is not UTF-8");
    if (status == OK)
        status = read_list(tree, out, err);
    json_decref(tree);
    if (status != OK)
        reward_spec_release(out);
    return status;
}

Status reward_spec_parse(Span text, RewardSpec *out, Err *err)
{
    text = span_trim(text);
    if (parse(text, is_nested(text), out, err) != OK)
        return err_context(err, "reward");
    return OK;
}

static bool ends_in(const char *text, const char *end)
{
    size_t n = strlen(text), k = strlen(end);
    return n > k && strcmp(text + n - k, end) == 0;
}

Status reward_spec_read(const char *text, RewardSpec *out, Err *err)
{
    *out = (RewardSpec){0};
    if (is_nested(span_trim(span_of(text))) ||
        (!ends_in(text, ".yaml") && !ends_in(text, ".yml")))
        return reward_spec_parse(span_of(text), out, err);
    Str bytes = {0};
    Status status = file_read(text, MOST_BYTES, &bytes, err);
    if (status == OK && parse(str_span(&bytes), true, out, err) != OK)
        status = err_context(err, "reward '%s'", text);
    str_release(&bytes);
    return status;
}

void reward_spec_release(RewardSpec *spec)
{
    if (!spec)
        return;
    for (size_t i = 0; i < spec->n; i++) {
        RewardPart *p = &spec->parts[i];
        opt_release(&table, &p->o);
        mem_free(p->what);
        mem_free(p->command);
        json_decref(p->given);
    }
    mem_free(spec->parts);
    *spec = (RewardSpec){0};
}

json_t *reward_spec_json(const RewardSpec *spec)
{
    json_t *list = json_array();
    for (size_t i = 0; i < spec->n; i++)
        json_array_append(list, spec->parts[i].given);
    return list;
}

/* --- hash ---------------------------------------------------------------------------- */

static bool is_a_path(RewardKind kind)
{
    return kind == REWARD_MODEL || kind == REWARD_GOLD || kind == REWARD_SKILL ||
           kind == REWARD_PROGRAM;
}

uint64_t reward_spec_hash(const RewardSpec *spec)
{
    if (spec->n == 1 && spec->parts[0].kind == REWARD_MODEL &&
        spec->parts[0].o.weight == 1 && !spec->parts[0].when)
        return 0;
    Str text = {0};
    for (size_t i = 0; i < spec->n; i++) {
        const RewardPart *p = &spec->parts[i];
        str_printf(&text, "%s", kinds[p->kind].name);
        for (const OptField *f = fields; f->name; f++) {
            str_printf(&text, " %s=", f->name);
            opt_value(f, &p->o, &text);
        }
        if (p->when)
            json_append(&text, p->when);
        if (!is_a_path(p->kind))
            json_append(&text, json_object_get(p->given, kinds[p->kind].name));
        str_putc(&text, '\n');
    }
    uint64_t hash = rng_hash(str_c(&text), text.len, 3);
    str_release(&text);
    return hash;
}
