/* constraint_book.h - the constraints of a model's requests, compiled for its vocabulary
 * once and kept, since strategies ask the same way many times. */
#ifndef THINK_LM_CONSTRAINT_BOOK_H
#define THINK_LM_CONSTRAINT_BOOK_H

#include "engine/constraint/constraint.h"
#include "think/lm/lm.h"

typedef struct ConstraintBook ConstraintBook;
/* The tokenizer is borrowed. */
NODISCARD Status constraint_book_new(ConstraintBook **out, const Tokenizer *tok,
                                     Err *err);
void constraint_book_free(ConstraintBook *b); /* accepts NULL; all were put back */

/* The compiled constraint, the caller's until it is put back. Errors are those of
 * constraint_new. Threads: any. */
NODISCARD Status constraint_book_get(ConstraintBook *b, const LmConstraint *text,
                                     Constraint **out, Err *err);
void constraint_book_put(ConstraintBook *b, const Constraint *c);

#endif
