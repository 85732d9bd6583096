/* call_format.h - the ways in which models write that they want a tool called:
 *
 *     native   calculator(12*7)             the text of a <|call|> turn of our own models
 *     hermes   <tool_call>                  Hermes, Qwen and those who follow them
 *              {"name": "calculator", "arguments": {"expression": "12*7"}}
 *              </tool_call>
 *     openai   [{"id": "call_1", "type": "function", "function":
 *                {"name": "calculator", "arguments": "{\"expression\":\"12*7\"}"}}]
 *     react    Thought: I have to multiply.
 *              Action: calculator[12*7]     base models, from examples (Yao et al. 2022)
 *
 * Parsers and writers are pure; what is written is parsed back to the same calls. A
 * result comes from outside: however it reads, it cannot end its own frame and begin
 * another turn or call (call_result_write). */
#ifndef THINK_TOOL_CALL_FORMAT_H
#define THINK_TOOL_CALL_FORMAT_H

#include "think/lm/lm.h"

typedef enum CallFormat {
    CALL_NATIVE,
    CALL_HERMES,
    CALL_OPENAI,
    CALL_REACT
} CallFormat;
extern const char *const call_format_names[]; /* ended by NULL */

enum { CALL_TEXT_MOST = 64 }; /* calls in one answer */

typedef struct CallText {
    Str text; /* what stands before and between the calls */
    LmCall *calls;
    size_t n, cap;
} CallText;
void call_text_release(CallText *c); /* accepts zeroed */

/* Reads an answer into *out (zeroed); n == 0: it calls nothing. Plain arguments get the
 * name of the tool's parameter, or "input" where there is no such tool. Of react, the
 * first action counts, and what follows it is dropped: results are not the model's to
 * write. ERR_FORMAT says what is wrong with a call, in words for the model. */
NODISCARD Status call_text_parse(CallFormat format, const Toolbox *box, Span answer,
                                 CallText *out, Err *err);

/* Appends n calls as a model would write them. native and react take one. */
void call_write(CallFormat format, const LmCall *calls, size_t n, Str *out);
/* Appends the part of a system text that says which tools there are and how to call them.
 * native: "", its models learned it; openai: the JSON of a request's "tools". */
void call_tools_write(CallFormat format, const Toolbox *box, Str *out);
/* Appends what a model is told of a result: hermes: <tool_response> around a JSON object in
 * which no closing tag can stand; react: one line "Observation: ..."; openai: a message of
 * the role "tool"; native: the text, which the template puts into a turn of its own. */
void call_result_write(CallFormat format, const LmCall *call, Span result, Str *out);

/* Appends the text of a constraint for "one call of one of these tools, with arguments
 * that its schema allows", and says of which kind it is: of hermes the JSON between the
 * tags, of openai {"name": ..., "arguments": {...}}, of native and react the call from its
 * name to its bracket (there the calculator's expressions are held to its grammar, texts
 * to one line, and the arguments of all other tools to JSON objects, which toolbox_call
 * then checks). ERR_OPTION: the box is empty. */
NODISCARD Status call_constraint(CallFormat format, const Toolbox *box,
                                 LmConstraintKind *kind, Str *out, Err *err);

#endif
