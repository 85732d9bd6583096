/* text_field.h - a text that is being typed: its bytes and the cursor. Pure. */
#ifndef CLI_TEXT_FIELD_H
#define CLI_TEXT_FIELD_H

#include "base/str.h"

#include <stdint.h>

typedef struct TextField {
    Str text;
    size_t at;  /* the cursor, between characters */
    bool lines; /* may have several: Ctrl-J begins the next */
} TextField;

typedef enum FieldEvent { FIELD_STAY, FIELD_DONE, FIELD_CANCEL } FieldEvent;

void text_field_start(TextField *f, Span text, bool lines);
/* A key (data/label_draft.h and control characters). pasted: it came with a paste, in
 * which Enter is a newline. */
FieldEvent text_field_key(TextField *f, int32_t key, bool pasted);
void text_field_release(TextField *f);

#endif
