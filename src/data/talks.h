/* talks.h - conversations with models, in one SQLite file: a tree of messages in which
 * every node is named by what it holds.
 *
 *     id = SHA-256 of {"parent":"<id of the message before, hex>","message":M}
 *     M  = {"role":"user","content":"..."}, a call has "call":{"name":..,"arguments":..}
 *
 * compact, keys in this order, "parent":null at the beginning, text that is not UTF-8 with
 * U+FFFD in place of the bad bytes. So the same beginning is stored once however many
 * conversations go on from it, forks cost a node each, the id of a message names all that
 * was said before it too, and talks_verify() finds what somebody changed.
 *
 * What answered (a model, its tokens, its time, where the trace is) stands beside the node
 * of the answer, a row for each time: two models that said the same share the node.
 *
 * Every write is one transaction (db.h): a killed process loses nothing that it stored.
 * The file is readable by its owner alone. Nothing is deleted but by talks_delete(), which
 * leaves no readable rest in the file.
 *
 * Tables: nodes(id, hash, parent, message, text, created), uses(id, node, model, strategy,
 * prompt_tokens, cached_tokens, answer_tokens, requests, seconds, trace, options,
 * created), words (FTS5 over nodes.text), settings(name, value); docs/formats.md. */
#ifndef DATA_TALKS_H
#define DATA_TALKS_H

#include "base/sha256.h"
#include "text/template.h"

#include <stdbool.h>
#include <stdint.h>

enum { TALKS_VERSION = 1, TALK_SHORT_HEX = 12, TALK_LEAST_HEX = 4 };

typedef struct TalkId {
    unsigned char bytes[SHA256_BYTES];
} TalkId;
bool talk_id_equal(const TalkId *a, const TalkId *b);
void talk_id_hex(const TalkId *id, char out[2 * SHA256_BYTES + 1]);
/* The name of message m after `parent` (NULL: at the beginning). */
NODISCARD Status talk_id_of(const TalkId *parent, const Message *m, TalkId *out,
                            Err *err);

/* One answer as it was got. Texts are owned; an empty one is "". */
typedef struct TalkUse {
    int64_t id;
    TalkId node;  /* the answer's */
    Str model;    /* as the user named it */
    Str strategy; /* "direct", "cot+consistency:8" */
    Str trace;    /* file of the trace; "" */
    Str options;  /* JSON object of what else was set; "" */
    int64_t prompt_tokens, cached_tokens, answer_tokens, requests;
    double seconds;
    char created[32];
} TalkUse;
void talk_use_release(TalkUse *use); /* accepts zeroed */

typedef struct Talks Talks;
/* Where the store is unless somebody says otherwise: $TAME_TALKS, or
 * $XDG_DATA_HOME/tame/talks.db, or ~/.local/share/tame/talks.db. ERR_OPTION when none of
 * the three variables is set. */
NODISCARD Status talks_default_path(Str *out, Err *err);
/* path NULL: the default. An absent file is made, with its folders, when `create`, else
 * ERR_IO. */
NODISCARD Status talks_open(Talks **out, const char *path, bool create, Err *err);
void talks_close(Talks *t); /* NULL allowed */
const char *talks_path(const Talks *t);

/* `tame logs off`: whether talks are to be kept; whoever writes asks first. */
NODISCARD Status talks_enabled(Talks *t, bool *on, Err *err);
NODISCARD Status talks_set_enabled(Talks *t, bool on, Err *err);

/* Stores the messages that are not there yet, and beside the last one `use` (NULL: none),
 * whose id, node and created are set. */
NODISCARD Status talks_put(Talks *t, const Conversation *c, TalkUse *use, TalkId *last,
                           Err *err);

/* The node whose id begins with these hexadecimal digits. ERR_OPTION: none, several, fewer
 * than TALK_LEAST_HEX. */
NODISCARD Status talks_find(Talks *t, Span hex, TalkId *out, Err *err);
/* The answer that was stored last; *any false: none. */
NODISCARD Status talks_last(Talks *t, TalkId *out, bool *any, Err *err);
/* The messages from the beginning to that node, into an empty conversation. */
NODISCARD Status talks_read(Talks *t, const TalkId *id, Conversation *out, Err *err);
/* The last `most` answers, newest first: all (query empty), or those whose conversation
 * has a message with every word of the query; words are words, whatever they look like.
 * under: only those at that node or after it; NULL: anywhere. Release each and mem_free. */
NODISCARD Status talks_list(Talks *t, Span query, const TalkId *under, int64_t most,
                            TalkUse **out, size_t *n, Err *err);

/* Deletes the node, what follows it, and what before it nothing else follows from and no
 * answer stands at. */
NODISCARD Status talks_delete(Talks *t, const TalkId *id, int64_t *nodes, Err *err);
/* Computes every id anew; ERR_FORMAT names the first that is not what it says. */
NODISCARD Status talks_verify(Talks *t, int64_t *nodes, Err *err);

#endif
