/* file_writer.c - files that appear whole or not at all, line logs and locks, see
 * file.h.
 *
 * A FileWriter fills `path`.<pid>.tmp beside its goal. Commit is write, fsync, rename,
 * fsync of the folder: after a crash at any moment the name holds the old file or the
 * new one. A goal that exists and is no regular file (/dev/stdout, a pipe) is written
 * in place: to rename over a device would destroy it. */
#include "base/file.h"

#include "base/mem.h"
#include "base/system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_retrying(const char *path, int flags)
{
    int fd;
    do {
        fd = open(path, flags | O_CLOEXEC, 0666);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

/* All len bytes, however many calls it takes; -1 with errno. */
static int write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, bytes, len);
        if (put < 0 && errno != EINTR)
            return -1;
        if (put > 0) {
            bytes += put;
            len -= (size_t)put;
        }
    }
    return 0;
}

/* --- FileWriter ------------------------------------------------------------------ */
struct FileWriter {
    int fd;
    Str path;  /* the goal */
    Str tmp;   /* where the bytes go until commit; empty when they go to the goal */
    size_t n;  /* bytes waiting */
    char *buf; /* WRITER_BUFFER of them */
};

enum { WRITER_BUFFER = 1 << 18 };

static void writer_free(FileWriter *w)
{
    if (w->fd >= 0)
        close(w->fd);
    str_release(&w->path);
    str_release(&w->tmp);
    mem_free(w->buf);
    mem_free(w);
}

Status file_writer_open(FileWriter **out, const char *path, Err *err)
{
    *out = NULL;
    FileWriter *w;
    TRY(MEM_ARRAY(&w, 1, err));
    w->fd = -1;
    Status status = MEM_ARRAY(&w->buf, WRITER_BUFFER, err);
    if (status != OK)
        goto fail;
    str_puts(&w->path, path);
    struct stat about;
    bool in_place = stat(path, &about) == 0 && !S_ISREG(about.st_mode);
    if (!in_place)
        str_printf(&w->tmp, "%s.%ld.tmp", path, (long)getpid());
    if ((status = str_check(&w->path, err)) != OK ||
        (status = str_check(&w->tmp, err)) != OK)
        goto fail;
    w->fd = in_place ? open_retrying(path, O_WRONLY)
                     : open_retrying(str_c(&w->tmp), O_WRONLY | O_CREAT | O_TRUNC);
    if (w->fd < 0) {
        status = err_system(err, "write", path);
        goto fail;
    }
    *out = w;
    return OK;
fail:
    writer_free(w);
    return status;
}

static Status writer_flush(FileWriter *w, Err *err)
{
    size_t n = w->n;
    w->n = 0;
    if (write_all(w->fd, w->buf, n) != 0)
        return err_system(err, "write", str_c(&w->path));
    return OK;
}

Status file_writer_put(FileWriter *w, const void *bytes, size_t len, Err *err)
{
    if (len > WRITER_BUFFER - w->n)
        TRY(writer_flush(w, err));
    if (len >= WRITER_BUFFER) {
        if (write_all(w->fd, bytes, len) != 0)
            return err_system(err, "write", str_c(&w->path));
        return OK;
    }
    if (len > 0)
        memcpy(w->buf + w->n, bytes, len);
    w->n += len;
    return OK;
}

Status file_writer_put_row(FileWriter *w, Str *row, const char *what, Err *err)
{
    str_putc(row, '\n');
    TRY(str_check(row, err));
    TRY(file_writer_put(w, row->ptr, row->len, err));
    str_reset(row);
    if (system_stop_requested())
        return err_set(err, ERR_STOPPED, "stopped while %s written", what);
    return OK;
}

/* fsync of the folder that holds path: makes a rename in it last. */
static Status sync_parent(const char *path, Err *err)
{
    Str folder = {0};
    size_t len = (size_t)(file_base_name(path) - path);
    str_append(&folder, path, len);
    if (len == 0)
        str_puts(&folder, ".");
    Status status = str_check(&folder, err);
    if (status == OK)
        status = file_sync_folder(str_c(&folder), err);
    str_release(&folder);
    return status;
}

Status file_writer_commit(FileWriter *w, Err *err)
{
    const char *path = str_c(&w->path);
    Status status = writer_flush(w, err);
    bool in_place = w->tmp.len == 0;
    if (status == OK && !in_place && fsync(w->fd) != 0)
        status = err_system(err, "write", path);
    int fd = w->fd;
    w->fd = -1;
    if (close(fd) != 0 && status == OK)
        status = err_system(err, "write", path);
    if (!in_place && status == OK && rename(str_c(&w->tmp), path) != 0)
        status = err_system(err, "write", path);
    if (!in_place) {
        if (status == OK)
            status = sync_parent(path, err);
        else
            unlink(str_c(&w->tmp));
    }
    writer_free(w);
    return status;
}

void file_writer_abort(FileWriter *w)
{
    if (!w)
        return;
    if (w->tmp.len > 0)
        unlink(str_c(&w->tmp));
    writer_free(w);
}

Status file_write_atomic(const char *path, const void *bytes, size_t len, Err *err)
{
    FileWriter *w;
    TRY(file_writer_open(&w, path, err));
    ASSERT(w);
    Status status = file_writer_put(w, bytes, len, err);
    if (status != OK) {
        file_writer_abort(w);
        return status;
    }
    return file_writer_commit(w, err);
}

Status file_write_str(const char *path, const Str *text, Err *err)
{
    TRY(str_check(text, err));
    return file_write_atomic(path, text->ptr, text->len, err);
}

Status file_copy(const char *from, const char *to, Err *err)
{
    FileMap map;
    TRY(file_map(from, &map, err));
    Status status = file_write_atomic(to, map.ptr, map.len, err);
    file_unmap(&map);
    return status;
}

Status file_sync_folder(const char *path, Err *err)
{
    int fd = open_retrying(path, O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return err_system(err, "open", path);
    Status status = OK;
    if (fsync(fd) != 0 && errno != EINVAL) /* EINVAL: a file system that cannot */
        status = err_system(err, "sync", path);
    close(fd);
    return status;
}

/* --- lock ------------------------------------------------------------------------ */

/* fcntl's record locks, because only they tell who holds one, and they end with the
 * process however it ends. The file itself stays: to remove it would race. */
Status file_lock(FileLock *lock, const char *folder, Err *err)
{
    lock->fd = -1;
    Str path = {0};
    file_join(&path, folder, ".lock");
    Status status = str_check(&path, err);
    int fd = -1;
    if (status == OK) {
        fd = open_retrying(str_c(&path), O_RDWR | O_CREAT);
        if (fd < 0)
            status = err_system(err, "lock", folder);
    }
    str_release(&path);
    if (status != OK)
        return status;

    struct flock wish = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_SETLK, &wish) == 0) {
        lock->fd = fd;
        return OK;
    }
    if (errno != EACCES && errno != EAGAIN) {
        status = err_system(err, "lock", folder);
    } else {
        struct flock held = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        if (fcntl(fd, F_GETLK, &held) == 0 && held.l_type != F_UNLCK && held.l_pid > 0)
            status = err_set(err, ERR_IO, "'%s' is in use by process %ld", folder,
                             (long)held.l_pid);
        else
            status = err_set(err, ERR_IO, "'%s' is in use by another process", folder);
    }
    close(fd);
    return status;
}

void file_unlock(FileLock *lock)
{
    if (!lock || lock->fd < 0)
        return;
    close(lock->fd);
    lock->fd = -1;
}

/* --- FileAppend ------------------------------------------------------------------ */
enum { LINE_ROOM = 2048 }; /* most lines fit, so that writing them allocates nothing */

struct FileAppend {
    int fd;
    int64_t offset;
    Str path;
    Str line; /* the line and its newline, so that one write takes both */
};

Status file_append_open(FileAppend **out, const char *path, Err *err)
{
    *out = NULL;
    FileAppend *f;
    TRY(MEM_ARRAY(&f, 1, err));
    str_puts(&f->path, path);
    str_reserve(&f->line, LINE_ROOM);
    Status status = str_check(&f->path, err);
    if (status == OK)
        status = str_check(&f->line, err);
    f->fd = -1;
    if (status == OK) {
        f->fd = open_retrying(path, O_WRONLY | O_CREAT | O_APPEND);
        if (f->fd < 0)
            status = err_system(err, "write", path);
    }
    if (status != OK) {
        file_append_close(f);
        return status;
    }
    off_t end = lseek(f->fd, 0, SEEK_END);
    f->offset = end > 0 ? (int64_t)end : 0;
    *out = f;
    return OK;
}

/* A line that could not be written whole is taken back: no reader meets a half. */
Status file_append_line(FileAppend *f, const char *line, Err *err)
{
    str_reset(&f->line);
    str_puts(&f->line, line);
    str_putc(&f->line, '\n');
    TRY(str_check(&f->line, err));
    if (write_all(f->fd, str_c(&f->line), f->line.len) != 0) {
        Status status = err_system(err, "write", str_c(&f->path));
        bool restored = ftruncate(f->fd, (off_t)f->offset) == 0;
        (void)restored; /* a device has no length */
        return status;
    }
    f->offset += (int64_t)f->line.len;
    return OK;
}

Status file_append_sync(FileAppend *f, Err *err)
{
    if (fsync(f->fd) != 0 && errno != EINVAL) /* EINVAL: a pipe or a device */
        return err_system(err, "write", str_c(&f->path));
    return OK;
}

int64_t file_append_offset(const FileAppend *f)
{
    return f->offset;
}

void file_append_close(FileAppend *f)
{
    if (!f)
        return;
    if (f->fd >= 0)
        close(f->fd);
    str_release(&f->path);
    str_release(&f->line);
    mem_free(f);
}
