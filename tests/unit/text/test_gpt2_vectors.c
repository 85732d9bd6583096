/* test_gpt2_vectors.c - GPT-2's own tokenizer against published vectors. Neither is part
 * of the source: TAME_GPT2_VECTORS names a folder with GPT-2's tokenizer.json, the cases
 * vectors.inp (separated by lines "__ggml_vocab_test__", as llama.cpp has them in
 * models/) and their ids vectors.out, a line each. Without it the test is skipped. */
#include "support/text.h"

#include "base/file.h"

static void read_file(const char *folder, const char *name, Str *out)
{
    Err err = {0};
    Str path = {0};
    file_join(&path, folder, name);
    CHECK_OK(file_read(str_c(&path), 1 << 24, out, &err));
    str_release(&path);
}

/* Cuts *rest at the next `end`, or takes all of it. */
static Span take_until(Span *rest, Span end)
{
    ptrdiff_t at = span_find(*rest, end, 0);
    Span taken = {rest->ptr, at < 0 ? rest->len : (size_t)at};
    size_t skip = at < 0 ? rest->len : (size_t)at + end.len;
    *rest = (Span){rest->ptr + skip, rest->len - skip};
    return taken;
}

static void published_vectors_are_met(void **state)
{
    (void)state;
    const char *folder = getenv("TAME_GPT2_VECTORS");
    if (!folder)
        skip();
    Err err = {0};
    Tokenizer *tok;
    Str input = {0}, output = {0};
    CHECK_OK(tokenizer_load(&tok, folder, &err));
    read_file(folder, "vectors.inp", &input);
    read_file(folder, "vectors.out", &output);
    Span cases = str_span(&input), lines = str_span(&output);
    int n = 0;
    for (; lines.len > 0; n++) {
        Span text = take_until(&cases, SPAN("\n__ggml_vocab_test__\n"));
        Span want = span_trim(take_until(&lines, SPAN("\n")));
        Ids ids = {0};
        CHECK_OK(tokenizer_encode(tok, text, &ids, &err));
        if (!span_equal(span_of(text_ids(&ids)), want))
            fail_msg("case %d: %s, not %.*s", n, text_ids(&ids), (int)want.len,
                     want.ptr);
        ids_release(&ids);
    }
    assert_true(n > 40);
    print_message("%d vectors\n", n);
    str_release(&input);
    str_release(&output);
    tokenizer_free(tok);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors_are_met),
    };
    return cmocka_run_group_tests_name("text/gpt2_vectors", tests, NULL, NULL);
}
