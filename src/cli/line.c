/* line.c - see line.h. libedit needs a UTF-8 locale to edit more than ASCII; only the
 * character type is set, so numbers keep their points. */
#include "cli/line.h"

#include "base/mem.h"

#include <histedit.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { HISTORY_LINES = 1000 };

struct LineReader {
    const char *prompt; /* borrowed */
    EditLine *edit;     /* NULL: a pipe */
    History *history;
    char *buffer; /* getline's */
    size_t size;
};

static char *give_prompt(EditLine *edit)
{
    static char text[64];
    LineReader *r = NULL;
    el_get(edit, EL_CLIENTDATA, &r);
    (void)snprintf(text, sizeof text, "%s", r->prompt);
    return text;
}

static void set_utf8(void)
{
    if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
}

static bool open_editor(LineReader *r)
{
    HistEvent event;
    set_utf8();
    r->history = history_init();
    r->edit = el_init("tame", stdin, stdout, stderr);
    if (!r->history || !r->edit)
        return false;
    history(r->history, &event, H_SETSIZE, HISTORY_LINES);
    history(r->history, &event, H_SETUNIQUE, 1);
    el_set(r->edit, EL_CLIENTDATA, r);
    el_set(r->edit, EL_PROMPT, give_prompt);
    el_set(r->edit, EL_EDITOR, "emacs");
    el_set(r->edit, EL_HIST, history, r->history);
    el_set(r->edit, EL_SIGNAL, 1); /* restores the terminal before a signal's work */
    return true;
}

Status line_reader_new(LineReader **out, const char *prompt, Err *err)
{
    TRY(MEM_ARRAY(out, 1, err));
    (*out)->prompt = prompt;
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return OK;
    if (open_editor(*out))
        return OK;
    line_reader_free(*out);
    *out = NULL;
    return err_set(err, ERR_IO, "cannot open the terminal for editing");
}

void line_reader_free(LineReader *r)
{
    if (!r)
        return;
    if (r->edit)
        el_end(r->edit);
    if (r->history)
        history_end(r->history);
    free(r->buffer);
    mem_free(r);
}

bool line_is_interactive(const LineReader *r)
{
    return r->edit != NULL;
}

static bool edit_line(LineReader *r, Span *line)
{
    int n = 0;
    signal(SIGINT, SIG_DFL);
    const char *text = el_gets(r->edit, &n);
    if (!text || n <= 0)
        return false;
    HistEvent event;
    *line = (Span){text, (size_t)n};
    if (span_trim(*line).len > 0)
        history(r->history, &event, H_ENTER, text);
    return true;
}

Status line_read(LineReader *r, Span *line, bool *end, Err *err)
{
    *line = (Span){0};
    *end = false;
    if (r->edit) {
        *end = !edit_line(r, line);
    } else {
        ssize_t n = getline(&r->buffer, &r->size, stdin);
        if (n < 0 && !feof(stdin))
            return err_system(err, "read", "standard input");
        *end = n < 0;
        *line = (Span){r->buffer, *end ? 0 : (size_t)n};
    }
    while (line->len > 0 &&
           (line->ptr[line->len - 1] == '\r' || line->ptr[line->len - 1] == '\n'))
        line->len--;
    return OK;
}
