/* record_json.c - see record_json.h. */
#include "data/record_json.h"

/* A call as {"role": "assistant", "tool_calls": [...]}, other messages as usual. */
static json_t *message_json(const Message *m)
{
    json_t *o = json_object();
    json_object_set_new(o, "role", json_string(role_name(m->role)));
    json_object_set_new(o, "content", json_from_bytes((Span){m->content, m->len}));
    if (!m->call_name)
        return o;
    json_t *call = json_object(), *function = json_object(), *calls = json_array();
    json_object_set_new(function, "name", json_from_bytes(span_of(m->call_name)));
    if (m->call_args)
        json_object_set_new(function, "arguments",
                            json_from_bytes(message_call_args(m)));
    json_object_set_new(call, "type", json_string("function"));
    json_object_set_new(call, "function", function);
    json_array_append_new(calls, call);
    json_object_set_new(o, "tool_calls", calls);
    return o;
}

json_t *conversation_json(const Conversation *c)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->n; i++)
        json_array_append_new(list, message_json(&c->messages[i]));
    return list;
}

json_t *answer_json(const Conversation *answer)
{
    const Message *first = answer->messages;
    bool is_transcript =
        answer->n == 1 &&
        span_starts((Span){first->content, first->len}, SPAN("\n\nHuman:"));
    if (answer->n == 1 && !first->call_name && !is_transcript)
        return json_from_bytes((Span){first->content, first->len});
    return conversation_json(answer);
}
