/* tokenizer_internal.h - the inside of a Tokenizer and how one is built: tokens in the
 * order of their ids, then merges, then tokenizer_finish(). Used by the readers
 * (tokenizer_json.c, tokenizer_llama2c.c, tokenizer_merges.c), the writer and the
 * encoder; nothing changes after tokenizer_finish(). */
#ifndef TEXT_TOKENIZER_INTERNAL_H
#define TEXT_TOKENIZER_INTERNAL_H

#include "text/byte_map.h"
#include "text/pair_map.h"
#include "text/split.h"
#include "text/tokenizer.h"

enum {
    TOKENIZER_MOST_TOKENS = 1 << 21,
    TOKENIZER_MOST_MERGES = 1 << 22,
    TOKENIZER_MOST_BYTES = 1024, /* of a token */
};

typedef enum TokenFlag {
    TOKEN_FLAG_SPECIAL = 1, /* never from text, left out of decoded text */
    TOKEN_FLAG_ADDED = 2,   /* found in text as a whole, before it is split */
    TOKEN_FLAG_BYTE = 4,    /* TOKENIZER_SCORES: stands for one raw byte */
} TokenFlag;

typedef struct Token {
    size_t at; /* of its bytes in Tokenizer.bytes */
    uint32_t len;
    uint32_t flags;
} Token;

typedef struct Merge {
    int32_t a, b, result;
    uint32_t rank; /* equal ranks: leftmost first (TOKENIZER_SCORES) */
} Merge;

struct Tokenizer {
    TokenizerKind kind;
    Split *split;       /* TOKENIZER_BYTE_BPE */
    bool nfc;           /* text is brought to NFC first (Qwen) */
    bool ignore_merges; /* a piece that is a token needs no merges (Llama 3) */
    bool dummy_prefix;  /* TOKENIZER_SCORES: a space goes in front of text */
    bool adds_bos;      /* a text by itself begins with bos: post_processor */

    Str bytes; /* of all tokens, one after the other */
    Token *tokens;
    size_t n, cap;
    Merge *merges;
    size_t n_merges, cap_merges;

    /* Tables, complete after tokenizer_finish. */
    ByteMap ordinary; /* bytes -> id << 1 | whether merging its bytes gives the token */
    ByteMap added;    /* names of special and added tokens -> id */
    PairMap pairs;    /* see text/merge.h */
    int32_t byte_ids[256];
    bool starts_added[256]; /* first bytes of tokens with TOKEN_FLAG_ADDED */
    size_t longest_added;   /* 0: none */
    int32_t bos, eos, pad, end_of_turn;
    uint64_t fingerprint;

    /* From tokenizer_config.json. */
    char *chat_template; /* NULL: none, or template_jinja() */
    int64_t max_length;  /* 0: not known */
};

NODISCARD Status tokenizer_new(Tokenizer **out, TokenizerKind kind, Err *err);
/* The next id is for these bytes. */
NODISCARD Status tokenizer_add_token(Tokenizer *tok, Span bytes, uint32_t flags,
                                     Err *err);
NODISCARD Status tokenizer_add_merge(Tokenizer *tok, Merge merge, Err *err);
/* The id of ordinary bytes or -1; while building, too. */
int32_t tokenizer_find(const Tokenizer *tok, Span bytes);
/* Checks that the parts fit, makes the tables, finds the roles of specials by name
 * unless they are set. */
NODISCARD Status tokenizer_finish(Tokenizer *tok, Err *err);

/* Remembers a chat template that is not template_jinja(). */
NODISCARD Status tokenizer_set_template(Tokenizer *tok, Span jinja, Err *err);
/* Are all specials of text/template.h there? Else the name of the first that is not. */
const char *tokenizer_missing_special(const Tokenizer *tok);

#endif
