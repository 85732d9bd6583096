/* test_tokenizer_json.c - tokenizer.json and its config: what is read, what is refused. */
#include "support/text.h"

#include "base/file.h"
#include "base/mem.h"
#include "text/byte_alphabet.h"
#include "text/tokenizer_write.h"

/* What goes into a file; NULL: as in a plain one of GPT-2's kind. */
typedef struct Parts {
    const char *added, *normalizer, *pre_tokenizer, *post_processor, *decoder;
    const char *model;  /* members in front of vocab, with a comma */
    const char *vocab;  /* members behind the 256 bytes, each with a comma in front */
    const char *merges; /* without the brackets */
} Parts;

static const char byte_level[] =
    "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true}";

static const char *or_else(const char *text, const char *def)
{
    return text ? text : def;
}

static void make_json(Str *out, const Parts *p)
{
    unsigned char order[256];
    byte_alphabet_order(order);
    str_reset(out);
    str_printf(
        out,
        "{\"version\": \"1.0\", \"added_tokens\": [%s], \"normalizer\": %s, "
        "\"pre_tokenizer\": %s, \"post_processor\": %s, \"decoder\": %s, "
        "\"model\": {%s \"vocab\": {",
        or_else(p->added, "{\"id\": 258, \"content\": \"<e>\", \"special\": true}"),
        or_else(p->normalizer, "null"), or_else(p->pre_tokenizer, byte_level),
        or_else(p->post_processor, "null"), or_else(p->decoder, byte_level),
        or_else(p->model, "\"type\": \"BPE\","));
    for (int i = 0; i < 256; i++) {
        Str name = {0};
        byte_alphabet_spell(&name, (Span){(const char *)&order[i], 1});
        const char *escape = order[i] == '"' || order[i] == '\\' ? "\\" : "";
        str_printf(out, "%s\"%s%s\": %d", i ? ", " : "", escape, str_c(&name), i);
        str_release(&name);
    }
    str_printf(out, "%s}, \"merges\": [%s]}}",
               or_else(p->vocab, ", \"ab\": 256, \"\xc4\xa0"
                                 "ab\": 257"),
               or_else(p->merges, "\"a b\", [\"\xc4\xa0\", \"ab\"]"));
}

static Status read_parts(Tokenizer **tok, const Parts *p, const char *config, Err *err)
{
    Str json = {0};
    make_json(&json, p);
    Status status = tokenizer_from_json(tok, str_span(&json), span_of(config), err);
    str_release(&json);
    return status;
}

static void check_ids(const Tokenizer *tok, Span text, const char *want)
{
    Err err = {0};
    Ids ids = {0};
    CHECK_OK(tokenizer_encode(tok, text, &ids, &err));
    assert_string_equal(text_ids(&ids), want);
    ids_release(&ids);
}

static void files_of_gpt2s_kind_are_read(void **state)
{
    (void)state;
    Err err = {0};
    Tokenizer *tok;
    Parts parts = {0};
    CHECK_OK(read_parts(&tok, &parts, "{\"eos_token\": {\"content\": \"<e>\"}}", &err));
    check_ids(tok, SPAN("ab ab<e>"), "256 257 27 68 29");
    assert_int_equal(tokenizer_vocab(tok), 259);
    assert_int_equal(tokenizer_eos(tok), 258);
    assert_int_equal(tokenizer_bos(tok), -1);
    assert_false(tokenizer_adds_bos(tok));
    assert_true(tokenizer_is_special(tok, 258));
    tokenizer_free(tok);
}

static void added_tokens_that_are_not_special_are_found_in_text(void **state)
{
    (void)state;
    Err err = {0};
    Tokenizer *tok;
    Parts parts = {.added = "{\"id\": 258, \"content\": \"<t>\", \"special\": false}, "
                            "{\"id\": 259, \"content\": \"<t>>\", \"special\": false}"};
    CHECK_OK(read_parts(&tok, &parts, "", &err));
    check_ids(tok, SPAN("a<t>ab<t>>"), "64 258 256 259");
    text_check_round_trip(tok, SPAN("<t><t<t>>>"));
    tokenizer_free(tok);
}

static void a_normalizer_brings_text_to_form_c(void **state)
{
    (void)state;
    Err err = {0};
    Tokenizer *tok;
    Parts parts = {.normalizer = "{\"type\": \"NFC\"}"};
    CHECK_OK(read_parts(&tok, &parts, "", &err));
    Ids ids = {0};
    Str back = {0};
    /* e and a combining acute become U+00E9; a lone byte stays. */
    CHECK_OK(tokenizer_encode(tok, SPAN("e\xcc\x81\xff|\0x"), &ids, &err));
    CHECK_OK(tokenizer_decode(tok, ids.ptr, ids.len, false, &back, &err));
    assert_int_equal(back.len, 6);
    assert_memory_equal(back.ptr, "\xc3\xa9\xff|\0x", 6);
    ids_release(&ids);
    str_release(&back);
    tokenizer_free(tok);
}

static void pieces_that_are_tokens_need_no_merges_when_the_file_says_so(void **state)
{
    (void)state;
    Err err = {0};
    Tokenizer *tok;
    Parts parts = {.vocab = ", \"ab\": 256, \"abab\": 257", .merges = "\"a b\""};
    CHECK_OK(read_parts(&tok, &parts, "", &err));
    check_ids(tok, SPAN("abab"), "256 256");
    tokenizer_free(tok);
    parts.model = "\"type\": \"BPE\", \"ignore_merges\": true,";
    CHECK_OK(read_parts(&tok, &parts, "", &err));
    check_ids(tok, SPAN("abab"), "257");
    tokenizer_free(tok);
}

static void patterns_and_bos_of_llama3s_kind_are_read(void **state)
{
    (void)state;
    Err err = {0};
    Tokenizer *tok;
    Parts parts = {
        .pre_tokenizer =
            "{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Split\", "
            "\"pattern\": {\"Regex\": \"[0-9]\"}, \"behavior\": \"Isolated\", "
            "\"invert\": false}, {\"type\": \"ByteLevel\", \"add_prefix_space\": "
            "false, "
            "\"use_regex\": false}]}",
        .post_processor =
            "{\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\": "
            "{\"id\": \"<e>\", \"type_id\": 0}}, {\"Sequence\": {\"id\": \"A\"}}]}"};
    CHECK_OK(read_parts(&tok, &parts, "", &err));
    assert_int_equal(tokenizer_bos(tok), 258);
    assert_true(tokenizer_adds_bos(tok));
    check_ids(tok, SPAN("ab1"), "256 16");
    tokenizer_free(tok);
}

/* --- out and in again -------------------------------------------------------------- */
static void what_is_written_is_read_as_the_same(void **state)
{
    (void)state;
    for (int pattern = SPLIT_GPT2; pattern <= SPLIT_QWEN2; pattern++) {
        Err err = {0};
        Tokenizer *tok = text_train(text_sample, 288, (SplitPattern)pattern), *back;
        tokenizer_set_max_length(tok, 2048);
        Str json[2] = {{0}, {0}}, config[2] = {{0}, {0}};
        tokenizer_write_json(tok, &json[0]);
        tokenizer_write_config(tok, &config[0]);
        CHECK_OK(
            tokenizer_from_json(&back, str_span(&json[0]), str_span(&config[0]), &err));
        tokenizer_write_json(back, &json[1]);
        tokenizer_write_config(back, &config[1]);
        assert_string_equal(str_c(&json[0]), str_c(&json[1]));
        assert_string_equal(str_c(&config[0]), str_c(&config[1]));
        assert_int_equal(tokenizer_fingerprint(tok), tokenizer_fingerprint(back));
        assert_int_equal(tokenizer_pad(back), tokenizer_pad(tok));
        assert_false(tokenizer_has_foreign_template(back));
        for (int i = 0; i < 2; i++) {
            str_release(&json[i]);
            str_release(&config[i]);
        }
        tokenizer_free(tok);
        tokenizer_free(back);
    }
}

static void folders_are_saved_and_loaded(void **state)
{
    (void)state;
    Err err = {0};
    const char *folder = "test_tokenizer_json.tmp";
    Tokenizer *tok = text_train(text_sample, 288, SPLIT_CL100K), *back;
    ChatTemplate *t;
    CHECK_OK(file_remove_tree(folder, &err));
    CHECK_OK(file_make_folders(folder, &err));
    CHECK_OK(tokenizer_save(tok, folder, &err));
    CHECK_OK(tokenizer_load(&back, folder, &err));
    assert_int_equal(tokenizer_fingerprint(tok), tokenizer_fingerprint(back));
    tokenizer_free(back);

    const char *jinja = "{{ messages }}";
    CHECK_OK(file_write_atomic("test_tokenizer_json.tmp/chat_template.jinja", jinja,
                               strlen(jinja), &err));
    CHECK_OK(tokenizer_load(&back, folder, &err));
    assert_true(tokenizer_has_foreign_template(back));
    CHECK_FAILS(template_new(&t, back, &err), ERR_FORMAT,
                "the tokenizer's chat template is not tame's: a model trained with it "
                "would be misread");
    Str config = {0};
    tokenizer_write_config(back, &config);
    assert_true(span_find(str_span(&config), SPAN("\"{{ messages }}\""), 0) > 0);
    str_release(&config);
    tokenizer_free(back);
    tokenizer_free(tok);
    CHECK_OK(file_remove_tree(folder, &err));
    assert_int_equal(tokenizer_load(&back, folder, &err), ERR_IO);
    assert_null(back);
}

static void configs_bring_roles_length_and_template(void **state)
{
    (void)state;
    Err err = {0};
    Tokenizer *tok;
    Parts parts = {0};
    const char *config = "{\"model_max_length\": 1000000000000000019884624838656, "
                         "\"bos_token\": \"<e>\", \"pad_token\": null, "
                         "\"chat_template\": [{\"name\": \"default\", \"template\": "
                         "\"x\"}]}";
    CHECK_OK(read_parts(&tok, &parts, config, &err));
    assert_int_equal(tokenizer_bos(tok), 258);
    assert_true(tokenizer_has_foreign_template(tok));
    tokenizer_free(tok);
    CHECK_FAILS(read_parts(&tok, &parts, "{\"eos_token\": \"</s>\"}", &err), ERR_FORMAT,
                "tokenizer_config.json: eos_token '</s>' is not in the vocabulary");
    CHECK_FAILS(read_parts(&tok, &parts, "{\"chat_template\": 3}", &err), ERR_FORMAT,
                "tokenizer_config.json: 'chat_template' is an integer, not a string");
    CHECK_FAILS(read_parts(&tok, &parts, "{\"a\": 1, \"a\": 2}", &err), ERR_FORMAT,
                "tokenizer_config.json: line 1, column 12: duplicate object key near "
                "'\"a\"'");
}

/* --- refusals ---------------------------------------------------------------------- */
static void what_is_not_understood_is_named(void **state)
{
    (void)state;
    static const struct {
        Parts parts;
        Status status;
        const char *message;
    } all[] = {
        {{.normalizer = "{\"type\": \"Lowercase\"}"},
         ERR_FORMAT,
         "normalizer: type 'Lowercase' is not supported"},
        {{.pre_tokenizer = "{\"type\": \"ByteLevel\", \"add_prefix_space\": true}"},
         ERR_FORMAT,
         "pre_tokenizer: 'add_prefix_space': true is not supported"},
        {{.pre_tokenizer = "{\"type\": \"Whitespace\"}"},
         ERR_FORMAT,
         "pre_tokenizer: type 'Whitespace' is not supported"},
        {{.pre_tokenizer = "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"(\"}, "
                           "\"behavior\": \"Isolated\"}"},
         ERR_FORMAT,
         "pre_tokenizer: split pattern: missing closing parenthesis, at byte 1"},
        {{.pre_tokenizer = "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"a\"}, "
                           "\"behavior\": \"Removed\"}"},
         ERR_FORMAT,
         "pre_tokenizer: behavior 'Removed' is not supported"},
        {{.pre_tokenizer = "null"},
         ERR_FORMAT,
         "decoder: type 'ByteLevel' is not supported"},
        {{.pre_tokenizer = "null", .decoder = "null"},
         ERR_FORMAT,
         "model: neither of bytes (ByteLevel) nor of characters with byte_fallback and "
         "U+2581 for spaces"},
        {{.post_processor = "{\"type\": \"BertProcessing\"}"},
         ERR_FORMAT,
         "post_processor: type 'BertProcessing' is not supported"},
        {{.model = "\"type\": \"WordPiece\","},
         ERR_FORMAT,
         "model: type 'WordPiece' is not supported"},
        {{.model = "\"end_of_word_suffix\": \"</w>\","},
         ERR_FORMAT,
         "model: 'end_of_word_suffix' is not supported"},
        {{.added = "{\"id\": 258, \"content\": \"x\", \"lstrip\": true}"},
         ERR_FORMAT,
         "model: added_tokens 0: lstrip 'x' is not supported"},
        {{.added = "{\"id\": 259, \"content\": \"<x>\"}"},
         ERR_FORMAT,
         "model: added_tokens 0: token '<x>' has an id out of range"},
        {{.added = "{\"id\": 256, \"content\": \"<x>\"}"},
         ERR_FORMAT,
         "model: added_tokens 0: token '<x>' has the id of another token"},
        {{.vocab = ", \"ab\": 256, \"c\": 257"}, ERR_FORMAT, "line 1, column"},
        {{.vocab = ", \"ab\": 256, \"cd\": 256"},
         ERR_FORMAT,
         "model: token 'cd' has the id of another token"},
        {{.vocab = ", \"ab\": 256, \"cd\": \"x\""},
         ERR_FORMAT,
         "model: token 'cd' has no integer id"},
        {{.vocab = ", \"ab\": 256, \"cd\": -1"},
         ERR_FORMAT,
         "model: token 'cd' has an id out of range"},
        {{.vocab = ", \"ab\": 256, \"a b\": 257"},
         ERR_FORMAT,
         "model: token 'a b' has a character that stands for no byte"},
        {{.merges = "\"a b\", \"a c\""},
         ERR_FORMAT,
         "model: merge 1: token 'ac' is not in 'vocab'"},
        {{.merges = "\"ab\""},
         ERR_FORMAT,
         "model: merge 0: not two tokens with one space between them"},
        {{.merges = "[\"a\", 3]"}, ERR_FORMAT, "model: merge 0: not two strings"},
        {{.merges = "\"a b\", \"a b\""}, ERR_FORMAT, "merge 1 is there twice"},
        {{.added = "{\"id\": 256, \"content\": \"ab\", \"special\": true}, "
                   "{\"id\": 258, \"content\": \"<x>\"}"},
         ERR_FORMAT,
         "model: merge 0: token 'ab' cannot be in a merge"},
        {{.added = ""}, OK, ""},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        Err err = {0};
        Tokenizer *tok;
        Status status = read_parts(&tok, &all[i].parts, "", &err);
        if (status != all[i].status ||
            !span_starts(span_of(err.msg), span_of(all[i].message)))
            fail_msg("case %zu: status %d: %s", i, (int)status, err.msg);
        tokenizer_free(tok);
    }
}

static void every_cut_file_is_a_format_error(void **state)
{
    (void)state;
    Str json = {0};
    make_json(&json, &(Parts){0});
    for (size_t n = 0; n < json.len; n += 7) {
        Err err = {0};
        Tokenizer *tok;
        assert_int_equal(
            tokenizer_from_json(&tok, (Span){json.ptr, n}, (Span){0}, &err),
            ERR_FORMAT);
        assert_null(tok);
    }
    str_release(&json);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    Str json = {0};
    make_json(&json, &(Parts){0});
    Span config = SPAN("{\"eos_token\": \"<e>\", \"chat_template\": \"x\"}");
    Status status = ERR_NOMEM;
    for (long n = 0; status != OK; n++) {
        Err err = {0};
        Tokenizer *tok;
        mem_fail_after(n);
        status = tokenizer_from_json(&tok, str_span(&json), config, &err);
        mem_fail_after(-1);
        assert_true(status == OK || status == ERR_NOMEM);
        tokenizer_free(tok);
    }
    str_release(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_gpt2s_kind_are_read),
        cmocka_unit_test(added_tokens_that_are_not_special_are_found_in_text),
        cmocka_unit_test(a_normalizer_brings_text_to_form_c),
        cmocka_unit_test(pieces_that_are_tokens_need_no_merges_when_the_file_says_so),
        cmocka_unit_test(patterns_and_bos_of_llama3s_kind_are_read),
        cmocka_unit_test(what_is_written_is_read_as_the_same),
        cmocka_unit_test(folders_are_saved_and_loaded),
        cmocka_unit_test(configs_bring_roles_length_and_template),
        cmocka_unit_test(what_is_not_understood_is_named),
        cmocka_unit_test(every_cut_file_is_a_format_error),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests_name("text/tokenizer_json", tests, NULL, NULL);
}
