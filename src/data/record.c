/* record.c - one row of JSON to one Record, see record.h.
 *
 * The layout is chosen by the keys. Wherever a conversation is expected, three forms
 * are understood (add_turns): a text, which is one turn of the expected role; a text in
 * "\n\nHuman: ...\n\nAssistant: ..." layout; messages. So a comparison may have its
 * prompt as text and its answers as messages, as data sets in the wild do.
 *
 * Rows of nothing but text are the bulk of all data, and have a way of their own
 * (record_text.c).
 *
 * Comparisons whose answers repeat the prompt, or have none, are brought to one form:
 * the prompt is what all answers begin with, and ends where an assistant is to
 * speak. */
#include "data/record.h"

#include "data/record_text.h"
#include "format/json.h"

#include <string.h>

enum { MOST_MARGIN = 1000000 };

static Span text_of(const json_t *string)
{
    return (Span){json_string_value(string), json_string_length(string)};
}

static bool has(const json_t *row, const char *key)
{
    const json_t *value = json_object_get(row, key);
    return value && !json_is_null(value);
}

/* --- tool calls ------------------------------------------------------------------ */
/* {"expression": "12*7"} is the text 12*7; several arguments stay JSON. */
static void argument_text(const json_t *args, Str *out)
{
    const json_t *value = args;
    if (json_object_size(args) == 1)
        value = json_object_iter_value(json_object_iter(json_iterable(args)));
    else if (!args || json_is_null(args) || json_is_object(args))
        value = json_object_size(args) > 0 ? args : NULL;
    if (json_is_string(value))
        str_span_append(out, text_of(value));
    else if (value)
        json_append(out, value);
}

/* {"name": ..., "arguments": ...}: arguments are an object, the text of one (OpenAI),
 * or the argument itself. Without "arguments", the name is a call that could not be
 * parsed. */
static Status add_call(const json_t *function, Conversation *c, Err *err)
{
    Span name;
    TRY(json_get_text(function, "name", &name, err));
    if (name.len == 0)
        return err_set(err, ERR_FORMAT, "a tool call without a name");
    const json_t *args = json_object_get(function, "arguments");
    json_t *inner = NULL;
    Err ignored;
    if (json_is_string(args) && json_parse(text_of(args), &inner, &ignored) == OK &&
        json_is_object(inner))
        args = inner;
    Str text = {0};
    argument_text(args, &text);
    Status status = str_check(&text, err);
    if (status == OK)
        status =
            conversation_add_call(c, name, args ? str_span(&text) : (Span){0}, err);
    str_release(&text);
    json_decref(inner);
    return status;
}

/* [{"type": "function", "function": {...}}], or the function alone. */
static Status add_tool_calls(const json_t *calls, Conversation *c, Err *err)
{
    if (!json_is_array(calls) || json_array_size(calls) != 1)
        return err_set(err, ERR_FORMAT,
                       "'tool_calls' must be one call a message, not %zu",
                       json_array_size(calls));
    const json_t *call = json_array_get(calls, 0);
    const json_t *function = json_object_get(call, "function");
    return add_call(function ? function : call, c, err);
}

/* --- messages -------------------------------------------------------------------- */
/* A text, or parts [{"type": "text", "text": ...}] joined. */
static Status content_text(const json_t *content, Str *out, Err *err)
{
    if (json_is_string(content)) {
        str_span_append(out, text_of(content));
        return str_check(out, err);
    }
    if (!json_is_array(content))
        return err_set(err, ERR_FORMAT, "the content of a message must be text");
    for (size_t i = 0; i < json_array_size(content); i++) {
        const json_t *text = json_object_get(json_array_get(content, i), "text");
        if (!json_is_string(text))
            return err_set(err, ERR_FORMAT, "part %zu of a message is not text", i + 1);
        str_span_append(out, text_of(text));
    }
    return str_check(out, err);
}

/* ShareGPT's {"from": "function_call", "value": "{\"name\": ...}"}. */
static Status add_sharegpt_call(const json_t *value, Conversation *c, Err *err)
{
    json_t *function = NULL;
    if (!json_is_string(value))
        return err_set(err, ERR_FORMAT, "the value of a function_call must be text");
    Status status = json_parse(text_of(value), &function, err);
    if (status == OK)
        status = add_call(function, c, err);
    if (status != OK)
        err_context(err, "function_call");
    json_decref(function);
    return status;
}

/* text/ knows the common names; here are those of the layouts that only we read. */
static Status parse_role(Span name, Role *out, Err *err)
{
    bool is_result = span_equal(name, SPAN("observation")) || /* ShareGPT */
                     span_equal(name, SPAN("ipython"));       /* Llama 3 */
    if (!is_result)
        return role_parse(name, out, err);
    *out = ROLE_TOOL;
    return OK;
}

/* {"role", "content"} or {"from", "value"}; "tool_calls" may stand beside content. */
static Status add_message(const json_t *m, Conversation *c, Err *err)
{
    if (!json_is_object(m))
        return err_set(err, ERR_FORMAT, "a message must be an object");
    bool sharegpt = has(m, "from");
    const json_t *content = json_object_get(m, sharegpt ? "value" : "content");
    Span name;
    TRY(json_get_text(m, sharegpt ? "from" : "role", &name, err));
    if (span_equal(name, SPAN("function_call")))
        return add_sharegpt_call(content, c, err);
    Role role;
    TRY(parse_role(name, &role, err));
    const json_t *calls = json_object_get(m, "tool_calls");
    bool is_call = has(m, "tool_calls") && json_array_size(calls) > 0;
    if (is_call && role != ROLE_ASSISTANT)
        return err_set(err, ERR_FORMAT, "only an assistant calls tools, not '%s'",
                       role_name(role));
    if (is_call && (!content || json_is_null(content)))
        return add_tool_calls(calls, c, err);
    Str text = {0};
    Status status = content_text(content, &text, err);
    if (status == OK && !is_call)
        status = conversation_add(c, role, str_span(&text), err);
    else if (status == OK && span_trim(str_span(&text)).len > 0)
        status = err_set(err, ERR_FORMAT, "text beside a tool call is not supported");
    else if (status == OK)
        status = add_tool_calls(calls, c, err);
    str_release(&text);
    return status;
}

/* --- "\n\nHuman: ...\n\nAssistant: ..." ------------------------------------------- */
static const Span human_mark = {"\n\nHuman:", 8};
static const Span assistant_mark = {"\n\nAssistant:", 12};

/* Where the next mark at or after `from` begins (s.len if none), and whose it is. */
static size_t next_mark(Span s, size_t from, Role *role)
{
    ptrdiff_t human = span_find(s, human_mark, from);
    ptrdiff_t assistant = span_find(s, assistant_mark, from);
    if (human < 0 && assistant < 0)
        return s.len;
    bool human_first = assistant < 0 || (human >= 0 && human < assistant);
    *role = human_first ? ROLE_USER : ROLE_ASSISTANT;
    return (size_t)(human_first ? human : assistant);
}

/* A speaker who goes on after a mark of their own has one turn: two in a row would be
 * no conversation, and people's transcripts have them. */
static Status add_transcript(Span s, Conversation *c, Err *err)
{
    Role role = ROLE_USER, next_role = ROLE_USER;
    Str turn = {0};
    Status status = OK;
    for (size_t at = next_mark(s, 0, &role); at < s.len && status == OK;) {
        size_t begin = at + (role == ROLE_USER ? human_mark : assistant_mark).len;
        at = next_mark(s, begin, &next_role);
        Span text = span_trim((Span){s.ptr + begin, at - begin});
        if (turn.len > 0 && text.len > 0)
            str_puts(&turn, "\n\n");
        str_span_append(&turn, text);
        if (at < s.len && next_role == role)
            continue;
        status = str_check(&turn, err);
        if (status == OK)
            status = conversation_add(c, role, str_span(&turn), err);
        str_reset(&turn);
        role = next_role;
    }
    str_release(&turn);
    return status;
}

/* --- conversations --------------------------------------------------------------- */
/* A value as turns; a bare text is one of `role`. `key` is for messages. */
static Status add_turns_of(const json_t *value, const char *key, Role role,
                           Conversation *c, Err *err)
{
    Status status = OK;
    if (json_is_string(value)) {
        Span text = text_of(value);
        return span_starts(text, human_mark) ? add_transcript(text, c, err)
                                             : conversation_add(c, role, text, err);
    }
    if (json_is_object(value))
        status = add_message(value, c, err);
    else if (!json_is_array(value))
        return err_set(err, ERR_FORMAT, "'%s' must be text or messages", key);
    for (size_t i = 0; i < json_array_size(value) && status == OK; i++) {
        status = add_message(json_array_get(value, i), c, err);
        if (status != OK)
            err_context(err, "message %zu", i + 1);
    }
    if (status != OK)
        return err_context(err, "'%s'", key);
    return OK;
}

static Status add_turns(const json_t *row, const char *key, Role role, Conversation *c,
                        Err *err)
{
    return add_turns_of(json_object_get(row, key), key, role, c, err);
}

/* A system text beside the conversation. */
static Status add_system(const json_t *row, Conversation *c, Err *err)
{
    const json_t *text = json_object_get(row, "system");
    if (!json_is_string(text) || json_string_length(text) == 0)
        return OK;
    return conversation_add(c, ROLE_SYSTEM, text_of(text), err);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static size_t common_prefix(const Conversation *a, const Conversation *b)
{
    size_t n = 0;
    for (; n < a->n && n < b->n; n++) {
        const Message *x = &a->messages[n], *y = &b->messages[n];
        bool same = x->role == y->role && x->len == y->len &&
                    memcmp(x->content, y->content, x->len) == 0 &&
                    same_text(x->call_name, y->call_name) &&
                    same_text(x->call_args, y->call_args);
        if (!same)
            break;
    }
    return n;
}

/* How many of the first n messages make a prompt: up to the last that an assistant
 * answers. */
static size_t prompt_length(const Conversation *c, size_t n)
{
    while (n > 0 && c->messages[n - 1].role == ROLE_ASSISTANT)
        n--;
    return n;
}

/* The prompt's turns; the empty "\n\nAssistant:" with which transcripts end their
 * prompts is no turn. */
static Status parse_prompt(const json_t *row, const char *key, Conversation *out,
                           Err *err)
{
    Conversation all = {0};
    Status status = add_system(row, &all, err);
    if (status == OK)
        status = add_turns(row, key, ROLE_USER, &all, err);
    size_t n = all.n;
    if (n > 0 && all.messages[n - 1].role == ROLE_ASSISTANT &&
        all.messages[n - 1].len == 0 && !all.messages[n - 1].call_name)
        n--;
    if (status == OK && (n == 0 || prompt_length(&all, n) != n))
        status =
            err_set(err, ERR_FORMAT, "'%s' does not end with the user's turn", key);
    if (status == OK)
        status = conversation_append(out, &all, 0, n, err);
    if (status == OK)
        status = conversation_check(out, err);
    conversation_release(&all);
    return status;
}

static Status parse_chat(const json_t *row, const char *key, Record *r, Err *err)
{
    r->kind = RECORD_CHAT;
    TRY(add_system(row, &r->chat, err));
    TRY(add_turns(row, key, ROLE_USER, &r->chat, err));
    return conversation_check(&r->chat, err);
}

static Status parse_turn(const json_t *row, const char *prompt, const char *answer,
                         Record *r, Err *err)
{
    r->kind = RECORD_CHAT;
    TRY(parse_prompt(row, prompt, &r->chat, err));
    TRY(add_turns(row, answer, ROLE_ASSISTANT, &r->chat, err));
    return conversation_check(&r->chat, err);
}

/* Alpaca: the input, if any, follows the instruction after an empty line. */
static Status parse_alpaca(const json_t *row, Record *r, Err *err)
{
    r->kind = RECORD_CHAT;
    Span instruction, input = {"", 0}, output;
    TRY(json_get_text(row, "instruction", &instruction, err));
    TRY(json_get_text(row, "output", &output, err));
    if (has(row, "input"))
        TRY(json_get_text(row, "input", &input, err));
    TRY(add_system(row, &r->chat, err));
    Str user = {0};
    str_span_append(&user, instruction);
    if (input.len > 0) {
        str_puts(&user, "\n\n");
        str_span_append(&user, input);
    }
    Status status = str_check(&user, err);
    if (status == OK)
        status = conversation_add(&r->chat, ROLE_USER, str_span(&user), err);
    str_release(&user);
    TRY(status);
    TRY(conversation_add(&r->chat, ROLE_ASSISTANT, output, err));
    return conversation_check(&r->chat, err);
}

/* --- rankings -------------------------------------------------------------------- */
/* Answer k, which may repeat the prompt, and which is checked together with it. */
static Status take_answer(Record *r, int32_t k, const Conversation *given, Err *err)
{
    size_t prompt = r->chat.n, from = common_prefix(&r->chat, given);
    if (from < prompt) /* the answer alone */
        from = 0;
    TRY(conversation_append(&r->answers[k], given, from, given->n, err));
    Conversation whole = {0};
    Status status = conversation_copy(&whole, &r->chat, err);
    if (status == OK)
        status = conversation_append(&whole, given, from, given->n, err);
    if (status == OK)
        status = conversation_check(&whole, err);
    if (status == OK && whole.messages[whole.n - 1].role != ROLE_ASSISTANT)
        status = err_set(err, ERR_FORMAT, "it does not end with the assistant's turn");
    conversation_release(&whole);
    if (status != OK)
        err_context(err, "answer %d", (int)k + 1);
    return status;
}

/* Two conversations without a prompt of their own. */
static Status split_pair(Record *r, const Conversation *a, const Conversation *b,
                         Err *err)
{
    size_t prompt = prompt_length(a, common_prefix(a, b));
    if (prompt == 0)
        return err_set(err, ERR_FORMAT,
                       "'chosen' and 'rejected' do not begin with the same prompt");
    TRY(conversation_append(&r->chat, a, 0, prompt, err));
    TRY(take_answer(r, 0, a, err));
    return take_answer(r, 1, b, err);
}

/* The first of the n keys that the row has, or NULL. */
static const char *first_key(const json_t *row, const char *const *keys, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (has(row, keys[i]))
            return keys[i];
    }
    return NULL;
}

/* Where a prompt that stands by itself is. */
static const char *prompt_key(const json_t *row)
{
    static const char *const keys[] = {"prompt", "messages", "conversations",
                                       "question"};
    return first_key(row, keys, sizeof keys / sizeof *keys);
}

static Status read_margin(const json_t *value, float *out, Err *err)
{
    double margin = json_number_value(value);
    if (!json_is_number(value) || margin < 0 || margin > MOST_MARGIN)
        return err_set(err, ERR_FORMAT, "a margin must be a number from 0 to %d",
                       (int)MOST_MARGIN);
    *out = (float)margin;
    return OK;
}

/* "margins": a number an answer, of which the differences count. */
static Status parse_margins(const json_t *margins, Record *r, Err *err)
{
    if (!margins || json_is_null(margins))
        return OK;
    if (!json_is_array(margins) || json_array_size(margins) != (size_t)r->n_answers)
        return err_set(err, ERR_FORMAT,
                       "'margins' must have a number for each of the %d completions",
                       (int)r->n_answers);
    for (int32_t k = 0; k < r->n_answers; k++)
        TRY(read_margin(json_array_get(margins, (size_t)k), &r->margins[k], err));
    for (int32_t i = 0; i < r->n_answers; i++) {
        for (int32_t j = 0; j < r->n_answers; j++) {
            if (r->ranks[i] < r->ranks[j] && r->margins[i] < r->margins[j])
                return err_set(err, ERR_FORMAT,
                               "completion %d is ranked above %d, but its margin is "
                               "smaller",
                               (int)i + 1, (int)j + 1);
        }
    }
    return OK;
}

static Status parse_pair(const json_t *row, Record *r, Err *err)
{
    r->kind = RECORD_RANKING;
    r->n_answers = 2;
    r->ranks[0] = 1;
    r->ranks[1] = 2;
    if (has(row, "margin"))
        TRY(read_margin(json_object_get(row, "margin"), &r->margins[0], err));
    const char *key = prompt_key(row);
    Conversation chosen = {0}, rejected = {0};
    Status status = key ? parse_prompt(row, key, &r->chat, err) : OK;
    if (status == OK)
        status = add_turns(row, "chosen", ROLE_ASSISTANT, &chosen, err);
    if (status == OK)
        status = add_turns(row, "rejected", ROLE_ASSISTANT, &rejected, err);
    if (status == OK && common_prefix(&chosen, &rejected) == chosen.n &&
        chosen.n == rejected.n)
        status = err_set(err, ERR_FORMAT, "'chosen' and 'rejected' are the same");
    if (status == OK && !key)
        status = split_pair(r, &chosen, &rejected, err);
    else if (status == OK && (status = take_answer(r, 0, &chosen, err)) == OK)
        status = take_answer(r, 1, &rejected, err);
    conversation_release(&chosen);
    conversation_release(&rejected);
    return status;
}

static Status parse_ranks(const json_t *ranks, Record *r, Err *err)
{
    if (!json_is_array(ranks) || json_array_size(ranks) != (size_t)r->n_answers)
        return err_set(err, ERR_FORMAT,
                       "'ranks' must have a rank for each of the %d "
                       "completions",
                       (int)r->n_answers);
    for (int32_t k = 0; k < r->n_answers; k++) {
        const json_t *rank = json_array_get(ranks, (size_t)k);
        json_int_t value = json_integer_value(rank); /* 0 when it is none */
        if (value < 1 || value > r->n_answers)
            return err_set(err, ERR_FORMAT, "rank %d is not an integer from 1 to %d",
                           (int)k + 1, (int)r->n_answers);
        r->ranks[k] = (int32_t)value;
    }
    return OK;
}

/* Without ranks they are answers that nobody has compared yet. */
static Status parse_ranking(const json_t *row, Record *r, Err *err)
{
    r->kind = has(row, "ranks") ? RECORD_RANKING : RECORD_ANSWERS;
    const json_t *completions = json_object_get(row, "completions");
    size_t n = json_array_size(completions), least = r->kind == RECORD_RANKING ? 2 : 1;
    if (n < least || n > RECORD_MAX_ANSWERS)
        return err_set(err, ERR_FORMAT,
                       "'completions' must be %zu to %d answers, not %zu", least,
                       (int)RECORD_MAX_ANSWERS, n);
    TRY(parse_prompt(row, "prompt", &r->chat, err));
    r->n_answers = (int32_t)n;
    for (int32_t k = 0; k < r->n_answers; k++) {
        const json_t *answer = json_array_get(completions, (size_t)k);
        Conversation given = {0};
        Status status =
            add_turns_of(answer, "completions", ROLE_ASSISTANT, &given, err);
        if (status == OK)
            status = take_answer(r, k, &given, err);
        conversation_release(&given);
        TRY(status);
    }
    if (r->kind == RECORD_ANSWERS)
        return OK;
    TRY(parse_ranks(json_object_get(row, "ranks"), r, err));
    return parse_margins(json_object_get(row, "margins"), r, err);
}

/* --- ratings --------------------------------------------------------------------- */
/* Other labels are not ours: data sets for classifiers have such a column too. */
static bool is_rating(const json_t *label)
{
    json_int_t number = json_integer_value(label);
    return json_is_boolean(label) ||
           (json_is_integer(label) && (number == 0 || number == 1));
}

static const char *answer_key(const json_t *row)
{
    static const char *const keys[] = {"completion", "answer"};
    return first_key(row, keys, sizeof keys / sizeof *keys);
}

static const char *chat_key(const json_t *row)
{
    static const char *const keys[] = {"messages", "conversations"};
    return first_key(row, keys, sizeof keys / sizeof *keys);
}

static bool is_rated(const json_t *row)
{
    bool has_answer = prompt_key(row) && answer_key(row);
    return is_rating(json_object_get(row, "label")) && (has_answer || chat_key(row));
}

/* A whole conversation: the answer is what follows the user's last turn. */
static Status split_chat(const json_t *row, Record *r, Conversation *answer, Err *err)
{
    const char *key = chat_key(row);
    Conversation all = {0};
    Status status = add_system(row, &all, err);
    if (status == OK)
        status = add_turns(row, key, ROLE_USER, &all, err);
    size_t prompt = all.n;
    while (prompt > 0 && all.messages[prompt - 1].role != ROLE_USER)
        prompt--;
    if (status == OK)
        status = conversation_append(&r->chat, &all, 0, prompt, err);
    if (status == OK)
        status = conversation_check(&r->chat, err);
    if (status == OK)
        status = conversation_append(answer, &all, prompt, all.n, err);
    conversation_release(&all);
    return status;
}

static Status parse_rated(const json_t *row, Record *r, Err *err)
{
    const char *answer = answer_key(row);
    const json_t *label = json_object_get(row, "label");
    Conversation given = {0};
    r->kind = RECORD_RATED;
    r->n_answers = 1;
    r->labels[0] = json_is_true(label) || json_integer_value(label) == 1 ? 1 : -1;
    Status status = answer ? parse_prompt(row, prompt_key(row), &r->chat, err)
                           : split_chat(row, r, &given, err);
    if (status == OK && answer)
        status = add_turns(row, answer, ROLE_ASSISTANT, &given, err);
    if (status == OK)
        status = take_answer(r, 0, &given, err);
    conversation_release(&given);
    return status;
}

void record_to_ratings(Record *r)
{
    ASSERT(r->kind == RECORD_RANKING);
    for (int32_t i = 0; i < r->n_answers; i++) {
        int above = 0, below = 0;
        for (int32_t j = 0; j < r->n_answers; j++) {
            above += r->ranks[j] < r->ranks[i];
            below += r->ranks[j] > r->ranks[i];
        }
        r->labels[i] = (int8_t)((below > above) - (below < above));
    }
    r->kind = RECORD_RATED;
}

/* --- rows ------------------------------------------------------------------------ */
static Status parse_text(const json_t *row, Record *r, Err *err)
{
    r->kind = RECORD_TEXT;
    Span text;
    TRY(json_get_text(row, "text", &text, err));
    str_span_append(&r->text, text);
    return str_check(&r->text, err);
}

static Status unknown_layout(const json_t *row, Err *err)
{
    Str keys = {0};
    const char *key;
    json_t *value;
    json_object_foreach(json_iterable(row), key, value)
    {
        str_puts(&keys, keys.len > 0 ? "', '" : "'");
        str_quote(&keys, span_of(key), 40);
        if (keys.len > 160)
            break;
    }
    str_puts(&keys, keys.len > 0 ? "'" : "none");
    Status status =
        err_set(err, ERR_FORMAT,
                "no layout has these keys: %s (known are 'text', 'messages', "
                "'prompt' with 'completion', 'chosen' with 'rejected' and "
                "others)",
                str_c(&keys));
    str_release(&keys);
    return status;
}

static Status parse_row(const json_t *row, Record *r, Err *err)
{
    if (!json_is_object(row))
        return err_set(err, ERR_FORMAT, "a row must be an object");
    if (has(row, "chosen") || has(row, "rejected"))
        return parse_pair(row, r, err);
    if (has(row, "completions"))
        return parse_ranking(row, r, err);
    if (is_rated(row))
        return parse_rated(row, r, err);
    if (has(row, "messages"))
        return parse_chat(row, "messages", r, err);
    if (has(row, "conversations"))
        return parse_chat(row, "conversations", r, err);
    if (has(row, "prompt") && has(row, "completion"))
        return parse_turn(row, "prompt", "completion", r, err);
    if (has(row, "instruction"))
        return parse_alpaca(row, r, err);
    if (has(row, "question") && has(row, "answer"))
        return parse_turn(row, "question", "answer", r, err);
    r->kind = RECORD_PROMPT;
    if (has(row, "prompt"))
        return parse_prompt(row, "prompt", &r->chat, err);
    if (has(row, "text"))
        return parse_text(row, r, err);
    return unknown_layout(row, err);
}

void record_drop_row(Record *r)
{
    json_decref(r->row);
    r->row = NULL;
}

void record_trim_row(Record *r)
{
    static const char *const held[] = {
        "text",        "messages", "conversations", "prompt",      "completion",
        "completions", "question", "answer",        "instruction", "input",
        "output",      "chosen",   "rejected",      "system",      NULL};
    for (size_t i = 0; r->row && held[i]; i++)
        (void)json_object_del(r->row, held[i]);
}

static void record_reset(Record *r)
{
    str_reset(&r->text);
    conversation_reset(&r->chat);
    for (int32_t k = 0; k < RECORD_MAX_ANSWERS; k++)
        conversation_reset(&r->answers[k]);
    record_drop_row(r);
    r->n_answers = 0;
    memset(r->ranks, 0, sizeof r->ranks);
    memset(r->margins, 0, sizeof r->margins);
    memset(r->labels, 0, sizeof r->labels);
}

/* A row is one line: its line number is the caller's to tell. */
static void drop_line_number(Err *err)
{
    static const char prefix[] = "line 1, ";
    size_t n = sizeof prefix - 1;
    if (err && strncmp(err->msg, prefix, n) == 0)
        memmove(err->msg, err->msg + n, strlen(err->msg + n) + 1);
}

Status record_parse(Span json_line, Record *r, Err *err)
{
    record_reset(r);
    if (record_text_row(json_line, &r->text)) {
        r->kind = RECORD_TEXT;
        return OK;
    }
    TRY(str_check(&r->text, err));
    json_t *row = NULL;
    Status status = json_parse(json_line, &row, err);
    if (status != OK) {
        drop_line_number(err);
        return status;
    }
    r->row = row;
    return parse_row(row, r, err);
}

Status record_to_prompt(Record *r, Err *err)
{
    Conversation prompt = {0};
    size_t n = r->chat.n;
    while (n > 0 && r->chat.messages[n - 1].role != ROLE_USER)
        n--;
    Status status = conversation_append(&prompt, &r->chat, 0, n, err);
    if (status != OK) {
        conversation_release(&prompt);
        return status;
    }
    conversation_release(&r->chat);
    r->chat = prompt;
    for (int32_t k = 0; k < r->n_answers; k++)
        conversation_release(&r->answers[k]);
    r->n_answers = 0;
    r->kind = RECORD_PROMPT;
    return OK;
}

void record_release(Record *r)
{
    if (!r)
        return;
    str_release(&r->text);
    conversation_release(&r->chat);
    for (int32_t k = 0; k < RECORD_MAX_ANSWERS; k++)
        conversation_release(&r->answers[k]);
    record_drop_row(r);
    *r = (Record){0};
}
