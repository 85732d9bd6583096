/* lm_document.h - a conversation as a document that a base model may go on with: such a
 * model knows no turns, but what a page of questions and answers looks like.
 *
 *     system text
 *
 *     Question: 2+2?
 *     Answer: 4
 *
 *     Question: 3+3?
 *     Answer:
 *
 * Few-shot examples, given as turns, become the page's earlier questions. */
#ifndef THINK_LM_LM_DOCUMENT_H
#define THINK_LM_LM_DOCUMENT_H

#include "text/template.h"

/* Where the model would go on to a question of its own: the answer ends there. */
#define LM_DOCUMENT_STOP "\nQuestion:"

/* Appends the document, ready for an answer. */
NODISCARD Status lm_document_render(const Conversation *talk, Str *out, Err *err);

#endif
