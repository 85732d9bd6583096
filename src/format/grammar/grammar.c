/* grammar.c - see grammar.h. */
#include "format/grammar/grammar.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- classes of characters ----------------------------------------------------------- */
void charset_add(CharSet *s, uint32_t low, uint32_t high)
{
    if (low > high)
        return;
    if (s->n == GRAMMAR_RANGES)
        charset_normalise(s); /* neighbours join */
    if (s->n == GRAMMAR_RANGES)
        s->full = true;
    else
        s->ranges[s->n++] = (CharRange){low, high};
}

void charset_add_set(CharSet *s, const CharSet *more)
{
    for (int32_t i = 0; i < more->n; i++)
        charset_add(s, more->ranges[i].low, more->ranges[i].high);
    s->full = s->full || more->full;
}

static int by_low(const void *a, const void *b)
{
    const CharRange *x = a, *y = b;
    return (x->low > y->low) - (x->low < y->low);
}

void charset_normalise(CharSet *s)
{
    int32_t n = 0;
    qsort(s->ranges, (size_t)s->n, sizeof *s->ranges, by_low);
    for (int32_t i = 0; i < s->n; i++) {
        CharRange r = s->ranges[i];
        if (n > 0 && r.low <= s->ranges[n - 1].high + 1) {
            if (r.high > s->ranges[n - 1].high)
                s->ranges[n - 1].high = r.high;
        } else {
            s->ranges[n++] = r;
        }
    }
    s->n = n;
}

void charset_negate(CharSet *s)
{
    CharSet out = {.full = s->full};
    uint32_t from = 0;
    charset_normalise(s);
    for (int32_t i = 0; i < s->n; i++) {
        if (s->ranges[i].low > from)
            charset_add(&out, from, s->ranges[i].low - 1);
        from = s->ranges[i].high + 1;
    }
    if (from <= UNICODE_MAX)
        charset_add(&out, from, UNICODE_MAX);
    *s = out;
}

void charset_intersect(CharSet *s, const CharSet *with)
{
    CharSet out = {.full = s->full || with->full};
    for (int32_t i = 0; i < s->n; i++) {
        for (int32_t k = 0; k < with->n; k++) {
            CharRange a = s->ranges[i], b = with->ranges[k];
            charset_add(&out, a.low > b.low ? a.low : b.low,
                        a.high < b.high ? a.high : b.high);
        }
    }
    charset_normalise(&out);
    *s = out;
}

bool charset_has(const CharSet *s, uint32_t c)
{
    for (int32_t i = 0; i < s->n; i++) {
        if (c >= s->ranges[i].low && c <= s->ranges[i].high)
            return true;
    }
    return false;
}

/* --- nodes ----------------------------------------------------------------------------- */
void grammar_release(Grammar *g)
{
    for (size_t i = 0; i < g->n_rules; i++)
        mem_free(g->rules[i].name);
    mem_free(g->nodes);
    mem_free(g->ranges);
    mem_free(g->kids);
    mem_free(g->rules);
    str_release(&g->bytes);
    *g = (Grammar){0};
}

Status grammar_check(const Grammar *g, Err *err)
{
    if (g->failed.code != OK)
        return err_set(err, g->failed.code, "%s", g->failed.msg);
    return str_check(&g->bytes, err);
}

static int32_t add_node(Grammar *g, GrammarNode node)
{
    if (g->failed.code != OK)
        return 0;
    if (g->n_nodes == GRAMMAR_NODES) {
        (void)err_set(&g->failed, ERR_LIMIT, "the grammar is too large: over %d parts",
                      GRAMMAR_NODES);
        return 0;
    }
    if (MEM_PUSH_ROOM(&g->nodes, g->n_nodes, &g->cap_nodes, &g->failed) != OK)
        return 0;
    g->nodes[g->n_nodes] = node;
    return (int32_t)g->n_nodes++;
}

int32_t grammar_empty(Grammar *g)
{
    return add_node(g, (GrammarNode){.kind = GRAMMAR_EMPTY});
}

int32_t grammar_chars(Grammar *g, const CharSet *set)
{
    CharSet s = *set;
    GrammarNode node = {.kind = GRAMMAR_CHARS, .first = (int32_t)g->n_ranges};
    charset_normalise(&s);
    if (s.full && g->failed.code == OK)
        (void)err_set(&g->failed, ERR_LIMIT, "a class of characters has over %d ranges",
                      GRAMMAR_RANGES);
    for (int32_t i = 0; i < s.n && g->failed.code == OK; i++) {
        if (MEM_PUSH_ROOM(&g->ranges, g->n_ranges, &g->cap_ranges, &g->failed) == OK)
            g->ranges[g->n_ranges++] = s.ranges[i];
    }
    node.n = s.n;
    return add_node(g, node);
}

int32_t grammar_char(Grammar *g, uint32_t c)
{
    CharSet s = {0};
    charset_add(&s, c, c);
    return grammar_chars(g, &s);
}

int32_t grammar_bytes(Grammar *g, Span text)
{
    GrammarNode node = {
        .kind = GRAMMAR_BYTES, .first = (int32_t)g->bytes.len, .n = (int32_t)text.len};
    if (text.len > GRAMMAR_NODES || g->bytes.len > (size_t)64 * GRAMMAR_NODES) {
        if (g->failed.code == OK)
            (void)err_set(&g->failed, ERR_LIMIT, "a literal is too long");
        return 0;
    }
    str_span_append(&g->bytes, text);
    return add_node(g, node);
}

int32_t grammar_text(Grammar *g, const char *literal)
{
    return grammar_bytes(g, span_of(literal));
}

static int32_t add_parent(Grammar *g, GrammarNode node, const int32_t *kids, size_t n)
{
    node.first = (int32_t)g->n_kids;
    node.n = (int32_t)n;
    for (size_t i = 0; i < n && g->failed.code == OK; i++) {
        if (MEM_PUSH_ROOM(&g->kids, g->n_kids, &g->cap_kids, &g->failed) == OK)
            g->kids[g->n_kids++] = kids[i];
    }
    return add_node(g, node);
}

int32_t grammar_sequence(Grammar *g, const int32_t *kids, size_t n)
{
    if (n == 1)
        return kids[0];
    return add_parent(g, (GrammarNode){.kind = GRAMMAR_SEQUENCE}, kids, n);
}

int32_t grammar_choice(Grammar *g, const int32_t *kids, size_t n)
{
    ASSERT(n >= 1);
    if (n == 1)
        return kids[0];
    return add_parent(g, (GrammarNode){.kind = GRAMMAR_CHOICE}, kids, n);
}

int32_t grammar_loop(Grammar *g, int32_t kid, int64_t min, int64_t max)
{
    ASSERT(min >= 0 && (max == -1 || max >= min));
    if (min > GRAMMAR_REPEAT || max > GRAMMAR_REPEAT) {
        if (g->failed.code == OK)
            (void)err_set(&g->failed, ERR_LIMIT,
                          "something is to be repeated %lld times, the limit is %d",
                          (long long)(max > min ? max : min), GRAMMAR_REPEAT);
        return 0;
    }
    return add_parent(
        g,
        (GrammarNode){.kind = GRAMMAR_LOOP, .min = (int32_t)min, .max = (int32_t)max},
        &kid, 1);
}

int32_t grammar_call(Grammar *g, int32_t rule)
{
    return add_node(g, (GrammarNode){.kind = GRAMMAR_CALL, .first = rule});
}

int32_t grammar_until(Grammar *g, const Span *stops, size_t n)
{
    NodeList kids = {0};
    ASSERT(n >= 1);
    for (size_t i = 0; i < n; i++)
        node_list_add(&kids, g, grammar_bytes(g, stops[i]));
    int32_t node =
        add_parent(g, (GrammarNode){.kind = GRAMMAR_UNTIL}, kids.ptr, kids.n);
    node_list_release(&kids);
    return node;
}

int32_t grammar_pair(Grammar *g, int32_t a, int32_t b)
{
    const int32_t kids[] = {a, b};
    return grammar_sequence(g, kids, 2);
}

int32_t grammar_either(Grammar *g, int32_t a, int32_t b)
{
    const int32_t kids[] = {a, b};
    return grammar_choice(g, kids, 2);
}

int32_t grammar_maybe(Grammar *g, int32_t kid)
{
    return grammar_loop(g, kid, 0, 1);
}

int32_t grammar_rule(Grammar *g, Span name, int32_t line, int32_t column)
{
    if (g->failed.code != OK ||
        MEM_PUSH_ROOM(&g->rules, g->n_rules, &g->cap_rules, &g->failed) != OK)
        return 0;
    char *copy = mem_dup(name.ptr, name.len);
    if (!copy) {
        (void)err_set(&g->failed, ERR_NOMEM, "no memory for the name of a rule");
        return 0;
    }
    g->rules[g->n_rules] =
        (GrammarRule){.name = copy, .node = -1, .line = line, .column = column};
    return (int32_t)g->n_rules++;
}

int32_t grammar_find_rule(const Grammar *g, size_t from, Span name)
{
    for (size_t i = from; i < g->n_rules; i++) {
        if (span_equal(span_of(g->rules[i].name), name))
            return (int32_t)i;
    }
    return -1;
}

void node_list_add(NodeList *list, Grammar *g, int32_t node)
{
    if (g->failed.code == OK &&
        MEM_PUSH_ROOM(&list->ptr, list->n, &list->cap, &g->failed) == OK)
        list->ptr[list->n++] = node;
}

void node_list_release(NodeList *list)
{
    mem_free(list->ptr);
    *list = (NodeList){0};
}

Status grammar_choices(Grammar *g, const Span *choices, size_t n, int32_t *node,
                       Err *err)
{
    NodeList kids = {0};
    if (n == 0)
        return err_set(err, ERR_OPTION, "there is nothing to choose from");
    for (size_t i = 0; i < n; i++) {
        if (choices[i].len == 0) {
            node_list_release(&kids);
            return err_set(err, ERR_OPTION, "choice %zu is empty", i + 1);
        }
        node_list_add(&kids, g, grammar_bytes(g, choices[i]));
    }
    if (kids.n > 0)
        *node = grammar_choice(g, kids.ptr, kids.n);
    node_list_release(&kids);
    return grammar_check(g, err);
}

/* --- places in a text ------------------------------------------------------------------ */
void grammar_place(Span text, size_t at, int32_t *line, int32_t *column)
{
    *line = *column = 1;
    for (size_t i = 0; i < at && i < text.len; i++) {
        if (text.ptr[i] == '\n') {
            ++*line;
            *column = 1;
        } else if (((unsigned char)text.ptr[i] & 0xC0) != 0x80) {
            ++*column;
        }
    }
}

Status grammar_error(Err *err, Span text, size_t at, const char *fmt, ...)
{
    char what[300];
    int32_t line, column;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    grammar_place(text, at, &line, &column);
    return err_set(err, ERR_FORMAT, "line %d, column %d: %s", line, column, what);
}

Status grammar_read_char(Span text, size_t at, uint32_t *c, size_t *len, Err *err)
{
    static const unsigned char lead_bits[5] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    size_t n = at < text.len ? span_utf8(text, at) : 0;
    if (n == 0)
        return grammar_error(err, text, at,
                             at < text.len ? "bytes that are not UTF-8"
                                           : "the text ends too early");
    uint32_t code = (unsigned char)text.ptr[at] & lead_bits[n];
    for (size_t i = 1; i < n; i++)
        code = code << 6 | ((unsigned char)text.ptr[at + i] & 0x3FU);
    *c = code;
    *len = n;
    return OK;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

Status grammar_read_hex(Span text, size_t at, size_t n, uint32_t *out, Err *err)
{
    uint32_t value = 0;
    for (size_t i = 0; i < n; i++) {
        int digit = at + i < text.len ? hex_digit(text.ptr[at + i]) : -1;
        if (digit < 0)
            return grammar_error(err, text, at, "%zu hexadecimal digits are needed", n);
        value = value << 4 | (uint32_t)digit;
    }
    if (value > UNICODE_MAX || (value >= 0xD800 && value <= 0xDFFF))
        return grammar_error(err, text, at, "there is no character U+%X", value);
    *out = value;
    return OK;
}

static Status read_count(Span text, size_t *at, int64_t *out, Err *err)
{
    size_t begin = *at;
    int64_t value = 0;
    while (*at < text.len && text.ptr[*at] >= '0' && text.ptr[*at] <= '9') {
        value = value * 10 + (text.ptr[(*at)++] - '0');
        if (value > GRAMMAR_REPEAT)
            return grammar_error(err, text, begin, "more than %d repetitions",
                                 GRAMMAR_REPEAT);
    }
    if (*at == begin)
        return grammar_error(err, text, begin, "a number of repetitions is needed");
    *out = value;
    return OK;
}

static void skip_blanks(Span text, size_t *at)
{
    while (*at < text.len && (text.ptr[*at] == ' ' || text.ptr[*at] == '\t'))
        ++*at;
}

Status grammar_read_counts(Span text, size_t *at, int64_t *min, int64_t *max, Err *err)
{
    size_t open = (*at)++;
    skip_blanks(text, at);
    TRY(read_count(text, at, min, err));
    skip_blanks(text, at);
    *max = *min;
    if (*at < text.len && text.ptr[*at] == ',') {
        ++*at;
        skip_blanks(text, at);
        *max = -1;
        if (*at < text.len && text.ptr[*at] != '}')
            TRY(read_count(text, at, max, err));
        skip_blanks(text, at);
    }
    if (*at >= text.len || text.ptr[*at] != '}')
        return grammar_error(err, text, open, "'{' of a repetition is not closed");
    ++*at;
    if (*max != -1 && *max < *min)
        return grammar_error(err, text, open, "{%lld,%lld} is upside down",
                             (long long)*min, (long long)*max);
    return OK;
}
