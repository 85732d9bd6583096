/* Under the guard a model writes valid calls alone: the grammar against calls by hand, and
 * against what a random model writes at a high temperature. */
#include "support/chatter.h"

#include "base/mem.h"
#include "format/json.h"
#include "think/tool/builtin.h"
#include "think/tool/call_guard.h"
#include "think/tool/schema.h"

/* calculator, count_letters (an object), length (a text), and one of which no grammar can
 * be made of the schema. */
static void make_box(Toolbox *box)
{
    static const char *const names[] = {"calculator", "count_letters", "length"};
    Err err = {0};
    for (size_t i = 0; i < 3; i++)
        CHECK_OK(builtin_add(box, span_of(names[i]), &err));
    Tool t = {.name = mem_dup("odd", 3), .call = box->tools[0].call};
    CHECK_OK(json_parse(SPAN("{\"type\":\"object\",\"not\":{\"required\":[\"x\"]}}"),
                        &t.parameters, &err));
    CHECK_OK(toolbox_add(box, t, &err));
}

typedef struct Accepts {
    Constraint *calls;
} Accepts;

static void accepts(const Accepts *a, const char *call, bool expected)
{
    Err err = {0};
    bool yes = !expected;
    CHECK_OK(constraint_accepts(a->calls, span_of(call), &yes, &err));
    if (yes != expected)
        fail_msg("%s is %s", call, yes ? "allowed" : "not allowed");
}

static void the_grammar_allows_valid_calls_alone(void **state)
{
    (void)state;
    Err err = {0};
    Chatter c;
    Toolbox box = {0};
    Grammar g = {0};
    TokenTrie *trie;
    Accepts a;
    int32_t node;
    const int64_t no_limit = 0;
    chatter_init(&c, 64);
    make_box(&box);
    CHECK_OK(token_trie_new(&trie, c.tok, &err));
    CHECK_OK(call_grammar(&g, CALL_NATIVE, &box, &node, &err));
    CHECK_OK(constraint_from_parts(&a.calls, &g, &node, &no_limit, 1, trie, &err));
    accepts(&a, "calculator(12*7)", true);
    accepts(&a, "calculator((1 + 2.5) * -3 // 4 % 5^2)", true);
    accepts(&a, "calculator(round(sqrt(2), 3) - max(1, 2, min(3, 4)))", true);
    accepts(&a, "calculator(12*)", false);
    accepts(&a, "calculator()", false);
    accepts(&a, "calculator(sin(1))", false);
    accepts(&a, "calculator(1", false);
    accepts(&a, "calculator 1", false);
    accepts(&a, "count_letters({\"text\": \"strawberry\", \"letters\": \"r\"})", true);
    accepts(&a,
            "count_letters({\"text\": \"x\", \"letters\": \"r\", \"case_sensitive\": "
            "true})",
            true);
    accepts(&a, "count_letters({\"text\": \"x\"})", false);
    accepts(&a, "count_letters({\"text\": \"x\", \"letters\": \"\"})", false);
    accepts(&a, "count_letters({\"text\": 1, \"letters\": \"r\"})", false);
    accepts(&a, "count_letters({\"text\": \"x\", \"letters\": \"r\", \"n\": 1})",
            false);
    accepts(&a, "count_letters(x)", false);
    accepts(&a, "length(any (text) \u20ac)", true);
    accepts(&a, "length(two\nlines)", false);
    accepts(&a, "odd({\"a\": [1, null]})", true);
    accepts(&a, "odd(1)", false);
    accepts(&a, "other(1)", false);
    accepts(&a, "", false);
    constraint_free(a.calls);
    grammar_release(&g);
    token_trie_free(trie);
    toolbox_release(&box);
    chatter_release(&c);
}

/* Is the text of a call one that the toolbox would run? */
static void check_call(const Toolbox *box, Span text)
{
    Err err = {0};
    CallText read = {0};
    json_t *arguments = NULL;
    CHECK_OK(call_text_parse(CALL_NATIVE, box, text, &read, &err));
    if (read.n != 1)
        fail_msg("no call: %.*s", (int)text.len, text.ptr);
    const Tool *tool = toolbox_find(box, str_span(&read.calls[0].name));
    assert_non_null(tool);
    CHECK_OK(json_parse(str_span(&read.calls[0].arguments), &arguments, &err));
    if (schema_check(tool->parameters, arguments, "arguments", &err) != OK)
        fail_msg("%.*s: %s", (int)text.len, text.ptr, err.msg);
    json_decref(arguments);
    call_text_release(&read);
}

/* Two turns forced to be calls, the second behind a result: `ids` of the whole answer. */
static void check_answer(const Chatter *c, const Toolbox *box, const EngineResult *r,
                         int64_t start)
{
    Err err = {0};
    Str text = {0};
    assert_int_equal(r->finish, FINISH_STOP);
    assert_int_equal(r->ids[r->n - 1], template_end(c->chat));
    CHECK_OK(tokenizer_decode(c->tok, r->ids + start, (size_t)(r->n - 1 - start), false,
                              &text, &err));
    check_call(box, str_span(&text));
    str_release(&text);
}

/* A random model would write anything; in the room there is, it ends its call. */
static void a_random_model_writes_valid_calls(void **state)
{
    (void)state;
    Err err = {0};
    Chatter c;
    Toolbox box = {0};
    CallGuard *guard;
    Ids prompt = {0}, begin = {0};
    chatter_init(&c, 256);
    make_box(&box);
    chatter_ids(&c, "<|bos|><|user|>hi<|im_end|><|assistant|>", &prompt);
    chatter_ids(&c,
                "<|call|>length(x)<|im_end|><|tool|>1<|im_end|><|assistant|><|call|>",
                &begin);
    CHECK_OK(call_guard_new(&guard, c.tok, c.chat, &box, &err));
    int32_t end = template_end(c.chat);
    for (int i = 0; i < 60; i++) {
        bool second = i % 2;
        CallGuardRun *run;
        CHECK_OK(call_guard_run(guard, 160, &run, &err));
        EngineRequest r = {.prompt = prompt.ptr,
                           .n_prompt = (int64_t)prompt.len,
                           .begin = second ? begin.ptr : begin.ptr + begin.len - 1,
                           .n_begin = second ? (int64_t)begin.len : 1,
                           .sample = {.temperature = 1.5,
                                      .top_p = 1,
                                      .repetition_penalty = 1,
                                      .seed = 7,
                                      .max_new = 160},
                           .index = (uint64_t)i,
                           .stop_ids = &end,
                           .n_stop_ids = 1,
                           .constraint = call_guard_allow,
                           .self = run};
        EngineResult out;
        CHECK_OK(engine_run(c.engine, &r, 1, &out, NULL, &err));
        check_answer(&c, &box, &out, r.n_begin);
        engine_result_release(&out);
        call_guard_run_free(run);
    }
    call_guard_free(guard);
    ids_release(&prompt);
    ids_release(&begin);
    toolbox_release(&box);
    chatter_release(&c);
}

static void turns_that_are_no_calls_are_free(void **state)
{
    (void)state;
    Err err = {0};
    Chatter c;
    Toolbox box = {0}, none = {0};
    CallGuard *guard;
    CallGuardRun *run;
    Ids ids = {0};
    chatter_init(&c, 64);
    make_box(&box);
    CHECK_OK(call_guard_new(&guard, c.tok, c.chat, &box, &err));
    CHECK_OK(call_guard_run(guard, 100, &run, &err));
    uint32_t *allowed =
        mem_alloc_array((size_t)tokenizer_vocab(c.tok) / 32 + 1, sizeof *allowed);
    chatter_ids(&c, "text <|call|>x<|im_end|><|tool|>1<|im_end|><|assistant|>so", &ids);
    for (int64_t n = 0; n <= (int64_t)ids.len; n++)
        assert_false(call_guard_allow(run, ids.ptr, n, allowed));
    ids_reset(&ids);
    chatter_ids(&c, "<|call|>cal", &ids);
    assert_false(call_guard_allow(run, ids.ptr, 0, allowed));
    assert_true(call_guard_allow(run, ids.ptr, (int64_t)ids.len, allowed));
    CallGuard *nothing;
    CHECK_FAILS(call_guard_new(&nothing, c.tok, c.chat, &none, &err), ERR_OPTION,
                "the grammar of calls: there are no tools to call");
    call_guard_run_free(run);
    call_guard_free(guard);
    mem_free(allowed);
    ids_release(&ids);
    toolbox_release(&box);
    chatter_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_grammar_allows_valid_calls_alone),
        cmocka_unit_test(a_random_model_writes_valid_calls),
        cmocka_unit_test(turns_that_are_no_calls_are_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
