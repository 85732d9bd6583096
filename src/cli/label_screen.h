/* label_screen.h - what a labeler sees, as text for a terminal of any size. Pure. */
#ifndef CLI_LABEL_SCREEN_H
#define CLI_LABEL_SCREEN_H

#include "cli/text_field.h"
#include "data/label_session.h"

typedef enum LabelMode {
    LABEL_MODE_KEYS,
    LABEL_MODE_REASON, /* the reason is being typed */
    LABEL_MODE_TEXT,   /* the demonstration is */
    LABEL_MODE_HELP
} LabelMode;

typedef struct LabelView {
    const LabelSession *session;
    const char *labeler;
    LabelMode mode;
    const TextField *field; /* what is being typed */
    bool plain;             /* no colours */
    int rows, columns;
    int scroll; /* lines of the middle part that are above the screen; kept in range */
} LabelView;

/* A whole picture: `rows` lines of at most `columns` columns, from the upper left corner. */
void label_screen(LabelView *view, Str *out);
/* Lines of the middle part that fit: how far a page scrolls. */
int label_screen_page(const LabelView *view);

#endif
