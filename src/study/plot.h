/* plot.h - curves as a file of SVG: small, without scripts, readable on white and on dark.
 *
 *     Plot plot = {.title = "...", .x = "square root of KL", .y = "score"};
 *     TRY(plot_add(&plot, "proxy", x, y, NULL, NULL, n, err));      dots and a line
 *     TRY(plot_write(&plot, "curves.svg", err));
 *     plot_release(&plot); */
#ifndef STUDY_PLOT_H
#define STUDY_PLOT_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum { PLOT_CURVES = 8 };

typedef struct PlotCurve {
    char name[64];
    double *x, *y, *low, *high; /* [n]; low and high NULL: no band */
    int64_t n;
    int colour; /* of the palette */
    bool dashed;
} PlotCurve;

typedef struct Plot {
    const char *title, *x, *y; /* borrowed */
    PlotCurve curves[PLOT_CURVES];
    int64_t n;
} Plot;

/* Copies the numbers; points that are not finite are left out. The style of the curve that
 * was added is plot->curves[plot->n - 1]'s. */
NODISCARD Status plot_add(Plot *plot, const char *name, const double *x,
                          const double *y, const double *low, const double *high,
                          int64_t n, Err *err);
NODISCARD Status plot_write(const Plot *plot, const char *path, Err *err);
void plot_release(Plot *plot);

#endif
