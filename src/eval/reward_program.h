/* reward_program.h - a reward that is any executable: a line of JSON for each answer in, a
 * line with its score out, in any language.
 *
 *     in   {"id": 7, "prompt": [{"role": "user", "content": "What is 12 * 7?"}],
 *           "answer": "12 * 7 = 84.", "messages": [...], "ended": true, "tokens": 9,
 *           "row": {"prompt": "What is 12 * 7?", "expected": "84"}}
 *     out  0.5      or     {"id": 7, "score": 0.5}     or     {"error": "no such row"}
 *
 * `answer` is the text of the last message, `messages` all of the answer, tool calls and
 * results among them, `row` what the prompt's row of data holds. With ids, answers may come
 * in any order; without, in the order asked, and a line too many may be taken for the
 * answer to the next question. The program is started once and kept; it
 * should write each line at once (flush!) and end when its input does.
 *
 * A program that says nothing for `timeout` seconds, ends, or writes what is no score, is
 * started again and asked what it has not answered; after `attempts` on one answer it is an
 * error that says what happened, or, with `failed`, that answer's score. */
#ifndef EVAL_REWARD_PROGRAM_H
#define EVAL_REWARD_PROGRAM_H

#include "eval/reward.h"
#include "eval/reward_spec.h"

/* Starts it. part (REWARD_PROGRAM), tokenizer and template are borrowed. hurries: a stop
 * that is asked for ends the wait at once (ERR_STOPPED); else the reply is waited for, so
 * that a training can save what it has. */
NODISCARD Status reward_from_program(Reward *out, const RewardPart *part,
                                     const Tokenizer *tok, const ChatTemplate *chat,
                                     bool hurries, Err *err);

/* One line that a program wrote. id is -1 when it names none. ERR_FORMAT: not a score, or
 * what the program says is wrong. Pure; fuzz/fuzz_reward_reply.c. */
typedef struct RewardReply {
    int64_t id;
    double score;
} RewardReply;
NODISCARD Status reward_reply_parse(Span line, RewardReply *out, Err *err);

#endif
