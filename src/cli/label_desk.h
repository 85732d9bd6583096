/* label_desk.h - a labeler at a terminal: keys to the session, the session to the screen. */
#ifndef CLI_LABEL_DESK_H
#define CLI_LABEL_DESK_H

#include "data/labels.h"

/* Until the labeler leaves; *done and *open say how far they are then. Ctrl-C is leaving, too. */
NODISCARD Status label_desk_run(Labels *labels, LabelKind kind, const char *labeler,
                                int64_t each, int64_t *done, int64_t *open, Err *err);

#endif
