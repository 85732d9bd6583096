/* packed.h - files for tests of reading: plain, compressed, and in containers. */
#ifndef UNIT_DATA_PACKED_H
#define UNIT_DATA_PACKED_H

#include "support/temp.h"

#include <archive.h>
#include <archive_entry.h>

/* A file of the test's folder. Returns its path. */
static inline const char *write_file(const char *name, const char *text)
{
    Err err = {OK, ""};
    const char *path = temp_path(name);
    CHECK_OK(file_write_atomic(path, text, strlen(text), &err));
    return path;
}

/* The pattern with `path` for every '@'. */
static inline void put_path(Str *out, const char *pattern, const char *path)
{
    str_reset(out);
    for (; *pattern; pattern++) {
        if (*pattern == '@')
            str_puts(out, path);
        else
            str_putc(out, *pattern);
    }
}

/* n members (or one nameless stream, when format is raw) through a filter. */
static inline const char *write_packed(const char *name, int format, int filter,
                                       const char *const (*members)[2], size_t n)
{
    const char *path = temp_path(name);
    struct archive *a = archive_write_new();
    assert_int_equal(archive_write_set_format(a, format), ARCHIVE_OK);
    if (filter >= 0)
        assert_int_equal(archive_write_add_filter(a, filter), ARCHIVE_OK);
    assert_int_equal(archive_write_open_filename(a, path), ARCHIVE_OK);
    for (size_t i = 0; i < n; i++) {
        struct archive_entry *e = archive_entry_new();
        archive_entry_set_pathname(e, members[i][0]);
        archive_entry_set_filetype(e, AE_IFREG);
        archive_entry_set_perm(e, 0644);
        size_t len = strlen(members[i][1]);
        archive_entry_set_size(e, (la_int64_t)len);
        assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
        assert_int_equal(archive_write_data(a, members[i][1], len), len);
        archive_entry_free(e);
    }
    assert_int_equal(archive_write_close(a), ARCHIVE_OK);
    archive_write_free(a);
    return path;
}

#endif
