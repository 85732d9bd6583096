/* file.c - reading whole files, maps, folders and names, see file.h. Writing is in
 * file_writer.c.
 *
 * Every message is "cannot <verb> '<path>': <the system's reason>". Lists come back
 * sorted by bytes, so that a run does not depend on the folder's order on disk. */
#include "base/file.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_to_read(const char *path, int flags)
{
    int fd;
    do {
        fd = open(path, O_RDONLY | O_CLOEXEC | flags);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

/* Also for pipes and /dev/stdin, whose size is not known before the end. */
Status file_read(const char *path, size_t max_bytes, Str *out, Err *err)
{
    *out = (Str){0};
    int fd = open_to_read(path, 0);
    if (fd < 0)
        return err_system(err, "open", path);
    Status status = OK;
    struct stat about;
    if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && about.st_size > 0 &&
        (uint64_t)about.st_size <= max_bytes)
        str_reserve(out, (size_t)about.st_size);
    str_reserve(out, 1); /* a NUL also after nothing */
    char chunk[16384];
    while (status == OK && (status = str_check(out, err)) == OK) {
        ssize_t got = read(fd, chunk, sizeof chunk);
        if (got == 0)
            break;
        if (got < 0 && errno != EINTR)
            status = err_system(err, "read", path);
        else if (got > 0 && (size_t)got > max_bytes - out->len)
            status =
                err_set(err, ERR_LIMIT, "'%s' is larger than the limit of %zu bytes",
                        path, max_bytes);
        else if (got > 0)
            str_append(out, chunk, (size_t)got);
    }
    close(fd);
    if (status != OK)
        str_release(out);
    return status;
}

Status file_map(const char *path, FileMap *out, Err *err)
{
    *out = (FileMap){0};
    int fd = open_to_read(path, O_NONBLOCK); /* a pipe is refused, not waited for */
    if (fd < 0)
        return err_system(err, "open", path);
    Status status = OK;
    struct stat about;
    if (fstat(fd, &about) != 0) {
        status = err_system(err, "read", path);
    } else if (!S_ISREG(about.st_mode)) {
        status = err_set(err, ERR_IO, "cannot read '%s': not a regular file", path);
    } else if (about.st_size > 0) {
        size_t len = (size_t)about.st_size;
        void *p = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED)
            status = err_system(err, "map", path);
        else
            *out = (FileMap){p, len};
    }
    close(fd);
    return status;
}

void file_unmap(FileMap *map)
{
    if (!map)
        return;
    if (map->ptr) {
        void *p; /* munmap takes what mmap gave, which was not const */
        memcpy(&p, &map->ptr, sizeof p);
        munmap(p, map->len);
    }
    *map = (FileMap){0};
}

bool file_exists(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0;
}

bool file_is_folder(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

int64_t file_size(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 ? (int64_t)about.st_size : -1;
}

static Status make_folder(const char *path, Err *err)
{
    if (mkdir(path, 0777) == 0 || (errno == EEXIST && file_is_folder(path)))
        return OK;
    return err_system(err, "make folder", path);
}

Status file_make_folders(const char *path, Err *err)
{
    char *part = mem_dup(path, strlen(path));
    if (!part)
        return err_set(err, ERR_NOMEM, "no memory for the path '%s'", path);
    Status status = OK;
    for (char *p = part + 1; status == OK && part[0] && *p; p++) {
        if (*p != '/' || p[-1] == '/')
            continue;
        *p = 0;
        status = make_folder(part, err);
        *p = '/';
    }
    if (status == OK)
        status = make_folder(part, err);
    mem_free(part);
    return status;
}

Status file_rename(const char *from, const char *to, Err *err)
{
    if (rename(from, to) == 0)
        return OK;
    char why[128];
    return err_set(err, ERR_IO, "cannot rename '%s' to '%s': %s", from, to,
                   err_reason(why));
}

Status file_truncate(const char *path, int64_t len, Err *err)
{
    if (truncate(path, (off_t)len) != 0)
        return err_system(err, "truncate", path);
    return OK;
}

/* Does not follow links: what they point at is not in the tree. */
Status file_remove_tree(const char *path, Err *err)
{
    if (!path[0])
        return err_set(err, ERR_IO, "cannot remove a path without a name");
    struct stat about;
    if (lstat(path, &about) != 0)
        return errno == ENOENT ? OK : err_system(err, "remove", path);
    if (!S_ISDIR(about.st_mode))
        return unlink(path) == 0 ? OK : err_system(err, "remove", path);

    char **names;
    size_t n;
    TRY(file_list(path, &names, &n, err));
    Status status = OK;
    Str inner = {0};
    for (size_t i = 0; i < n && status == OK; i++) {
        file_join(&inner, path, names[i]);
        status = str_check(&inner, err);
        if (status == OK)
            status = file_remove_tree(str_c(&inner), err);
    }
    str_release(&inner);
    file_list_free(names, n);
    if (status == OK && rmdir(path) != 0)
        status = err_system(err, "remove", path);
    return status;
}

static int compare_names(const void *a, const void *b)
{
    char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

static void sort_names(char **names, size_t n)
{
    if (n > 1)
        qsort(names, n, sizeof *names, compare_names);
}

static Status push_name(char ***names, size_t *n, size_t *cap, const char *name,
                        Err *err)
{
    TRY(MEM_PUSH_ROOM(names, *n, cap, err));
    char *copy = mem_dup(name, strlen(name));
    if (!copy)
        return err_set(err, ERR_NOMEM, "no memory for the name '%s'", name);
    (*names)[(*n)++] = copy;
    return OK;
}

Status file_list(const char *folder, char ***names, size_t *n, Err *err)
{
    *names = NULL;
    *n = 0;
    DIR *dir = opendir(folder);
    if (!dir)
        return err_system(err, "list", folder);
    size_t cap = 0;
    Status status = OK;
    while (status == OK) {
        errno = 0;
        struct dirent *entry = readdir(dir);
        if (!entry) {
            if (errno != 0)
                status = err_system(err, "list", folder);
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            status = push_name(names, n, &cap, entry->d_name, err);
    }
    closedir(dir);
    if (status != OK) {
        file_list_free(*names, *n);
        *names = NULL;
        *n = 0;
    }
    sort_names(*names, *n);
    return status;
}

Status file_glob(const char *pattern, char ***paths, size_t *n, Err *err)
{
    *paths = NULL;
    *n = 0;
    size_t cap = 0;
    if (file_exists(pattern)) /* also when its name holds a '[' or a '*' */
        return push_name(paths, n, &cap, pattern, err);
    glob_t found;
    int why = glob(pattern, GLOB_NOSORT, NULL, &found);
    Status status = OK;
    if (why == GLOB_NOSPACE)
        status = err_set(err, ERR_NOMEM, "no memory for the files of '%s'", pattern);
    else if (why != 0)
        status = err_set(err, ERR_IO, "no file matches '%s'", pattern);
    for (size_t i = 0; why == 0 && i < found.gl_pathc && status == OK; i++)
        status = push_name(paths, n, &cap, found.gl_pathv[i], err);
    globfree(&found);
    if (status != OK) {
        file_list_free(*paths, *n);
        *paths = NULL;
        *n = 0;
    }
    sort_names(*paths, *n);
    return status;
}

void file_list_free(char **names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        mem_free(names[i]);
    mem_free(names);
}

const char *file_join(Str *out, const char *folder, const char *name)
{
    str_reset(out);
    str_puts(out, folder);
    if (folder[0] && folder[strlen(folder) - 1] != '/')
        str_putc(out, '/');
    str_puts(out, name);
    return str_c(out);
}

const char *file_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}
