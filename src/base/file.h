/* file.h - files: whole reads, maps, atomic writes, folders, locks.
 *
 * A file that matters is never half-written: file_write_atomic() writes to a
 * temporary name in the same folder, fsyncs, renames, and fsyncs the folder. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Reads all of a file, at most max_bytes (ERR_LIMIT above). *out is NUL-terminated
 * and the caller's to release. */
NODISCARD Status file_read(const char *path, size_t max_bytes, Str *out, Err *err);
NODISCARD Status file_write_atomic(const char *path, const void *bytes, size_t len,
                                   Err *err);
/* The same of a text; what could not be appended to it is the error. */
NODISCARD Status file_write_str(const char *path, const Str *text, Err *err);

/* A read-only memory map. */
typedef struct FileMap {
    const unsigned char *ptr; /* NULL when len is 0 */
    size_t len;
} FileMap;
NODISCARD Status file_map(const char *path, FileMap *out, Err *err);
void file_unmap(FileMap *map);

/* Buffered writing to a new file that appears under its name only at commit. */
typedef struct FileWriter FileWriter;
NODISCARD Status file_writer_open(FileWriter **out, const char *path, Err *err);
NODISCARD Status file_writer_put(FileWriter *w, const void *bytes, size_t len,
                                 Err *err);
/* Ends the row with a line feed, puts it and empties it. ERR_STOPPED on Ctrl-C: "stopped
 * while <what> written", what being "the tasks were", say. */
NODISCARD Status file_writer_put_row(FileWriter *w, Str *row, const char *what,
                                     Err *err);
/* Frees w, also on error. */
NODISCARD Status file_writer_commit(FileWriter *w, Err *err);
void file_writer_abort(FileWriter *w); /* removes the temporary file; NULL allowed */

bool file_exists(const char *path);
bool file_is_folder(const char *path);
int64_t file_size(const char *path);                            /* -1 when absent */
NODISCARD Status file_make_folders(const char *path, Err *err); /* like mkdir -p */
NODISCARD Status file_sync_folder(const char *path, Err *err);
NODISCARD Status file_rename(const char *from, const char *to, Err *err);
NODISCARD Status file_remove_tree(const char *path, Err *err); /* absent is OK */
NODISCARD Status file_copy(const char *from, const char *to, Err *err);
NODISCARD Status file_truncate(const char *path, int64_t len, Err *err);

/* Names in a folder, sorted, without "." and "..". Free with file_list_free. */
NODISCARD Status file_list(const char *folder, char ***names, size_t *n, Err *err);
/* Paths that match a glob pattern, sorted; a plain path gives itself if it exists.
 * No match is ERR_IO. */
NODISCARD Status file_glob(const char *pattern, char ***paths, size_t *n, Err *err);
void file_list_free(char **names, size_t n);

/* "a/b" from "a" and "b"; appended to *out (which is reset first). */
const char *file_join(Str *out, const char *folder, const char *name);
const char *file_base_name(const char *path);

/* An exclusive lock on `folder`/.lock for the life of this process; ERR_IO names the
 * process that holds it. */
typedef struct FileLock {
    int fd;
} FileLock;
NODISCARD Status file_lock(FileLock *lock, const char *folder, Err *err);
void file_unlock(FileLock *lock);

/* A file that is appended to line by line (metrics.jsonl), durable after each flush. */
typedef struct FileAppend FileAppend;
NODISCARD Status file_append_open(FileAppend **out, const char *path, Err *err);
NODISCARD Status file_append_line(FileAppend *f, const char *line, Err *err);
NODISCARD Status file_append_sync(FileAppend *f, Err *err);
int64_t file_append_offset(const FileAppend *f); /* bytes so far */
void file_append_close(FileAppend *f);           /* NULL allowed */

#endif
