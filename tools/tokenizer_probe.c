/* tokenizer_probe.c - the tokenizer without the rest of the program, for
 * compare_tokenizer.py, which compiles it:
 *
 *     probe train FILE VOCAB PATTERN FOLDER    PATTERN 0 gpt2, 1 cl100k, 2 qwen2
 *     probe import FILE VOCAB FOLDER           llama2.c's vocabulary
 *     probe encode FOLDER FILE                 ids of the text; it must come back
 *     probe chat FOLDER FILE                   ids of a JSON list of messages
 */
#include "base/file.h"
#include "base/system.h"
#include "format/json.h"
#include "text/bpe_train.h"
#include "text/template.h"
#include "text/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>

static Status train(char **args, Err *err)
{
    FileMap map;
    BpeTrainer *trainer = NULL;
    Tokenizer *tok = NULL;
    TRY(file_map(args[0], &map, err));
    Span text = {(const char *)map.ptr, map.len};
    double start = system_seconds();
    SplitPattern pattern = (SplitPattern)strtol(args[2], NULL, 10);
    Status status = bpe_trainer_new(&trainer, pattern, err);
    if (status == OK)
        status = bpe_trainer_add(trainer, &text, 1, err);
    if (status == OK)
        status =
            bpe_trainer_finish(trainer, (int32_t)strtol(args[1], NULL, 10), &tok, err);
    fprintf(stderr, "trained at %.1f MB/s\n",
            1e-6 * (double)text.len / (system_seconds() - start));
    if (status == OK)
        status = tokenizer_save(tok, args[3], err);
    tokenizer_free(tok);
    bpe_trainer_free(trainer);
    file_unmap(&map);
    return status;
}

static Status import(char **args, Err *err)
{
    Str file = {0};
    Tokenizer *tok = NULL;
    Status status = file_read(args[0], 1 << 30, &file, err);
    if (status == OK)
        status = tokenizer_from_llama2c(&tok, str_span(&file),
                                        (int32_t)strtol(args[1], NULL, 10), err);
    if (status == OK)
        status = tokenizer_save(tok, args[2], err);
    tokenizer_free(tok);
    str_release(&file);
    return status;
}

static void print_ids(const Ids *ids)
{
    for (size_t i = 0; i < ids->len; i++)
        printf("%d\n", (int)ids->ptr[i]);
}

static Status encode(const Tokenizer *tok, Span text, Ids *ids, Err *err)
{
    Str back = {0};
    double start = system_seconds();
    TRY(tokenizer_encode(tok, text, ids, err));
    fprintf(stderr, "encoded at %.1f MB/s\n",
            1e-6 * (double)text.len / (system_seconds() - start));
    Status status = tokenizer_decode(tok, ids->ptr, ids->len, false, &back, err);
    Span got = str_span(&back);
    if (tokenizer_kind(tok) == TOKENIZER_SCORES && got.len > 0)
        got = (Span){got.ptr + 1, got.len - 1}; /* the dummy space */
    if (status == OK && !span_equal(got, text))
        status = err_set(err, ERR_FORMAT, "decoding does not give the text back");
    str_release(&back);
    return status;
}

static Status add_message(Conversation *c, const json_t *o, Err *err)
{
    Span role_text, content, name, args;
    Role role;
    TRY(json_get_text(o, "role", &role_text, err));
    TRY(role_parse(role_text, &role, err));
    const json_t *calls = json_object_get(o, "tool_calls");
    if (!calls) {
        TRY(json_get_text(o, "content", &content, err));
        return conversation_add(c, role, content, err);
    }
    const json_t *function = json_object_get(json_array_get(calls, 0), "function");
    TRY(json_get_text(function, "name", &name, err));
    TRY(json_get_text(json_object_get(function, "arguments"), "expression", &args,
                      err));
    return conversation_add_call(c, name, args, err);
}

static Status chat(const Tokenizer *tok, Span text, Ids *ids, Err *err)
{
    json_t *list;
    ChatTemplate *t = NULL;
    Conversation c = {0};
    Status status = json_parse(text, &list, err);
    for (size_t i = 0; status == OK && i < json_array_size(list); i++)
        status = add_message(&c, json_array_get(list, i), err);
    if (status == OK)
        status = template_new(&t, tok, err);
    if (status == OK)
        status = template_render(t, &c, true, ids, NULL, err);
    template_free(t);
    conversation_release(&c);
    json_decref(list);
    return status;
}

static Status with_folder(char **args, bool is_chat, Err *err)
{
    Str text = {0};
    Tokenizer *tok = NULL;
    Ids ids = {0};
    Status status = tokenizer_load(&tok, args[0], err);
    if (status == OK)
        status = file_read(args[1], 1 << 30, &text, err);
    if (status == OK)
        status = is_chat ? chat(tok, str_span(&text), &ids, err)
                         : encode(tok, str_span(&text), &ids, err);
    if (status == OK)
        print_ids(&ids);
    ids_release(&ids);
    tokenizer_free(tok);
    str_release(&text);
    return status;
}

int main(int argc, char **argv)
{
    Err err = {0};
    Status status = err_set(&err, ERR_OPTION, "see the head of tokenizer_probe.c");
    Span what = span_of(argc > 1 ? argv[1] : "");
    if (span_equal(what, SPAN("train")) && argc == 6)
        status = train(argv + 2, &err);
    else if (span_equal(what, SPAN("import")) && argc == 5)
        status = import(argv + 2, &err);
    else if (span_equal(what, SPAN("encode")) && argc == 4)
        status = with_folder(argv + 2, false, &err);
    else if (span_equal(what, SPAN("chat")) && argc == 4)
        status = with_folder(argv + 2, true, &err);
    if (status != OK)
        fprintf(stderr, "tokenizer_probe: %s\n", err.msg);
    return status == OK ? 0 : 1;
}
