/* tokenizer_json_parts.c - normalizer, pre_tokenizer, post_processor and decoder of a
 * tokenizer.json. Each is null, one {"type": ...} or a Sequence of them. A type or a
 * setting that we would not do exactly is an error that names it: a tokenizer that is
 * nearly right is worse than none. */
#include "format/json.h"
#include "text/tokenizer_json_internal.h"

#include <string.h>

#define SPACE_MARK "\xe2\x96\x81" /* U+2581 */
enum { MOST_NESTED = 4 };

Status tokenizer_json_fault(Err *err, const char *what, Span text, const char *why)
{
    Str shown = {0};
    str_quote(&shown, text, 80);
    Status status = err_set(err, ERR_FORMAT, "%s '%s' %s", what, str_c(&shown), why);
    str_release(&shown);
    return status;
}

typedef struct Reader {
    TokenizerParts *parts;
    Split *split;
} Reader;

typedef Status (*ReadPart)(const Reader *r, Span type, const json_t *o, Err *err);

static bool is(Span s, const char *text)
{
    return span_equal(s, span_of(text));
}

static Status unsupported(Span type, Err *err)
{
    return tokenizer_json_fault(err, "type", type, "is not supported");
}

/* One part and, for a Sequence, the list under `list` in it. */
static Status read_part(const Reader *r, const json_t *o, const char *list, int depth,
                        ReadPart read, Err *err)
{
    if (!o || json_is_null(o))
        return OK;
    Span type;
    TRY(json_get_text(o, "type", &type, err));
    if (!is(type, "Sequence"))
        return read(r, type, o, err);
    const json_t *parts = json_object_get(o, list);
    if (!json_is_array(parts))
        return err_set(err, ERR_FORMAT, "a Sequence without '%s'", list);
    if (depth == MOST_NESTED)
        return err_set(err, ERR_LIMIT, "Sequences nested over %d deep", MOST_NESTED);
    for (size_t i = 0; i < json_array_size(parts); i++)
        TRY(read_part(r, json_array_get(parts, i), list, depth + 1, read, err));
    return OK;
}

/* The text at o[key], which must be `want`. */
static Status expect_text(const json_t *o, const char *key, const char *want, Err *err)
{
    Span got;
    TRY(json_get_text(o, key, &got, err));
    if (is(got, want))
        return OK;
    return tokenizer_json_fault(err, key, got, "is not supported");
}

static Status expect_bool(const json_t *o, const char *key, bool def, bool want,
                          Err *err)
{
    bool got;
    TRY(json_get_bool_or(o, key, def, &got, err));
    if (got == want)
        return OK;
    return err_set(err, ERR_FORMAT, "'%s': %s is not supported", key,
                   got ? "true" : "false");
}

static Status expect_pattern(const json_t *o, const char *want, Err *err)
{
    return expect_text(json_object_get(o, "pattern"), "String", want, err);
}

/* --- normalizer ------------------------------------------------------------------ */
static Status read_normalizer(const Reader *r, Span type, const json_t *o, Err *err)
{
    if (is(type, "NFC")) {
        r->parts->nfc = true;
        return OK;
    }
    if (is(type, "Prepend")) {
        r->parts->prepend = true;
        return expect_text(o, "prepend", SPACE_MARK, err);
    }
    if (is(type, "Replace")) {
        r->parts->spaces_marked = true;
        TRY(expect_pattern(o, " ", err));
        return expect_text(o, "content", SPACE_MARK, err);
    }
    return unsupported(type, err);
}

/* --- pre_tokenizer --------------------------------------------------------------- */
static Status read_split(const Reader *r, const json_t *o, Err *err)
{
    Span regex;
    TRY(expect_text(o, "behavior", "Isolated", err));
    TRY(expect_bool(o, "invert", false, false, err));
    TRY(json_get_text(json_object_get(o, "pattern"), "Regex", &regex, err));
    return split_add(r->split, SPLIT_CUSTOM, regex, err);
}

static Status read_metaspace(const Reader *r, const json_t *o, Err *err)
{
    TRY(expect_text(o, "replacement", SPACE_MARK, err));
    TRY(expect_bool(o, "split", true, false, err));
    Span scheme = SPAN("always");
    if (json_object_get(o, "prepend_scheme"))
        TRY(json_get_text(o, "prepend_scheme", &scheme, err));
    r->parts->spaces_marked = true;
    r->parts->prepend = !is(scheme, "never");
    return OK;
}

static Status read_pre_tokenizer(const Reader *r, Span type, const json_t *o, Err *err)
{
    if (r->parts->byte_level)
        return tokenizer_json_fault(err, "type", type, "stands behind 'ByteLevel'");
    if (is(type, "Split"))
        return read_split(r, o, err);
    if (is(type, "Digits")) {
        bool each;
        TRY(json_get_bool_or(o, "individual_digits", false, &each, err));
        Span regex = each ? SPAN("\\p{N}") : SPAN("\\p{N}+");
        return split_add(r->split, SPLIT_CUSTOM, regex, err);
    }
    if (is(type, "Metaspace"))
        return read_metaspace(r, o, err);
    if (!is(type, "ByteLevel"))
        return unsupported(type, err);
    r->parts->byte_level = true;
    TRY(expect_bool(o, "add_prefix_space", true, false, err));
    bool use_regex;
    TRY(json_get_bool_or(o, "use_regex", true, &use_regex, err));
    return use_regex ? split_add(r->split, SPLIT_GPT2, (Span){0}, err) : OK;
}

/* --- post_processor -------------------------------------------------------------- */

/* Either the text alone, or one special token in front of it. */
static Status read_template(const Reader *r, const json_t *o, Err *err)
{
    const json_t *single = json_object_get(o, "single");
    size_t n = json_array_size(single);
    const json_t *last = n > 0 ? json_array_get(single, n - 1) : NULL;
    if (n < 1 || n > 2 || !json_object_get(last, "Sequence"))
        return err_set(err, ERR_FORMAT,
                       "'single' is not a text, or one special token "
                       "and a text");
    if (n == 1)
        return OK;
    const json_t *special = json_object_get(json_array_get(single, 0), "SpecialToken");
    return json_get_text(special, "id", &r->parts->bos, err);
}

static Status read_post_processor(const Reader *r, Span type, const json_t *o, Err *err)
{
    if (is(type, "ByteLevel")) /* trims offsets, which we have not */
        return OK;
    return is(type, "TemplateProcessing") ? read_template(r, o, err)
                                          : unsupported(type, err);
}

/* --- decoder --------------------------------------------------------------------- */
static Status read_decoder(const Reader *r, Span type, const json_t *o, Err *err)
{
    if (r->parts->byte_level)
        return is(type, "ByteLevel") ? OK : unsupported(type, err);
    if (is(type, "ByteFallback") || is(type, "Fuse"))
        return OK;
    if (is(type, "Replace")) {
        TRY(expect_pattern(o, SPACE_MARK, err));
        return expect_text(o, "content", " ", err);
    }
    if (is(type, "Strip"))
        return expect_text(o, "content", " ", err);
    if (is(type, "Metaspace"))
        return expect_text(o, "replacement", SPACE_MARK, err);
    return unsupported(type, err);
}

Status tokenizer_parts_read(TokenizerParts *parts, Split *split, const json_t *root,
                            Err *err)
{
    static const struct {
        const char *key, *list;
        ReadPart read;
    } all[] = {
        {"normalizer", "normalizers", read_normalizer},
        {"pre_tokenizer", "pretokenizers", read_pre_tokenizer},
        {"post_processor", "processors", read_post_processor},
        {"decoder", "decoders", read_decoder},
    };
    *parts = (TokenizerParts){0};
    Reader r = {parts, split};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const json_t *o = json_object_get(root, all[i].key);
        if (read_part(&r, o, all[i].list, 0, all[i].read, err) != OK)
            return err_context(err, "%s", all[i].key);
    }
    return OK;
}
