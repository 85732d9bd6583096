/* label_session.h - one labeler at work: the question in front of them, their answer to
 * it, and the store behind. Keys in, rows out; what it looks like is another's work. */
#ifndef DATA_LABEL_SESSION_H
#define DATA_LABEL_SESSION_H

#include "data/label_draft.h"
#include "data/label_queue.h"

/* Points into itself: never moved. */
typedef struct LabelSession {
    Labels *labels; /* borrowed */
    LabelKind kind;
    int64_t labeler, each;
    LabelNext next; /* what is asked; next.any false: nothing is left */
    LabelItem item; /* of it */
    LabelDraft draft;
    int64_t
        replaces; /* the label that is being changed, which stands until then; or 0 */
    double shown_at; /* system_seconds */
} LabelSession;

/* Goes on where this labeler stopped. */
NODISCARD Status label_session_open(LabelSession *s, Labels *labels, LabelKind kind,
                                    const char *labeler, int64_t each, Err *err);
void label_session_release(LabelSession *s); /* accepts zeroed */
/* A reason, a demonstration: kept in the store until the label is given, so that one who
 * stops in the middle finds it again. */
NODISCARD Status label_session_set_reason(LabelSession *s, Span text, Err *err);
NODISCARD Status label_session_set_text(LabelSession *s, Span text, Err *err);
/* What the draft makes of the key. LABEL_SUBMIT has been done when this returns: the label
 * is on the disk and the next question is there. LABEL_UNDO too: the draft is the label
 * before, to be changed, and stands as it is until it is submitted again; nothing before
 * is LABEL_STAY with a message. Without a question
 * only undo, help and quit are keys. */
NODISCARD Status label_session_key(LabelSession *s, int32_t key, LabelEvent *event,
                                   Err *err);

#endif
