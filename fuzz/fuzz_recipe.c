// floor: recipe
/* fuzz_recipe.c - a recipe that is accepted has distinct folders below its run, no "$"
 * left to expand in a name, and a record that reads back to the same record; one that is
 * refused says why and leaves nothing. */
#include "format/yaml.h"
#include "recipe/recipe.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_folders(const Recipe *r)
{
    ASSERT(strncmp(r->folder, "runs/", 5) == 0 && !strchr(r->folder + 5, '/'));
    for (size_t i = 0; i < r->n; i++) {
        const RecipeStage *s = &r->stages[i];
        size_t len = strlen(r->folder);
        ASSERT(strncmp(s->folder, r->folder, len) == 0 && s->folder[len] == '/');
        ASSERT(!strstr(s->folder, "..") && !strchr(s->name, '/'));
        for (size_t j = 0; j < i; j++)
            ASSERT(strcmp(r->stages[j].folder, s->folder) != 0);
    }
}

static void check_record(const Recipe *r)
{
    Err err = {0};
    Str text = {0};
    Recipe again;
    json_t *record = recipe_record(r);
    yaml_append(&text, record);
    ASSERT(recipe_parse(str_span(&text), "runs", &again, &err) == OK);
    json_t *second = recipe_record(&again);
    ASSERT(json_equal(record, second));
    json_decref(second);
    recipe_release(&again);
    json_decref(record);
    str_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Err err = {0};
    Recipe r;
    Status status = recipe_parse((Span){(const char *)data, size}, "runs", &r, &err);
    if (status == OK) {
        ASSERT(r.n > 0 && r.stages);
        check_folders(&r);
        check_record(&r);
    } else {
        ASSERT(err.code == status && err.msg[0] && r.n == 0 && !r.stages && !r.name);
    }
    recipe_release(&r);
    return 0;
}
