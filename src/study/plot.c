/* plot.c - see plot.h. */
#include "study/plot.h"

#include "base/file.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WIDTH = 640, HEIGHT = 400, LEFT = 58, RIGHT = 170, TOP = 34, BOTTOM = 48 };

/* Told apart by people who see few colours (Okabe and Ito 2008). */
static const char *const palette[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                      "#e69f00", "#56b4e9", "#7f7f7f", "#8c6d1f"};
enum { COLOURS = sizeof palette / sizeof *palette };

void plot_release(Plot *plot)
{
    for (int64_t i = 0; i < plot->n; i++) {
        PlotCurve *c = &plot->curves[i];
        mem_free(c->x);
        mem_free(c->y);
        mem_free(c->low);
        mem_free(c->high);
    }
    *plot = (Plot){0};
}

Status plot_add(Plot *plot, const char *name, const double *x, const double *y,
                const double *low, const double *high, int64_t n, Err *err)
{
    ASSERT(plot->n < PLOT_CURVES);
    PlotCurve *c = &plot->curves[plot->n];
    *c = (PlotCurve){.colour = (int)plot->n};
    plot->n++;
    snprintf(c->name, sizeof c->name, "%s", name);
    TRY(MEM_ARRAY(&c->x, (size_t)n, err));
    TRY(MEM_ARRAY(&c->y, (size_t)n, err));
    if (low) {
        TRY(MEM_ARRAY(&c->low, (size_t)n, err));
        TRY(MEM_ARRAY(&c->high, (size_t)n, err));
    }
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(x[i]) || !isfinite(y[i]))
            continue;
        c->x[c->n] = x[i];
        c->y[c->n] = y[i];
        if (low) {
            c->low[c->n] = low[i];
            c->high[c->n] = high[i];
        }
        c->n++;
    }
    return OK;
}

/* --- axes ---------------------------------------------------------------------------- */

typedef struct Axis {
    double low, high, step; /* of what is shown; between two ticks */
} Axis;

/* About `ticks` round steps of 1, 2 or 5 times a power of ten. */
static Axis make_axis(double low, double high, int ticks)
{
    if (!(high > low)) {
        high = low + .5;
        low -= .5;
    }
    double rough = (high - low) / ticks, power = pow(10, floor(log10(rough)));
    double step = rough / power;
    step = (step <= 1 ? 1 : step <= 2 ? 2 : step <= 5 ? 5 : 10) * power;
    return (Axis){floor(low / step) * step, ceil(high / step) * step, step};
}

static void reach(double x, double *low, double *high)
{
    if (isfinite(x)) {
        *low = fmin(*low, x);
        *high = fmax(*high, x);
    }
}

static void axes_of(const Plot *plot, Axis *x, Axis *y)
{
    double low[2] = {HUGE_VAL, 0}, high[2] = {-HUGE_VAL, 0};
    low[1] = HUGE_VAL;
    high[1] = -HUGE_VAL;
    for (int64_t i = 0; i < plot->n; i++) {
        const PlotCurve *c = &plot->curves[i];
        for (int64_t k = 0; k < c->n; k++) {
            reach(c->x[k], &low[0], &high[0]);
            reach(c->y[k], &low[1], &high[1]);
            if (c->low) {
                reach(c->low[k], &low[1], &high[1]);
                reach(c->high[k], &low[1], &high[1]);
            }
        }
    }
    for (int a = 0; a < 2; a++) {
        if (!(low[a] <= high[a]))
            low[a] = high[a] = 0;
    }
    *x = make_axis(low[0], high[0], 6);
    *y = make_axis(low[1], high[1], 6);
}

static double across(const Axis *a, double x)
{
    return LEFT + (x - a->low) / (a->high - a->low) * (WIDTH - LEFT - RIGHT);
}

static double down(const Axis *a, double y)
{
    return HEIGHT - BOTTOM -
           (y - a->low) / (a->high - a->low) * (HEIGHT - TOP - BOTTOM);
}

static void put_escaped(Str *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '&')
            str_puts(out, "&amp;");
        else if (*text == '<')
            str_puts(out, "&lt;");
        else
            str_putc(out, *text);
    }
}

static void put_text(Str *out, double x, double y, const char *how, const char *text)
{
    str_printf(out, "<text x='%.1f' y='%.1f' %s>", x, y, how);
    put_escaped(out, text);
    str_puts(out, "</text>\n");
}

static void put_ticks(Str *out, const Axis *x, const Axis *y)
{
    char text[32];
    for (int i = 0; x->low + i * x->step <= x->high + x->step / 2; i++) {
        double v = x->low + i * x->step, at = across(x, v);
        str_printf(out, "<path class='g' d='M%.1f %dV%d'/>\n", at, TOP,
                   HEIGHT - BOTTOM);
        snprintf(text, sizeof text, "%.4g", fabs(v) < x->step / 1e6 ? 0 : v);
        put_text(out, at, HEIGHT - BOTTOM + 16, "text-anchor='middle'", text);
    }
    for (int i = 0; y->low + i * y->step <= y->high + y->step / 2; i++) {
        double v = y->low + i * y->step, at = down(y, v);
        str_printf(out, "<path class='g' d='M%d %.1fH%d'/>\n", LEFT, at, WIDTH - RIGHT);
        snprintf(text, sizeof text, "%.4g", fabs(v) < y->step / 1e6 ? 0 : v);
        put_text(out, LEFT - 6, at + 4, "text-anchor='end'", text);
    }
}

/* --- curves -------------------------------------------------------------------------- */

static void put_band(Str *out, const PlotCurve *c, const Axis *x, const Axis *y)
{
    str_printf(out, "<polygon fill='%s' fill-opacity='.15' points='",
               palette[c->colour % COLOURS]);
    for (int64_t k = 0; k < c->n; k++)
        str_printf(out, "%.1f,%.1f ", across(x, c->x[k]), down(y, c->high[k]));
    for (int64_t k = c->n; k-- > 0;)
        str_printf(out, "%.1f,%.1f ", across(x, c->x[k]), down(y, c->low[k]));
    str_puts(out, "'/>\n");
}

static void put_curve(Str *out, const PlotCurve *c, const Axis *x, const Axis *y)
{
    const char *colour = palette[c->colour % COLOURS];
    str_printf(out, "<polyline fill='none' stroke='%s' stroke-width='1.8'%s points='",
               colour, c->dashed ? " stroke-dasharray='5 4'" : "");
    for (int64_t k = 0; k < c->n; k++)
        str_printf(out, "%.1f,%.1f ", across(x, c->x[k]), down(y, c->y[k]));
    str_puts(out, "'/>\n");
    for (int64_t k = 0; k < c->n; k++)
        str_printf(out, "<circle cx='%.1f' cy='%.1f' r='2.2' fill='%s'/>\n",
                   across(x, c->x[k]), down(y, c->y[k]), colour);
}

static void put_legend(Str *out, const Plot *plot)
{
    for (int64_t i = 0; i < plot->n; i++) {
        const PlotCurve *c = &plot->curves[i];
        double y = TOP + 10 + 18 * (double)i, x = WIDTH - RIGHT + 10;
        str_printf(out, "<path stroke='%s' stroke-width='2.4'%s d='M%.0f %.0fh20'/>\n",
                   palette[c->colour % COLOURS],
                   c->dashed ? " stroke-dasharray='5 4'" : "", x, y);
        put_text(out, x + 25, y + 4, "", c->name);
    }
}

Status plot_write(const Plot *plot, const char *path, Err *err)
{
    Str out = {0};
    Axis x, y;
    axes_of(plot, &x, &y);
    str_printf(
        &out,
        "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' viewBox='0 0 "
        "%d %d' font-family='sans-serif' font-size='12' fill='#333'>\n"
        "<style>.g{stroke:#999;stroke-opacity:.3}</style>\n"
        "<rect width='%d' height='%d' fill='#fff'/>\n",
        WIDTH, HEIGHT, WIDTH, HEIGHT, WIDTH, HEIGHT);
    put_text(&out, LEFT, 20, "font-size='14' font-weight='bold'", plot->title);
    put_ticks(&out, &x, &y);
    put_text(&out, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 10, "text-anchor='middle'",
             plot->x);
    char turned[64];
    snprintf(turned, sizeof turned,
             "text-anchor='middle' transform='rotate(-90 14 %d)'",
             (TOP + HEIGHT - BOTTOM) / 2);
    put_text(&out, 14, (TOP + HEIGHT - BOTTOM) / 2.0, turned, plot->y);
    for (int64_t i = 0; i < plot->n; i++) {
        if (plot->curves[i].low)
            put_band(&out, &plot->curves[i], &x, &y);
    }
    for (int64_t i = 0; i < plot->n; i++)
        put_curve(&out, &plot->curves[i], &x, &y);
    put_legend(&out, plot);
    str_puts(&out, "</svg>\n");
    Status status = file_write_str(path, &out, err);
    str_release(&out);
    return status;
}
