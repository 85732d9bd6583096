/* builtin_internal.h - the functions behind the table of builtin.c. */
#ifndef THINK_TOOL_BUILTIN_INTERNAL_H
#define THINK_TOOL_BUILTIN_INTERNAL_H

#include "think/tool/tool.h"

/* All of the type of Tool.call; text_tools.c and date_time.c. */
Status date_time_call(void *self, const json_t *arguments, Str *out, bool *failed,
                      Err *err);
Status count_letters_call(void *self, const json_t *arguments, Str *out, bool *failed,
                          Err *err);
Status length_call(void *self, const json_t *arguments, Str *out, bool *failed,
                   Err *err);
Status reverse_call(void *self, const json_t *arguments, Str *out, bool *failed,
                    Err *err);
Status sort_call(void *self, const json_t *arguments, Str *out, bool *failed, Err *err);

#endif
