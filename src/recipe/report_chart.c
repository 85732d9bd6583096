/* report_chart.c - curves as inline SVG: x is the step, y the metric, thinned to at most
 * 400 points a line by averaging neighbours. */
#include "recipe/report_internal.h"

#include "base/file.h"
#include "base/mem.h"
#include "format/json.h"

#include <math.h>
#include <string.h>

enum { MOST_CHARTS = 9, MOST_POINTS = 400, WIDTH = 340, HEIGHT = 150, MARGIN = 54 };
enum { MOST_METRICS_BYTES = 256 << 20 };

typedef struct Curve {
    char *key;
    double *x, *y;
    size_t n, cap_x, cap_y;
} Curve;
typedef struct Curves {
    Curve *c;
    size_t n, cap;
} Curves;

/* The metrics a reader wants first; the rest follow in the order of the file. */
static const char *const telling[] = {
    "loss",
    "heldout/loss",
    "heldout/bits_per_byte",
    "heldout/accuracy",
    "heldout/rewards/accuracies",
    "heldout/rewards/margins",
    "heldout/gold",
    "gold/score",
    "objective/scores",
    "objective/kl",
    "objective/rlhf_reward",
    "policy/entropy_avg",
    "response/len_mean",
    "val/var_explained",
    "loss/value_avg",
    "lr",
};

static void curves_release(Curves *curves)
{
    for (size_t i = 0; i < curves->n; i++) {
        mem_free(curves->c[i].key);
        mem_free(curves->c[i].x);
        mem_free(curves->c[i].y);
    }
    mem_free(curves->c);
}

/* The curve of a key, made if it is new; NULL when there is no memory. */
static Curve *curve_of(Curves *curves, const char *key, Err *err)
{
    for (size_t i = 0; i < curves->n; i++)
        if (strcmp(curves->c[i].key, key) == 0)
            return &curves->c[i];
    if (MEM_PUSH_ROOM(&curves->c, curves->n, &curves->cap, err) != OK)
        return NULL;
    Curve *c = &curves->c[curves->n];
    *c = (Curve){.key = mem_dup(key, strlen(key))};
    if (!c->key) {
        err_set(err, ERR_NOMEM, "no memory for a chart");
        return NULL;
    }
    curves->n++;
    return c;
}

static Status add_row(Curves *curves, const json_t *row, Err *err)
{
    double step = json_number_value(json_object_get(row, "step"));
    const char *key;
    json_t *value;
    json_object_foreach(json_iterable(row), key, value)
    {
        double y = json_number_value(value);
        if (!json_is_number(value) || strcmp(key, "step") == 0 || !isfinite(y))
            continue;
        Curve *c = curve_of(curves, key, err);
        if (!c)
            return ERR_NOMEM;
        TRY(MEM_PUSH_ROOM(&c->x, c->n, &c->cap_x, err));
        TRY(MEM_PUSH_ROOM(&c->y, c->n, &c->cap_y, err));
        c->x[c->n] = step;
        c->y[c->n++] = y;
    }
    return OK;
}

static Status read_curves(Curves *curves, Span lines, Err *err)
{
    for (size_t number = 1; lines.len > 0; number++) {
        const char *end = memchr(lines.ptr, '\n', lines.len);
        size_t n = end ? (size_t)(end - lines.ptr) : lines.len;
        json_t *row = NULL;
        if (n > 0) {
            if (json_parse((Span){lines.ptr, n}, &row, err) != OK)
                return err_context(err, "line %zu", number);
            Status status = add_row(curves, row, err);
            json_decref(row);
            TRY(status);
        }
        n += end != NULL;
        lines = (Span){lines.ptr + n, lines.len - n};
    }
    return OK;
}

static void thin(Curve *c)
{
    size_t group = (c->n + MOST_POINTS - 1) / MOST_POINTS, kept = 0;
    if (group < 2)
        return;
    for (size_t i = 0; i < c->n; i += group) {
        size_t m = c->n - i < group ? c->n - i : group;
        double x = 0, y = 0;
        for (size_t j = 0; j < m; j++) {
            x += c->x[i + j];
            y += c->y[i + j];
        }
        c->x[kept] = x / (double)m;
        c->y[kept++] = y / (double)m;
    }
    c->n = kept;
}

static void put_chart(Str *out, Curve *c)
{
    thin(c);
    double low = c->y[0], high = c->y[0], last = c->y[c->n - 1];
    for (size_t i = 0; i < c->n; i++) {
        low = fmin(low, c->y[i]);
        high = fmax(high, c->y[i]);
    }
    double x0 = c->x[0], dx = c->x[c->n - 1] - x0, dy = high - low;
    str_puts(out, "<figure><figcaption>");
    report_escape(out, c->key);
    str_printf(out, ": %.4g</figcaption><svg width=%d height=%d role=img>", last, WIDTH,
               HEIGHT);
    str_printf(
        out,
        "<g fill='none' stroke='#94a1b8'><path d='M%d 8V%dH%d'/></g>"
        "<g font-size='10' fill='#7c899f' text-anchor='end'><text x='%d' y='14'>%.3g"
        "</text><text x='%d' y='%d'>%.3g</text><text x='%d' "
        "y='%d'>%.0f</text></g><polyline fill='none' stroke='#2f6fde' "
        "stroke-width='1.5' "
        "points='",
        MARGIN, HEIGHT - 16, WIDTH - 4, MARGIN - 4, high, MARGIN - 4, HEIGHT - 16, low,
        WIDTH - 4, HEIGHT - 3, c->x[c->n - 1]);
    for (size_t i = 0; i < c->n; i++) {
        double px = MARGIN + (dx > 0 ? (c->x[i] - x0) / dx : 0) * (WIDTH - MARGIN - 6);
        double py = HEIGHT - 18 - (dy > 0 ? (c->y[i] - low) / dy : .5) * (HEIGHT - 28);
        str_printf(out, "%.1f,%.1f ", px, py);
    }
    str_puts(out, "'/></svg></figure>\n");
}

static void put_charts(Str *out, Curves *curves)
{
    int shown = 0;
    str_puts(out, "<div class=charts>\n");
    for (size_t t = 0; t < sizeof telling / sizeof *telling; t++) {
        for (size_t i = 0; i < curves->n; i++) {
            Curve *c = &curves->c[i];
            if (strcmp(c->key, telling[t]) == 0 && c->n > 1 && shown < MOST_CHARTS) {
                put_chart(out, c);
                shown++;
            }
        }
    }
    str_puts(out, "</div>\n");
}

Status report_charts(Str *out, const char *stage_folder, Err *err)
{
    Str path = {0}, text = {0};
    Curves curves = {0};
    Status status = OK;
    file_join(&path, stage_folder, "metrics.jsonl");
    if (file_exists(str_c(&path))) {
        status = file_read(str_c(&path), MOST_METRICS_BYTES, &text, err);
        if (status == OK && read_curves(&curves, str_span(&text), err) != OK)
            status = err_context(err, "'%s'", str_c(&path));
        if (status == OK && curves.n > 0)
            put_charts(out, &curves);
    }
    curves_release(&curves);
    str_release(&text);
    str_release(&path);
    return status;
}
