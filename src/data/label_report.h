/* label_report.h - what a store of labels says about those who filled it: how much each
 * did, and how far they agree with one another, with judges, and with themselves. */
#ifndef DATA_LABEL_REPORT_H
#define DATA_LABEL_REPORT_H

#include "data/labels.h"
#include "format/json.h"

/* Two labels of one item make a comparison. */
typedef struct LabelAgreement {
    int64_t comparisons;
    double agree; /* mean over comparisons: share of pairs of answers ordered alike
                     (data/agreement.h), or of equal ratings */
    double alpha; /* Krippendorff's, ordinal, of mid-ranks or ratings; NaN: undefined */
} LabelAgreement;

typedef struct LabelPerson {
    char *name;
    bool judge;
    int64_t labels, ranked, rated, written, skipped, flagged, all_bad, reasons;
    double seconds; /* median of a label */
    /* RANK: how often the answer that stood first was best, and how often it would be if
     * the order on the screen did not matter. */
    double first_best, first_expected;
    LabelAgreement self; /* the second time that an item came */
} LabelPerson;

typedef struct LabelPair {
    int64_t a, b; /* persons */
    LabelAgreement agreement;
} LabelPair;

typedef struct LabelReport {
    LabelKind kind;
    int64_t items, repeated, labels;
    LabelPerson *persons;
    int64_t n_persons;
    LabelPair *pairs; /* those who labelled an item both */
    int64_t n_pairs;
    LabelAgreement people; /* among all people, judges left out */
} LabelReport;

NODISCARD Status label_report(Labels *l, LabelKind kind, LabelReport *out, Err *err);
void label_report_release(LabelReport *r);
json_t *label_report_json(const LabelReport *r);

#endif
