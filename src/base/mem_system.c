/* mem_system.c - what the system has in memory for us and what it could give, see mem.h.
 *
 * A process may take what /proc/meminfo calls available (free, and what the kernel would
 * drop for us), but not more than its control groups leave: in the group of the process
 * and in each one above it
 *
 *     limit - used + files that the kernel would drop
 *
 * The files are those of cgroup v2 (Documentation/admin-guide/cgroup-v2.rst) and v1 of
 * the kernel; a group or a file that is not there sets no limit. */
#include "base/file.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MOST_BYTES = 1 << 20 }; /* of a file of /proc or /sys */

int64_t mem_peak_rss(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return 0;
    return (int64_t)usage.ru_maxrss * 1024; /* Linux counts kilobytes */
}

int64_t mem_rss(void)
{
    Str text = {0};
    long long pages = 0;
    if (file_read("/proc/self/statm", MOST_BYTES, &text, NULL) == OK &&
        sscanf(str_c(&text), "%*d %lld", &pages) != 1)
        pages = 0;
    str_release(&text);
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

/* The number after `key` at the start of a line of the file, "" for a file that is one
 * number; -1 when there is none ("max"). */
static int64_t number_in(const char *folder, const char *name, const char *key)
{
    Str path = {0}, text = {0};
    int64_t number = -1;
    if (file_read(file_join(&path, folder, name), MOST_BYTES, &text, NULL) == OK) {
        const char *line = str_c(&text);
        while (line && strncmp(line, key, strlen(key)) != 0) {
            line = strchr(line, '\n');
            line = line ? line + 1 : NULL;
        }
        if (line && sscanf(line + strlen(key), "%" SCNd64, &number) != 1)
            number = -1;
    }
    str_release(&path);
    str_release(&text);
    return number;
}

/* The names that a version of control groups gives to its files. */
typedef struct GroupFiles {
    const char *limit, *used, *stat, *droppable;
} GroupFiles;

static int64_t smaller(int64_t a, int64_t b)
{
    return b < 0 || (a >= 0 && a < b) ? a : b;
}

/* What one group leaves; -1: it sets no limit. */
static int64_t left_in_group(const char *folder, const GroupFiles *files)
{
    int64_t limit = number_in(folder, files->limit, "");
    int64_t used = number_in(folder, files->used, "");
    int64_t droppable = number_in(folder, files->stat, files->droppable);
    if (limit < 0 || used < 0)
        return -1;
    int64_t left = limit - used + (droppable > 0 ? droppable : 0);
    return left > 0 ? left : 0;
}

/* The least that the group `path` (from `mount`) and those above it leave. */
static int64_t left_in_groups(const char *mount, Span path, const GroupFiles *files)
{
    int64_t least = -1;
    Str folder = {0};
    for (size_t len = path.len;;) {
        str_reset(&folder);
        str_printf(&folder, "%s%.*s", mount, (int)len, path.ptr);
        least = smaller(least, left_in_group(str_c(&folder), files));
        if (len == 0)
            break;
        do
            len--;
        while (len > 0 && path.ptr[len] != '/');
    }
    str_release(&folder);
    return least;
}

/* One line of /proc/self/cgroup: "0::/path" (v2), "7:memory:/path" (v1). */
static int64_t left_by_line(const char *root, Span line)
{
    static const GroupFiles v2 = {"memory.max", "memory.current", "memory.stat",
                                  "inactive_file"};
    static const GroupFiles v1 = {"memory.limit_in_bytes", "memory.usage_in_bytes",
                                  "memory.stat", "total_inactive_file"};
    ptrdiff_t memory = span_find(line, SPAN(":memory:"), 0);
    bool is_v2 = span_starts(line, SPAN("0::"));
    if (!is_v2 && memory < 0)
        return -1;
    size_t at = is_v2 ? 3 : (size_t)memory + 8;
    Str mount = {0};
    str_printf(&mount, "%s/sys/fs/cgroup%s", root, is_v2 ? "" : "/memory");
    int64_t left = left_in_groups(str_c(&mount), (Span){line.ptr + at, line.len - at},
                                  is_v2 ? &v2 : &v1);
    str_release(&mount);
    return left;
}

int64_t mem_available(const char *root)
{
    Str path = {0}, groups = {0};
    str_printf(&path, "%s/proc", root);
    int64_t least = number_in(str_c(&path), "meminfo", "MemAvailable:");
    if (least >= 0)
        least *= 1024; /* "kB" */
    str_puts(&path, "/self/cgroup");
    if (file_read(str_c(&path), MOST_BYTES, &groups, NULL) == OK) {
        const char *line = str_c(&groups);
        for (const char *end; (end = strchr(line, '\n')); line = end + 1)
            least =
                smaller(least, left_by_line(root, (Span){line, (size_t)(end - line)}));
    }
    str_release(&path);
    str_release(&groups);
    return least;
}
