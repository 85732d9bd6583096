/* test_code_block.c - code is what stands between fences, as CommonMark has them. */
#include "think/code_block.h"

#include "support/check.h"

static void check(const char *text, const char *first, const char *last)
{
    const char *const want[] = {first, last};
    for (int k = 0; k < 2; k++) {
        Span code = {0};
        bool any = code_block_find(span_of(text), k == 1, &code);
        assert_int_equal(any, want[k] != NULL);
        if (any && !span_equal(code, span_of(want[k])))
            fail_msg("'%s': '%.*s', not '%s'", text, (int)code.len, code.ptr, want[k]);
    }
}

static void blocks_are_found_first_and_last(void **state)
{
    (void)state;
    check("Here:\n```python\nprint(1)\n```\nand\n```\nx\ny\n```\nDone.", "print(1)\n",
          "x\ny\n");
    check("```\n```", "", "");
    check("   ~~~\na\n```\nb\n   ~~~~\n", "a\n```\nb\n", "a\n```\nb\n");
    check("````md\n```\nin\n```\n````\n", "```\nin\n```\n", "```\nin\n```\n");
    check("```c\nint x;", "int x;", "int x;");
    check("```\na\n``` not the end\n```\n", "a\n``` not the end\n",
          "a\n``` not the end\n");
}

static void what_is_no_fence_is_none(void **state)
{
    (void)state;
    check("", NULL, NULL);
    check("no code `x` ``y``", NULL, NULL);
    check("    ```\n    indented\n    ```", NULL, NULL);
    check("``` a`b\n", NULL, NULL);
    check("x ```\n", NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_found_first_and_last),
        cmocka_unit_test(what_is_no_fence_is_none),
    };
    return cmocka_run_group_tests_name("think/code_block", tests, NULL, NULL);
}
