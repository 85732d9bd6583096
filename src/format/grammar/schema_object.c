/* schema_object.c - objects and arrays of a schema, and any JSON value. */
#include "format/grammar/schema_internal.h"

#include "base/mem.h"
#include "format/json.h"

#include <stdio.h>
#include <string.h>

/* "," and ":" may have one space behind them. */
static int32_t mark(Grammar *g, const char *text)
{
    return grammar_pair(g, grammar_text(g, text),
                        grammar_maybe(g, grammar_text(g, " ")));
}

static int32_t bracketed(Grammar *g, const char *open, int32_t content,
                         const char *close)
{
    const int32_t kids[] = {grammar_text(g, open), content, grammar_text(g, close)};
    return grammar_sequence(g, kids, 3);
}

static int32_t nothing(Grammar *g)
{
    return grammar_empty(g);
}

/* item ("," item)*, min to max times (max -1: without end). */
static int32_t row_of(Grammar *g, int32_t item, int64_t min, int64_t max)
{
    if (max == 0)
        return nothing(g);
    int32_t more = grammar_pair(g, mark(g, ","), item);
    int32_t some = grammar_pair(
        g, item, grammar_loop(g, more, min > 0 ? min - 1 : 0, max < 0 ? -1 : max - 1));
    return min > 0 ? some : grammar_maybe(g, some);
}

/* --- any value ------------------------------------------------------------------------------- */
int32_t schema_any(Schema *s)
{
    Grammar *g = s->g;
    if (s->any_value >= 0)
        return grammar_call(g, s->any_value);
    s->any_value = grammar_rule(g, SPAN("value"), 0, 0);
    int32_t value = grammar_call(g, s->any_value), number = 0;
    json_t *empty = json_object();
    if (!empty && g->failed.code == OK)
        (void)err_set(&g->failed, ERR_NOMEM, "no memory for a schema");
    if (empty && schema_number(s, empty, false, &number) != OK && g->failed.code == OK)
        g->failed = *s->err;
    json_decref(empty);
    int32_t text = schema_any_string(s);
    const int32_t pair[] = {text, mark(g, ":"), value};
    const int32_t ways[] = {
        bracketed(g, "{", row_of(g, grammar_sequence(g, pair, 3), 0, -1), "}"),
        bracketed(g, "[", row_of(g, value, 0, -1), "]"),
        text,
        number,
        grammar_text(g, "true"),
        grammar_text(g, "false"),
        grammar_text(g, "null"),
    };
    int32_t node = grammar_choice(g, ways, sizeof ways / sizeof *ways);
    if (g->failed.code == OK)
        g->rules[s->any_value].node = node;
    return value;
}

/* --- arrays ------------------------------------------------------------------------------------ */
/* items{min,max} behind `first`, a row that is there already (0 elements: have_first
 * false). */
static int32_t array_content(Grammar *g, int32_t first, bool have_first, int32_t items,
                             bool have_items, int64_t min, int64_t max)
{
    if (!have_items)
        return have_first ? first : nothing(g);
    if (!have_first)
        return row_of(g, items, min, max);
    return grammar_pair(
        g, first, grammar_loop(g, grammar_pair(g, mark(g, ","), items), min, max));
}

static Status prefix_row(Schema *s, const json_t *prefix, int64_t n, int32_t *node)
{
    NodeList row = {0};
    Status status = OK;
    for (int64_t i = 0; i < n && status == OK; i++) {
        char name[24];
        int32_t item = 0;
        (void)snprintf(name, sizeof name, "%lld", (long long)i);
        if (i > 0)
            node_list_add(&row, s->g, mark(s->g, ","));
        status = schema_node(s, json_array_get(prefix, (size_t)i), "prefixItems", name,
                             &item);
        node_list_add(&row, s->g, item);
    }
    if (status == OK)
        *node = grammar_sequence(s->g, row.ptr, row.n);
    node_list_release(&row);
    return status;
}

Status schema_array(Schema *s, const json_t *schema, int32_t *node)
{
    const json_t *prefix = json_object_get(schema, "prefixItems");
    const json_t *items = json_object_get(schema, "items");
    int64_t min, max, first = prefix ? (int64_t)json_array_size(prefix) : 0;
    int32_t row = 0, item = 0;
    TRY(schema_count(s, schema, "minItems", 0, &min));
    TRY(schema_count(s, schema, "maxItems", -1, &max));
    if (max >= 0 && max < min)
        return schema_fail(s, "'maxItems' is below 'minItems'");
    if (prefix && !json_is_array(prefix))
        return schema_fail(s, "'prefixItems' is no list");
    if (max >= 0 && first > max)
        first = max;
    bool more = (max < 0 || max > first) && !json_is_false(items) && (items || !prefix);
    if (min > first && !more)
        return schema_fail(s, "'minItems' asks for more than there may be");
    if (first > 0)
        TRY(prefix_row(s, prefix, first, &row));
    if (more && items)
        TRY(schema_node(s, items, "items", NULL, &item));
    else if (more)
        item = schema_any(s);
    min = min > first ? min - first : 0;
    *node = bracketed(s->g, "[",
                      array_content(s->g, row, first > 0, item, more, min,
                                    max < 0 ? -1 : max - first),
                      "]");
    return OK;
}

/* --- keys that others do not have ------------------------------------------------------------- */
/* Characters of a key that need no escape. */
static void key_chars(CharSet *set)
{
    *set = (CharSet){0};
    charset_add(set, 0, 0x1F);
    charset_add(set, '"', '"');
    charset_add(set, '\\', '\\');
    charset_negate(set);
}

/* What may follow the first `at` bytes of keys[0..n), which all begin so, in a key that is
 * none of them: the end, unless one ends here; a character with which none goes on, and
 * any more; one with which some do, and so on. */
static int32_t other_key(Grammar *g, const char **keys, size_t n, size_t at)
{
    CharSet free_chars, any;
    NodeList ways = {0};
    bool ends = false;
    key_chars(&free_chars);
    any = free_chars;
    for (size_t i = 0; i < n; i++)
        ends = ends || keys[i][at] == '\0';
    CharSet taken = {0};
    for (size_t i = 0; i < n; i++) {
        uint32_t c;
        size_t len, same = 0;
        Err why;
        Span key = span_of(keys[i]);
        if (at >= key.len || grammar_read_char(key, at, &c, &len, &why) != OK ||
            charset_has(&taken, c))
            continue;
        charset_add(&taken, c, c);
        /* Those that go on alike come to the front of the rest. */
        for (size_t k = i; k < n; k++) {
            if (strncmp(keys[k] + at, keys[i] + at, len) == 0) {
                const char *swap = keys[i + same];
                keys[i + same++] = keys[k];
                keys[k] = swap;
            }
        }
        node_list_add(&ways, g,
                      grammar_pair(g, grammar_char(g, c),
                                   other_key(g, keys + i, same, at + len)));
    }
    charset_negate(&taken);
    charset_intersect(&free_chars, &taken);
    node_list_add(&ways, g,
                  grammar_pair(g, grammar_chars(g, &free_chars),
                               grammar_loop(g, grammar_chars(g, &any), 0, -1)));
    if (!ends)
        node_list_add(&ways, g, nothing(g));
    int32_t node = ways.n > 0 ? grammar_choice(g, ways.ptr, ways.n) : 0;
    node_list_release(&ways);
    return node;
}

static bool plain_key(const char *key)
{
    for (; *key; key++) {
        if ((unsigned char)*key < 0x20 || *key == '"' || *key == '\\')
            return false;
    }
    return true;
}

/* --- objects ----------------------------------------------------------------------------------- */
typedef struct Property {
    const char *key;
    int32_t node; /* "key": value */
    bool required;
} Property;

typedef struct Object {
    Property *properties;
    size_t n, cap;
    int32_t extra; /* key and value of an additional property */
    bool has_extra;
} Object;

bool schema_requires(const json_t *schema, const char *key)
{
    const json_t *list = json_object_get(schema, "required");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (name && strcmp(name, key) == 0)
            return true;
    }
    return false;
}

static int32_t key_value(Grammar *g, const char *key, int32_t value)
{
    Str text = {0};
    json_append_string(&text, span_of(key));
    const int32_t kids[] = {grammar_bytes(g, str_span(&text)), mark(g, ":"), value};
    if (text.failed && g->failed.code == OK)
        (void)err_set(&g->failed, ERR_NOMEM, "no memory for a key");
    str_release(&text);
    return grammar_sequence(g, kids, 3);
}

static Status add_property(Schema *s, Object *o, const char *key, int32_t value,
                           bool required)
{
    TRY(MEM_PUSH_ROOM(&o->properties, o->n, &o->cap, s->err));
    o->properties[o->n++] = (Property){key, key_value(s->g, key, value), required};
    return OK;
}

static Status read_properties(Schema *s, const json_t *schema, Object *o)
{
    const json_t *properties = json_object_get(schema, "properties");
    const json_t *required = json_object_get(schema, "required");
    const char *key;
    json_t *value;
    if (properties && !json_is_object(properties))
        return schema_fail(s, "'properties' is no object");
    if (required && !json_is_array(required))
        return schema_fail(s, "'required' is no list");
    json_object_foreach(json_iterable(properties), key, value)
    {
        int32_t node = 0;
        bool needed = schema_requires(schema, key);
        if (json_is_false(value) && !needed)
            continue;
        TRY(schema_node(s, value, "properties", key, &node));
        TRY(add_property(s, o, key, node, needed));
    }
    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *name = json_string_value(json_array_get(required, i));
        if (!name)
            return schema_fail(s, "'required' holds what is no text");
        bool repeated = false;
        for (size_t k = 0; k < o->n; k++)
            repeated = repeated || strcmp(o->properties[k].key, name) == 0;
        if (!repeated && json_object_get(schema, "additionalProperties"))
            return schema_fail(s, "'%.60s' is required, but no property", name);
        if (!repeated)
            TRY(add_property(s, o, name, schema_any(s), true));
    }
    return OK;
}

static Status other_keys(Schema *s, const Object *o, int32_t *node)
{
    const char **keys;
    size_t n = 0;
    TRY(MEM_ARRAY(&keys, o->n, s->err));
    for (size_t i = 0; i < o->n; i++) {
        if (plain_key(o->properties[i].key))
            keys[n++] = o->properties[i].key;
    }
    *node = other_key(s->g, keys, n, 0);
    mem_free(keys);
    return OK;
}

static Status read_extra(Schema *s, const json_t *schema, Object *o)
{
    const json_t *more = json_object_get(schema, "additionalProperties");
    bool free_form = !more && !json_object_get(schema, "properties") &&
                     !json_object_get(schema, "required");
    int32_t value = 0, key = 0;
    if (json_is_false(more) || (!more && !free_form))
        return OK;
    for (size_t i = 0; i < o->n; i++) {
        if (strlen(o->properties[i].key) > SCHEMA_KEY_CHARS)
            return schema_fail(s,
                               "a key of over %d bytes beside "
                               "'additionalProperties' is not supported",
                               SCHEMA_KEY_CHARS);
    }
    if (more)
        TRY(schema_node(s, more, "additionalProperties", NULL, &value));
    else
        value = schema_any(s);
    TRY(other_keys(s, o, &key));
    const int32_t kids[] = {grammar_text(s->g, "\""), key, grammar_text(s->g, "\""),
                            mark(s->g, ":"), value};
    o->extra = grammar_sequence(s->g, kids, 5);
    o->has_extra = true;
    return OK;
}

/* What may follow when something is there already: properties [from, n), then others. */
static int32_t rest(Grammar *g, const Object *o, size_t from)
{
    NodeList row = {0};
    for (size_t i = from; i < o->n; i++) {
        int32_t one = grammar_pair(g, mark(g, ","), o->properties[i].node);
        node_list_add(&row, g, o->properties[i].required ? one : grammar_maybe(g, one));
    }
    if (o->has_extra)
        node_list_add(&row, g,
                      grammar_loop(g, grammar_pair(g, mark(g, ","), o->extra), 0, -1));
    int32_t node = grammar_sequence(g, row.ptr, row.n);
    node_list_release(&row);
    return node;
}

/* Puts a node that is used more than once into a rule, so that it is laid once. */
static int32_t share(Grammar *g, const char *name, int32_t node)
{
    int32_t rule = grammar_rule(g, span_of(name), 0, 0);
    if (g->failed.code == OK)
        g->rules[rule].node = node;
    return grammar_call(g, rule);
}

/* By the first property that is there: one of those up to the first required one. What
 * follows each of them is what follows the next, and the next itself, perhaps. */
static int32_t object_content(Grammar *g, Object *o)
{
    NodeList ways = {0};
    size_t firsts = 0;
    while (firsts < o->n && !o->properties[firsts].required)
        firsts++;
    bool may_be_empty = firsts == o->n;
    firsts += !may_be_empty;
    for (size_t i = 1; i < firsts; i++)
        o->properties[i].node = share(g, o->properties[i].key, o->properties[i].node);
    int32_t after = rest(g, o, firsts);
    for (size_t i = firsts; i-- > 0;) {
        const Property *p = &o->properties[i];
        if (firsts > 1)
            after = share(g, p->key, after);
        node_list_add(&ways, g, grammar_pair(g, p->node, after));
        int32_t one = grammar_pair(g, mark(g, ","), p->node);
        after = grammar_pair(g, p->required ? one : grammar_maybe(g, one), after);
    }
    if (may_be_empty && o->has_extra)
        node_list_add(&ways, g, row_of(g, o->extra, 1, -1));
    if (may_be_empty)
        node_list_add(&ways, g, nothing(g));
    int32_t node = ways.n > 0 ? grammar_choice(g, ways.ptr, ways.n) : 0;
    node_list_release(&ways);
    return node;
}

static Status object_node(Schema *s, const json_t *schema, Object *o, int32_t *node)
{
    int64_t min, max;
    TRY(schema_count(s, schema, "minProperties", 0, &min));
    TRY(schema_count(s, schema, "maxProperties", -1, &max));
    TRY(read_properties(s, schema, o));
    TRY(read_extra(s, schema, o));
    if (min == 0 && max < 0) {
        *node = bracketed(s->g, "{", object_content(s->g, o), "}");
        return grammar_check(s->g, s->err);
    }
    if (o->n > 0 || !o->has_extra)
        return schema_fail(s, "'minProperties' and 'maxProperties' are supported only "
                              "where there are additional properties alone");
    if (max >= 0 && max < min)
        return schema_fail(s, "'maxProperties' is below 'minProperties'");
    *node = bracketed(s->g, "{", row_of(s->g, o->extra, min, max), "}");
    return OK;
}

Status schema_object(Schema *s, const json_t *schema, int32_t *node)
{
    Object o = {0};
    Status status = object_node(s, schema, &o, node);
    mem_free(o.properties);
    return status;
}
