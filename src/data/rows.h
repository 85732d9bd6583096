/* rows.h - one file of a data set, decompressed and cut into rows.
 *
 * Compression (gz, zst, xz, bz2) is known by the file's first bytes; containers by its
 * name: .zip, .tar, .tar.*, .tgz. Their members named *.txt, *.json, *.jsonl and
 * *.ndjson are read in order, others are passed over. Names ending in .txt (before a
 * compression's ending) hold plain text, all others JSON: one value a line, or one
 * array whose elements are the rows. Blank lines are no rows; a byte order mark is
 * skipped.
 *
 * Text: split by ROWS_FILE, a row is all of a member; by ROWS_BLANK, what stands
 * between blank lines, without the newline at its end.
 *
 * Memory: the longest row. Threads: a Rows belongs to one at a time. */
#ifndef DATA_ROWS_H
#define DATA_ROWS_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* ROWS_TEXT: as ROWS_FILE, but everything is text whatever its name, and of a container
 * the members that rows_is_text_name(). */
typedef enum RowsSplit { ROWS_FILE, ROWS_BLANK, ROWS_TEXT } RowsSplit;
typedef struct Rows Rows;
NODISCARD Status rows_open(Rows **out, const char *path, RowsSplit split, Err *err);
/* The next row, borrowed until the next call. Failures begin "file '<path>': ". */
NODISCARD Status rows_next(Rows *r, Span *row, bool *is_text, bool *end, Err *err);
/* "file 'a.zip': member 'b.jsonl': line 3" of the last row, until the next call. */
const char *rows_where(const Rows *r);
/* A longer row is ERR_LIMIT; without this, one longer than 1 GiB. */
void rows_limit(Rows *r, size_t bytes);
/* The member that the last row is of, as errors show it; "" when the file holds none. */
const char *rows_member_name(const Rows *r);
/* Does the name, without a compression's ending, end in .txt, .text, .md or .markdown? */
bool rows_is_text_name(Span name);
/* A number that changes where one member ends and the next begins. */
int64_t rows_member(const Rows *r);
double rows_bytes_read(const Rows *r); /* of the file as it lies on disk */
void rows_close(Rows *r);              /* NULL allowed */

#endif
