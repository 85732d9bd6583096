/* label_draft.h - what a labeler has said about the item in front of them, key by key,
 * before it goes into the store. Pure: a terminal and a page feed it alike. */
#ifndef DATA_LABEL_DRAFT_H
#define DATA_LABEL_DRAFT_H

#include "data/labels.h"

/* Keys are code points; these are above all of them. */
typedef enum LabelKey {
    KEY_ENTER = 0x110000,
    KEY_ESCAPE,
    KEY_BACKSPACE,
    KEY_DELETE,
    KEY_UP,
    KEY_DOWN,
    KEY_LEFT,
    KEY_RIGHT,
    KEY_HOME,
    KEY_END,
    KEY_PAGE_UP,
    KEY_PAGE_DOWN,
} LabelKey;

typedef enum LabelEvent {
    LABEL_STAY,   /* the draft may have changed: show it */
    LABEL_SUBMIT, /* it is complete: label_draft_finish, and into the store */
    LABEL_UNDO,   /* take back the label before */
    LABEL_REASON, /* ask for a reason, then label_draft_set_reason */
    LABEL_TYPE,   /* WRITE: ask for the text, then label_draft_set_text */
    LABEL_EDITOR, /* WRITE: the same in an editor of the labeler's own */
    LABEL_HELP,
    LABEL_QUIT,
    LABEL_UNKNOWN, /* no key of ours */
} LabelEvent;

typedef struct LabelDraft {
    const LabelItem *item; /* borrowed */
    int32_t n;             /* answers */
    int32_t shown[LABEL_MAX_ANSWERS];
    /* RANK: placed[i] is the place on the screen (0 is the first) of what was named i-th,
     * best first; tied[i]: it is as good as the one named before it. */
    int32_t placed[LABEL_MAX_ANSWERS], n_placed;
    bool tied[LABEL_MAX_ANSWERS], tie_next;
    bool all_bad, flagged, skipped;
    int32_t rating;
    Str text, reason;
    char message[96]; /* for the labeler; "" when there is nothing to say */
} LabelDraft;

void label_draft_start(LabelDraft *d, const LabelItem *item, const int32_t *shown);
/* What a label that was taken back said, to be changed. */
NODISCARD Status label_draft_restore(LabelDraft *d, const LabelItem *item,
                                     const Label *label, Err *err);
void label_draft_release(LabelDraft *d);

LabelEvent label_draft_key(LabelDraft *d, int32_t key);
NODISCARD Status label_draft_set_reason(LabelDraft *d, Span text, Err *err);
NODISCARD Status label_draft_set_text(LabelDraft *d, Span text, Err *err);

/* RANK: the rank of the answer at a place on the screen, 0 while it has none. */
int32_t label_draft_rank_at(const LabelDraft *d, int32_t place);
/* "2 > 1 = 3 > _" */
void label_draft_order(const LabelDraft *d, Str *out);
/* After LABEL_SUBMIT: everything but id, labeler, round and times. */
NODISCARD Status label_draft_finish(const LabelDraft *d, Label *out, Err *err);

#endif
