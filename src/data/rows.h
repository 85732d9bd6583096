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

typedef enum RowsSplit { ROWS_FILE, ROWS_BLANK } RowsSplit;
typedef struct Rows Rows;
NODISCARD Status rows_open(Rows **out, const char *path, RowsSplit split, Err *err);
/* The next row, borrowed until the next call. Failures begin "file '<path>': ". */
NODISCARD Status rows_next(Rows *r, Span *row, bool *is_text, bool *end, Err *err);
/* "file 'a.zip': member 'b.jsonl': line 3" of the last row, until the next call. */
const char *rows_where(const Rows *r);
/* A number that changes where one member ends and the next begins. */
int64_t rows_member(const Rows *r);
double rows_bytes_read(const Rows *r); /* of the file as it lies on disk */
void rows_close(Rows *r);              /* NULL allowed */

#endif
