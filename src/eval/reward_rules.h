/* reward_rules.h - rewards that are rules: exact match with a field of the prompt's row,
 * regular expression, length, format; and the one that is drawn at random. What each says
 * is in reward_spec.h. */
#ifndef EVAL_REWARD_RULES_H
#define EVAL_REWARD_RULES_H

#include "eval/reward.h"
#include "eval/reward_spec.h"

/* part (REWARD_EXACT, REGEX, LENGTH, FORMAT or RANDOM), tokenizer and template are borrowed. */
NODISCARD Status reward_from_rule(Reward *out, const RewardPart *part,
                                  const Tokenizer *tok, const ChatTemplate *chat,
                                  Err *err);
/* Whether a prompt with this row (NULL: none) can be judged: ERR_FORMAT when a field is
 * missing or of no use. */
NODISCARD Status reward_rule_check(const RewardPart *part, const json_t *row, Err *err);

/* The text of the answer's last message, what a person would read, as valid UTF-8 (what is
 * not becomes U+FFFD). *raw and *out are reset first; raw is scratch. */
NODISCARD Status reward_text(const Tokenizer *tok, const ChatTemplate *chat,
                             const RewardItem *item, Str *raw, Str *out, Err *err);

#endif
