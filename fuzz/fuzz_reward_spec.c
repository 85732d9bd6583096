// floor: eval
/* fuzz_reward_spec.c - a description that is accepted has parts with one kind and a name
 * each, and written down again reads back to the same; one that is refused says why and
 * leaves nothing. */
#include "eval/reward_spec.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_spec(const RewardSpec *spec)
{
    Err err = {0};
    Str text = {0};
    RewardSpec again;
    json_t *tree = reward_spec_json(spec);
    json_append(&text, tree);
    ASSERT(reward_spec_parse(str_span(&text), &again, &err) == OK);
    json_t *second = reward_spec_json(&again);
    ASSERT(json_equal(tree, second) && again.n == spec->n);
    ASSERT(reward_spec_hash(&again) == reward_spec_hash(spec));
    for (size_t i = 0; i < spec->n; i++) {
        const RewardPart *p = &spec->parts[i];
        bool ruled = p->kind == REWARD_LENGTH || p->kind == REWARD_FORMAT ||
                     p->kind == REWARD_RANDOM;
        ASSERT(strcmp(p->o.name, again.parts[i].o.name) == 0 && p->o.name[0]);
        ASSERT(p->kind == REWARD_PROGRAM ? p->command[0][0] != 0
                                         : ruled || p->what[0] != 0);
        (void)reward_part_applies(p, p->given);
    }
    json_decref(second);
    json_decref(tree);
    reward_spec_release(&again);
    str_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Err err = {0};
    RewardSpec spec;
    Status status = reward_spec_parse((Span){(const char *)data, size}, &spec, &err);
    if (status == OK)
        check_spec(&spec);
    else
        ASSERT(err.code == status && err.msg[0] && !spec.parts && spec.n == 0);
    reward_spec_release(&spec);
    return 0;
}
