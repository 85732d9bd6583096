/* filled.h - a template with blanks (format/grammar/blanks.h) as a constraint, and what its
 * blanks hold in a text that was decoded under it. */
#ifndef ENGINE_CONSTRAINT_FILLED_H
#define ENGINE_CONSTRAINT_FILLED_H

#include "engine/constraint/constraint.h"
#include "format/grammar/blanks.h"

/* One part of the network a part of the template. */
NODISCARD Status filled_constraint(Constraint **out, const Blanks *b,
                                   const TokenTrie *trie, Err *err);

/* Finds the parts in a complete text: values[i] of part i (b->n of them, pieces of text;
 * a blank's without its stop). cuts[i]: part i ends no later (constraint_run_cut), -1
 * anywhere. Where a text can be split in several ways, each part from the left is as long
 * as it can be. ERR_FORMAT: the text is not of this template. */
NODISCARD Status filled_read(const Blanks *b, Span text, const int64_t *cuts,
                             Span *values, Err *err);

#endif
