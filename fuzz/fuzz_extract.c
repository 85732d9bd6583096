// floor: think
/* fuzz_extract.c - up to the first line feed a way to find an answer, behind it a text: what
 * is found is part of the text or a choice, and a normal form is its own. */
#include "think/extract.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_normal(Span answer)
{
    Str once = {0}, twice = {0};
    extract_normal(answer, &once);
    extract_normal(str_span(&once), &twice);
    if (!span_equal(str_span(&once), str_span(&twice)))
        abort();
    str_release(&once);
    str_release(&twice);
}

/* Regular expressions are for valid UTF-8, as all texts of models are. */
static bool is_utf8(Span s)
{
    for (size_t at = 0, n; at < s.len; at += n) {
        n = span_utf8(s, at);
        if (n == 0)
            return false;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Err err = {0};
    Extractor e;
    const char *bytes = (const char *)data;
    const char *line = size > 0 ? memchr(bytes, '\n', size) : NULL;
    size_t n = line ? (size_t)(line - bytes) : size;
    Span text = {bytes + n + (line != NULL), size - n - (line != NULL)};
    check_normal(text);
    if (extractor_parse(&e, (Span){bytes, n}, &err) != OK) {
        if (err.msg[0] == '\0')
            abort();
        return 0;
    }
    Span found;
    bool marked;
    if ((!e.regex || is_utf8(text)) &&
        extract_find(&e, text, &found, &marked, &err) == OK && found.len > 0) {
        bool inside =
            found.ptr >= text.ptr && found.ptr + found.len <= text.ptr + text.len;
        if (!inside && e.n_choices == 0)
            abort();
    }
    extractor_release(&e);
    return 0;
}
