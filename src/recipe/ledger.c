/* ledger.c - ledger.json and its table. */
#include "recipe/ledger.h"

#include "base/file.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/system.h"

#include <stdio.h>
#include <string.h>

Status ledger_open(const char *run_folder, json_t **out, Err *err)
{
    Str path = {0};
    Status status = OK;
    file_join(&path, run_folder, "ledger.json");
    if (file_exists(str_c(&path))) {
        status = json_read_file(str_c(&path), out, err);
        if (status == OK && !json_is_array(json_object_get(*out, "stages"))) {
            json_decref(*out);
            *out = NULL;
            status =
                err_set(err, ERR_FORMAT, "'%s' has no list of stages", str_c(&path));
        }
    } else {
        *out = json_pack("{s:[]}", "stages");
        if (!*out)
            status = err_set(err, ERR_NOMEM, "no memory for a ledger");
    }
    str_release(&path);
    return status;
}

/* 64-bit hash of the model a stage started from, as hex; "" when it is not a folder
 * with weights. */
static Status hash_of_model(const char *folder, char out[17], Err *err)
{
    out[0] = '\0';
    Str path = {0};
    FileMap map = {0};
    Status status = OK;
    file_join(&path, folder, "model.safetensors");
    if (!file_exists(str_c(&path)))
        file_join(&path, folder, "adapter_model.safetensors");
    if (folder[0] && file_exists(str_c(&path))) {
        status = file_map(str_c(&path), &map, err);
        if (status == OK)
            snprintf(out, 17, "%016llx",
                     (unsigned long long)rng_hash(map.ptr, map.len, 0));
        file_unmap(&map);
    }
    str_release(&path);
    return status;
}

static json_t *line_of(const char *name, const char *kind, const json_t *options,
                       const StageReport *r, const char *hash)
{
    char when[32];
    system_timestamp(when);
    json_t *line =
        json_pack("{s:s, s:s, s:f, s:f, s:f, s:I, s:I, s:s, s:s, s:s, s:s}", "name",
                  name, "kind", kind, "tokens", r->tokens, "flops", r->flops, "seconds",
                  r->seconds, "peak_bytes", (json_int_t)r->peak_bytes, "params",
                  (json_int_t)r->params, "started_from", r->started_from,
                  "started_from_hash", hash, "data", r->data, "finished", when);
    if (!line)
        return NULL;
    json_object_set_new(line, "options", json_deep_copy(options));
    if (r->metrics)
        json_object_set(line, "metrics", r->metrics);
    return line;
}

/* The place of the line of `name`; the number of lines when there is none. */
static size_t place_of(const json_t *stages, const char *name)
{
    size_t n = json_array_size(stages), i = 0;
    for (; i < n; i++) {
        const json_t *line = json_array_get(stages, i);
        const char *found = json_string_value(json_object_get(line, "name"));
        if (found && strcmp(found, name) == 0)
            break;
    }
    return i;
}

Status ledger_put(json_t *ledger, const char *run_folder, const char *name,
                  const char *kind, const json_t *options, const StageReport *report,
                  Err *err)
{
    char hash[17];
    TRY(hash_of_model(report->started_from, hash, err));
    json_t *line = line_of(name, kind, options, report, hash);
    if (!line)
        return err_set(err, ERR_NOMEM, "no memory for a ledger");
    json_t *stages = json_object_get(ledger, "stages");
    size_t i = place_of(stages, name);
    int failed = i < json_array_size(stages) ? json_array_set_new(stages, i, line)
                                             : json_array_append_new(stages, line);
    if (failed)
        return err_set(err, ERR_NOMEM, "no memory for a ledger");
    Str path = {0};
    Status status =
        json_write_file(file_join(&path, run_folder, "ledger.json"), ledger, err);
    str_release(&path);
    return status;
}

const json_t *ledger_find(const json_t *ledger, const char *name)
{
    const json_t *stages = json_object_get(ledger, "stages");
    return json_array_get(stages, place_of(stages, name));
}

/* --- the table --------------------------------------------------------------------- */
enum { COLUMNS = 7, CELL = 72 };

static double number(const json_t *line, const char *key)
{
    return json_number_value(json_object_get(line, key));
}

static const char *text(const json_t *line, const char *key)
{
    const char *s = json_string_value(json_object_get(line, key));
    return s ? s : "";
}

/* What does not fit ends with its last whole part and " ...". */
static void cut_cell(char cell[CELL], const char *whole)
{
    static const char mark[] = " ...";
    size_t end = CELL - sizeof mark;
    (void)snprintf(cell, CELL, "%s", whole);
    if (strlen(whole) < CELL)
        return;
    for (size_t i = CELL / 2; i < CELL - sizeof mark; i++) {
        if (strchr(";:,", cell[i]) && cell[i + 1] == ' ')
            end = i;
    }
    memcpy(cell + end, mark, sizeof mark);
}

static void cells_of(const json_t *line, char cells[COLUMNS][CELL])
{
    const char *from = text(line, "started_from");
    double flops = number(line, "flops"), tokens = number(line, "tokens");
    snprintf(cells[0], CELL, "%s", text(line, "name"));
    cut_cell(cells[1], text(line, "data"));
    snprintf(cells[2], CELL, "%s", tokens > 0 ? log_count(tokens) : "-");
    snprintf(cells[3], CELL, flops > 0 ? "%.1e" : "-", flops);
    snprintf(cells[4], CELL, "%s", log_seconds(number(line, "seconds")));
    snprintf(cells[5], CELL, "%s", log_bytes(number(line, "peak_bytes")));
    snprintf(cells[6], CELL, "%s", from[0] ? file_base_name(from) : "-");
}

static void put_row(Str *out, char cells[COLUMNS][CELL], const int width[COLUMNS],
                    bool markdown)
{
    str_puts(out, markdown ? "|" : "");
    for (int c = 0; c < COLUMNS; c++)
        str_printf(out, markdown ? " %-*s |" : "%-*s  ", width[c], cells[c]);
    str_putc(out, '\n');
}

void ledger_table(const json_t *ledger, bool markdown, Str *out)
{
    static const char *const heads[COLUMNS] = {
        "stage", "data", "tokens", "FLOPs", "time", "peak memory", "started from"};
    char cells[COLUMNS][CELL];
    int width[COLUMNS];
    size_t i;
    json_t *line, *stages = json_object_get(ledger, "stages");
    for (int c = 0; c < COLUMNS; c++)
        width[c] = (int)strlen(heads[c]);
    json_array_foreach(stages, i, line)
    {
        cells_of(line, cells);
        for (int c = 0; c < COLUMNS; c++) {
            if ((int)strlen(cells[c]) > width[c])
                width[c] = (int)strlen(cells[c]);
        }
    }
    for (int c = 0; c < COLUMNS; c++)
        snprintf(cells[c], CELL, "%s", heads[c]);
    put_row(out, cells, width, markdown);
    for (int c = 0; c < COLUMNS; c++) {
        memset(cells[c], '-', (size_t)width[c]);
        cells[c][width[c]] = '\0';
    }
    put_row(out, cells, width, markdown);
    json_array_foreach(stages, i, line)
    {
        cells_of(line, cells);
        put_row(out, cells, width, markdown);
    }
}
