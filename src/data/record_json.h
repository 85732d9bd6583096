/* record_json.h - conversations as the JSON of rows: the way back of record.h. */
#ifndef DATA_RECORD_JSON_H
#define DATA_RECORD_JSON_H

#include "format/json.h"
#include "text/template.h"

/* A list of messages; a call is {"role": "assistant", "tool_calls": [...]}. A new tree. */
json_t *conversation_json(const Conversation *c);
/* What follows a prompt: a plain answer as its text, one with a tool's turns as messages,
 * and so is one that record_parse would take for a transcript. */
json_t *answer_json(const Conversation *answer);

#endif
