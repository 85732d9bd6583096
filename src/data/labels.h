/* labels.h - what people and judges say about answers, in one SQLite file.
 *
 * An item is a prompt with its answers, waiting to be ranked, rated or written; a label is
 * what one labeler said about one item. Whoever shows the items (a terminal, a page, a
 * judge that is a program) shares this store.
 *
 * Every write is one transaction, in the file and synced to the disk when the call
 * returns (WAL, synchronous FULL): a process that is killed loses nothing that was
 * answered. Several processes may share a file. Labels are never deleted: one that is
 * taken back stays, marked.
 *
 * Tables: labelers(id, name, judge), items(id, kind, batch, key, row, sources, cut,
 * repeated), labels(id, item, labeler, round, skipped, all_bad, flagged, ranks, rating,
 * text, reason, shown, seconds, created, withdrawn), drafts(labeler, item,
 * round, text, reason); docs/formats.md describes them. */
#ifndef DATA_LABELS_H
#define DATA_LABELS_H

#include "data/record.h"

#include <stdbool.h>
#include <stdint.h>

enum { LABEL_MAX_ANSWERS = 9, LABELS_VERSION = 1 };

typedef enum LabelKind { LABEL_RANK, LABEL_RATE, LABEL_WRITE, LABEL_KINDS } LabelKind;
extern const char *const label_kind_names[]; /* "rank", ...; NULL ends */

typedef struct LabelItem {
    int64_t id;
    LabelKind kind;
    /* chat: the prompt; answers: what there is to it, n_answers of them: RANK 2 to
     * LABEL_MAX_ANSWERS, RATE 1, WRITE any (drafts). */
    Record record;
    Str source
        [LABEL_MAX_ANSWERS]; /* where each answer is from: a model's folder, ... */
    uint32_t cut;  /* bit k: answer k did not come to its end, it was cut for length */
    bool repeated; /* every labeler is asked, and asked again later */
} LabelItem;
void label_item_release(LabelItem *item);
/* What a prompt's row says beside the prompt (what a right answer is, say), which judges
 * read: without what was said about answers, which is no part of the question. A new
 * tree. */
json_t *label_question_row(const Record *r);

typedef struct Label {
    int64_t id, item, labeler;
    int32_t round; /* 1: the second time that this labeler was asked */
    bool skipped, all_bad, flagged;
    int32_t n;                        /* answers of the item */
    int32_t ranks[LABEL_MAX_ANSWERS]; /* 1 is best, ties allowed; all 0: not ranked */
    int32_t rating;                   /* RATE: 1 good, -1 bad, 0 not rated */
    Str text;                         /* WRITE: the demonstration */
    Str reason;                       /* free text */
    int32_t shown[LABEL_MAX_ANSWERS]; /* the answers in the order they were shown */
    double seconds;                   /* it took */
    char created[32];
} Label;
bool label_is_ranked(const Label *l);
void label_release(Label *l);

typedef struct Labels Labels;
/* An absent file is made when `create`, else ERR_IO saying how to make one. A file of
 * another sort, or of a later version, is ERR_FORMAT. */
NODISCARD Status labels_open(Labels **out, const char *path, bool create, Err *err);
void labels_close(Labels *l); /* NULL allowed */
const char *labels_path(const Labels *l);

/* Many writes as one: much faster, and all or none. */
NODISCARD Status labels_begin(Labels *l, Err *err);
/* Keeps them when `status`, how they went, is OK, else takes them back; returns it. */
NODISCARD Status labels_end(Labels *l, Status status, Err *err);

/* The labeler of that name, made if new; ERR_OPTION when a judge has a person's name or
 * the other way round, or when it is empty. */
NODISCARD Status labels_labeler(Labels *l, const char *name, bool judge, int64_t *id,
                                Err *err);

/* Adds the item unless there is one with the same key in that batch. number < 0: the key
 * is its prompt and its answers; else the kind, the prompt and that number. item->id is
 * set in both cases. */
NODISCARD Status labels_add_item(Labels *l, LabelItem *item, const char *batch,
                                 int32_t number, bool *added, Err *err);
/* Whether there is an item of number 0 for the prompt. */
NODISCARD Status labels_knows_prompt(Labels *l, LabelKind kind, const char *batch,
                                     const Conversation *prompt, bool *known, Err *err);
NODISCARD Status labels_item(Labels *l, int64_t id, LabelItem *out, Err *err);
NODISCARD Status labels_count_items(Labels *l, LabelKind kind, int64_t *n, Err *err);

/* Takes a label (id and created are set): one a (item, labeler, round). replaces: the id of
 * the label in whose place it comes, which is marked as taken back; 0: none. */
NODISCARD Status labels_put(Labels *l, Label *label, int64_t replaces, Err *err);
/* This labeler's last label of that kind, of those before the one with that id (0: of
 * all); *any false when there is none. */
NODISCARD Status labels_last(Labels *l, int64_t labeler, LabelKind kind, int64_t before,
                             Label *out, bool *any, Err *err);
/* What is written but not given yet, for whoever stops in the middle of it. An empty draft
 * is none. */
typedef struct LabelKept {
    int64_t labeler, item;
    int32_t round;
    Str text, reason;
} LabelKept;
NODISCARD Status labels_keep(Labels *l, const LabelKept *draft, Err *err);
/* Fills text and reason of the draft of that labeler, item and round; empty: none. */
NODISCARD Status labels_kept(Labels *l, LabelKept *draft, Err *err);
void label_kept_release(LabelKept *draft);

/* Whether the labeler has said something about the item. */
NODISCARD Status labels_has(Labels *l, int64_t item, int64_t labeler, bool *has,
                            Err *err);

/* What an item is to one labeler: who chooses what comes next needs no more. */
typedef struct LabelChoice {
    int64_t item;
    bool repeated, skipped; /* the item is; the labeler did */
    int64_t first, second;  /* the labeler's labels of rounds 0 and 1; 0: none yet */
    int64_t others;         /* other people who labelled it without skipping */
} LabelChoice;
/* All items of a kind, by id; free with mem_free. */
NODISCARD Status labels_choices(Labels *l, LabelKind kind, int64_t labeler,
                                LabelChoice **out, size_t *n, Err *err);

/* Reading through: all items of a kind, all labels of a kind that stand, by id. */
typedef struct LabelCursor LabelCursor;
typedef struct LabelRow {
    LabelItem *item; /* borrowed until the next call */
    Label *label;    /* NULL: items alone are read */
    const char *labeler;
    bool judge;
} LabelRow;
NODISCARD Status labels_read_items(Labels *l, LabelKind kind, LabelCursor **out,
                                   Err *err);
NODISCARD Status labels_read(Labels *l, LabelKind kind, LabelCursor **out, Err *err);
NODISCARD Status label_cursor_next(LabelCursor *c, LabelRow *row, bool *end, Err *err);
void label_cursor_close(LabelCursor *c); /* NULL allowed */

#endif
