/* blanks.c - see blanks.h. */
#include "format/grammar/blanks.h"

#include "base/mem.h"
#include "format/grammar/gbnf.h"
#include "format/grammar/regex.h"
#include "format/grammar/schema.h"

#include <string.h>

typedef struct Parser {
    Blanks *b;
    Span text;
    size_t at;
    const BlanksValue *values;
    size_t n_values;
    Err *err;
} Parser;

void blanks_release(Blanks *b)
{
    for (size_t i = 0; i < b->n; i++) {
        mem_free(b->parts[i].name);
        str_release(&b->parts[i].text);
        for (int32_t k = 0; k < b->parts[i].n_stops; k++)
            str_release(&b->parts[i].stops[k]);
    }
    mem_free(b->parts);
    grammar_release(&b->g);
    *b = (Blanks){0};
}

/* --- parts --------------------------------------------------------------------------------- */
static Status add_part(Blanks *b, BlanksPart **out, Err *err)
{
    TRY(MEM_PUSH_ROOM(&b->parts, b->n, &b->cap, err));
    *out = &b->parts[b->n++];
    **out = (BlanksPart){0};
    return OK;
}

/* Neighbouring fixed texts are one. */
Status blanks_add_text(Blanks *b, Span text, Err *err)
{
    BlanksPart *p;
    if (text.len == 0)
        return OK;
    if (b->n > 0 && !b->parts[b->n - 1].name)
        p = &b->parts[b->n - 1];
    else
        TRY(add_part(b, &p, err));
    str_span_append(&p->text, text);
    p->node = grammar_bytes(&b->g, str_span(&p->text));
    TRY(str_check(&p->text, err));
    return grammar_check(&b->g, err);
}

static Status add_blank(Blanks *b, Span name, BlanksPart **out, Err *err)
{
    TRY(add_part(b, out, err));
    (*out)->name = mem_dup(name.ptr, name.len);
    return (*out)->name ? OK : err_set(err, ERR_NOMEM, "no memory for a blank");
}

Status blanks_add(Blanks *b, Span name, int32_t node, int64_t max_tokens, Err *err)
{
    BlanksPart *p;
    TRY(add_blank(b, name, &p, err));
    p->node = node;
    p->max_tokens = max_tokens;
    return grammar_check(&b->g, err);
}

static Status add_stop(BlanksPart *p, Span stop, Err *err)
{
    if (p->n_stops == BLANKS_STOPS)
        return err_set(err, ERR_LIMIT, "a blank has over %d stops", BLANKS_STOPS);
    str_span_append(&p->stops[p->n_stops], stop);
    return str_check(&p->stops[p->n_stops++], err);
}

static int32_t until_stops(Blanks *b, const BlanksPart *p)
{
    Span stops[BLANKS_STOPS];
    for (int32_t i = 0; i < p->n_stops; i++)
        stops[i] = str_span(&p->stops[i]);
    return grammar_until(&b->g, stops, (size_t)p->n_stops);
}

Status blanks_add_until(Blanks *b, Span name, Span stop, int64_t max_tokens, Err *err)
{
    BlanksPart *p;
    TRY(add_blank(b, name, &p, err));
    TRY(add_stop(p, stop, err));
    p->node = until_stops(b, p);
    p->max_tokens = max_tokens;
    return grammar_check(&b->g, err);
}

static int32_t any_text(Grammar *g)
{
    CharSet all = {0};
    charset_add(&all, 0, UNICODE_MAX);
    return grammar_loop(g, grammar_chars(g, &all), 0, -1);
}

/* --- words ----------------------------------------------------------------------------------- */
static char peek(const Parser *p)
{
    return p->at < p->text.len ? p->text.ptr[p->at] : '\0';
}

static Span ahead(const Parser *p)
{
    return (Span){p->text.ptr + p->at, p->text.len - p->at};
}

static void skip(Parser *p)
{
    while (p->at < p->text.len && strchr(" \t\r\n", p->text.ptr[p->at]) && peek(p))
        p->at++;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || c == '-' || (unsigned char)c >= 0x80;
}

static Span read_word(Parser *p)
{
    size_t begin = p->at;
    while (is_word(peek(p)))
        p->at++;
    return (Span){p->text.ptr + begin, p->at - begin};
}

static Status read_quoted(Parser *p, Str *out)
{
    static const char named[] = "\"\\nt", means[] = "\"\\\n\t";
    size_t open = p->at++;
    str_reset(out);
    while (peek(p) != '"') {
        char c = peek(p);
        if (p->at >= p->text.len)
            return grammar_error(p->err, p->text, open, "'\"' is not closed");
        if (c == '\\') {
            char next = p->at + 1 < p->text.len ? p->text.ptr[p->at + 1] : '\0';
            const char *found = next ? strchr(named, next) : NULL;
            /* What else is escaped is a pattern's or a grammar's own. */
            if (!found)
                str_putc(out, '\\');
            c = found ? means[found - named] : next;
            p->at++;
            if (!next)
                return grammar_error(p->err, p->text, open, "'\"' is not closed");
        }
        str_putc(out, c);
        p->at++;
    }
    p->at++;
    return str_check(out, p->err);
}

/* A quoted text or a word. */
static Status read_value(Parser *p, Str *out)
{
    size_t begin = p->at;
    if (peek(p) == '"')
        return read_quoted(p, out);
    str_reset(out);
    str_span_append(out, read_word(p));
    if (p->at == begin)
        return grammar_error(p->err, p->text, begin, "a text in quotes is needed");
    return str_check(out, p->err);
}

static Status read_name(Parser *p, Str *out)
{
    size_t begin = p->at;
    TRY(read_value(p, out));
    if (out->len == 0)
        return grammar_error(p->err, p->text, begin, "a blank needs a name");
    for (size_t i = 0; i < p->b->n; i++) {
        const char *name = p->b->parts[i].name;
        if (name && span_equal(span_of(name), str_span(out)))
            return grammar_error(p->err, p->text, begin,
                                 "there is a blank '%.60s' already", name);
    }
    return OK;
}

static Status close_blank(Parser *p)
{
    skip(p);
    if (!span_starts(ahead(p), SPAN("}}")))
        return grammar_error(p->err, p->text, p->at, "'}}' is needed");
    p->at += 2;
    return OK;
}

/* --- select ------------------------------------------------------------------------------------ */
static Status read_choices(Parser *p, NodeList *ways)
{
    Str choice = {0};
    Status status = OK;
    for (bool more = true; more && status == OK;) {
        skip(p);
        status = read_value(p, &choice);
        node_list_add(ways, &p->b->g, grammar_bytes(&p->b->g, str_span(&choice)));
        skip(p);
        more = peek(p) == '|';
        p->at += more;
    }
    str_release(&choice);
    return status;
}

static Status parse_select(Parser *p)
{
    Str name = {0};
    NodeList ways = {0};
    skip(p);
    Status status = read_name(p, &name);
    if (status == OK)
        status = read_choices(p, &ways);
    if (status == OK && (status = grammar_check(&p->b->g, p->err)) == OK)
        status = blanks_add(p->b, str_span(&name),
                            grammar_choice(&p->b->g, ways.ptr, ways.n), 0, p->err);
    node_list_release(&ways);
    str_release(&name);
    return status == OK ? close_blank(p) : status;
}

/* --- gen ------------------------------------------------------------------------------------------ */
/* What a language of its own says is at a place of its own. */
static Status inner(Parser *p, size_t at, const char *what, Status status,
                    const Err *why)
{
    if (status == ERR_FORMAT)
        return grammar_error(p->err, p->text, at, "%s: %s", what, why->msg);
    if (status != OK)
        return err_set(p->err, status, "%s", why->msg);
    return OK;
}

static Status read_schema(Parser *p, int32_t *node)
{
    json_error_t error;
    Err why = {0};
    size_t begin = p->at;
    json_t *tree = json_loadb(p->text.ptr + begin, p->text.len - begin,
                              JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &error);
    if (!tree)
        return grammar_error(p->err, p->text, begin, "schema: %.100s", error.text);
    Status status = schema_from_tree(&p->b->g, tree, node, &why);
    json_decref(tree);
    p->at += (size_t)error.position;
    return inner(p, begin, "schema", status, &why);
}

static Status read_number(Parser *p, int64_t *out)
{
    size_t begin = p->at;
    int64_t n = 0;
    while (peek(p) >= '0' && peek(p) <= '9' && n < 1000000000)
        n = 10 * n + (p->text.ptr[p->at++] - '0');
    if (n < 1 || is_word(peek(p)))
        return grammar_error(p->err, p->text, begin, "a number of tokens is needed");
    *out = n;
    return OK;
}

typedef struct Gen {
    BlanksPart *part;
    bool has_node;
} Gen;

static Status read_language(Parser *p, Gen *gen, Span key, size_t at)
{
    Str value = {0};
    Err why = {0};
    if (gen->has_node)
        return grammar_error(p->err, p->text, at,
                             "a blank has one of regex, grammar and schema");
    gen->has_node = true;
    if (span_equal(key, SPAN("schema")))
        return read_schema(p, &gen->part->node);
    Status status = read_value(p, &value);
    if (status == OK && span_equal(key, SPAN("regex"))) {
        status = regex_parse(&p->b->g, str_span(&value), (RegexOptions){0},
                             &gen->part->node, &why);
        status = inner(p, at, "regex", status, &why);
    } else if (status == OK) {
        status = gbnf_parse(&p->b->g, str_span(&value), &gen->part->node, &why);
        status = inner(p, at, "grammar", status, &why);
    }
    str_release(&value);
    return status;
}

static Status read_setting(Parser *p, Gen *gen)
{
    size_t at = p->at;
    Span key = read_word(p);
    Str value = {0};
    skip(p);
    if (key.len == 0 || peek(p) != '=')
        return grammar_error(p->err, p->text, at,
                             "regex=, grammar=, schema=, stop= or max_tokens= is "
                             "needed");
    p->at++;
    skip(p);
    if (span_equal(key, SPAN("max_tokens")))
        return read_number(p, &gen->part->max_tokens);
    if (span_equal(key, SPAN("stop"))) {
        Status status = read_value(p, &value);
        if (status == OK && value.len == 0)
            status = grammar_error(p->err, p->text, at, "a stop is an empty text");
        if (status == OK)
            status = add_stop(gen->part, str_span(&value), p->err);
        str_release(&value);
        return status;
    }
    if (span_equal(key, SPAN("regex")) || span_equal(key, SPAN("grammar")) ||
        span_equal(key, SPAN("schema")))
        return read_language(p, gen, key, at);
    return grammar_error(p->err, p->text, at, "a blank has no '%.*s'",
                         (int)(key.len < 40 ? key.len : 40), key.ptr);
}

/* A blank whose text is free: what ends it? */
static Status free_blank(Parser *p, BlanksPart *part, size_t at)
{
    Span behind = ahead(p);
    Blanks *b = p->b;
    bool last = behind.len == 0 || span_equal(behind, SPAN("\n"));
    if (part->n_stops == 0 && behind.len > 0 && behind.ptr[0] == '\n' && !last) {
        TRY(add_stop(part, SPAN("\n"), p->err));
        p->at++;
    }
    if (part->n_stops > 0)
        part->node = until_stops(b, part);
    else if (part->max_tokens > 0 || last)
        part->node = any_text(&b->g);
    else
        return grammar_error(p->err, p->text, at,
                             "blank '%.60s' has no end: give it regex=, stop= or "
                             "max_tokens=",
                             part->name);
    return OK;
}

static Status parse_gen(Parser *p, size_t at)
{
    Str name = {0};
    Gen gen = {0};
    skip(p);
    Status status = read_name(p, &name);
    if (status == OK)
        status = add_blank(p->b, str_span(&name), &gen.part, p->err);
    str_release(&name);
    TRY(status);
    for (skip(p); peek(p) != '}'; skip(p))
        TRY(read_setting(p, &gen));
    TRY(close_blank(p));
    if (gen.has_node && gen.part->n_stops > 0)
        return grammar_error(p->err, p->text, at,
                             "blank '%.60s' ends by itself: it needs no stop",
                             gen.part->name);
    if (!gen.has_node)
        TRY(free_blank(p, gen.part, at));
    return grammar_check(&p->b->g, p->err);
}

/* --- the whole ---------------------------------------------------------------------------------- */
static Status parse_value(Parser *p, Span name, size_t at)
{
    for (size_t i = 0; i < p->n_values; i++) {
        if (span_equal(p->values[i].name, name))
            return blanks_add_text(p->b, p->values[i].text, p->err);
    }
    return grammar_error(p->err, p->text, at,
                         "there is no value '%.*s' (blanks are {{gen \"...\"}} and "
                         "{{select \"...\"}})",
                         (int)(name.len < 60 ? name.len : 60), name.ptr);
}

static Status parse_braces(Parser *p)
{
    size_t at = p->at;
    Str text = {0};
    p->at += 2;
    skip(p);
    if (peek(p) == '"') {
        Status status = read_quoted(p, &text);
        if (status == OK)
            status = blanks_add_text(p->b, str_span(&text), p->err);
        str_release(&text);
        return status == OK ? close_blank(p) : status;
    }
    Span word = read_word(p);
    if (span_equal(word, SPAN("gen")))
        return parse_gen(p, at);
    if (span_equal(word, SPAN("select")))
        return parse_select(p);
    TRY(parse_value(p, word, at));
    return close_blank(p);
}

static Status parse(Parser *p)
{
    while (p->at < p->text.len) {
        ptrdiff_t open = span_find(p->text, SPAN("{{"), p->at);
        size_t end = open < 0 ? p->text.len : (size_t)open;
        /* The newline that ends a file of a template is not part of it. */
        Span fixed = {p->text.ptr + p->at, end - p->at};
        if (open < 0 && fixed.len > 0 && fixed.ptr[fixed.len - 1] == '\n')
            fixed.len--;
        TRY(blanks_add_text(p->b, fixed, p->err));
        p->at = end;
        if (open >= 0)
            TRY(parse_braces(p));
    }
    return OK;
}

Status blanks_parse(Blanks *out, Span text, const BlanksValue *values, size_t n_values,
                    Err *err)
{
    Parser p = {
        .b = out, .text = text, .values = values, .n_values = n_values, .err = err};
    *out = (Blanks){0};
    Status status = parse(&p);
    if (status == OK && out->n == 0)
        status = err_set(err, ERR_FORMAT, "the template is empty");
    if (status != OK)
        blanks_release(out);
    return status;
}
