/* tokenize.c - `tame tokenize DIR [FILE]`: texts and conversations as the ids that a
 * model gets, and ids as text again: for looking at a tokenizer, and for comparing it
 * with other programs (docs/interop.md).
 *
 * Ids come a line for each text or conversation; --show gives each token its own line:
 * id, bytes and, in a conversation, a '+' where training learns to write it. */
#include "cli/command.h"

#include "base/file.h"
#include "data/record.h"
#include "data/rows.h"
#include "text/template.h"
#include "text/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 1 << 30 };
typedef enum InputKind { FROM_TEXT, FROM_MESSAGES, FROM_IDS } InputKind;

typedef struct TokenizeOptions {
    int from;
    char *separator;
    bool show, generation_prompt, specials;
} TokenizeOptions;

static const char *const input_names[] = {"text", "messages", "ids", NULL};
static const OptField fields[] = {
    OPT_CHOICE(TokenizeOptions, from, FROM_TEXT, input_names,
               "what the input is; messages: JSON Lines with conversations"),
    OPT_TEXT(TokenizeOptions, separator, NULL,
             "from text: each of several texts ends with this; unset: all is one text"),
    OPT_BOOL(TokenizeOptions, show, 0, "a line for each token: its id and its bytes"),
    OPT_BOOL(TokenizeOptions, generation_prompt, 0,
             "from messages: end where the assistant's next answer begins"),
    OPT_BOOL(TokenizeOptions, specials, 0, "from ids: write special tokens by name"),
    OPT_END,
};
static const OptTable tokenize_options = {"tokenize", "options",
                                          sizeof(TokenizeOptions), fields};

/* --- ids out --------------------------------------------------------------------- */
static void print_tokens(const Tokenizer *tok, const Ids *ids, const Str *mask)
{
    Str bytes = {0};
    for (size_t i = 0; i < ids->len; i++) {
        bool learned = mask && mask->ptr[i];
        str_reset(&bytes);
        str_quote(&bytes, tokenizer_bytes(tok, ids->ptr[i]), 1000);
        printf("%7d %c '%s'\n", (int)ids->ptr[i], learned ? '+' : ' ', str_c(&bytes));
    }
    str_release(&bytes);
}

static void print_ids(const Tokenizer *tok, const Ids *ids, const Str *mask, bool show)
{
    if (show)
        print_tokens(tok, ids, mask);
    for (size_t i = 0; !show && i < ids->len; i++)
        printf(i ? " %d" : "%d", (int)ids->ptr[i]);
    putchar('\n');
}

/* --- texts ----------------------------------------------------------------------- */

/* The text at the front of *rest, which loses it and its separator. */
static Span next_text(Span *rest, const char *separator)
{
    Span end = separator ? span_of(separator) : (Span){0};
    ptrdiff_t at = end.len > 0 ? span_find(*rest, end, 0) : -1;
    Span text = {rest->ptr, at < 0 ? rest->len : (size_t)at};
    size_t used = at < 0 ? rest->len : text.len + end.len;
    *rest = (Span){rest->ptr + used, rest->len - used};
    return text;
}

static Status encode_texts(const Tokenizer *tok, const char *path,
                           const TokenizeOptions *o, Err *err)
{
    Str all;
    Ids ids = {0};
    Encoder *encoder = NULL;
    TRY(file_read(path, MOST_BYTES, &all, err));
    Span rest = str_span(&all);
    Status status = encoder_new(&encoder, tok, err);
    while (status == OK) {
        ids_reset(&ids);
        status = encoder_encode(encoder, next_text(&rest, o->separator), &ids, err);
        if (status == OK)
            print_ids(tok, &ids, NULL, o->show);
        if (rest.len == 0)
            break;
    }
    encoder_free(encoder);
    ids_release(&ids);
    str_release(&all);
    return status;
}

/* --- conversations --------------------------------------------------------------- */
typedef struct Renderer {
    const Tokenizer *tok; /* borrowed */
    ChatTemplate *chat;
    Rows *rows;
    Record record;
    Ids ids;
    Str mask;
} Renderer;

static Status render_row(Renderer *r, Span row, const TokenizeOptions *o, Err *err)
{
    TRY(record_parse(row, &r->record, err));
    if (r->record.kind != RECORD_CHAT && r->record.kind != RECORD_PROMPT)
        return err_set(err, ERR_FORMAT, "the row is no conversation");
    TRY(conversation_check(&r->record.chat, err));
    ids_reset(&r->ids);
    str_reset(&r->mask);
    TRY(template_render(r->chat, &r->record.chat, o->generation_prompt, &r->ids,
                        &r->mask, err));
    print_ids(r->tok, &r->ids, &r->mask, o->show);
    return OK;
}

static Status render_rows(Renderer *r, const TokenizeOptions *o, Err *err)
{
    for (;;) {
        Span row;
        bool is_text, end;
        TRY(rows_next(r->rows, &row, &is_text, &end, err));
        if (end)
            return OK;
        Status status = is_text ? err_set(err, ERR_FORMAT, "text is no conversation")
                                : render_row(r, row, o, err);
        if (status != OK)
            return err_context(err, "%s", rows_where(r->rows));
    }
}

static Status encode_messages(const Tokenizer *tok, const char *path,
                              const TokenizeOptions *o, Err *err)
{
    Renderer r = {.tok = tok};
    Status status = template_new(&r.chat, tok, err);
    if (status == OK)
        status = rows_open(&r.rows, path, ROWS_FILE, err);
    if (status == OK)
        status = render_rows(&r, o, err);
    str_release(&r.mask);
    ids_release(&r.ids);
    record_release(&r.record);
    rows_close(r.rows);
    template_free(r.chat);
    return status;
}

/* --- ids ------------------------------------------------------------------------- */

/* Numbers with blanks, commas or brackets between them. */
static Status read_ids(const Str *input, Ids *ids, Err *err)
{
    const char *text = str_c(input), *end_of_input = text + input->len;
    for (;;) {
        text += strspn(text, " \t\r\n,[]");
        if (text == end_of_input)
            return OK;
        char *end;
        long id = strtol(text, &end, 10);
        if (end == text || id < 0 || id > INT32_MAX) {
            Str shown = {0};
            str_quote(&shown, (Span){text, (size_t)(end_of_input - text)}, 20);
            err_set(err, ERR_FORMAT, "'%s' is no token id", str_c(&shown));
            str_release(&shown);
            return ERR_FORMAT;
        }
        TRY(ids_push(ids, (int32_t)id, err));
        text = end;
    }
}

static Status decode_ids(const Tokenizer *tok, const char *path,
                         const TokenizeOptions *o, Err *err)
{
    Str input, text = {0};
    Ids ids = {0};
    TRY(file_read(path, MOST_BYTES, &input, err));
    Status status = read_ids(&input, &ids, err);
    if (status == OK)
        status = tokenizer_decode(tok, ids.ptr, ids.len, o->specials, &text, err);
    if (status == OK && o->show)
        print_tokens(tok, &ids, NULL);
    else if (status == OK)
        fwrite(str_c(&text), 1, text.len, stdout);
    ids_release(&ids);
    str_release(&text);
    str_release(&input);
    return status;
}

/* --- the command ----------------------------------------------------------------- */
static Status tokenize(const char *folder, const char *path, const TokenizeOptions *o,
                       Err *err)
{
    static Status (*const work[])(const Tokenizer *, const char *,
                                  const TokenizeOptions *, Err *) = {
        [FROM_TEXT] = encode_texts,
        [FROM_MESSAGES] = encode_messages,
        [FROM_IDS] = decode_ids,
    };
    Tokenizer *tok;
    TRY(tokenizer_load(&tok, folder, err));
    Status status = work[o->from](tok, path, o, err);
    tokenizer_free(tok);
    if (status == OK && (fflush(stdout) != 0 || ferror(stdout)))
        return err_system(err, "write", "standard output");
    return status;
}

static int work(void *self, const char **words, size_t n)
{
    Err err = {0};
    const char *file = n > 1 ? words[1] : "/dev/stdin";
    return command_end(tokenize(words[0], file, self, &err), &err);
}

int tokenize_command(int argc, char **argv)
{
    TokenizeOptions o = {0};
    const OptBinding bindings[] = {{&tokenize_options, &o}};
    const Usage usage = {
        .name = "tokenize",
        .words = "DIR [FILE]",
        .what = "Prints the token ids of a text or of conversations, a line each, or "
                "the text of ids, by\nthe tokenizer in DIR. Without FILE it reads "
                "standard input.",
        .examples =
            "  printf 'Once upon a time' | tame tokenize runs/demo/base --show\n"
            "  tame tokenize runs/demo/base story.txt | "
            "tame tokenize runs/demo/base --from ids\n"
            "  tame tokenize runs/demo/sft chats.jsonl --from messages --show\n",
        .options = bindings,
        .n_options = sizeof bindings / sizeof *bindings,
    };
    return command_run(&usage, argc, argv, 1, 2, work, &o);
}
