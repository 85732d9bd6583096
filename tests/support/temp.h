/* temp.h - a folder of its own for each test that writes files: setup and teardown
 * for cmocka_unit_test_setup_teardown(). */
#ifndef SUPPORT_TEMP_H
#define SUPPORT_TEMP_H

#include "support/check.h"

#include "base/file.h"

static char temp_folder[64]; /* of the test that runs */

static inline int temp_make(void **state)
{
    (void)state;
    snprintf(temp_folder, sizeof temp_folder, "/tmp/tame-test-XXXXXX");
    return mkdtemp(temp_folder) ? 0 : -1;
}

static inline int temp_remove(void **state)
{
    (void)state;
    return file_remove_tree(temp_folder, NULL) == OK ? 0 : -1;
}

/* temp_folder/name, in one of four buffers used in turn. */
static inline const char *temp_path(const char *name)
{
    static char paths[4][256];
    static int next;
    char *out = paths[next++ % 4];
    snprintf(out, sizeof paths[0], "%s/%s", temp_folder, name);
    return out;
}

#define TEMP_TEST(f) cmocka_unit_test_setup_teardown(f, temp_make, temp_remove)

#endif
