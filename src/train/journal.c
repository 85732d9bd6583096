/* journal.c - the line logs of a stage folder, see journal.h. */
#include "train/journal.h"

#include "base/log.h"

static const char *const names[JOURNAL_FILES] = {"metrics.jsonl", "samples.jsonl",
                                                 "timings.jsonl"};

enum { LINE_ROOM = 2048 }; /* as for the files: a line of metrics fits */

static Status open_cut(FileAppend **out, const char *path, int64_t length, Err *err)
{
    int64_t now = file_exists(path) ? file_size(path) : 0;
    if (now > length)
        TRY(file_truncate(path, length, err));
    else if (now < length)
        log_warn("'%s' has %lld bytes, but %lld when the checkpoint was written: lines "
                 "are missing",
                 path, (long long)now, (long long)length);
    return file_append_open(out, path, err);
}

Status journal_open(Journal *j, const char *folder,
                    const int64_t lengths[JOURNAL_FILES], Err *err)
{
    *j = (Journal){0};
    Str path = {0};
    str_reserve(&j->line, LINE_ROOM);
    Status status = str_check(&j->line, err);
    for (int i = 0; status == OK && i < JOURNAL_FILES; i++) {
        file_join(&path, folder, names[i]);
        status = str_check(&path, err);
        if (status == OK)
            status = open_cut(&j->file[i], str_c(&path), lengths[i], err);
    }
    str_release(&path);
    if (status != OK)
        journal_close(j);
    return status;
}

void journal_close(Journal *j)
{
    for (int i = 0; i < JOURNAL_FILES; i++) {
        file_append_close(j->file[i]);
        j->file[i] = NULL;
    }
    str_release(&j->line);
}

Status journal_put(Journal *j, int which, const json_t *row, Err *err)
{
    str_reset(&j->line);
    json_append(&j->line, row);
    TRY(str_check(&j->line, err));
    return file_append_line(j->file[which], str_c(&j->line), err);
}

Status journal_sync(Journal *j, int64_t lengths[JOURNAL_FILES], Err *err)
{
    for (int i = 0; i < JOURNAL_FILES; i++) {
        TRY(file_append_sync(j->file[i], err));
        lengths[i] = file_append_offset(j->file[i]);
    }
    return OK;
}
