// floor: eval
/* fuzz_reward_reply.c - whatever a program writes is a finite score with an id or none, or
 * is refused with a reason. */
#include "eval/reward_program.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Err err = {0};
    RewardReply reply;
    Status status = reward_reply_parse((Span){(const char *)data, size}, &reply, &err);
    if (status == OK)
        ASSERT(isfinite(reply.score) && reply.id >= -1);
    else
        ASSERT(status == ERR_FORMAT && err.msg[0]);
    return 0;
}
