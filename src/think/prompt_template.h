/* prompt_template.h - prompts that are used again and again, as files of YAML in the manner
 * of simonw/llm:
 *
 *     prompt: Translate into $language: $input
 *     system: You are a translator.
 *     model: http://localhost:8080/v1#qwen2.5
 *     think: cot
 *     defaults: {language: French}
 *     options: {temperature: 0, max_new: 200}
 *     schema: "translation, notes"       short form, or JSON Schema as a mapping
 *     extract: true                      the answer is its first block of code; last
 *
 * $name and ${name} stand for parameters, $input for what was asked or piped, $$ for a
 * dollar; a dollar before anything else is itself. What is put in is not looked at again:
 * an input that says $name is those letters. Pure; fuzz/fuzz_prompt_template.c. */
#ifndef THINK_PROMPT_TEMPLATE_H
#define THINK_PROMPT_TEMPLATE_H

#include "base/err.h"
#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>

typedef enum TemplateExtract {
    EXTRACT_NO,
    EXTRACT_FIRST,
    EXTRACT_LAST
} TemplateExtract;

typedef struct PromptTemplate {
    char *prompt, *system, *model, *think; /* owned; NULL: not said */
    json_t *defaults, *options;            /* objects; NULL */
    json_t *schema;                        /* JSON Schema; NULL */
    TemplateExtract extract;
} PromptTemplate;
void prompt_template_release(PromptTemplate *t); /* accepts zeroed */

/* ERR_FORMAT and ERR_OPTION say what is wrong; unknown keys are. */
NODISCARD Status prompt_template_parse(Span yaml, PromptTemplate *out, Err *err);
/* Appends YAML that prompt_template_parse reads back to the same. */
NODISCARD Status prompt_template_write(const PromptTemplate *t, Str *out, Err *err);

typedef struct TemplateParam {
    Span name, value; /* borrowed */
} TemplateParam;
/* Appends `text` (the template's prompt or system) with everything put in. A given parameter
 * goes before the template's default. *used: $input was in it (only ever set). ERR_OPTION
 * names a parameter that has neither. */
NODISCARD Status prompt_template_fill(const PromptTemplate *t, Span text,
                                      const TemplateParam *params, size_t n, Span input,
                                      Str *out, bool *used, Err *err);
/* The prompt and the system text of a question. Without a prompt it is the input; input
 * that neither has a place for stands behind the prompt. */
NODISCARD Status prompt_template_apply(const PromptTemplate *t,
                                       const TemplateParam *params, size_t n,
                                       Span input, Str *prompt, Str *system, Err *err);

/* Where templates are: $TAME_TEMPLATES, or $XDG_CONFIG_HOME/tame/templates, or
 * ~/.config/tame/templates, and NAME.yaml in it. A name is letters, digits, - _ and . but
 * not at its beginning. */
NODISCARD Status prompt_template_path(const char *name, Str *out, Err *err);
/* By name, or by path where there is a / in it. */
NODISCARD Status prompt_template_load(const char *name, PromptTemplate *out, Err *err);
/* Makes the folder. A template of that name is replaced. */
NODISCARD Status prompt_template_save(const char *name, const PromptTemplate *t,
                                      Err *err);

#endif
