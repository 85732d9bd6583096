/* tokenizer_write.c - tokenizer.json and tokenizer_config.json, so that Hugging Face's
 * `tokenizers` and `transformers` give the same ids as we do. Written as text: the
 * parts are few and known, and one Str remembers if memory ran out. */
#include "text/tokenizer_write.h"

#include "format/json.h"
#include "text/byte_alphabet.h"
#include "text/template.h"
#include "text/tokenizer_internal.h"

#define SPACE_MARK "\xe2\x96\x81" /* U+2581 */

/* --- tokens and merges ----------------------------------------------------------- */
static void mark_spaces(Str *out, Span bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.ptr[i] == ' ')
            str_puts(out, SPACE_MARK);
        else
            str_putc(out, bytes.ptr[i]);
    }
}

/* Appends the name of a token in the file as a JSON string; *name is scratch. */
static void put_name(Str *out, const Tokenizer *tok, int32_t id, Str *name)
{
    Span bytes = tokenizer_bytes(tok, id);
    uint32_t flags = tok->tokens[id].flags;
    str_reset(name);
    if (flags & TOKEN_FLAG_BYTE)
        str_printf(name, "<0x%02X>", (unsigned)(unsigned char)bytes.ptr[0]);
    else if (flags != 0)
        str_span_append(name, bytes);
    else if (tok->kind == TOKENIZER_BYTE_BPE)
        byte_alphabet_spell(name, bytes);
    else
        mark_spaces(name, bytes);
    out->failed |= name->failed;
    json_append_string(out, str_span(name));
}

static void put_added_tokens(Str *out, const Tokenizer *tok)
{
    const char *between = "\n";
    for (int32_t id = 0; id < tokenizer_vocab(tok); id++) {
        uint32_t flags = tok->tokens[id].flags;
        if (!(flags & (TOKEN_FLAG_SPECIAL | TOKEN_FLAG_ADDED)))
            continue;
        str_printf(out, "%s    {\"id\": %d, \"content\": ", between, (int)id);
        json_append_string(out, tokenizer_bytes(tok, id));
        str_printf(out,
                   ", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, "
                   "\"normalized\": false, \"special\": %s}",
                   flags & TOKEN_FLAG_SPECIAL ? "true" : "false");
        between = ",\n";
    }
}

static void put_vocab(Str *out, const Tokenizer *tok, Str *name)
{
    for (int32_t id = 0; id < tokenizer_vocab(tok); id++) {
        str_puts(out, id == 0 ? "\n      " : ",\n      ");
        put_name(out, tok, id, name);
        str_printf(out, ": %d", (int)id);
    }
}

static void put_merges(Str *out, const Tokenizer *tok, Str *name)
{
    for (size_t i = 0; i < tok->n_merges; i++) {
        str_puts(out, i == 0 ? "\n      [" : ",\n      [");
        put_name(out, tok, tok->merges[i].a, name);
        str_puts(out, ", ");
        put_name(out, tok, tok->merges[i].b, name);
        str_putc(out, ']');
    }
}

/* --- the four parts around the model ----------------------------------------------- */
static void put_normalizer(Str *out, const Tokenizer *tok)
{
    static const char replace[] =
        "{\"type\": \"Replace\", \"pattern\": {\"String\": \" \"}, "
        "\"content\": \"" SPACE_MARK "\"}";
    if (tok->nfc)
        str_puts(out, "{\"type\": \"NFC\"}");
    else if (tok->kind == TOKENIZER_BYTE_BPE)
        str_puts(out, "null");
    else if (!tok->dummy_prefix)
        str_puts(out, replace);
    else
        str_printf(out,
                   "{\"type\": \"Sequence\", \"normalizers\": [\n    {\"type\": "
                   "\"Prepend\", \"prepend\": \"" SPACE_MARK "\"},\n    %s]}",
                   replace);
}

static void put_byte_level(Str *out, bool use_regex)
{
    str_printf(out,
               "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, "
               "\"trim_offsets\": true, \"use_regex\": %s}",
               use_regex ? "true" : "false");
}

/* GPT-2's pattern by itself is ByteLevel's own. */
static void put_pre_tokenizer(Str *out, const Tokenizer *tok)
{
    const Split *split = tok->split;
    if (tok->kind == TOKENIZER_SCORES) {
        str_puts(out, "null");
        return;
    }
    if (split_count(split) == 1 && split_pattern(split, 0) == SPLIT_GPT2) {
        put_byte_level(out, true);
        return;
    }
    str_puts(out, "{\"type\": \"Sequence\", \"pretokenizers\": [\n    ");
    for (int i = 0; i < split_count(split); i++) {
        str_puts(out, "{\"type\": \"Split\", \"pattern\": {\"Regex\": ");
        json_append_string(out, split_regex(split, i));
        str_puts(out, "}, \"behavior\": \"Isolated\", \"invert\": false},\n    ");
    }
    put_byte_level(out, false);
    str_puts(out, "]}");
}

static void put_post_processor(Str *out, const Tokenizer *tok)
{
    if (!tok->adds_bos) {
        str_puts(out, "null");
        return;
    }
    Str bos = {0};
    json_append_string(&bos, tokenizer_bytes(tok, tok->bos));
    const char *name = str_c(&bos);
    static const char text[] = "{\"Sequence\": {\"id\": \"%s\", \"type_id\": %d}}";
    str_printf(out,
               "{\"type\": \"TemplateProcessing\",\n    \"single\": "
               "[{\"SpecialToken\": {\"id\": %s, \"type_id\": 0}}, ",
               name);
    str_printf(out, text, "A", 0);
    str_printf(out,
               "],\n    \"pair\": [{\"SpecialToken\": {\"id\": %s, \"type_id\": 0}}, ",
               name);
    str_printf(out, text, "A", 0);
    str_puts(out, ", ");
    str_printf(out, text, "B", 1);
    str_printf(out,
               "],\n    \"special_tokens\": {%s: {\"id\": %s, \"ids\": [%d], "
               "\"tokens\": [%s]}}}",
               name, name, (int)tok->bos, name);
    out->failed |= bos.failed;
    str_release(&bos);
}

static void put_decoder(Str *out, const Tokenizer *tok)
{
    if (tok->kind == TOKENIZER_BYTE_BPE) {
        put_byte_level(out, true);
        return;
    }
    str_puts(out, "{\"type\": \"Sequence\", \"decoders\": [\n    {\"type\": "
                  "\"Replace\", \"pattern\": {\"String\": \"" SPACE_MARK
                  "\"}, \"content\": \" \"},\n    {\"type\": \"ByteFallback\"},\n    "
                  "{\"type\": \"Fuse\"}");
    if (tok->dummy_prefix)
        str_puts(out, ",\n    {\"type\": \"Strip\", \"content\": \" \", \"start\": 1, "
                      "\"stop\": 0}");
    str_puts(out, "]}");
}

static void put_model(Str *out, const Tokenizer *tok)
{
    bool scores = tok->kind == TOKENIZER_SCORES;
    Str name = {0};
    str_printf(
        out,
        "{\n    \"type\": \"BPE\", \"dropout\": null, \"unk_token\": %s,\n    "
        "\"continuing_subword_prefix\": null, \"end_of_word_suffix\": null,\n    "
        "\"fuse_unk\": %s, \"byte_fallback\": %s, \"ignore_merges\": %s,\n    "
        "\"vocab\": {",
        scores && tokenizer_special(tok, "<unk>") >= 0 ? "\"<unk>\"" : "null",
        scores ? "true" : "false", scores ? "true" : "false",
        tok->ignore_merges ? "true" : "false");
    put_vocab(out, tok, &name);
    str_puts(out, "\n    },\n    \"merges\": [");
    put_merges(out, tok, &name);
    str_puts(out, "\n    ]\n  }");
    str_release(&name);
}

void tokenizer_write_json(const Tokenizer *tok, Str *out)
{
    str_puts(out, "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  "
                  "\"padding\": null,\n  \"added_tokens\": [");
    put_added_tokens(out, tok);
    str_puts(out, "\n  ],\n  \"normalizer\": ");
    put_normalizer(out, tok);
    str_puts(out, ",\n  \"pre_tokenizer\": ");
    put_pre_tokenizer(out, tok);
    str_puts(out, ",\n  \"post_processor\": ");
    put_post_processor(out, tok);
    str_puts(out, ",\n  \"decoder\": ");
    put_decoder(out, tok);
    str_puts(out, ",\n  \"model\": ");
    put_model(out, tok);
    str_puts(out, "\n}\n");
}

/* --- tokenizer_config.json ------------------------------------------------------- */
static void put_role(Str *out, const Tokenizer *tok, const char *key, int32_t id)
{
    if (id < 0)
        return;
    str_printf(out, "  \"%s\": ", key);
    json_append_string(out, tokenizer_bytes(tok, id));
    str_puts(out, ",\n");
}

static void put_other_specials(Str *out, const Tokenizer *tok)
{
    const char *between = "";
    str_puts(out, "  \"additional_special_tokens\": [");
    for (int32_t id = 0; id < tokenizer_vocab(tok); id++) {
        bool is_role = id == tok->bos || id == tok->eos || id == tok->pad;
        if (is_role || !tokenizer_is_special(tok, id))
            continue;
        str_puts(out, between);
        json_append_string(out, tokenizer_bytes(tok, id));
        between = ", ";
    }
    str_puts(out, "],\n");
}

void tokenizer_write_config(const Tokenizer *tok, Str *out)
{
    str_puts(out, "{\n");
    put_role(out, tok, "bos_token", tok->bos);
    put_role(out, tok, "eos_token", tok->eos);
    put_role(out, tok, "pad_token", tok->pad);
    put_other_specials(out, tok);
    if (tok->max_length > 0)
        str_printf(out, "  \"model_max_length\": %lld,\n", (long long)tok->max_length);
    const char *jinja = tok->chat_template;
    if (!jinja && !tokenizer_missing_special(tok))
        jinja = template_jinja();
    if (jinja) {
        str_puts(out, "  \"chat_template\": ");
        json_append_string(out, span_of(jinja));
        str_puts(out, ",\n");
    }
    str_puts(out, "  \"clean_up_tokenization_spaces\": false,\n"
                  "  \"tokenizer_class\": \"PreTrainedTokenizerFast\"\n}\n");
}
