/* series.c - see series.h. */
#include "study/series.h"

#include "base/file.h"

#include <math.h>
#include <string.h>

enum { MOST_BYTES = 256 << 20 };

void series_release(Series *s)
{
    json_decref(s->rows);
    *s = (Series){0};
}

static Status add_line(Series *s, Span line, Err *err)
{
    json_t *row = NULL;
    if (json_parse(line, &row, err) != OK)
        return err_context(err, "line %zu", s->n + 1);
    if (json_array_append_new(s->rows, row) != 0)
        return err_set(err, ERR_NOMEM, "no memory for metrics");
    s->n++;
    return OK;
}

static Status add_lines(Series *s, Span text, Err *err)
{
    while (text.len > 0) {
        const char *end = memchr(text.ptr, '\n', text.len);
        size_t n = end ? (size_t)(end - text.ptr) : text.len;
        if (n > 0)
            TRY(add_line(s, (Span){text.ptr, n}, err));
        n += end != NULL;
        text = (Span){text.ptr + n, text.len - n};
    }
    return OK;
}

Status series_read(Series *out, const char *folder, Err *err)
{
    return series_read_file(out, folder, "metrics.jsonl", err);
}

Status series_read_file(Series *out, const char *folder, const char *name, Err *err)
{
    Str path = {0}, text = {0};
    *out = (Series){.rows = json_array()};
    file_join(&path, folder, name);
    Status status = file_read(str_c(&path), MOST_BYTES, &text, err);
    if (status == OK) {
        status = add_lines(out, str_span(&text), err);
        if (status != OK)
            err_context(err, "'%s'", str_c(&path));
    }
    str_release(&path);
    str_release(&text);
    if (status != OK)
        series_release(out);
    return status;
}

double series_at(const Series *s, size_t row, const char *key)
{
    const json_t *value = json_object_get(json_array_get(s->rows, row), key);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

double series_first(const Series *s, const char *key)
{
    for (size_t i = 0; i < s->n; i++) {
        double x = series_at(s, i, key);
        if (!isnan(x))
            return x;
    }
    return (double)NAN;
}

double series_last(const Series *s, const char *key)
{
    for (size_t i = s->n; i-- > 0;) {
        double x = series_at(s, i, key);
        if (!isnan(x))
            return x;
    }
    return (double)NAN;
}

double series_max(const Series *s, const char *key)
{
    double most = (double)NAN;
    for (size_t i = 0; i < s->n; i++)
        most = fmax(most, series_at(s, i, key)); /* fmax passes over NAN */
    return most;
}

double series_mean(const Series *s, const char *key, double from, double to)
{
    double sum = 0, count = 0;
    for (size_t i = 0; i < s->n; i++) {
        double at = (double)i / (double)s->n, x = series_at(s, i, key);
        if (at >= from && at < to && !isnan(x)) {
            sum += x;
            count++;
        }
    }
    return count > 0 ? sum / count : (double)NAN;
}
