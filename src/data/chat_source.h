/* chat_source.h - demonstrations as documents to pack: each conversation rendered once
 * by the chat template, kept in memory as ids with a weight of 1 on what the assistant
 * must learn to write and 0 on the rest.
 *
 * Memory: 5 bytes a token. */
#ifndef DATA_CHAT_SOURCE_H
#define DATA_CHAT_SOURCE_H

#include "data/corpus.h"
#include "data/pack.h"
#include "text/template.h"

typedef struct ChatSource ChatSource;
/* Renders every RECORD_CHAT of the list; the list is not needed afterwards. ERR_FORMAT
 * says which conversation is at fault. */
NODISCARD Status chat_source_new(ChatSource **out, const RecordList *chats,
                                 const ChatTemplate *chat, Err *err);
void chat_source_free(ChatSource *s);             /* accepts NULL */
PackSource chat_source_pack(ChatSource *s);       /* borrows s */
int64_t chat_source_tokens(const ChatSource *s);  /* of all conversations */
int64_t chat_source_learned(const ChatSource *s); /* those with weight 1 */

#endif
