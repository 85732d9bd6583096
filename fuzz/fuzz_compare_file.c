// floor: eval
/* fuzz_compare_file.c - a file of a comparison that is accepted can be rendered and asserted
 * without harm; one that is refused says why and leaves nothing. */
#include "eval/compare_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_test(const CompareFile *f, const CompareTest *t)
{
    Err err = {0};
    Str text = {0}, why = {0};
    for (size_t p = 0; p < f->n_prompts; p++) {
        str_reset(&text);
        Status status = vars_render(span_of(f->prompts[p].text), t->vars, &text, &err);
        ASSERT(status == OK || err.msg[0]);
    }
    for (size_t i = 0; i < t->n; i++) {
        bool holds = false;
        str_reset(&why);
        Status status = assertion_holds(&t->asserts[i], t->vars, SPAN("a {\"b\": 1}"),
                                        1, &holds, &why, &err);
        ASSERT(status != OK || holds == (why.len == 0));
    }
    str_release(&text);
    str_release(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Err err = {0};
    CompareFile f;
    Status status = compare_file_parse((Span){(const char *)data, size}, &f, &err);
    if (status != OK) {
        ASSERT(err.code == status && err.msg[0] && !f.tree && f.n_tests == 0);
        return 0;
    }
    for (size_t i = 0; i < f.n_tests; i++)
        use_test(&f, &f.tests[i]);
    compare_file_release(&f);
    return 0;
}
