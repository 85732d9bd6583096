/* split.c - the split patterns, see split.h. The known ones, as their authors wrote them:
 *
 *   GPT-2   '(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 *   cl100k  (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|
 *           ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
 *   Qwen2   cl100k with \p{N} in place of \p{N}{1,3}
 *
 * Each scanner tries the alternatives in this order at the start of the text left and
 * gives the length of the first that matches; one always does. White space before a
 * character of another class gives up its last character, which then begins a piece. */
#include "text/split.h"

#include "base/mem.h"
#include "text/char_class.h"
#include "text/regex.h"
#include "text/split_window.h"
#include "text/utf8.h"

static const char gpt2_regex[] = "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| "
                                 "?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
static const char gpt2_first_regex[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| "
                                       "?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
#define CL100K(numbers)                                                                \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" numbers              \
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
static const char cl100k_regex[] = CL100K("\\p{N}{1,3}");
static const char qwen2_regex[] = CL100K("\\p{N}");

static const struct {
    const char *regex;
    SplitPattern pattern;
} known[] = {
    {gpt2_regex, SPLIT_GPT2},
    {gpt2_first_regex, SPLIT_GPT2},
    {cl100k_regex, SPLIT_CL100K},
    {qwen2_regex, SPLIT_QWEN2},
};

typedef struct Step {
    SplitPattern pattern;
    Str source;   /* SPLIT_CUSTOM */
    Regex *regex; /* SPLIT_CUSTOM */
} Step;

struct Split {
    Step steps[SPLIT_MOST];
    int n;
};

/* --- scanners -------------------------------------------------------------------- */

/* End of the run of characters of one class that starts at `at`. */
static size_t run_of(Span s, size_t at, CharClass class)
{
    size_t len = 0;
    while (at < s.len && char_class(s, at, &len) == class)
        at += len;
    return at;
}

typedef struct SpaceRun {
    size_t end;         /* of the white space that starts at 0 */
    size_t last;        /* start of its last character */
    size_t newline_end; /* behind its last \r or \n; 0: has none */
} SpaceRun;

static SpaceRun space_run(Span s)
{
    SpaceRun run = {0};
    size_t len = 0;
    while (run.end < s.len) {
        CharClass class = char_class(s, run.end, &len);
        if (!char_is_space(class))
            break;
        run.last = run.end;
        run.end += len;
        if (class == CHAR_NEWLINE)
            run.newline_end = run.end;
    }
    return run;
}

/* \s+(?!\S)|\s+ */
static size_t space_piece(Span s, SpaceRun run)
{
    return run.end < s.len && run.last > 0 ? run.last : run.end;
}

static size_t scan_gpt2(Span s)
{
    size_t n = s.ptr[0] == '\'' ? split_contraction(s, false) : 0;
    if (n > 0)
        return n;
    size_t start = 0, len = 0;
    CharClass class = char_class(s, 0, &len);
    if (s.ptr[0] == ' ' && s.len > 1) { /* ` ?` of three alternatives */
        class = char_class(s, 1, &len);
        start = 1;
    }
    if (!char_is_space(class))
        return run_of(s, start + len, class);
    return space_piece(s, space_run(s));
}

static size_t scan_cl100k(Span s, int most_digits)
{
    size_t n = s.ptr[0] == '\'' ? split_contraction(s, true) : 0;
    if (n > 0)
        return n;
    size_t len = 0, next_len = 0;
    CharClass class = char_class(s, 0, &len), next = CHAR_NEWLINE;
    if (class == CHAR_LETTER)
        return run_of(s, len, CHAR_LETTER);
    if (class == CHAR_NUMBER) {
        size_t end = len;
        for (int i = 1; i < most_digits && end < s.len; i++, end += len) {
            if (char_class(s, end, &len) != CHAR_NUMBER)
                break;
        }
        return end;
    }
    if (len < s.len)
        next = char_class(s, len, &next_len);
    if (class != CHAR_NEWLINE && next == CHAR_LETTER)
        return run_of(s, len + next_len, CHAR_LETTER);
    size_t other = len;
    if (s.ptr[0] == ' ' && next == CHAR_OTHER) {
        class = CHAR_OTHER;
        other += next_len;
    }
    if (class == CHAR_OTHER)
        return run_of(s, run_of(s, other, CHAR_OTHER), CHAR_NEWLINE);
    SpaceRun run = space_run(s);
    return run.newline_end > 0 ? run.newline_end : space_piece(s, run);
}

/* --- foreign patterns: matches, and the gaps between them, are the pieces ---------- */

/* PCRE2 sees all of a stretch of valid UTF-8, so that lookbehind works; the match that
 * ended the last gap waits in c->found. */
static Status scan_regex(SplitState *c, const Regex *regex, size_t *len, Err *err)
{
    Span s = c->rest;
    if (c->found.len == 0 || c->found.ptr < s.ptr) {
        if (s.ptr >= c->valid.ptr + c->valid.len) {
            c->valid = (Span){s.ptr, utf8_valid_prefix(s)};
            if (c->valid.len == 0) {
                *len = 1;
                return OK;
            }
        }
        size_t from = (size_t)(s.ptr - c->valid.ptr);
        if (regex_find(regex, c->scratch, c->valid, from, &c->found, err) != OK)
            return err_context(err, "split pattern");
    }
    *len = c->found.ptr == s.ptr ? c->found.len : (size_t)(c->found.ptr - s.ptr);
    return OK;
}

static Status scan(SplitState *c, const Step *step, size_t *len, Err *err)
{
    switch (step->pattern) {
    case SPLIT_GPT2:
        *len = scan_gpt2(c->rest);
        return OK;
    case SPLIT_CL100K:
        *len = scan_cl100k(c->rest, 3);
        return OK;
    case SPLIT_QWEN2:
        *len = scan_cl100k(c->rest, 1);
        return OK;
    case SPLIT_CUSTOM:
        break;
    }
    return scan_regex(c, step->regex, len, err);
}

/* --- cursor ---------------------------------------------------------------------- */
Status split_begin(SplitCursor *c, const Split *split, Span text, Err *err)
{
    *c = (SplitCursor){.split = split};
    for (int i = 0; i < split->n; i++) {
        if (split->steps[i].pattern != SPLIT_CUSTOM)
            continue;
        Status status =
            regex_scratch(split->steps[i].regex, &c->states[i].scratch, err);
        if (status != OK) {
            split_end(c);
            return status;
        }
    }
    split_restart(c, text);
    return OK;
}

static void restart(SplitState *state, Span text)
{
    *state = (SplitState){.rest = text,
                          .valid = {text.ptr, 0},
                          .found = {text.ptr, 0},
                          .scratch = state->scratch};
}

void split_restart(SplitCursor *c, Span text)
{
    c->ends = 0;
    restart(&c->states[0], text);
    for (int i = 1; i < c->split->n; i++)
        restart(&c->states[i], (Span){text.ptr, 0});
}

/* Fills c->ends, if a window can tell where pieces end. */
static bool look_ahead(SplitCursor *c)
{
    Span rest = c->states[0].rest;
    SplitPattern pattern = c->split->steps[0].pattern;
    if (c->split->n != 1 || pattern == SPLIT_CUSTOM || rest.len < SPLIT_WINDOW)
        return false;
    c->window = rest.ptr;
    c->ends = split_window(pattern, rest);
    return c->ends != 0;
}

/* A pattern that has nothing left gets the next piece of the one before it: down to the
 * first that has something, then up again. */
Status split_scan(SplitCursor *c, Span *piece, Err *err)
{
    if (look_ahead(c))
        return split_next(c, piece, err);
    int last = c->split->n - 1, i = last;
    while (i > 0 && c->states[i].rest.len == 0)
        i--;
    if (c->states[i].rest.len == 0) {
        *piece = (Span){c->states[0].rest.ptr, 0};
        return OK;
    }
    for (;; i++) {
        SplitState *state = &c->states[i];
        size_t len = 0;
        TRY(scan(state, &c->split->steps[i], &len, err));
        ASSERT(len > 0 && len <= state->rest.len);
        *piece = (Span){state->rest.ptr, len};
        state->rest.ptr += len;
        state->rest.len -= len;
        if (i == last)
            return OK;
        restart(&c->states[i + 1], *piece);
    }
}

void split_end(SplitCursor *c)
{
    for (int i = 0; i < SPLIT_MOST; i++)
        regex_scratch_free(c->states[i].scratch);
    *c = (SplitCursor){0};
}

/* --- making ---------------------------------------------------------------------- */
Status split_new(Split **out, Err *err)
{
    return MEM_ARRAY(out, 1, err);
}

void split_free(Split *split)
{
    if (!split)
        return;
    for (int i = 0; i < split->n; i++) {
        regex_free(split->steps[i].regex);
        str_release(&split->steps[i].source);
    }
    mem_free(split);
}

Status split_add(Split *split, SplitPattern pattern, Span regex, Err *err)
{
    if (split->n == SPLIT_MOST)
        return err_set(err, ERR_LIMIT, "more than %d split patterns", SPLIT_MOST);
    Step step = {.pattern = pattern};
    for (size_t i = 0; pattern == SPLIT_CUSTOM && i < sizeof known / sizeof *known;
         i++) {
        if (span_equal(regex, span_of(known[i].regex)))
            step.pattern = known[i].pattern;
    }
    if (step.pattern == SPLIT_CUSTOM) {
        str_span_append(&step.source, regex);
        Status status = str_check(&step.source, err);
        if (status == OK)
            status = regex_new(&step.regex, regex, err);
        if (status != OK) {
            str_release(&step.source);
            return err_context(err, "split pattern");
        }
    }
    split->steps[split->n++] = step;
    return OK;
}

int split_count(const Split *split)
{
    return split->n;
}

SplitPattern split_pattern(const Split *split, int i)
{
    return split->steps[i].pattern;
}

Span split_regex(const Split *split, int i)
{
    switch (split->steps[i].pattern) {
    case SPLIT_GPT2:
        return SPAN(gpt2_regex);
    case SPLIT_CL100K:
        return SPAN(cl100k_regex);
    case SPLIT_QWEN2:
        return SPAN(qwen2_regex);
    case SPLIT_CUSTOM:
        break;
    }
    return str_span(&split->steps[i].source);
}
