// floor: think
/* fuzz_prompt_template.c - a template that is accepted is written to what is read back to
 * the same, and filling it ends in a text or names what is missing; what is put in is not
 * looked at again. */
#include "think/prompt_template.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool equal(json_t *a, json_t *b)
{
    return a && b ? json_equal(a, b) : a == b;
}

static void check(const PromptTemplate *t)
{
    Err err = {0};
    Str yaml = {0}, prompt = {0}, system = {0};
    PromptTemplate again;
    ASSERT(prompt_template_write(t, &yaml, &err) == OK);
    ASSERT(prompt_template_parse(str_span(&yaml), &again, &err) == OK);
    ASSERT(same(t->prompt, again.prompt) && same(t->system, again.system));
    ASSERT(same(t->model, again.model) && same(t->think, again.think));
    ASSERT(equal(t->defaults, again.defaults) && equal(t->options, again.options));
    ASSERT(equal(t->schema, again.schema) && t->extract == again.extract);
    const TemplateParam param = {SPAN("x"), SPAN("$input$x")};
    Status status =
        prompt_template_apply(t, &param, 1, SPAN("$y"), &prompt, &system, &err);
    ASSERT(status == OK || (status == ERR_OPTION && err.msg[0]));
    prompt_template_release(&again);
    str_release(&yaml);
    str_release(&prompt);
    str_release(&system);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Err err = {0};
    PromptTemplate t;
    Status status = prompt_template_parse((Span){(const char *)data, size}, &t, &err);
    if (status == OK)
        check(&t);
    else
        ASSERT(err.code == status && err.msg[0] && !t.prompt && !t.schema);
    prompt_template_release(&t);
    return 0;
}
