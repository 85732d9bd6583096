/* system2_people.c - A1: the worked example of "State of GPT". "California's population is 53
 * times that of Alaska": look up both, divide, check, write. */
#include "study/system2_internal.h"
#include "study/system2_lookup.h"
#include "think/tool/builtin.h"

enum { CALLS = 6, ANSWER_TOKENS = 280, PAIRS = 500 };

void compose_people(Str *y, const System2Scale *s, int64_t seeds)
{
    const Learning how = {3000000, 3e-3, 0.2, 320};
    put_questions(y, s, "people", "people", "tools", 12000, "");
    str_puts(y, "  - tokenizer: {data: $people/text.jsonl, vocab: 265}\n");
    put_learners(y, s, seeds, "clerk", "people", how);
}

static Status open_tools(System2 *s, Toolbox *box, Err *err)
{
    TRY(lookup_tool(lab_folder(&s->lab, "people"), "tools", s->lab.recipe.folder, box,
                    err));
    return builtin_add(box, SPAN("calculator"), err);
}

Status measure_people(System2 *s, Section *out, Err *err)
{
    ArmSet with = {0}, without = {0};
    Toolbox box = {0};
    ArmHow how = {.samples = 1,
                  .max_new = ANSWER_TOKENS,
                  .questions = s->scale->tests < PAIRS ? s->scale->tests : PAIRS};
    Status status = open_tools(s, &box, err);
    if (status == OK)
        status = run_arms(s, "clerk", "people", "tools", how, &without, err);
    how.calls = CALLS;
    how.tools = &box;
    if (status == OK)
        status = run_arms(s, "clerk", "people", "tools", how, &with, err);
    if (status == OK) {
        str_puts(
            &out->text,
            "\"zorvike against melano\": the model looks up both places, divides, "
            "multiplies back to check the quotient, and tells how many times the "
            "people of the one the other has. Names and numbers of the tests stand "
            "in an index alone, which the search reads; right is both names and the "
            "number. Every answer with its calls can be read in the file of the "
            "arm, and asked again with `tame chat`.\n\n");
        put_arms_head(&out->text);
        put_arms_line(&out->text, "with search and calculator", &with);
        put_arms_line(&out->text, "without tools", &without);
        str_putc(&out->text, '\n');
        Check *c = section_check(out, "Look up, compute, check, write",
                                 "at least 95 % on every seed");
        check_shares(c, "with tools", &with, 0.95, 1);
    }
    toolbox_release(&box);
    arms_release(&with);
    arms_release(&without);
    return status;
}
