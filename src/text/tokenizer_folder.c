/* tokenizer_folder.c - tokenizers as files of a model folder: tokenizer.json,
 * tokenizer_config.json, and the chat_template.jinja that transformers may have put
 * beside them (it goes before the one in the config). */
#include "base/file.h"
#include "text/tokenizer_internal.h"
#include "text/tokenizer_write.h"

enum { MOST_BYTES = 256 << 20 };

/* An absent file is empty, unless it must be there. */
static Status read_text(const char *folder, const char *name, bool must, Str *out,
                        Err *err)
{
    Str path = {0};
    file_join(&path, folder, name);
    Status status = str_check(&path, err);
    if (status == OK && (must || file_exists(str_c(&path))))
        status = file_read(str_c(&path), MOST_BYTES, out, err);
    str_release(&path);
    return status;
}

static Status load(Tokenizer **out, const char *folder, Str texts[3], Err *err)
{
    TRY(read_text(folder, "tokenizer.json", true, &texts[0], err));
    TRY(read_text(folder, "tokenizer_config.json", false, &texts[1], err));
    TRY(read_text(folder, "chat_template.jinja", false, &texts[2], err));
    if (tokenizer_from_json(out, str_span(&texts[0]), str_span(&texts[1]), err) != OK)
        return err_context(err, "tokenizer in '%s'", folder);
    if (texts[2].len > 0)
        return tokenizer_set_template(*out, str_span(&texts[2]), err);
    return OK;
}

Status tokenizer_load(Tokenizer **out, const char *folder, Err *err)
{
    Str texts[3] = {{0}, {0}, {0}};
    *out = NULL;
    Status status = load(out, folder, texts, err);
    for (int i = 0; i < 3; i++)
        str_release(&texts[i]);
    if (status != OK) {
        tokenizer_free(*out);
        *out = NULL;
    }
    return status;
}

static Status write_text(const char *folder, const char *name, const Str *text,
                         Err *err)
{
    TRY(str_check(text, err));
    Str path = {0};
    file_join(&path, folder, name);
    Status status = str_check(&path, err);
    if (status == OK)
        status = file_write_atomic(str_c(&path), text->ptr, text->len, err);
    str_release(&path);
    return status;
}

Status tokenizer_save(const Tokenizer *tok, const char *folder, Err *err)
{
    Str json = {0}, config = {0};
    tokenizer_write_json(tok, &json);
    tokenizer_write_config(tok, &config);
    Status status = write_text(folder, "tokenizer.json", &json, err);
    if (status == OK)
        status = write_text(folder, "tokenizer_config.json", &config, err);
    str_release(&json);
    str_release(&config);
    return status;
}
