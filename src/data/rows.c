/* rows.c - libarchive's bytes cut into rows, see rows.h.
 *
 * Bytes come in chunks; a row is gathered in a Str, so it may span chunks. JSON arrays
 * are cut by counting brackets outside strings: only the element that is being read is
 * in memory, and jansson judges it later. */
#include "data/rows.h"

#include "base/file.h"
#include "base/mem.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

enum { CHUNK = 1 << 16 };
/* A longer row is no document but a file that is no JSON Lines. 1 GiB. */
static const size_t longest_row_ever = (size_t)1 << 30;

typedef enum Form { FORM_NONE, FORM_TEXT, FORM_LINES, FORM_ARRAY } Form;

struct Rows {
    struct archive *archive;
    char *path;
    RowsSplit split;
    size_t longest_row;
    bool container;
    Str member; /* its name; containers only */
    int64_t members;
    Form form; /* of the member; FORM_NONE between members */
    char *chunk;
    size_t n, at;            /* bytes in the chunk; those already used */
    bool first_element;      /* of an array is still to come */
    int64_t line, next_line; /* where the row begins; where we are */
    Str row;
    Str where;
};

/* --- names ----------------------------------------------------------------------- */
static bool ends_in(Span name, const char *ending)
{
    size_t n = strlen(ending);
    return name.len > n && memcmp(name.ptr + name.len - n, ending, n) == 0;
}

static bool ends_in_any(Span name, const char *const *endings)
{
    for (; *endings; endings++) {
        if (ends_in(name, *endings))
            return true;
    }
    return false;
}

/* The name without ".gz" or its like. */
static Span uncompressed_name(Span name)
{
    static const char *const endings[] = {".gz", ".zst", ".xz", ".bz2", NULL};
    if (ends_in_any(name, endings)) {
        while (name.ptr[name.len - 1] != '.')
            name.len--;
        name.len--;
    }
    return name;
}

static bool is_text_name(Span name)
{
    return ends_in(uncompressed_name(name), ".txt");
}

static bool is_data_name(Span name)
{
    static const char *const endings[] = {".txt", ".json", ".jsonl", ".ndjson", NULL};
    return ends_in_any(name, endings);
}

bool rows_is_text_name(Span name)
{
    static const char *const endings[] = {".txt", ".text", ".md", ".markdown", NULL};
    return ends_in_any(uncompressed_name(name), endings);
}

static bool is_tar_name(Span name)
{
    static const char *const endings[] = {".tar", ".tgz", NULL};
    return ends_in_any(uncompressed_name(name), endings);
}

/* --- bytes ----------------------------------------------------------------------- */
static Status archive_failed(Rows *r, Err *err)
{
    const char *why = archive_error_string(r->archive);
    Str text = {0};
    str_quote(&text, span_of(why ? why : "cannot be read"), 200);
    Status status = err_set(err, ERR_FORMAT, "file '%s': %s", r->path, str_c(&text));
    str_release(&text);
    return status;
}

/* The next byte is chunk[at]; *end when the member has no more. */
static Status fill(Rows *r, bool *end, Err *err)
{
    *end = false;
    if (r->at < r->n)
        return OK;
    la_ssize_t got;
    do {
        got = archive_read_data(r->archive, r->chunk, CHUNK);
    } while (got == ARCHIVE_RETRY || got == ARCHIVE_WARN);
    if (got < 0)
        return archive_failed(r, err);
    r->n = (size_t)got;
    r->at = 0;
    *end = got == 0;
    return OK;
}

/* Takes n bytes of the chunk into the row. */
static Status take(Rows *r, size_t n, Err *err)
{
    str_append(&r->row, r->chunk + r->at, n);
    r->at += n;
    if (r->row.len > r->longest_row)
        return err_set(err, ERR_LIMIT, "file '%s': line %lld: longer than %zu bytes",
                       r->path, (long long)r->line, r->longest_row);
    return str_check(&r->row, err);
}

/* --- members --------------------------------------------------------------------- */
/* Skips white space. *end when nothing else is left. */
static Status skip_space(Rows *r, bool *end, Err *err)
{
    for (;;) {
        TRY(fill(r, end, err));
        if (*end)
            return OK;
        char c = r->chunk[r->at];
        if (c != ' ' && c != '\t' && c != '\r' && c != '\n')
            return OK;
        r->next_line += c == '\n';
        r->at++;
    }
}

static Status begin_member(Rows *r, bool is_text, Err *err)
{
    r->n = r->at = 0;
    r->line = r->next_line = 1;
    r->first_element = true;
    r->members++;
    bool end;
    TRY(fill(r, &end, err));
    if (r->n >= 3 && memcmp(r->chunk, "\xef\xbb\xbf", 3) == 0)
        r->at = 3;
    r->form = is_text ? FORM_TEXT : FORM_LINES;
    if (is_text)
        return OK;
    TRY(skip_space(r, &end, err));
    if (!end && r->chunk[r->at] == '[') {
        r->form = FORM_ARRAY;
        r->at++;
    }
    return OK;
}

/* The next member with data; *end when there is none. */
static Status next_member(Rows *r, bool *end, Err *err)
{
    for (;;) {
        struct archive_entry *entry = NULL;
        int got = archive_read_next_header(r->archive, &entry);
        *end = got == ARCHIVE_EOF;
        if (*end)
            return OK;
        if (got != ARCHIVE_OK && got != ARCHIVE_WARN)
            return archive_failed(r, err);
        bool text = r->split == ROWS_TEXT;
        if (!r->container)
            return begin_member(r, text || is_text_name(span_of(r->path)), err);
        const char *given = archive_entry_pathname(entry); /* NULL: in no charset */
        Span name = span_of(given ? given : "");
        if (archive_entry_filetype(entry) != AE_IFREG ||
            !(text ? rows_is_text_name(name) : is_data_name(name)))
            continue;
        str_reset(&r->member);
        str_quote(&r->member, name, 200);
        TRY(str_check(&r->member, err));
        return begin_member(r, text || is_text_name(name), err);
    }
}

/* --- rows of a member ------------------------------------------------------------ */
/* Appends the line, without its newline, to the row; *end when there is none. */
static Status take_line(Rows *r, bool *end, Err *err)
{
    TRY(fill(r, end, err));
    bool member_end = *end;
    while (!member_end) {
        const char *from = r->chunk + r->at;
        const char *newline = memchr(from, '\n', r->n - r->at);
        TRY(take(r, newline ? (size_t)(newline - from) : r->n - r->at, err));
        if (newline) {
            r->at++;
            break;
        }
        TRY(fill(r, &member_end, err));
    }
    r->next_line++;
    return OK;
}

static Status next_line(Rows *r, bool *end, Err *err)
{
    do {
        str_reset(&r->row);
        r->line = r->next_line;
        TRY(take_line(r, end, err));
    } while (!*end && span_trim(str_span(&r->row)).len == 0);
    return OK;
}

/* Lines up to a blank one or the end. */
static Status next_paragraph(Rows *r, bool *end, Err *err)
{
    TRY(next_line(r, end, err));
    bool line_end = *end;
    while (!line_end) {
        size_t before = r->row.len;
        str_putc(&r->row, '\n');
        TRY(take_line(r, &line_end, err));
        Span line = {r->row.ptr + before, r->row.len - before};
        if (span_trim(line).len == 0) {
            str_truncate(&r->row, before);
            break;
        }
    }
    return str_check(&r->row, err);
}

static Status whole_member(Rows *r, bool *end, Err *err)
{
    str_reset(&r->row);
    for (;;) {
        bool member_end;
        TRY(fill(r, &member_end, err));
        if (member_end)
            break;
        TRY(take(r, r->n - r->at, err));
    }
    *end = r->row.len == 0;
    return OK;
}

static Status array_fault(const Rows *r, const char *what, Err *err)
{
    return err_set(err, ERR_FORMAT, "file '%s': line %lld: %s", r->path,
                   (long long)r->next_line, what);
}

/* Bytes up to the end of the element that begins here: the ',' or ']' outside strings
 * and inner brackets. */
static Status take_element(Rows *r, Err *err)
{
    int64_t depth = 0;
    bool in_string = false, escaped = false;
    for (;;) {
        bool end;
        TRY(fill(r, &end, err));
        if (end)
            return array_fault(r, "the array has no end", err);
        size_t i = r->at;
        for (; i < r->n; i++) {
            char c = r->chunk[i];
            if (!in_string && depth == 0 && (c == ',' || c == ']'))
                break;
            r->next_line += c == '\n';
            if (in_string) {
                in_string = escaped || c != '"';
                escaped = !escaped && c == '\\';
            } else {
                in_string = c == '"';
                depth += (c == '{' || c == '[') - (c == '}' || c == ']');
            }
        }
        bool found = i < r->n;
        TRY(take(r, i - r->at, err));
        if (found)
            return OK;
    }
}

static Status next_element(Rows *r, bool *end, Err *err)
{
    str_reset(&r->row);
    TRY(skip_space(r, end, err));
    if (*end)
        return array_fault(r, "the array has no end", err);
    char c = r->chunk[r->at];
    if (c == ']') {
        r->at++;
        TRY(skip_space(r, end, err));
        return *end ? OK : array_fault(r, "there is more after the array", err);
    }
    if (!r->first_element) { /* take_element stopped at its ',' */
        r->at++;
        TRY(skip_space(r, end, err));
    }
    r->first_element = false;
    r->line = r->next_line;
    return take_element(r, err);
}

static Status next_of_member(Rows *r, bool *end, Err *err)
{
    switch (r->form) {
    case FORM_TEXT:
        return r->split == ROWS_BLANK ? next_paragraph(r, end, err)
                                      : whole_member(r, end, err);
    case FORM_LINES:
        return next_line(r, end, err);
    case FORM_ARRAY:
        return next_element(r, end, err);
    case FORM_NONE:
        break;
    }
    *end = true;
    return OK;
}

static Status note_where(Rows *r, Err *err)
{
    str_reset(&r->where);
    str_printf(&r->where, "file '%s': ", r->path);
    if (r->container)
        str_printf(&r->where, "member '%s': ", str_c(&r->member));
    str_printf(&r->where, "line %lld", (long long)r->line);
    return str_check(&r->where, err);
}

Status rows_next(Rows *r, Span *row, bool *is_text, bool *end, Err *err)
{
    for (;;) {
        bool member_end;
        TRY(next_of_member(r, &member_end, err));
        *end = false;
        if (!member_end)
            break;
        r->form = FORM_NONE;
        TRY(next_member(r, end, err));
        if (*end)
            return OK;
    }
    TRY(note_where(r, err));
    *row = str_span(&r->row);
    *is_text = r->form == FORM_TEXT;
    return OK;
}

const char *rows_where(const Rows *r)
{
    return str_c(&r->where);
}

void rows_limit(Rows *r, size_t bytes)
{
    r->longest_row = bytes < longest_row_ever ? bytes : longest_row_ever;
}

const char *rows_member_name(const Rows *r)
{
    return str_c(&r->member);
}

int64_t rows_member(const Rows *r)
{
    return r->members;
}

double rows_bytes_read(const Rows *r)
{
    return (double)archive_filter_bytes(r->archive, -1);
}

/* --- opening --------------------------------------------------------------------- */
static Status open_archive(Rows *r, Err *err)
{
    Span name = span_of(r->path);
    bool zip = ends_in(name, ".zip"), tar = is_tar_name(name);
    r->container = zip || tar;
    r->archive = archive_read_new();
    if (!r->archive)
        return err_set(err, ERR_NOMEM, "no memory to read '%s'", r->path);
    archive_read_support_filter_gzip(r->archive);
    archive_read_support_filter_bzip2(r->archive);
    archive_read_support_filter_xz(r->archive);
    archive_read_support_filter_zstd(r->archive);
    if (zip)
        archive_read_support_format_zip(r->archive);
    else if (tar)
        archive_read_support_format_tar(r->archive);
    else
        archive_read_support_format_raw(r->archive);
    archive_read_support_format_empty(r->archive);
    if (archive_read_open_filename(r->archive, r->path, CHUNK) != ARCHIVE_OK)
        return archive_failed(r, err);
    return OK;
}

Status rows_open(Rows **out, const char *path, RowsSplit split, Err *err)
{
    *out = NULL;
    if (file_is_folder(path))
        return err_set(err, ERR_IO, "'%s' is a folder, not a file", path);
    if (!file_exists(path))
        return err_set(err, ERR_IO, "there is no file '%s'", path);
    Rows *r = NULL;
    TRY(MEM_ARRAY(&r, 1, err));
    r->split = split;
    r->longest_row = longest_row_ever;
    r->path = mem_dup(path, strlen(path));
    Status status = MEM_ARRAY(&r->chunk, CHUNK, err);
    if (status == OK && !r->path)
        status = err_set(err, ERR_NOMEM, "no memory to read '%s'", path);
    if (status == OK)
        status = open_archive(r, err);
    if (status != OK) {
        rows_close(r);
        return status;
    }
    *out = r;
    return OK;
}

void rows_close(Rows *r)
{
    if (!r)
        return;
    archive_read_free(r->archive); /* NULL allowed */
    mem_free(r->path);
    mem_free(r->chunk);
    str_release(&r->member);
    str_release(&r->row);
    str_release(&r->where);
    mem_free(r);
}
