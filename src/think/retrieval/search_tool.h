/* search_tool.h - the search of documents as a tool (tool/tool.h): a model asks for what it
 * needs, several times if it must, in place of what --docs puts beside the question at
 * once. */
#ifndef THINK_RETRIEVAL_SEARCH_TOOL_H
#define THINK_RETRIEVAL_SEARCH_TOOL_H

#include "think/tool/tool.h"

/* Adds "search": its argument is a query, its result up to `k` passages as open_book_quote()
 * writes them, or "nothing found". Trusted: it only reads. The index is opened, and closed
 * with the box; what is wrong with it is an error here. */
NODISCARD Status search_tool_add(Toolbox *box, const char *index, int64_t k, Err *err);

#endif
