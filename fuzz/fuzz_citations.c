// floor: think
/* fuzz_citations.c - any source (the first line) and any answer (the rest) are checked: what
 * is told lies in the answer, and what is held has a source. */
#include "think/retrieval/open_book.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check_inside(Span answer, Span s)
{
    ASSERT(s.len == 0 ||
           (s.ptr >= answer.ptr && s.ptr + s.len <= answer.ptr + answer.len));
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    const char *text = size > 0 ? (const char *)data : "";
    const char *line_end = memchr(text, '\n', size);
    size_t n = line_end ? (size_t)(line_end - text) : size;
    Span answer = {text + n, size - n};
    Passage source = {0};
    str_append(&source.text, text, n);
    OpenBook book = {.sources = &source, .n = 1};
    CiteCheck c;
    Err err;
    ASSERT(open_book_check(&book, answer, &c, &err) == OK);
    size_t held = 0;
    for (size_t i = 0; i < c.n; i++) {
        check_inside(answer, c.cites[i].statement);
        check_inside(answer, c.cites[i].fault);
        held += c.cites[i].verdict == CITE_HOLDS;
        ASSERT(c.cites[i].source == 1 || c.cites[i].verdict == CITE_NO_SOURCE);
    }
    ASSERT(held == c.held && !(c.bare && c.n > 0));
    cite_check_release(&c);
    str_release(&source.text);
    return 0;
}
