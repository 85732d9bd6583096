/* extract.c - see extract.h. */
#include "think/extract.h"

#include <string.h>

/* --- specifications ------------------------------------------------------------------ */
static const struct {
    const char *name;
    ExtractKind kind;
} kinds[] = {{"auto", EXTRACT_AUTO},     {"answer", EXTRACT_ANSWER},
             {"number", EXTRACT_NUMBER}, {"choice", EXTRACT_CHOICE},
             {"regex", EXTRACT_REGEX},   {"exact", EXTRACT_EXACT}};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

static Status find_kind(Span name, ExtractKind *out, Err *err)
{
    for (int i = 0; i < N_KINDS; i++) {
        if (span_equal(name, span_of(kinds[i].name))) {
            *out = kinds[i].kind;
            return OK;
        }
    }
    Str shown = {0};
    str_quote(&shown, name, 40);
    Status status =
        err_set(err, ERR_OPTION,
                "no way to find an answer is called '%s'; there are auto, answer, "
                "number, choice, choice:A,B.., regex:EXPRESSION and exact",
                str_c(&shown));
    str_release(&shown);
    return status;
}

static Status add_choices(Extractor *e, Span list, Err *err)
{
    for (size_t at = 0; at <= list.len;) {
        ptrdiff_t comma = span_find(list, SPAN(","), at);
        size_t end = comma < 0 ? list.len : (size_t)comma;
        Span choice = span_trim((Span){list.ptr + at, end - at});
        if (choice.len == 0)
            return err_set(err, ERR_OPTION, "a choice is empty");
        if (e->n_choices == EXTRACT_MOST_CHOICES)
            return err_set(err, ERR_OPTION, "more than %d choices",
                           EXTRACT_MOST_CHOICES);
        e->choices[e->n_choices++] = choice;
        at = end + 1;
    }
    return OK;
}

static Status parse(Extractor *e, Err *err)
{
    Span spec = str_span(&e->source);
    ptrdiff_t colon = span_find(spec, SPAN(":"), 0);
    Span name = {spec.ptr, colon < 0 ? spec.len : (size_t)colon};
    Span rest = {NULL, 0};
    if (colon >= 0)
        rest = (Span){spec.ptr + colon + 1, spec.len - (size_t)colon - 1};
    TRY(find_kind(name, &e->kind, err));
    if (e->kind == EXTRACT_REGEX) {
        Err why;
        Status status = regex_new(&e->regex, rest, &why);
        return status == OK ? OK
                            : err_set(err, status == ERR_FORMAT ? ERR_OPTION : status,
                                      "the regular expression: %s", why.msg);
    }
    if (e->kind == EXTRACT_CHOICE)
        return add_choices(e, colon >= 0 ? rest : SPAN("A,B,C,D"), err);
    if (colon >= 0)
        return err_set(err, ERR_OPTION, "'%.*s' takes nothing behind a colon",
                       (int)name.len, name.ptr);
    return OK;
}

Status extractor_parse(Extractor *out, Span spec, Err *err)
{
    *out = (Extractor){0};
    str_span_append(&out->source, span_trim(spec));
    Status status = str_check(&out->source, err);
    if (status == OK)
        status = parse(out, err);
    if (status != OK)
        extractor_release(out);
    return status;
}

void extractor_release(Extractor *e)
{
    regex_free(e->regex);
    str_release(&e->source);
    *e = (Extractor){0};
}

/* --- characters ---------------------------------------------------------------------- */
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char small(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* A letter or a digit; bytes beyond ASCII belong to letters. */
static bool is_word(char c)
{
    return is_digit(c) || (small(c) >= 'a' && small(c) <= 'z') ||
           (unsigned char)c >= 0x80;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool same_letters(Span a, Span b)
{
    for (size_t i = 0; i < a.len && i < b.len; i++) {
        if (small(a.ptr[i]) != small(b.ptr[i]))
            return false;
    }
    return a.len == b.len;
}

/* --- numbers ------------------------------------------------------------------------- */
/* Digits from `at`, with commas between groups of three, and a decimal part. Returns the
 * end. */
static size_t number_end(Span s, size_t at)
{
    while (at < s.len && is_digit(s.ptr[at]))
        at++;
    while (at + 3 < s.len && s.ptr[at] == ',' && is_digit(s.ptr[at + 1]) &&
           is_digit(s.ptr[at + 2]) && is_digit(s.ptr[at + 3]) &&
           !(at + 4 < s.len && is_digit(s.ptr[at + 4])))
        at += 4;
    if (at + 1 < s.len && s.ptr[at] == '.' && is_digit(s.ptr[at + 1])) {
        at++;
        while (at < s.len && is_digit(s.ptr[at]))
            at++;
    }
    return at;
}

/* A minus sign in front of a number, unless it takes one value from another ("7-3"). A
 * currency sign may stand between. */
static size_t number_begin(Span s, size_t at)
{
    size_t sign = at > 0 && s.ptr[at - 1] == '$' ? at - 1 : at;
    if (sign == 0 || s.ptr[sign - 1] != '-')
        return at;
    if (sign >= 2 && (is_word(s.ptr[sign - 2]) || s.ptr[sign - 2] == ')'))
        return at;
    return sign - 1;
}

static Span last_number(Span s)
{
    Span found = {NULL, 0};
    for (size_t at = 0; at < s.len;) {
        if (!is_digit(s.ptr[at])) {
            at++;
            continue;
        }
        size_t begin = number_begin(s, at), end = number_end(s, at);
        found = (Span){s.ptr + begin, end - begin};
        at = end;
    }
    return found;
}

/* --- "the answer is" ----------------------------------------------------------------- */
/* What follows the last mark, up to the end of its sentence or line. */
static Span behind_mark(Span s)
{
    static const Span marks[] = {{"answer is", 9}, {"answer:", 7}};
    Span found = {NULL, 0};
    for (size_t at = 0; at < s.len; at++) {
        for (int k = 0; k < 2; k++) {
            if (s.len - at >= marks[k].len &&
                same_letters((Span){s.ptr + at, marks[k].len}, marks[k]))
                found = (Span){s.ptr + at + marks[k].len, s.len - at - marks[k].len};
        }
    }
    size_t begin = 0, end;
    while (begin < found.len && (is_space(found.ptr[begin]) || found.ptr[begin] == ':'))
        begin++;
    for (end = begin; end < found.len && found.ptr[end] != '\n'; end++) {
        if (found.ptr[end] == '.' &&
            (end + 1 == found.len || is_space(found.ptr[end + 1])))
            break;
    }
    return found.len > 0 ? span_trim((Span){found.ptr + begin, end - begin}) : found;
}

/* --- choices ------------------------------------------------------------------------- */
/* Does a choice stand at `at` as a word of its own? Single letters only as they are: "a"
 * is a word. */
static bool choice_at(Span s, size_t at, Span choice)
{
    if (s.len - at < choice.len || (at > 0 && is_word(s.ptr[at - 1])))
        return false;
    if (at + choice.len < s.len && is_word(s.ptr[at + choice.len]))
        return false;
    Span here = {s.ptr + at, choice.len};
    return choice.len == 1 ? span_equal(here, choice) : same_letters(here, choice);
}

/* The longest choice at `at`, or one of length 0. */
static Span longest_choice_at(const Extractor *e, Span s, size_t at)
{
    Span longest = {NULL, 0};
    for (size_t k = 0; k < e->n_choices; k++) {
        if (e->choices[k].len > longest.len && choice_at(s, at, e->choices[k]))
            longest = e->choices[k];
    }
    return longest;
}

/* The last choice in s, or with `first` the first one. */
static Span find_choice(const Extractor *e, Span s, bool first)
{
    Span found = {NULL, 0};
    for (size_t at = 0; at < s.len;) {
        Span here = longest_choice_at(e, s, at);
        if (here.len > 0)
            found = here;
        if (here.len > 0 && first)
            break;
        at += here.len > 0 ? here.len : 1;
    }
    return found;
}

/* --- finding ------------------------------------------------------------------------- */
static Status last_match(const Extractor *e, Span text, Span *found, Err *err)
{
    void *scratch;
    Span match;
    Status status = regex_scratch(e->regex, &scratch, err);
    for (size_t at = 0; status == OK && at <= text.len;) {
        status = regex_find(e->regex, scratch, text, at, &match, err);
        if (status != OK || match.len == 0)
            break;
        *found = regex_group(e->regex, scratch, text, match);
        at = (size_t)(match.ptr - text.ptr) + match.len;
    }
    regex_scratch_free(scratch);
    return status;
}

Status extract_find(const Extractor *e, Span text, Span *found, bool *marked, Err *err)
{
    Span said = behind_mark(text);
    *found = said;
    *marked = said.len > 0;
    switch (e->kind) {
    case EXTRACT_ANSWER:
        return OK;
    case EXTRACT_CHOICE:
        *found = find_choice(e, said, true);
        *marked = found->len > 0;
        if (!*marked)
            *found = find_choice(e, text, false);
        return OK;
    case EXTRACT_REGEX:
        *found = (Span){NULL, 0};
        TRY(last_match(e, text, found, err));
        *marked = found->len > 0;
        return OK;
    case EXTRACT_NUMBER:
        *found = last_number(text);
        return OK;
    case EXTRACT_EXACT:
        *found = span_trim(text);
        *marked = false;
        return OK;
    case EXTRACT_AUTO:
        break;
    }
    if (!*marked)
        *found = last_number(text);
    if (found->len == 0)
        *found = span_trim(text);
    return OK;
}

/* --- normal forms -------------------------------------------------------------------- */
/* Quotes, emphasis, brackets, currency and full stops around an answer. */
static bool is_wrapping(char c)
{
    return strchr("\"'`*_$()[]{}.!,;: \t\r\n", c) != NULL;
}

static Span unwrap(Span s)
{
    while (s.len > 0 && s.ptr[s.len - 1] != '\0' && is_wrapping(s.ptr[s.len - 1]))
        s.len--;
    while (s.len > 0 && s.ptr[0] != '\0' && is_wrapping(s.ptr[0]) &&
           !(s.ptr[0] == '.' && s.len > 1 && is_digit(s.ptr[1]))) {
        s.ptr++;
        s.len--;
    }
    return s;
}

/* Is all of s a number, perhaps with sign and commas? */
static bool is_number(Span s)
{
    size_t at = 0;
    while (at < s.len && strchr("+-$", s.ptr[at]) && s.ptr[at] != '\0')
        at++;
    return at < s.len && at <= 2 && is_digit(s.ptr[at]) && number_end(s, at) == s.len;
}

static void put_number(Span s, Str *out)
{
    size_t start = out->len, point = 0;
    bool digits = false; /* one that is not a leading zero */
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '.')
            point = out->len;
        bool more = i + 1 < s.len && (is_digit(s.ptr[i + 1]) || s.ptr[i + 1] == ',');
        bool skip = c == ',' || c == '+' || c == '$' || (c == '0' && !digits && more);
        if (skip)
            continue;
        digits = digits || is_digit(c);
        str_putc(out, c);
    }
    while (point > 0 && out->len > point + 1 && out->ptr[out->len - 1] == '0')
        str_truncate(out, out->len - 1);
    if (point > 0 && out->len == point + 1)
        str_truncate(out, point);
    if (out->len == start + 2 && memcmp(out->ptr + start, "-0", 2) == 0) {
        str_truncate(out, start);
        str_putc(out, '0');
    }
}

void extract_normal(Span answer, Str *out)
{
    answer = unwrap(answer);
    if (is_number(answer)) {
        put_number(answer, out);
        return;
    }
    for (size_t i = 0; i < answer.len; i++) {
        if (!is_space(answer.ptr[i]))
            str_putc(out, small(answer.ptr[i]));
        else if (!is_space(answer.ptr[i - 1]))
            str_putc(out, ' ');
    }
}

Status extract(const Extractor *e, Span text, Str *out, bool *valid, Err *err)
{
    Span found;
    bool marked;
    size_t before = out->len;
    TRY(extract_find(e, text, &found, &marked, err));
    extract_normal(found, out);
    *valid = out->len > before;
    return str_check(out, err);
}
