/* label_export.h - labels as the rows that the stages read (docs/formats.md). Names of
 * labelers and their reasons stay in the store unless they are asked for. */
#ifndef DATA_LABEL_EXPORT_H
#define DATA_LABEL_EXPORT_H

#include "base/options.h"
#include "data/labels.h"

typedef enum LabelExportWhat {
    LABEL_EXPORT_RANKINGS,
    LABEL_EXPORT_RATED, /* thumbs, and each answer of which all were called bad */
    LABEL_EXPORT_DEMONSTRATIONS
} LabelExportWhat;

typedef struct LabelExportOptions {
    int what, author;
    char *labeler; /* of this one alone */
    bool labelers, reasons, flagged, merge;
} LabelExportOptions;
extern const OptTable label_export_options;

typedef struct LabelExported {
    int64_t rows;
    int64_t flagged;  /* left out, for that */
    int64_t no_order; /* rankings left out: all answers alike, or none has a place */
} LabelExported;

/* Writes the file, all of it or nothing. An item's second labels (round 1) measure
 * agreement and are not written. */
NODISCARD Status label_export(Labels *l, const LabelExportOptions *o, const char *path,
                              LabelExported *out, Err *err);

#endif
