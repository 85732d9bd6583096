/* task_rows.h - the files of a task (data/tasks/tasks.h) for tests that read them: written
 * into FOLDER, which is defined before this is included, and a place for errors. */
#ifndef TESTS_SUPPORT_TASK_ROWS_H
#define TESTS_SUPPORT_TASK_ROWS_H

#include "support/check.h"

#include "base/file.h"
#include "data/tasks/tasks.h"
#include "format/json.h"

#include <string.h>

static Err err;

static inline TasksOptions options(const char *task)
{
    TasksOptions o;
    CHECK_OK(opt_defaults(&tasks_options, &o, &err));
    CHECK_OK(opt_set(&tasks_options, &o, "task", task, &err));
    o.examples = 300;
    o.heldout = 20;
    o.texts = 10;
    o.tests = 60;
    return o;
}

static inline void write(const TasksOptions *o)
{
    CHECK_OK(file_remove_tree(FOLDER, &err));
    CHECK_OK(tasks_write(o, FOLDER, &err));
}

/* Rows of a file of FOLDER; json_decref the list. */
static inline json_t *rows_of(const char *name)
{
    Str path = {0}, text = {0};
    json_t *rows = json_array();
    CHECK_OK(file_read(file_join(&path, FOLDER, name), 1 << 26, &text, &err));
    for (char *at = text.ptr, *end; at && (end = strchr(at, '\n')); at = end + 1) {
        json_t *row;
        CHECK_OK(json_parse((Span){at, (size_t)(end - at)}, &row, &err));
        json_array_append_new(rows, row);
    }
    str_release(&path);
    str_release(&text);
    return rows;
}

static inline const char *text_of(const json_t *row, const char *key)
{
    return json_string_value(json_object_get(row, key));
}

static inline const char *turn(const json_t *row, size_t i)
{
    return text_of(json_array_get(json_object_get(row, "messages"), i), "content");
}

static inline int remove_files(void **state)
{
    (void)state;
    return file_remove_tree(FOLDER, &err) == OK ? 0 : -1;
}

#endif
