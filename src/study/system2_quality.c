/* system2_quality.c - E7: the demonstrations are of good and of bad writers, and say which;
 * asking for the good one is asking for good answers ("you are a leading expert"). */
#include "study/system2_internal.h"

#include <stdio.h>

enum { CHAIN_TOKENS = 96 };

void compose_quality(Str *y, const System2Scale *s, int64_t seeds)
{
    put_questions(y, s, "qualities", "multiply", "expert,untagged,sloppy", 32000, "");
    str_puts(y, "  - tokenizer: {data: $qualities/text.jsonl, vocab: 265}\n");
    put_learners(y, s, seeds, "writers", "qualities",
                 (Learning){3000000, 3e-3, 0.25, 128});
}

enum { EXPERT, UNTAGGED, SLOPPY, UNSEEN, TAGS };
static const char *const variants[TAGS] = {"expert", "untagged", "sloppy", "unseen"};
static const char *const names[TAGS] = {"expert", "no tag", "sloppy",
                                        "a tag never seen"};

static Status run_all(System2 *s, double temperature, ArmSet sets[TAGS], Err *err)
{
    ArmHow how = {.temperature = temperature, .samples = 1, .max_new = CHAIN_TOKENS};
    for (int i = 0; i < TAGS; i++)
        TRY(run_arms(s, "writers", "qualities", variants[i], how, &sets[i], err));
    return OK;
}

static Status put_temperature(System2 *s, double temperature, ArmSet sets[TAGS],
                              Section *out, Err *err)
{
    TRY(run_all(s, temperature, sets, err));
    str_printf(&out->text, "Temperature %g:\n\n", temperature);
    put_arms_head(&out->text);
    for (int i = 0; i < TAGS; i++)
        put_arms_line(&out->text, names[i], &sets[i]);
    str_putc(&out->text, '\n');
    return OK;
}

static void check_tags(Section *out, const ArmSet *sampled, const ArmSet *greedy)
{
    Check *c =
        section_check(out, "Asking for good performance",
                      "at temperature 1: expert over no tag over sloppy, with 95 % "
                      "confidence on every seed");
    check_better(c, "expert over no tag", &sampled[EXPERT], &sampled[UNTAGGED]);
    check_better(c, "no tag over sloppy", &sampled[UNTAGGED], &sampled[SLOPPY]);
    ArmPair gap = pair_arms(&greedy[EXPERT], &greedy[SLOPPY]);
    c = section_check(out, "Greedy answers hide it",
                      "greedy: expert and sloppy within 3 points of each other");
    check_part(c, gap.difference <= 0.03, "expert over sloppy, greedy: %+.1f points",
               100 * gap.difference);
    check_why(c, "The slips of sloppy writers are then no longer the less likely digit "
                 "everywhere: the model is unsure enough that one of them leads.");
}

Status measure_quality(System2 *s, Section *out, Err *err)
{
    static const double temperatures[] = {1, 0.7, 0};
    ArmSet sets[3][TAGS] = {0};
    Status status = OK;
    str_puts(
        &out->text,
        "One model, which learned chains of careful writers (tag E), of sloppy ones "
        "(tag N: 6 % of the digits of a part and 3 % of a sum's are wrong, and "
        "slips go on into what follows), and of either without a tag. One answer to "
        "each question.\n\n");
    for (int t = 0; status == OK && t < 3; t++)
        status = put_temperature(s, temperatures[t], sets[t], out, err);
    if (status == OK)
        check_tags(out, sets[0], sets[2]);
    for (int t = 0; t < 3; t++) {
        for (int i = 0; i < TAGS; i++)
            arms_release(&sets[t][i]);
    }
    return status;
}
