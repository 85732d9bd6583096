/* gbnf.c - see gbnf.h. Recursive descent, a level a parenthesis, GRAMMAR_DEPTH at most. */
#include "format/grammar/gbnf.h"

#include <string.h>

typedef struct Parser {
    Grammar *g;
    Span text;
    size_t at;
    size_t first_rule; /* names are looked up from here */
    int depth;
    Err *err;
} Parser;

static Status parse_choice(Parser *p, int32_t *node);

/* --- words ----------------------------------------------------------------------------- */
static char peek(const Parser *p)
{
    return p->at < p->text.len ? p->text.ptr[p->at] : '\0';
}

static bool at_end(const Parser *p)
{
    return p->at >= p->text.len;
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '_';
}

/* Blanks and comments; newlines too where a rule may go on. */
static void skip(Parser *p, bool newlines)
{
    while (!at_end(p)) {
        char c = peek(p);
        if (c == '#') {
            while (!at_end(p) && peek(p) != '\n' && peek(p) != '\r')
                p->at++;
        } else if (c == ' ' || c == '\t' || (newlines && (c == '\n' || c == '\r'))) {
            p->at++;
        } else {
            return;
        }
    }
}

/* A rule goes on behind a newline when that begins with '|'. */
static void skip_to_bar(Parser *p)
{
    size_t here = p->at;
    skip(p, true);
    if (peek(p) != '|')
        p->at = here;
}

static Span read_name(Parser *p)
{
    size_t begin = p->at;
    while (!at_end(p) && is_name(peek(p)))
        p->at++;
    return (Span){p->text.ptr + begin, p->at - begin};
}

static Status error_here(Parser *p, const char *what)
{
    Str found = {0};
    if (at_end(p))
        str_puts(&found, "the end");
    else
        str_quote(&found, (Span){p->text.ptr + p->at, p->text.len - p->at}, 12);
    Status status =
        grammar_error(p->err, p->text, p->at, "%s, not '%s'", what, str_c(&found));
    str_release(&found);
    return status;
}

/* One character of a literal or a class, perhaps escaped. */
static Status read_char(Parser *p, uint32_t *c)
{
    static const char plain[] = "\\\"[]-^", named[] = "nrt", means[] = "\n\r\t";
    static const char hex[] = "xuU";
    static const size_t digits[] = {2, 4, 8};
    size_t len;
    if (peek(p) != '\\') {
        TRY(grammar_read_char(p->text, p->at, c, &len, p->err));
        p->at += len;
        return OK;
    }
    char kind = p->at + 1 < p->text.len ? p->text.ptr[p->at + 1] : '\0';
    const char *found;
    if (kind && (found = strchr(hex, kind)) != NULL) {
        size_t n = digits[found - hex];
        TRY(grammar_read_hex(p->text, p->at + 2, n, c, p->err));
        p->at += 2 + n;
        return OK;
    }
    if (kind && strchr(plain, kind))
        *c = (unsigned char)kind;
    else if (kind && (found = strchr(named, kind)) != NULL)
        *c = (unsigned char)means[found - named];
    else
        return error_here(p, "a known escape is needed");
    p->at += 2;
    return OK;
}

/* --- what may be repeated -------------------------------------------------------------- */
static Status parse_literal(Parser *p, int32_t *node)
{
    NodeList chars = {0};
    size_t open = p->at++;
    Status status = OK;
    while (status == OK && peek(p) != '"') {
        uint32_t c = 0;
        if (at_end(p) || peek(p) == '\n')
            status = grammar_error(p->err, p->text, open, "'\"' is not closed");
        else if ((status = read_char(p, &c)) == OK)
            node_list_add(&chars, p->g, grammar_char(p->g, c));
    }
    p->at++;
    if (status == OK)
        *node = grammar_sequence(p->g, chars.ptr, chars.n);
    node_list_release(&chars);
    return status;
}

static Status parse_class(Parser *p, int32_t *node)
{
    CharSet set = {0};
    size_t open = p->at++;
    bool negated = peek(p) == '^';
    p->at += negated;
    while (peek(p) != ']') {
        uint32_t low = 0, high;
        if (at_end(p) || peek(p) == '\n')
            return grammar_error(p->err, p->text, open, "'[' is not closed");
        TRY(read_char(p, &low));
        high = low;
        if (peek(p) == '-' && p->at + 1 < p->text.len &&
            p->text.ptr[p->at + 1] != ']') {
            p->at++;
            TRY(read_char(p, &high));
        }
        if (high < low)
            return grammar_error(p->err, p->text, open,
                                 "a range of this class is upside down");
        charset_add(&set, low, high);
    }
    p->at++;
    if (negated)
        charset_negate(&set);
    if (set.n == 0)
        return grammar_error(p->err, p->text, open, "no character is in this class");
    *node = grammar_chars(p->g, &set);
    return OK;
}

static Status parse_call(Parser *p, int32_t *node)
{
    int32_t line, column;
    grammar_place(p->text, p->at, &line, &column);
    Span name = read_name(p);
    int32_t rule = grammar_find_rule(p->g, p->first_rule, name);
    if (rule < 0)
        rule = grammar_rule(p->g, name, line, column);
    *node = grammar_call(p->g, rule);
    return OK;
}

static Status parse_group(Parser *p, int32_t *node)
{
    size_t open = p->at++;
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
    char c = peek(p);
    if (c == '"')
        return parse_literal(p, node);
    if (c == '[')
        return parse_class(p, node);
    if (c == '(')
        return parse_group(p, node);
    if (c == '.') {
        CharSet any = {0};
        charset_add(&any, 0, UNICODE_MAX);
        *node = grammar_chars(p->g, &any);
        p->at++;
        return OK;
    }
    if (is_name(c))
        return parse_call(p, node);
    return error_here(p, c == '<' ? "tokens in '<' and '>' are not known here: write "
                                    "text"
                                  : "a literal, class, group or rule is needed");
}

/* --- sequences and choices ------------------------------------------------------------- */
static Status parse_repeat(Parser *p, int32_t *node)
{
    bool in_group = p->depth > 0;
    skip(p, in_group);
    for (;;) {
        int64_t min = 0, max = -1;
        char c = peek(p);
        if (c != '*' && c != '+' && c != '?' && c != '{')
            return OK;
        if (c == '{') {
            TRY(grammar_read_counts(p->text, &p->at, &min, &max, p->err));
        } else {
            min = c == '+';
            max = c == '?' ? 1 : -1;
            p->at++;
        }
        *node = grammar_loop(p->g, *node, min, max);
        if (++p->depth > GRAMMAR_DEPTH)
            return error_here(p, "repetitions of repetitions go too deep");
        skip(p, in_group);
    }
}

static bool sequence_goes_on(const Parser *p)
{
    char c = peek(p);
    return !at_end(p) && c != '|' && c != ')' && c != '\n' && c != '\r';
}

static Status parse_sequence(Parser *p, int32_t *node)
{
    NodeList parts = {0};
    Status status = OK;
    while (status == OK && sequence_goes_on(p)) {
        int32_t part = 0;
        int depth = p->depth;
        if ((status = parse_atom(p, &part)) == OK)
            status = parse_repeat(p, &part);
        p->depth = depth;
        node_list_add(&parts, p->g, part);
    }
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
        skip(p, p->depth > 0);
        status = parse_sequence(p, &way);
        node_list_add(&ways, p->g, way);
        if (p->depth == 0)
            skip_to_bar(p);
        more = peek(p) == '|';
        if (more) {
            p->at++;
            skip(p, true);
        }
    }
    if (status == OK && ways.n > 0)
        *node = grammar_choice(p->g, ways.ptr, ways.n);
    node_list_release(&ways);
    return status;
}

/* --- rules ----------------------------------------------------------------------------- */
static Status parse_rule(Parser *p)
{
    int32_t line, column, node = 0;
    size_t begin = p->at;
    grammar_place(p->text, begin, &line, &column);
    Span name = read_name(p);
    if (name.len == 0)
        return error_here(p, "the name of a rule is needed");
    skip(p, false);
    if (!span_starts((Span){p->text.ptr + p->at, p->text.len - p->at}, SPAN("::=")))
        return error_here(p, "'::=' is needed");
    p->at += 3;
    skip(p, true);
    int32_t rule = grammar_find_rule(p->g, p->first_rule, name);
    if (rule < 0)
        rule = grammar_rule(p->g, name, line, column);
    else if (p->g->rules[rule].node >= 0)
        return grammar_error(p->err, p->text, begin, "rule '%.*s' is there already",
                             (int)(name.len < 60 ? name.len : 60), name.ptr);
    TRY(parse_choice(p, &node));
    TRY(grammar_check(p->g, p->err));
    p->g->rules[rule].node = node;
    p->g->rules[rule].line = line;
    p->g->rules[rule].column = column;
    if (!at_end(p) && peek(p) != '\n' && peek(p) != '\r')
        return error_here(p, "the end of the rule is needed");
    return OK;
}

Status gbnf_parse(Grammar *g, Span text, int32_t *node, Err *err)
{
    Parser p = {.g = g, .text = text, .first_rule = g->n_rules, .err = err};
    skip(&p, true);
    while (!at_end(&p)) {
        TRY(parse_rule(&p));
        skip(&p, true);
    }
    for (size_t i = p.first_rule; i < g->n_rules; i++) {
        const GrammarRule *r = &g->rules[i];
        if (r->node < 0)
            return err_set(err, ERR_FORMAT,
                           "line %d, column %d: there is no rule '%.60s'", r->line,
                           r->column, r->name);
    }
    int32_t root = grammar_find_rule(g, p.first_rule, SPAN("root"));
    if (root < 0)
        return err_set(err, ERR_FORMAT,
                       "there is no rule 'root', with which a text begins");
    *node = grammar_call(g, root);
    return grammar_check(g, err);
}
