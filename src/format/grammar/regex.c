/* regex.c - see regex.h. */
#include "format/grammar/regex.h"

#include <stdio.h>
#include <string.h>

typedef struct Parser {
    Grammar *g;
    Span text;
    size_t at;
    RegexOptions o;
    int depth;
    Err *err;
} Parser;

static Status parse_choice(Parser *p, int32_t *node);

static bool at_end(const Parser *p)
{
    return p->at >= p->text.len;
}

static char peek(const Parser *p)
{
    return at_end(p) ? '\0' : p->text.ptr[p->at];
}

static bool starts(const Parser *p, const char *word)
{
    return span_starts((Span){p->text.ptr + p->at, p->text.len - p->at}, span_of(word));
}

/* --- characters ------------------------------------------------------------------------ */
static int32_t json_escape(Grammar *g, uint32_t c)
{
    static const char named[] = "\"\\\b\f\n\r\t", as[] = "\"\\bfnrt";
    char text[8];
    const char *found = c ? strchr(named, (int)c) : NULL;
    if (found)
        (void)snprintf(text, sizeof text, "\\%c", as[found - named]);
    else
        (void)snprintf(text, sizeof text, "\\u%04x", c);
    return grammar_text(g, text);
}

int32_t grammar_json_chars(Grammar *g, const CharSet *set)
{
    CharSet escaped = {0}, plain = *set;
    NodeList ways = {0};
    charset_add(&escaped, 0, 0x1F);
    charset_add(&escaped, '"', '"');
    charset_add(&escaped, '\\', '\\');
    for (int32_t i = 0; i < escaped.n; i++) {
        for (uint32_t c = escaped.ranges[i].low; c <= escaped.ranges[i].high; c++) {
            if (charset_has(set, c))
                node_list_add(&ways, g, json_escape(g, c));
        }
    }
    charset_negate(&escaped);
    charset_intersect(&plain, &escaped);
    if (plain.n > 0 || ways.n == 0)
        node_list_add(&ways, g, grammar_chars(g, &plain));
    int32_t node = ways.n > 0 ? grammar_choice(g, ways.ptr, ways.n) : 0;
    node_list_release(&ways);
    return node;
}

static int32_t chars(Parser *p, const CharSet *set)
{
    return p->o.json ? grammar_json_chars(p->g, set) : grammar_chars(p->g, set);
}

/* \d and its like; false: the letter names no class. */
static bool named_class(char letter, CharSet *set)
{
    char small = (char)(letter | 0x20);
    if (small == 'd') {
        charset_add(set, '0', '9');
    } else if (small == 'w') {
        charset_add(set, '0', '9');
        charset_add(set, 'A', 'Z');
        charset_add(set, '_', '_');
        charset_add(set, 'a', 'z');
    } else if (small == 's') {
        charset_add(set, '\t', '\r');
        charset_add(set, ' ', ' ');
    } else {
        return false;
    }
    if (letter != small)
        charset_negate(set);
    return true;
}

static Status braced_hex(Parser *p, uint32_t *c)
{
    size_t n = 0, begin = p->at + 3;
    while (begin + n < p->text.len && p->text.ptr[begin + n] != '}')
        n++;
    if (n < 1 || n > 6 || begin + n >= p->text.len)
        return grammar_error(p->err, p->text, p->at, "\\u{...} needs 1 to 6 digits");
    TRY(grammar_read_hex(p->text, begin, n, c, p->err));
    p->at = begin + n + 1;
    return OK;
}

/* What follows a backslash: a character, or a class. */
static Status read_escape(Parser *p, CharSet *set)
{
    static const char named[] = "nrtfv", means[] = "\n\r\t\f\v";
    char kind = p->at + 1 < p->text.len ? p->text.ptr[p->at + 1] : '\0';
    const char *found = kind ? strchr(named, kind) : NULL;
    uint32_t c = 0;
    if (named_class(kind, set)) {
        p->at += 2;
        return OK;
    }
    if (kind == 'u' && p->at + 2 < p->text.len && p->text.ptr[p->at + 2] == '{') {
        TRY(braced_hex(p, &c));
    } else if (kind == 'x' || kind == 'u') {
        size_t n = kind == 'x' ? 2 : 4;
        TRY(grammar_read_hex(p->text, p->at + 2, n, &c, p->err));
        p->at += 2 + n;
    } else if (found || (kind > ' ' && kind < '0') || (kind > '9' && kind < 'A') ||
               (kind > 'Z' && kind < 'a') || kind > 'z' || kind == ' ') {
        c = (unsigned char)(found ? means[found - named] : kind);
        p->at += 2;
    } else {
        bool reference = kind >= '1' && kind <= '9';
        return grammar_error(p->err, p->text, p->at, "'\\%.1s' is not understood%s",
                             kind ? p->text.ptr + p->at + 1 : "",
                             reference ? ": no back references" : "");
    }
    charset_add(set, c, c);
    return OK;
}

/* A character of a class, or a whole one (\d), which is in no range. */
static Status class_item(Parser *p, CharSet *item)
{
    uint32_t c = 0;
    size_t len = 0;
    *item = (CharSet){0};
    if (peek(p) == '\\')
        return read_escape(p, item);
    if (starts(p, "[:"))
        return grammar_error(p->err, p->text, p->at, "'[:' is not understood");
    TRY(grammar_read_char(p->text, p->at, &c, &len, p->err));
    p->at += len;
    charset_add(item, c, c);
    return OK;
}

static bool is_single(const CharSet *set)
{
    return set->n == 1 && set->ranges[0].low == set->ranges[0].high;
}

static Status parse_class(Parser *p, int32_t *node)
{
    CharSet set = {0}, low, high;
    size_t open = p->at++, first;
    bool negated = peek(p) == '^';
    p->at += negated;
    first = p->at;
    while (peek(p) != ']' || p->at == first) {
        if (at_end(p))
            return grammar_error(p->err, p->text, open, "'[' is not closed");
        TRY(class_item(p, &low));
        bool range = peek(p) == '-' && p->at + 1 < p->text.len &&
                     p->text.ptr[p->at + 1] != ']' && is_single(&low);
        if (!range) {
            charset_add_set(&set, &low);
            continue;
        }
        p->at++;
        TRY(class_item(p, &high));
        if (!is_single(&high) || high.ranges[0].low < low.ranges[0].low)
            return grammar_error(p->err, p->text, open,
                                 "a range of this class is upside down");
        charset_add(&set, low.ranges[0].low, high.ranges[0].low);
    }
    p->at++;
    if (negated)
        charset_negate(&set);
    if (set.n == 0)
        return grammar_error(p->err, p->text, open, "no character is in this class");
    *node = chars(p, &set);
    return OK;
}

/* --- structure ------------------------------------------------------------------------- */
static Status parse_group(Parser *p, int32_t *node)
{
    size_t open = p->at++;
    if (starts(p, "?:"))
        p->at += 2;
    else if (peek(p) == '?')
        return grammar_error(p->err, p->text, open,
                             "'(%.2s' is not understood: no look-around, names or "
                             "flags",
                             p->text.ptr + p->at);
    if (++p->depth > GRAMMAR_DEPTH)
        return grammar_error(p->err, p->text, open,
                             "more than %d parentheses in each other", GRAMMAR_DEPTH);
    TRY(parse_choice(p, node));
    if (peek(p) != ')')
        return grammar_error(p->err, p->text, open, "'(' is not closed");
    p->at++;
    p->depth--;
    return OK;
}

static Status parse_atom(Parser *p, int32_t *node)
{
    CharSet set = {0};
    char c = peek(p);
    if (c == '(')
        return parse_group(p, node);
    if (c == '[')
        return parse_class(p, node);
    if (c && strchr("*+?{", c))
        return grammar_error(p->err, p->text, p->at, "'%c' has nothing to repeat", c);
    if (c == '^' || c == '$')
        return grammar_error(p->err, p->text, p->at,
                             "'%c' is understood only at the %s of the pattern", c,
                             c == '^' ? "beginning" : "end");
    if (c == '.') {
        charset_add(&set, '\n', '\n');
        charset_negate(&set);
        p->at++;
    } else {
        TRY(class_item(p, &set));
    }
    *node = chars(p, &set);
    return OK;
}

static Status parse_repeat(Parser *p, int32_t *node)
{
    int64_t min = 0, max = -1;
    char c = peek(p);
    if (c != '*' && c != '+' && c != '?' && c != '{')
        return OK;
    size_t here = p->at;
    if (c == '{') {
        TRY(grammar_read_counts(p->text, &p->at, &min, &max, p->err));
    } else {
        min = c == '+';
        max = c == '?' ? 1 : -1;
        p->at++;
    }
    *node = grammar_loop(p->g, *node, min, max);
    if (peek(p) == '?')
        p->at++; /* lazy: the same texts */
    c = peek(p);
    if (c == '*' || c == '+' || c == '?' || c == '{')
        return grammar_error(p->err, p->text, here,
                             "a repetition is repeated: put it in parentheses");
    return OK;
}

static bool at_last_anchor(const Parser *p)
{
    return p->depth == 0 && peek(p) == '$' &&
           (p->at + 1 == p->text.len || p->text.ptr[p->at + 1] == '|');
}

static void add_anything(Parser *p, NodeList *parts)
{
    CharSet any = {0};
    charset_add(&any, 0, UNICODE_MAX);
    node_list_add(parts, p->g, grammar_loop(p->g, chars(p, &any), 0, -1));
}

static Status parse_sequence(Parser *p, int32_t *node)
{
    NodeList parts = {0};
    Status status = OK;
    bool top = p->depth == 0, begins = top && peek(p) == '^', ends;
    p->at += begins;
    if (top && p->o.search && !begins)
        add_anything(p, &parts);
    while (status == OK && !at_end(p) && peek(p) != '|' && peek(p) != ')' &&
           !at_last_anchor(p)) {
        int32_t part = 0;
        if ((status = parse_atom(p, &part)) == OK)
            status = parse_repeat(p, &part);
        node_list_add(&parts, p->g, part);
    }
    ends = at_last_anchor(p);
    p->at += ends;
    if (top && p->o.search && !ends)
        add_anything(p, &parts);
    if (status == OK)
        *node = grammar_sequence(p->g, parts.ptr, parts.n);
    node_list_release(&parts);
    return status;
}

static Status parse_choice(Parser *p, int32_t *node)
{
    NodeList ways = {0};
    Status status = OK;
    for (bool more = true; status == OK && more;) {
        int32_t way = 0;
        status = parse_sequence(p, &way);
        node_list_add(&ways, p->g, way);
        more = peek(p) == '|';
        p->at += more;
    }
    if (status == OK && ways.n > 0)
        *node = grammar_choice(p->g, ways.ptr, ways.n);
    node_list_release(&ways);
    return status;
}

Status regex_parse(Grammar *g, Span pattern, RegexOptions options, int32_t *node,
                   Err *err)
{
    Parser p = {.g = g, .text = pattern, .o = options, .err = err};
    TRY(parse_choice(&p, node));
    if (!at_end(&p))
        return grammar_error(err, pattern, p.at, "')' closes nothing");
    return grammar_check(g, err);
}
