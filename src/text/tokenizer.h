/* tokenizer.h - ids <-> bytes. Two kinds behind one interface:
 *
 *   TOKENIZER_BYTE_BPE  byte-level BPE (Sennrich et al. 2016; Radford et al. 2019): text
 *                       is split by a pattern (text/split.h), each piece is merged by
 *                       merge ranks. Every byte string has an encoding: decode(encode(b))
 *                       = b for any bytes (or their normal form C, when a foreign
 *                       tokenizer asks for that, as Qwen's does).
 *   TOKENIZER_SCORES    score-ordered merges with byte fallback and U+2581 for spaces
 *                       (SentencePiece BPE as in Llama 2; llama2.c's vocabularies).
 *
 * Special tokens never arise from text: tokenizer_encode treats "<|user|>" as ordinary
 * characters; only the template and callers with ids make special tokens.
 * Threads: many may use one Tokenizer at a time. */
#ifndef TEXT_TOKENIZER_H
#define TEXT_TOKENIZER_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct Tokenizer Tokenizer;
typedef enum TokenizerKind { TOKENIZER_BYTE_BPE, TOKENIZER_SCORES } TokenizerKind;
typedef enum SplitPattern {
    SPLIT_GPT2,
    SPLIT_CL100K,
    SPLIT_QWEN2,
    SPLIT_CUSTOM
} SplitPattern;

/* A growing array of ids. */
typedef struct Ids {
    int32_t *ptr;
    size_t len, cap;
} Ids;
NODISCARD Status ids_append(Ids *ids, const int32_t *more, size_t n, Err *err);
NODISCARD Status ids_push(Ids *ids, int32_t id, Err *err);
NODISCARD Status ids_reserve(Ids *ids, size_t more, Err *err); /* room beyond len */
void ids_reset(Ids *ids);
void ids_release(Ids *ids);

/* --- making ------------------------------------------------------------------------ */
/* A byte-level tokenizer from merges in rank order; token 0..255 are the bytes in the
 * order of GPT-2's byte alphabet, then one token a merge, then the specials. */
NODISCARD Status tokenizer_from_merges(Tokenizer **out, SplitPattern pattern,
                                       const Span (*merges)[2], size_t n_merges,
                                       const char *const *specials, size_t n_specials,
                                       Err *err);
/* The same of bytes and TOKEN_SPECIALS alone: 265 tokens, for who reads text and has no
 * tokenizer. */
NODISCARD Status tokenizer_of_bytes(Tokenizer **out, Err *err);
/* llama2.c's tok*.bin: u32 max length, then n times f32 score, u32 length, bytes. */
NODISCARD Status tokenizer_from_llama2c(Tokenizer **out, Span bytes, int32_t vocab,
                                        Err *err);
/* tokenizer.json (and tokenizer_config.json, may be empty), pure. */
NODISCARD Status tokenizer_from_json(Tokenizer **out, Span tokenizer_json,
                                     Span tokenizer_config, Err *err);
/* From and to a folder: tokenizer.json, tokenizer_config.json. The config carries the
 * chat template (text/template.h) and names bos, eos and pad. */
NODISCARD Status tokenizer_load(Tokenizer **out, const char *folder, Err *err);
NODISCARD Status tokenizer_save(const Tokenizer *tok, const char *folder, Err *err);
void tokenizer_free(Tokenizer *tok); /* accepts NULL */

/* --- using --------------------------------------------------------------------------- */
/* Appends the ids of text; never a special token. (Tokens that a foreign tokenizer.json
 * lists as added but not special are found in text, as their users expect.) */
NODISCARD Status tokenizer_encode(const Tokenizer *tok, Span text, Ids *out, Err *err);
/* The same for much text: an Encoder remembers the ids of the pieces it has met, in
 * about two megabytes. A thread has its own; it borrows tok. */
typedef struct Encoder Encoder;
NODISCARD Status encoder_new(Encoder **out, const Tokenizer *tok, Err *err);
NODISCARD Status encoder_encode(Encoder *e, Span text, Ids *out, Err *err);
void encoder_free(Encoder *e); /* accepts NULL */
/* Appends the bytes of ids; special tokens are left out unless with_specials. Ids out of
 * range are ERR_FORMAT. */
NODISCARD Status tokenizer_decode(const Tokenizer *tok, const int32_t *ids, size_t n,
                                  bool with_specials, Str *out, Err *err);
/* The bytes of one id (borrowed from tok); its name for a special token. */
Span tokenizer_bytes(const Tokenizer *tok, int32_t id);
/* The same for an id that follows `before` (-1: nothing): TOKENIZER_SCORES puts a space
 * in front of a text, and directly behind bos that space is left out again. What
 * tokenizer_decode joins; for whoever decodes id by id. */
Span tokenizer_bytes_after(const Tokenizer *tok, int32_t before, int32_t id);
bool tokenizer_is_special(const Tokenizer *tok, int32_t id);
int32_t tokenizer_special(const Tokenizer *tok,
                          const char *name);   /* id or -1; added too */
int32_t tokenizer_vocab(const Tokenizer *tok); /* ids are [0, vocab) */
TokenizerKind tokenizer_kind(const Tokenizer *tok);
/* Hash of vocabulary, merges, pattern and specials: two tokenizers with the same
 * fingerprint encode alike. Shards and checkpoints carry it. */
uint64_t tokenizer_fingerprint(const Tokenizer *tok);
/* Roles of specials, -1 when there is none. */
int32_t tokenizer_bos(const Tokenizer *tok);
int32_t tokenizer_eos(const Tokenizer *tok); /* end of a document */
int32_t tokenizer_pad(const Tokenizer *tok);
int32_t tokenizer_end_of_turn(const Tokenizer *tok);
/* Is a text that goes to the model by itself to begin with bos? (The post_processor of
 * tokenizer.json says so; tokenizer_encode never adds it.) */
bool tokenizer_adds_bos(const Tokenizer *tok);
/* Did tokenizer_config.json bring a chat template that is not template_jinja()? Then
 * template_new refuses; tokenizer_save keeps it. */
bool tokenizer_has_foreign_template(const Tokenizer *tok);
/* model_max_length of tokenizer_config.json, 0: not known. */
void tokenizer_set_max_length(Tokenizer *tok, int64_t tokens);

/* What tame's own tokenizers have after the merges, in this order. */
#define TOKEN_BOS       "<|bos|>"
#define TOKEN_EOS       "<|endoftext|>"
#define TOKEN_PAD       "<|pad|>"
#define TOKEN_SYSTEM    "<|system|>"
#define TOKEN_USER      "<|user|>"
#define TOKEN_ASSISTANT "<|assistant|>"
#define TOKEN_TOOL      "<|tool|>"
#define TOKEN_CALL      "<|call|>"
#define TOKEN_END       "<|im_end|>" /* end of turn: runners know it by this name */
enum { TOKEN_SPECIALS = 9 };
extern const char *const token_specials[TOKEN_SPECIALS];

#endif
