/* schema_value.c - strings and numbers of a schema. */
#include "format/grammar/schema_internal.h"

#include "format/grammar/regex.h"
#include "format/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- strings --------------------------------------------------------------------------------- */
static Status regex_node(Schema *s, const char *pattern, RegexOptions options,
                         int32_t *node)
{
    Err why;
    if (regex_parse(s->g, span_of(pattern), options, node, &why) == OK)
        return OK;
    return why.code == ERR_FORMAT ? schema_fail(s, "'pattern': %s", why.msg)
                                  : err_set(s->err, why.code, "%s", why.msg);
}

/* One character, written as itself or as any of its escapes; no lone surrogate, no NUL,
 * which many who read it could not bear. */
static int32_t character(Schema *s)
{
    static const char escapes[] =
        "\\\\([\"\\\\/bfnrt]|u(000[1-9a-fA-F]|00[1-9a-fA-F][0-9a-fA-F]|"
        "0[1-9a-fA-F][0-9a-fA-F]{2}|[1-9a-cA-Ce-fE-F][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-"
        "F]{2}))";
    if (s->character < 0) {
        CharSet plain = {0};
        int32_t escaped = 0;
        charset_add(&plain, 0, 0x1F);
        charset_add(&plain, '"', '"');
        charset_add(&plain, '\\', '\\');
        charset_negate(&plain);
        s->character = grammar_rule(s->g, SPAN("character"), 0, 0);
        if (regex_node(s, escapes, (RegexOptions){0}, &escaped) == OK &&
            s->g->failed.code == OK)
            s->g->rules[s->character].node =
                grammar_either(s->g, grammar_chars(s->g, &plain), escaped);
    }
    return grammar_call(s->g, s->character);
}

static int32_t quoted(Schema *s, int32_t content)
{
    const int32_t kids[] = {grammar_text(s->g, "\""), content,
                            grammar_text(s->g, "\"")};
    return grammar_sequence(s->g, kids, 3);
}

int32_t schema_any_string(Schema *s)
{
    return quoted(s, grammar_loop(s->g, character(s), 0, -1));
}

#define DATE                                                                           \
    "\\d{4}-((0[13578]|1[02])-(0[1-9]|[12]\\d|3[01])|"                                 \
    "(0[469]|11)-(0[1-9]|[12]\\d|30)|02-(0[1-9]|1\\d|2[0-8]))"
#define TIME                                                                           \
    "([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,6})?"                                 \
    "(Z|[+-]([01]\\d|2[0-3]):[0-5]\\d)"
#define NAME  "[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?"
#define OCTET "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)"

static const char *format_pattern(const char *format)
{
    static const struct {
        const char *name, *pattern;
    } table[] = {
        {"date", DATE},
        {"time", TIME},
        {"date-time", DATE "T" TIME},
        {"uuid", "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"},
        {"email",
         "[A-Za-z0-9]([A-Za-z0-9_+-]{0,30}|(\\.[A-Za-z0-9_+-]{1,30}){1,3})@(" NAME
         "\\.){1,4}[a-z]{2,10}"},
        {"ipv4", OCTET "(\\." OCTET "){3}"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (strcmp(format, table[i].name) == 0)
            return table[i].pattern;
    }
    return NULL;
}

static Status pattern_node(Schema *s, const json_t *pattern, const json_t *format,
                           int32_t *node)
{
    RegexOptions options = {.json = true, .search = pattern != NULL};
    const json_t *text = pattern ? pattern : format;
    if (!json_is_string(text))
        return schema_fail(s, "'%s' is no text", pattern ? "pattern" : "format");
    const char *p = json_string_value(text);
    if (!pattern && !(p = format_pattern(p)))
        return schema_fail(s, "format '%.40s' is not supported",
                           json_string_value(text));
    return regex_node(s, p, options, node);
}

Status schema_string(Schema *s, const json_t *schema, int32_t *node)
{
    const json_t *pattern = json_object_get(schema, "pattern");
    const json_t *format = json_object_get(schema, "format");
    int64_t min, max;
    int32_t content = 0;
    TRY(schema_count(s, schema, "minLength", 0, &min));
    TRY(schema_count(s, schema, "maxLength", -1, &max));
    if (max >= 0 && max < min)
        return schema_fail(s, "'maxLength' is below 'minLength'");
    if ((pattern != NULL) + (format != NULL) + (min > 0 || max >= 0) > 1)
        return schema_fail(s, "only one of 'pattern', 'format' and lengths is "
                              "supported");
    if (pattern || format)
        TRY(pattern_node(s, pattern, format, &content));
    else
        content = grammar_loop(s->g, character(s), min, max);
    *node = quoted(s, content);
    return OK;
}

/* --- whole numbers ---------------------------------------------------------------------------- */
enum { DIGITS = 16 };
static const int64_t largest = 9999999999999999; /* of that many digits */

static int32_t digit(Grammar *g, char low, char high)
{
    CharSet set = {0};
    charset_add(&set, (unsigned char)low, (unsigned char)high);
    return grammar_chars(g, &set);
}

static bool all(const char *text, char c)
{
    return text[strspn(text, (char[]){c, '\0'})] == '\0';
}

/* Numbers of one length from low to high: as for UTF-8 (network.c), what follows the
 * first digit is free for those between. */
static int32_t same_length(Grammar *g, const char *low, const char *high)
{
    static const char zeros[] = "0000000000000000", nines[] = "9999999999999999";
    size_t rest = strlen(low) - 1;
    int32_t ways[3], n = 0;
    char begin = low[0], end = high[0];
    if (rest == 0)
        return digit(g, begin, end);
    if (begin == end)
        return grammar_pair(g, digit(g, begin, begin),
                            same_length(g, low + 1, high + 1));
    if (!all(low + 1, '0')) {
        ways[n++] = grammar_pair(g, digit(g, begin, begin),
                                 same_length(g, low + 1, nines + DIGITS - rest));
        begin++;
    }
    if (!all(high + 1, '9')) {
        ways[n++] = grammar_pair(g, digit(g, end, end),
                                 same_length(g, zeros + DIGITS - rest, high + 1));
        end--;
    }
    if (begin <= end)
        ways[n++] = grammar_pair(
            g, digit(g, begin, end),
            grammar_loop(g, digit(g, '0', '9'), (int64_t)rest, (int64_t)rest));
    return grammar_choice(g, ways, (size_t)n);
}

/* low..high, 0 <= low <= high <= largest. */
static int32_t natural(Grammar *g, int64_t low, int64_t high)
{
    int32_t ways[DIGITS], n = 0;
    for (int64_t begin = low; begin <= high;) {
        char from[24], to[24];
        int64_t most = 9;
        while (most < begin)
            most = most * 10 + 9;
        most = most < high ? most : high;
        (void)snprintf(from, sizeof from, "%lld", (long long)begin);
        (void)snprintf(to, sizeof to, "%lld", (long long)most);
        ways[n++] = same_length(g, from, to);
        begin = most + 1;
    }
    return grammar_choice(g, ways, (size_t)n);
}

/* --- numbers with a point ------------------------------------------------------------------------ */
static int32_t fraction(Grammar *g)
{
    return grammar_maybe(
        g, grammar_pair(g, grammar_text(g, "."),
                        grammar_loop(g, digit(g, '0', '9'), 1, DIGITS - 1)));
}

/* A fraction that is not 0, for bounds that are outside. */
static int32_t true_fraction(Grammar *g)
{
    return grammar_pair(g, grammar_text(g, "."),
                        grammar_pair(g,
                                     grammar_loop(g, digit(g, '0', '9'), 0, DIGITS - 2),
                                     digit(g, '1', '9')));
}

static int32_t no_fraction(Grammar *g)
{
    return grammar_maybe(g, grammar_pair(g, grammar_text(g, "."),
                                         grammar_loop(g, grammar_text(g, "0"), 1, 3)));
}

/* An interval of numbers >= 0 between whole bounds; open: the bound is outside. */
typedef struct Interval {
    int64_t low, high;
    bool low_open, high_open, integer;
} Interval;

/* Adds the ways to write a number of it to the list. */
static void add_interval(Grammar *g, Interval r, NodeList *ways)
{
    if (r.integer) {
        r.low += r.low_open;
        r.high -= r.high_open;
        if (r.low <= r.high)
            node_list_add(ways, g, natural(g, r.low, r.high));
        return;
    }
    if (r.low > r.high || (r.low == r.high && (r.low_open || r.high_open)))
        return;
    if (r.low < r.high) {
        node_list_add(ways, g,
                      grammar_pair(g, natural(g, r.low, r.low),
                                   r.low_open ? true_fraction(g) : fraction(g)));
        if (r.low + 1 < r.high)
            node_list_add(
                ways, g,
                grammar_pair(g, natural(g, r.low + 1, r.high - 1), fraction(g)));
    }
    if (!r.high_open)
        node_list_add(ways, g,
                      grammar_pair(g, natural(g, r.high, r.high), no_fraction(g)));
}

/* One bound, in whole numbers; *open: it is outside. Reals are rounded inwards for
 * integers. */
static Status read_bound(const Schema *s, const json_t *schema, bool integer,
                         bool upper, int64_t *bound, bool *open)
{
    static const char *const keys[2][2] = {{"minimum", "exclusiveMinimum"},
                                           {"maximum", "exclusiveMaximum"}};
    *bound = upper ? largest : -largest;
    *open = false;
    for (int k = 0; k < 2; k++) {
        const json_t *value = json_object_get(schema, keys[upper][k]);
        if (!value)
            continue;
        double x = json_is_number(value) ? json_number_value(value) : (double)NAN;
        bool whole = floor(x) == x;
        if (!json_is_number(value) || !(fabs(x) <= 1e15))
            return schema_fail(s, "'%s' is no number within 1e15", keys[upper][k]);
        if (!whole && !integer)
            return schema_fail(s,
                               "'%s' %g: bounds of a number are supported only when "
                               "they are whole",
                               keys[upper][k], x);
        int64_t this = (int64_t)(upper ? floor(x) : ceil(x));
        bool outside = k == 1 && whole, tighter = upper ? this < *bound : this > *bound;
        if (tighter || (this == *bound && outside)) {
            *bound = this;
            *open = outside;
        }
    }
    return OK;
}

static int32_t free_number(Schema *s, bool integer, int32_t *node)
{
    return regex_node(s,
                      integer
                          ? "-?(0|[1-9]\\d{0,15})"
                          : "-?(0|[1-9]\\d{0,15})(\\.\\d{1,15})?([eE][+-]?[1-9]\\d?)?",
                      (RegexOptions){0}, node);
}

Status schema_number(Schema *s, const json_t *schema, bool integer, int32_t *node)
{
    static const char *const keys[] = {"minimum", "maximum", "exclusiveMinimum",
                                       "exclusiveMaximum"};
    Grammar *g = s->g;
    Interval r = {.integer = integer}, below;
    NodeList ways = {0}, negative = {0};
    bool bounded = false;
    for (int i = 0; i < 4; i++)
        bounded = bounded || json_object_get(schema, keys[i]);
    if (!bounded)
        return free_number(s, integer, node);
    TRY(read_bound(s, schema, integer, false, &r.low, &r.low_open));
    TRY(read_bound(s, schema, integer, true, &r.high, &r.high_open));
    /* Numbers below 0 are those of the interval's mirror image; 0 is written once. */
    if (r.low < 0) {
        below = (Interval){.low = r.high >= 0 ? 0 : -r.high,
                           .high = -r.low,
                           .low_open = r.high >= 0 || r.high_open,
                           .high_open = r.low_open,
                           .integer = integer};
        add_interval(g, below, &negative);
        if (negative.n > 0)
            node_list_add(&ways, g,
                          grammar_pair(g, grammar_text(g, "-"),
                                       grammar_choice(g, negative.ptr, negative.n)));
        r.low = 0;
        r.low_open = false;
    }
    if (r.high >= 0)
        add_interval(g, r, &ways);
    bool some = ways.n > 0;
    if (some)
        *node = grammar_choice(g, ways.ptr, ways.n);
    node_list_release(&ways);
    node_list_release(&negative);
    TRY(grammar_check(g, s->err));
    return some ? OK : schema_fail(s, "no number is within its bounds");
}
