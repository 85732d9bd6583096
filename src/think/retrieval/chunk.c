/* chunk.c - see chunk.h.
 *
 * Pass 1, line by line: headings, fences and paragraphs; a paragraph becomes units, which
 * are never cut again. Pass 2, at each heading and at the end: the units of the section
 * are packed into passages. */
#include "think/retrieval/chunk.h"

#include "base/mem.h"

#include <string.h>

static const OptField fields[] = {
    OPT_INT(ChunkOptions, size, 128, 8, 100000,
            "of a passage, in tokens of --tokenizer, or else in words"),
    OPT_INT(ChunkOptions, overlap, 24, 0, 50000,
            "of it repeated in the next passage, at most"),
    OPT_END,
};
const OptTable chunk_options = {"chunk", "passages", sizeof(ChunkOptions), fields};

/* --- measuring ---------------------------------------------------------------------- */
enum { LONG_WORD = 12, DENSEST = 16 };

static bool is_word_byte(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           c >= 0x80;
}

static int64_t count_words(void *self, Span text)
{
    (void)self;
    int64_t words = 0;
    size_t run = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (!is_word_byte(c)) {
            run = 0;
            continue;
        }
        bool wide = c >= 0xe3 && c <= 0xf4; /* from U+3000 on: no blanks between */
        bool inner = (c & 0xc0) == 0x80 && run == 0; /* of such a character */
        words += wide || (!inner && run % LONG_WORD == 0);
        run = wide || inner ? 0 : run + 1;
    }
    int64_t least = (int64_t)(text.len / DENSEST);
    return words > least ? words : least;
}

const Measure measure_words = {NULL, count_words};

/* --- lines -------------------------------------------------------------------------- */
typedef struct Unit {
    size_t start, end;
    int64_t size;
    bool last; /* of its paragraph */
} Unit;

typedef struct Chunker {
    Span text; /* the document */
    const ChunkOptions *o;
    const Measure *measure;
    ChunkPut put;
    void *self;
    Span titles[HEADING_LEVELS]; /* of the headings that we are under; .len 0: none */
    int level;                   /* of the innermost, 1.. */
    Span bare; /* the line of a heading that nothing has followed yet */
    Str path;
    Unit *units; /* of the section */
    size_t n_units, cap;
} Chunker;

typedef struct Line {
    size_t start, end; /* without its newline and what white space it ends in */
    size_t next;       /* where the next begins */
} Line;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}

static Line line_at(Span text, size_t at)
{
    const char *newline = memchr(text.ptr + at, '\n', text.len - at);
    size_t end = newline ? (size_t)(newline - text.ptr) : text.len;
    Line line = {at, end, newline ? end + 1 : end};
    while (line.end > line.start && is_blank(text.ptr[line.end - 1]))
        line.end--;
    return line;
}

static Span line_text(Span text, Line line)
{
    return (Span){text.ptr + line.start, line.end - line.start};
}

/* Without the up to three spaces that Markdown allows. */
static Span unindent(Span s)
{
    for (int i = 0; i < 3 && s.len > 0 && *s.ptr == ' '; i++)
        s = (Span){s.ptr + 1, s.len - 1};
    return s;
}

static size_t run_of(Span s, char c)
{
    size_t n = 0;
    while (n < s.len && s.ptr[n] == c)
        n++;
    return n;
}

/* "## title ##" gives its level and title; else 0. */
static int hash_heading(Span line, Span *title)
{
    Span s = unindent(line);
    size_t level = run_of(s, '#');
    if (level < 1 || level > HEADING_LEVELS ||
        (level < s.len && !is_blank(s.ptr[level])))
        return 0;
    Span t = span_trim((Span){s.ptr + level, s.len - level});
    size_t bare = t.len;
    while (bare > 0 && t.ptr[bare - 1] == '#')
        bare--;
    if (bare < t.len && (bare == 0 || is_blank(t.ptr[bare - 1])))
        t = span_trim((Span){t.ptr, bare});
    *title = t;
    return t.len > 0 ? (int)level : 0;
}

/* A line of nothing but = makes the line above a heading of level 1, of - of level 2. */
static int underline_level(Span line)
{
    Span s = unindent(line);
    if (s.len < 3)
        return 0;
    if (run_of(s, '=') == s.len)
        return 1;
    return run_of(s, '-') == s.len ? 2 : 0;
}

/* The characters that open or close a fence, e.g. "```"; else empty. */
static Span fence_of(Span line)
{
    Span s = unindent(line);
    size_t n = s.len > 0 && (*s.ptr == '`' || *s.ptr == '~') ? run_of(s, *s.ptr) : 0;
    return (Span){s.ptr, n >= 3 ? n : 0};
}

/* --- units -------------------------------------------------------------------------- */
static Status add_unit(Chunker *c, size_t start, size_t end, int64_t size, Err *err)
{
    TRY(MEM_PUSH_ROOM(&c->units, c->n_units, &c->cap, err));
    c->units[c->n_units++] = (Unit){start, end, size, false};
    return OK;
}

static int64_t measured(const Chunker *c, size_t start, size_t end)
{
    Span piece = {c->text.ptr + start, end - start};
    return c->measure->count(c->measure->self, piece);
}

/* The end of the word at `at`, or of as much of it as is surely no longer than a passage;
 * never within a character. */
static size_t word_end(const Chunker *c, size_t at, size_t end)
{
    size_t most = at + (size_t)c->o->size, i = at;
    while (i < end && i < most && !is_blank(c->text.ptr[i]))
        i++;
    size_t cut = i;
    while (cut < end && cut > at && ((unsigned char)c->text.ptr[cut] & 0xc0) == 0x80)
        cut--;
    return cut > at ? cut : i;
}

static size_t skip_blanks(Span text, size_t at, size_t end)
{
    while (at < end && is_blank(text.ptr[at]))
        at++;
    return at;
}

/* Words together up to a passage's size. */
static Status add_words(Chunker *c, size_t start, size_t end, Err *err)
{
    size_t from = start, to = start;
    int64_t size = 0;
    for (size_t at = start; at < end; at = skip_blanks(c->text, at, end)) {
        size_t next = word_end(c, at, end);
        int64_t more = measured(c, at, next);
        if (to > from && size + more > c->o->size) {
            TRY(add_unit(c, from, to, size, err));
            from = at;
            size = 0;
        }
        to = at = next;
        size += more;
    }
    return to > from ? add_unit(c, from, to, size, err) : OK;
}

/* Is there anything to be found? A rule of dashes is not. */
static bool has_word(Span s)
{
    size_t i = 0;
    while (i < s.len && !is_word_byte((unsigned char)s.ptr[i]))
        i++;
    return i < s.len;
}

/* What is neither blank in front nor behind; if too long, in pieces. */
static Status add_sentence(Chunker *c, size_t start, size_t end, Err *err)
{
    start = skip_blanks(c->text, start, end);
    while (end > start && is_blank(c->text.ptr[end - 1]))
        end--;
    if (!has_word((Span){c->text.ptr + start, end - start}))
        return OK;
    bool huge = (end - start) / 64 > (size_t)c->o->size; /* not measured in one go */
    int64_t size = huge ? 0 : measured(c, start, end);
    return huge || size > c->o->size ? add_words(c, start, end, err)
                                     : add_unit(c, start, end, size, err);
}

/* Does the full stop at `at` belong to an initial or an abbreviation? */
static bool is_abbreviation(Span text, size_t from, size_t at)
{
    static const char *const known[] = {"Mr", "Mrs", "Ms",  "Dr",  "St", "Prof", "No",
                                        "vs", "etc", "e.g", "i.e", "cf", "Fig",  "ca"};
    size_t begin = at;
    while (begin > from && !is_blank(text.ptr[begin - 1]) && text.ptr[begin - 1] != '(')
        begin--;
    Span word = {text.ptr + begin, at - begin};
    if (word.len == 1)
        return (*word.ptr >= 'A' && *word.ptr <= 'Z') ||
               (*word.ptr >= 'a' && *word.ptr <= 'z');
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (span_equal(word, span_of(known[i])))
            return true;
    }
    return false;
}

/* Ideographic full stop, exclamation and question mark: no blank follows them. */
static bool is_wide_stop(Span text, size_t at)
{
    Span rest = {text.ptr + at, text.len - at};
    return span_starts(rest, SPAN("\xe3\x80\x82")) ||
           span_starts(rest, SPAN("\xef\xbc\x81")) ||
           span_starts(rest, SPAN("\xef\xbc\x9f"));
}

/* Where the sentence that begins at `from` ends. */
static size_t sentence_end(Span text, size_t from, size_t end)
{
    static const char closers[] = {'"', '\'', ')', ']', '*', '_', '.', '!', '?'};
    for (size_t i = from; i < end; i++) {
        char c = text.ptr[i];
        if (end - i >= 3 && is_wide_stop(text, i))
            return i + 3;
        if (c != '.' && c != '!' && c != '?')
            continue;
        size_t after = i + 1;
        while (after < end && memchr(closers, text.ptr[after], sizeof closers))
            after++;
        size_t next = skip_blanks(text, after, end);
        bool lower = next < end && text.ptr[next] >= 'a' && text.ptr[next] <= 'z';
        if (next > after && next < end && !lower &&
            !(c == '.' && is_abbreviation(text, from, i)))
            return after;
        i = after - 1; /* a run of stops is looked at once */
    }
    return end;
}

static Status add_sentences(Chunker *c, size_t start, size_t end, Err *err)
{
    while (start < end) {
        size_t to = sentence_end(c->text, start, end);
        TRY(add_sentence(c, start, to, err));
        start = skip_blanks(c->text, to, end);
    }
    return OK;
}

/* Did an editor wrap these lines: had the first word of each no room in the one above? One
 * line in eight may be an exception. */
static bool is_wrapped(Span text, size_t start, size_t end)
{
    enum { WIDEST = 120 };
    size_t widest = 0, lines = 0, others = 0;
    for (size_t at = start; at < end; lines++) {
        Line line = line_at(text, at);
        size_t width = line.end - line.start;
        widest = width > widest ? width : widest;
        at = line.next;
    }
    if (lines < 2 || widest > WIDEST)
        return false;
    Line line = line_at(text, start);
    while (line.next < end) {
        Line next = line_at(text, line.next);
        size_t from = skip_blanks(text, next.start, next.end), word = from;
        while (word < next.end && !is_blank(text.ptr[word]))
            word++;
        others += line.end - line.start + 1 + (word - from) <= widest;
        line = next;
    }
    return others * 8 <= lines;
}

/* A line that is not long stays whole: it may be "name: value". */
static Status add_lines(Chunker *c, size_t start, size_t end, Err *err)
{
    for (size_t at = start; at < end;) {
        Line line = line_at(c->text, at);
        size_t to = line.end < end ? line.end : end;
        bool is_short = to - line.start < (size_t)c->o->size * 4;
        TRY(is_short ? add_sentence(c, line.start, to, err)
                     : add_sentences(c, line.start, to, err));
        at = line.next;
    }
    return OK;
}

static Status add_paragraph(Chunker *c, size_t start, size_t end, bool code, Err *err)
{
    size_t before = c->n_units;
    if (start >= end)
        return OK;
    TRY(!code && is_wrapped(c->text, start, end) ? add_sentences(c, start, end, err)
                                                 : add_lines(c, start, end, err));
    if (c->n_units > before) {
        c->units[c->n_units - 1].last = true;
        c->bare = (Span){0};
    }
    return OK;
}

/* --- passages ------------------------------------------------------------------------ */
static Status emit(Chunker *c, size_t start, size_t end, int64_t size, Err *err)
{
    TRY(str_check(&c->path, err));
    Chunk chunk = {start, end, {str_c(&c->path), c->path.len}, size};
    return c->put(c->self, &chunk, err);
}

/* The units from `from` that make a passage, of which those before `fresh` are repeated:
 * gives the one behind its last. Ends with a paragraph if two thirds are full by then. */
static size_t fill(const Chunker *c, size_t from, size_t fresh, int64_t left,
                   int64_t *size)
{
    size_t at = from, good = 0;
    int64_t good_size = 0;
    *size = 0;
    while (at < c->n_units &&
           (at <= fresh || *size + c->units[at].size <= c->o->size)) {
        left -= at >= fresh ? c->units[at].size : 0;
        *size += c->units[at++].size;
        if (at > fresh && c->units[at - 1].last && *size * 3 >= c->o->size * 2) {
            good = at;
            good_size = *size;
        }
    }
    if (at == c->n_units)
        return at;
    if (left * 4 <= c->o->size) { /* no passage of its own */
        *size += left;
        return c->n_units;
    }
    if (good > 0) {
        at = good;
        *size = good_size;
    }
    return at;
}

/* The first unit to be repeated in front of unit `fresh`. */
static size_t overlap_from(const Chunker *c, size_t last_from, size_t fresh)
{
    int64_t room = c->o->size - c->units[fresh].size;
    room = room < c->o->overlap ? room : c->o->overlap;
    size_t from = fresh;
    while (from > last_from + 1 && c->units[from - 1].size <= room)
        room -= c->units[--from].size;
    return from;
}

static Status flush_section(Chunker *c, Err *err)
{
    int64_t left = 0;
    for (size_t i = 0; i < c->n_units; i++)
        left += c->units[i].size;
    for (size_t from = 0, fresh = 0; fresh < c->n_units;) {
        int64_t size;
        size_t end = fill(c, from, fresh, left, &size);
        TRY(emit(c, c->units[from].start, c->units[end - 1].end, size, err));
        for (size_t i = fresh; i < end; i++)
            left -= c->units[i].size;
        fresh = end;
        if (fresh < c->n_units)
            from = overlap_from(c, from, fresh);
    }
    c->n_units = 0;
    return OK;
}

/* A heading that nothing stands under, neither text nor a deeper heading. Its line may be
 * as long as any other. */
static Status flush_bare(Chunker *c, int next_level, Err *err)
{
    if (c->bare.len == 0 || next_level > c->level)
        return OK;
    size_t start = (size_t)(c->bare.ptr - c->text.ptr);
    TRY(add_sentence(c, start, start + c->bare.len, err));
    return flush_section(c, err);
}

Span heading_cut(Span title)
{
    if (title.len <= HEADING_BYTES)
        return title;
    size_t n = HEADING_BYTES;
    while (n > 0 && ((unsigned char)title.ptr[n] & 0xc0) == 0x80)
        n--;
    return (Span){title.ptr, n};
}

static Status enter_heading(Chunker *c, int level, Span title, Line line, Err *err)
{
    TRY(flush_section(c, err));
    TRY(flush_bare(c, level, err));
    for (int i = level - 1; i < HEADING_LEVELS; i++)
        c->titles[i] = (Span){0};
    c->titles[level - 1] = heading_cut(title);
    c->level = level;
    c->bare = line_text(c->text, line);
    str_reset(&c->path);
    for (int i = 0; i < level; i++) {
        if (c->titles[i].len > 0 && c->path.len > 0)
            str_puts(&c->path, " > ");
        str_span_append(&c->path, c->titles[i]);
    }
    return str_check(&c->path, err);
}

/* --- the document -------------------------------------------------------------------- */
/* The level of a heading at `line`, its title, and the line behind it. */
static int heading_at(Span text, Line line, bool first, Span *title, size_t *next)
{
    enum { LONGEST_TITLE = 200 };
    Span s = line_text(text, line);
    *next = line.next;
    int level = hash_heading(s, title);
    if (level > 0 || !first || s.len == 0 || s.len > LONGEST_TITLE ||
        line.next >= text.len)
        return level;
    Line under = line_at(text, line.next);
    level = underline_level(line_text(text, under));
    *title = span_trim(s);
    if (level > 0)
        *next = under.next;
    return level;
}

/* Lines from `at` up to the closing fence, which is the last. */
static size_t fence_end(Span text, size_t at, Span open)
{
    for (at = line_at(text, at).next; at < text.len;) {
        Line line = line_at(text, at);
        Span close = fence_of(line_text(text, line));
        at = line.next;
        if (close.len >= open.len && *close.ptr == *open.ptr)
            break;
    }
    return at;
}

static Status walk(Chunker *c, Err *err)
{
    size_t paragraph = 0, at = 0; /* where the paragraph began, where we are */
    while (at < c->text.len) {
        Line line = line_at(c->text, at);
        Span s = line_text(c->text, line), title = {0}, fence = fence_of(s);
        size_t next = line.next;
        int level = fence.len > 0
                        ? 0
                        : heading_at(c->text, line, paragraph == at, &title, &next);
        if (s.len > 0 && fence.len == 0 && level == 0) {
            at = next;
            continue;
        }
        TRY(add_paragraph(c, paragraph, at, false, err));
        if (fence.len > 0) {
            next = fence_end(c->text, at, fence);
            TRY(add_paragraph(c, at, next, true, err));
        } else if (level > 0) {
            TRY(enter_heading(c, level, title, line, err));
        }
        paragraph = at = next;
    }
    TRY(add_paragraph(c, paragraph, at, false, err));
    TRY(flush_section(c, err));
    return flush_bare(c, 0, err);
}

Status chunk_document(Span text, const ChunkOptions *o, const Measure *measure,
                      ChunkPut put, void *self, Err *err)
{
    if (o->overlap >= o->size)
        return err_set(err, ERR_OPTION,
                       "an overlap of %lld does not fit into passages of %lld",
                       (long long)o->overlap, (long long)o->size);
    Chunker c = {.text = text, .o = o, .measure = measure, .put = put, .self = self};
    Status status = walk(&c, err);
    mem_free(c.units);
    str_release(&c.path);
    return status;
}
