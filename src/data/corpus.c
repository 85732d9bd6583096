/* corpus.c - specifications, files in order, mixtures, bad rows; see corpus.h.
 *
 * A Source is one FILE[:WEIGHT] of the specification: a list of files read one after
 * the other. In a mixture, a first pass counts each source's documents n_i; with N
 * their sum, source i gives k_i = N w_i / sum(w) of them: k_i div n_i times all, and
 * k_i mod n_i more by selection sampling (Knuth, TAOCP 3.4.2, algorithm S), which takes
 * exactly that many, each with the same chance, without holding a list. The next record
 * comes from the source that is most behind its share, so any beginning of the stream
 * is mixed too.
 *
 * Bad rows are counted in the first pass over the data; later passes meet them again
 * and skip them silently. */
#include "data/corpus.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "data/rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    WARNINGS = 10,    /* malformed rows that are named; the count tells the rest */
    MANY_REPEATS = 20 /* of a source in a mixture: more are hardly meant */
};

static const char *const split_names[] = {"file", "blank", NULL};
static const OptField fields[] = {
    OPT_INT(CorpusOptions, max_bad_rows, 0, 0, 1e15,
            "malformed rows that are skipped before one is an error"),
    OPT_CHOICE(CorpusOptions, text_split, CORPUS_SPLIT_FILE, split_names,
               "what a document of a .txt file is: the file, or what stands between "
               "blank lines"),
    OPT_END};
const OptTable corpus_options = {"corpus", "how data files are read",
                                 sizeof(CorpusOptions), fields};

typedef struct Source {
    char **paths;
    size_t n_paths;
    double weight; /* 0: none given */
    size_t path;   /* the next to open */
    Rows *rows;    /* of paths[path - 1] */
    int64_t member;
    RecordKind kind;           /* of the rows of this member */
    int64_t documents, wanted; /* mixtures: in one pass; to give in all */
    int64_t given, pass, seen; /* records given; passes ended; read in this pass */
    int64_t chosen;            /* of the last, partial pass */
} Source;

struct Corpus {
    CorpusOptions o;
    Source *sources;
    size_t n_sources, cap_sources;
    size_t at; /* source that is read, without weights */
    bool mixture, counted;
    int64_t bad_rows;
    double bytes, bytes_before; /* of all files; of the files that are done */
    Record record;
    Str where;
};

/* --- the specification ----------------------------------------------------------- */
/* Cuts ":WEIGHT" off item. A file that exists under the whole name has none. */
static Status cut_weight(Str *item, double *weight, Err *err)
{
    *weight = 0;
    char *colon = strrchr(item->ptr, ':');
    if (!colon || colon == item->ptr || file_exists(str_c(item)))
        return OK;
    char *end = NULL;
    double value = strtod(colon + 1, &end);
    if (end == colon + 1 || *end != 0)
        return OK; /* a colon in a name */
    if (!(value > 0) || !isfinite(value))
        return err_set(err, ERR_OPTION, "the weight of '%s' is not a positive number",
                       str_c(item));
    *weight = value;
    str_truncate(item, (size_t)(colon - item->ptr));
    return OK;
}

static Status add_source(Corpus *c, Span text, Err *err)
{
    Str item = {0};
    str_span_append(&item, span_trim(text));
    Status status = str_check(&item, err);
    if (status == OK && item.len == 0)
        status = err_set(err, ERR_OPTION, "a file name is missing");
    if (status == OK)
        status = MEM_PUSH_ROOM(&c->sources, c->n_sources, &c->cap_sources, err);
    Source s = {0};
    if (status == OK)
        status = cut_weight(&item, &s.weight, err);
    if (status == OK)
        status = file_glob(str_c(&item), &s.paths, &s.n_paths, err);
    if (status == OK)
        c->sources[c->n_sources++] = s;
    else
        file_list_free(s.paths, s.n_paths);
    str_release(&item);
    return status;
}

static Status parse_spec(Corpus *c, const char *spec, Err *err)
{
    if (!spec || !spec[0])
        return err_set(err, ERR_OPTION, "no data is given");
    Span rest = span_of(spec);
    if (file_exists(spec)) /* also when its name holds commas */
        return add_source(c, rest, err);
    for (;;) {
        ptrdiff_t comma = span_find(rest, SPAN(","), 0);
        Status status =
            add_source(c, (Span){rest.ptr, comma < 0 ? rest.len : (size_t)comma}, err);
        if (status != OK)
            return err_context(err, "data '%s'", spec);
        if (comma < 0)
            break;
        rest = (Span){rest.ptr + comma + 1, rest.len - (size_t)comma - 1};
    }
    size_t weighted = 0;
    for (size_t i = 0; i < c->n_sources; i++)
        weighted += c->sources[i].weight > 0;
    if (weighted != 0 && weighted != c->n_sources)
        return err_set(err, ERR_OPTION,
                       "data '%s': %zu of %zu sources have a weight; give all or none",
                       spec, weighted, c->n_sources);
    c->mixture = weighted > 0 && c->n_sources > 1;
    return OK;
}

/* --- one source ------------------------------------------------------------------ */
static void rewind_source(Source *s)
{
    rows_close(s->rows);
    s->rows = NULL;
    s->path = 0;
    s->seen = 0;
}

/* The next row of the source's files; *end after the last. */
static Status next_row(Corpus *c, Source *s, Span *row, bool *is_text, bool *end,
                       Err *err)
{
    for (;;) {
        *end = true;
        if (s->rows)
            TRY(rows_next(s->rows, row, is_text, end, err));
        if (!*end)
            return OK;
        if (s->rows)
            c->bytes_before += rows_bytes_read(s->rows);
        rows_close(s->rows);
        s->rows = NULL;
        if (s->path == s->n_paths)
            return OK;
        RowsSplit split =
            c->o.text_split == CORPUS_SPLIT_BLANK ? ROWS_BLANK : ROWS_FILE;
        TRY(rows_open(&s->rows, s->paths[s->path++], split, err));
        s->member = -1;
    }
}

static const char *kind_name(RecordKind kind)
{
    static const char *const names[] = {"a text", "a conversation", "a prompt",
                                        "a comparison", "a rated answer"};
    return names[kind];
}

static Status parse_next(Corpus *c, Source *s, Span row, bool is_text, Err *err)
{
    if (is_text) {
        c->record.kind = RECORD_TEXT;
        str_reset(&c->record.text);
        str_span_append(&c->record.text, row);
        return str_check(&c->record.text, err);
    }
    TRY(record_parse(row, &c->record, err));
    if (s->member != rows_member(s->rows)) {
        s->member = rows_member(s->rows);
        s->kind = c->record.kind;
    }
    if (s->kind != c->record.kind)
        return err_set(err, ERR_FORMAT, "this row is %s, but the first one was %s",
                       kind_name(c->record.kind), kind_name(s->kind));
    return OK;
}

/* What a malformed row means: an error, or one more that is skipped. */
static Status bad_row(Corpus *c, const Source *s, Status status, Err *err)
{
    if (status != ERR_FORMAT)
        return status;
    if (c->counted)
        return OK;
    Err here = {ERR_FORMAT, ""};
    if (!err) /* nobody reads it; the count is kept all the same */
        err = &here;
    err_context(err, "%s", rows_where(s->rows));
    c->bad_rows++;
    if (c->bad_rows <= c->o.max_bad_rows) {
        log_at(c->bad_rows <= WARNINGS ? LOG_WARN : LOG_DEBUG, "%s: skipped", err->msg);
        return OK;
    }
    if (c->o.max_bad_rows > 0)
        err_context(err, "more than %lld malformed rows", (long long)c->o.max_bad_rows);
    return ERR_FORMAT;
}

/* The next good record of a source, in c->record. */
static Status next_of_source(Corpus *c, Source *s, bool *end, Err *err)
{
    for (;;) {
        Span row;
        bool is_text;
        TRY(next_row(c, s, &row, &is_text, end, err));
        if (*end)
            return OK;
        Err why = {OK, ""};
        Status status = parse_next(c, s, row, is_text, &why);
        if (status == OK) {
            str_reset(&c->where);
            str_puts(&c->where, rows_where(s->rows));
            return str_check(&c->where, err);
        }
        status = bad_row(c, s, status, &why);
        if (status != OK)
            return err_set(err, status, "%s", why.msg);
    }
}

/* --- mixtures -------------------------------------------------------------------- */
/* A book of plain text is one document: beside rows of JSON Lines, which are many, it
 * would be read over and over. */
static void warn_of_repeats(const Source *s)
{
    double times = (double)s->wanted / (double)s->documents;
    if (times > MANY_REPEATS)
        log_warn(
            "data '%s' is read %.0f times over in the mixture: weights are shares of "
            "the documents, not of the text",
            s->paths[0], times);
}

/* Counts each source's documents and deals out how many each shall give: k_i are the
 * differences of the rounded running sums, so they add up to N. */
static Status plan_mixture(Corpus *c, Err *err)
{
    double total = 0, weights = 0;
    for (size_t i = 0; i < c->n_sources; i++) {
        Source *s = &c->sources[i];
        bool end = false;
        for (;;) {
            TRY(next_of_source(c, s, &end, err));
            if (end)
                break;
            s->documents++;
        }
        if (s->documents == 0)
            return err_set(err, ERR_FORMAT, "there is no row in '%s'", s->paths[0]);
        rewind_source(s);
        total += (double)s->documents;
        weights += s->weight;
    }
    c->counted = true;
    double sum = 0, before = 0;
    for (size_t i = 0; i < c->n_sources; i++) {
        sum += c->sources[i].weight;
        double now = round(total * sum / weights);
        c->sources[i].wanted = (int64_t)(now - before);
        before = now;
        warn_of_repeats(&c->sources[i]);
    }
    return OK;
}

/* Whether the document just read is one of those given in this pass. */
static bool is_chosen(const Corpus *c, Source *s)
{
    int64_t number = s->seen++;
    if (s->pass < s->wanted / s->documents)
        return true;
    Rng source = rng_make(0, RNG_MIX, (uint64_t)(s - c->sources));
    Rng draw = rng_child(&source, (uint64_t)number);
    double left = (double)(s->documents - number);
    double needed = (double)(s->wanted % s->documents - s->chosen);
    bool chosen = rng_uniform(&draw) * left < needed;
    s->chosen += chosen;
    return chosen;
}

static Status next_of_mixture(Corpus *c, bool *end, Err *err)
{
    Source *best = NULL;
    double least = 0;
    for (size_t i = 0; i < c->n_sources; i++) {
        Source *s = &c->sources[i];
        double progress = ((double)s->given + 0.5) / (double)s->wanted;
        if (s->given < s->wanted && (!best || progress < least)) {
            best = s;
            least = progress;
        }
    }
    *end = best == NULL;
    if (*end)
        return OK;
    for (;;) {
        bool source_end;
        TRY(next_of_source(c, best, &source_end, err));
        if (source_end && best->seen != best->documents)
            return err_set(err, ERR_IO, "'%s' changed while it was read",
                           best->paths[0]);
        if (source_end) {
            rewind_source(best);
            best->pass++;
        } else if (is_chosen(c, best)) {
            best->given++;
            return OK;
        }
    }
}

/* --- the stream ------------------------------------------------------------------ */
Status corpus_open(Corpus **out, const char *spec, const CorpusOptions *o, Err *err)
{
    *out = NULL;
    Corpus *c = NULL;
    TRY(MEM_ARRAY(&c, 1, err));
    c->o = *o;
    Status status = parse_spec(c, spec, err);
    for (size_t i = 0; i < c->n_sources && status == OK; i++) {
        for (size_t k = 0; k < c->sources[i].n_paths; k++)
            c->bytes += (double)file_size(c->sources[i].paths[k]);
    }
    if (status == OK && c->mixture)
        status = plan_mixture(c, err);
    if (status != OK) {
        corpus_close(c);
        return status;
    }
    *out = c;
    return OK;
}

Status corpus_next(Corpus *c, Record **record, bool *end, Err *err)
{
    *record = &c->record;
    if (c->mixture)
        return next_of_mixture(c, end, err);
    for (;;) {
        *end = c->at == c->n_sources;
        if (*end)
            return OK;
        TRY(next_of_source(c, &c->sources[c->at], end, err));
        if (!*end)
            return OK;
        c->at++;
    }
}

const char *corpus_where(const Corpus *c)
{
    return str_c(&c->where);
}

int64_t corpus_bad_rows(const Corpus *c)
{
    return c->bad_rows;
}

double corpus_bytes(const Corpus *c)
{
    return c->mixture ? 0 : c->bytes;
}

double corpus_bytes_read(const Corpus *c)
{
    double n = c->bytes_before;
    if (c->at < c->n_sources && c->sources[c->at].rows)
        n += rows_bytes_read(c->sources[c->at].rows);
    return n;
}

void corpus_close(Corpus *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_sources; i++) {
        rows_close(c->sources[i].rows);
        file_list_free(c->sources[i].paths, c->sources[i].n_paths);
    }
    mem_free(c->sources);
    record_release(&c->record);
    str_release(&c->where);
    mem_free(c);
}

/* --- what the data are ----------------------------------------------------------- */
static Status describe_file(const char *path, Str *text, Err *err)
{
    struct stat about;
    if (stat(path, &about) != 0)
        return err_system(err, "read", path);
    str_printf(text, "%s %lld %lld.%09ld\n", file_base_name(path),
               (long long)about.st_size, (long long)about.st_mtim.tv_sec,
               about.st_mtim.tv_nsec);
    return OK;
}

Status corpus_hash(const char *spec, const CorpusOptions *o, uint64_t *out, Err *err)
{
    Corpus c = {.o = *o};
    Str text = {0};
    Status status = parse_spec(&c, spec, err);
    str_printf(&text, "%d\n", o->text_split);
    for (size_t i = 0; i < c.n_sources && status == OK; i++) {
        str_printf(&text, "%.17g\n", c.sources[i].weight);
        for (size_t k = 0; k < c.sources[i].n_paths && status == OK; k++)
            status = describe_file(c.sources[i].paths[k], &text, err);
    }
    if (status == OK)
        status = str_check(&text, err);
    if (status == OK)
        *out = rng_hash(str_c(&text), text.len, 0);
    for (size_t i = 0; i < c.n_sources; i++)
        file_list_free(c.sources[i].paths, c.sources[i].n_paths);
    mem_free(c.sources);
    str_release(&text);
    return status;
}
