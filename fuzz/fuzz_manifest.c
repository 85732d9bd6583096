// floor: think
/* Any bytes: a manifest, or an error that says why not; and of a manifest every command
 * becomes words, or is refused, whatever its arguments are. */
#include "base/err.h"
#include "format/json.h"
#include "think/tool/manifest.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* {"parameter": value} for all of them. */
static json_t *all_set_to(const json_t *parameters, json_t *value)
{
    json_t *out = json_object(), *of;
    const char *key;
    const json_t *all = json_object_get(parameters, "properties");
    json_object_foreach(json_iterable(all), key, of)
    {
        json_object_set(out, key, value);
    }
    json_decref(value);
    return out;
}

static void check_words(const ManifestTool *t, json_t *arguments, bool set)
{
    Err err = {0};
    char **words = NULL;
    size_t n = 0;
    if (manifest_words(t->command, arguments, &words, &err) == OK) {
        while (words[n])
            n++;
        ASSERT(n >= 1 && n <= 1024);
        if (set) /* a word is a word: none is added, lost or split */
            ASSERT(n == json_array_size(t->command));
    } else {
        ASSERT(err.msg[0]);
    }
    words_free(words);
    json_decref(arguments);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Err err = {0};
    Manifest m;
    if (manifest_parse((Span){(const char *)data, size}, &m, &err) != OK) {
        ASSERT(err.msg[0] && m.n_tools == 0);
        return 0;
    }
    for (size_t i = 0; i < m.n_tools; i++) {
        const ManifestTool *t = &m.tools[i];
        check_words(t, json_object(), false);
        check_words(t, all_set_to(t->parameters, json_string("a b'$(x)")), true);
        check_words(t, all_set_to(t->parameters, json_string("-x")), true);
        check_words(t, all_set_to(t->parameters, json_integer(-1)), true);
    }
    manifest_release(&m);
    return 0;
}
