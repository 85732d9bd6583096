/* template.h - conversations as token ids: the one object that renders chats in SFT (with
 * the loss mask), RL, chat, server and export.
 *
 *     <|bos|> ( <|system|> text <|im_end|> )?
 *     ( <|user|> text <|im_end|> <|assistant|> text <|im_end|> )+
 *
 * An assistant turn may be a tool call, answered by a tool turn and followed by another
 * assistant turn:
 *
 *     <|assistant|> <|call|> calculator(12*7) <|im_end|> <|tool|> 84 <|im_end|>
 *     <|assistant|> 12 * 7 = 84. <|im_end|>
 *
 * The loss mask is 1 on what the assistant must learn to write: its text, <|call|> with
 * the call, and its <|im_end|>; 0 on bos, role tokens, other roles and tool results.
 * Text is encoded with tokenizer_encode: a user who types "<|assistant|>" gets letters.
 * The same template as Jinja text is stored in tokenizer_config.json, so that
 * transformers' apply_chat_template gives the same ids. */
#ifndef TEXT_TEMPLATE_H
#define TEXT_TEMPLATE_H

#include "text/tokenizer.h"

typedef enum Role { ROLE_SYSTEM, ROLE_USER, ROLE_ASSISTANT, ROLE_TOOL } Role;
const char *role_name(Role role);
NODISCARD Status role_parse(Span name, Role *out,
                            Err *err); /* human, gpt ... accepted */

typedef struct Message {
    Role role;
    char *content; /* owned, NUL-terminated; "" for a pure call */
    size_t len;
    char *call_name; /* ROLE_ASSISTANT: a tool call, else NULL */
    char *call_args; /* the argument text, e.g. "12*7"; NULL: a call that is not of the
                        form name(args), kept verbatim in call_name */
} Message;

typedef struct Conversation {
    Message *messages;
    size_t n, cap;
} Conversation;
NODISCARD Status conversation_add(Conversation *c, Role role, Span content, Err *err);
/* args.ptr NULL: a malformed call, `name` is its whole text. */
NODISCARD Status conversation_add_call(Conversation *c, Span name, Span args, Err *err);
/* The two halves of a call; ptr NULL where there is none. */
Span message_call_name(const Message *m);
Span message_call_args(const Message *m);
/* Is text a call "name(args)"? The parts are borrowed from it. */
bool call_parse(Span text, Span *name, Span *args);
/* Messages from..to-1 of a conversation behind those of another. */
NODISCARD Status conversation_append(Conversation *dst, const Conversation *src,
                                     size_t from, size_t to, Err *err);
NODISCARD Status conversation_copy(Conversation *dst, const Conversation *src,
                                   Err *err);
void conversation_reset(Conversation *c);
void conversation_release(Conversation *c);
/* Order of roles: an optional system first, user first after it, assistant after user or
 * tool, tool only after a call, no empty user text ... ERR_FORMAT says what and where. */
NODISCARD Status conversation_check(const Conversation *c, Err *err);

typedef struct ChatTemplate ChatTemplate; /* borrowed tokenizer inside */
/* ERR_FORMAT, naming what is missing, when the tokenizer has not the special tokens. */
NODISCARD Status template_new(ChatTemplate **out, const Tokenizer *tok, Err *err);
void template_free(ChatTemplate *t);
/* Appends ids and, when mask is not NULL, one byte an id (mask[i] 1: ids[i] is learned).
 * With generation_prompt the last token is <|assistant|>, ready for an answer. */
NODISCARD Status template_render(const ChatTemplate *t, const Conversation *c,
                                 bool generation_prompt, Ids *ids, Str *mask, Err *err);
/* Parses what an assistant produced after a generation prompt (until the final
 * <|im_end|>, tool turns included) into messages appended to c, which then go on with
 * what c holds as conversation_check wants it. A special token out of place ends it, and
 * so does a call of nothing; a call that is not name(args) is text. */
NODISCARD Status template_parse_answer(const ChatTemplate *t, const int32_t *ids,
                                       size_t n, Conversation *c, Err *err);
int32_t template_id(const ChatTemplate *t, Role role); /* the role's token */
int32_t template_end(const ChatTemplate *t);
int32_t template_call(const ChatTemplate *t);
const char *template_jinja(void); /* the same template for transformers */

#endif
