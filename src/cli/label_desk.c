/* label_desk.c - see label_desk.h. */
#include "cli/label_desk.h"

#include "base/file.h"
#include "base/mem.h"
#include "cli/label_screen.h"
#include "cli/terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Desk {
    LabelSession session;
    LabelView view;
    TextField field;
    Str picture;
    bool pasting;
} Desk;

static void show(Desk *d)
{
    terminal_size(&d->view.rows, &d->view.columns);
    label_screen(&d->view, &d->picture);
    terminal_show(&d->picture);
}

static void say(Desk *d, const char *message)
{
    (void)snprintf(d->session.draft.message, sizeof d->session.draft.message, "%.90s",
                   message);
}

/* --- an editor of the labeler's own ---------------------------------------------------- */
static int run_editor(const char *path)
{
    pid_t child = fork();
    if (child == 0) {
        (void)signal(SIGINT, SIG_DFL);
        (void)signal(SIGTSTP, SIG_DFL);
        execl("/bin/sh", "sh", "-c", "exec ${VISUAL:-${EDITOR:-vi}} \"$1\"", "sh", path,
              (char *)NULL);
        _exit(127);
    }
    int status = -1;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static Status write_draft(const Str *text, char path[4096], Err *err)
{
    const char *folder = getenv("TMPDIR");
    (void)snprintf(path, 4096, "%s/tame-answer-XXXXXX.md", folder ? folder : "/tmp");
    int fd = mkstemps(path, 3);
    if (fd < 0)
        return err_system(err, "make", path);
    close(fd);
    return file_write_atomic(path, str_c(text), text->len, err);
}

/* A text that could not be edited stays as it was; the message says why. */
static Status edit(Desk *d, Err *err)
{
    enum { MOST_BYTES = 1 << 20 };
    char path[4096];
    Str text = {0};
    Err why = {0};
    Status status = write_draft(&d->session.draft.text, path, &why);
    terminal_close();
    int code = status == OK ? run_editor(path) : 0;
    if (status == OK && code == 0)
        status = file_read(path, MOST_BYTES, &text, &why);
    if (status == OK && code == 0)
        status = label_session_set_text(&d->session, str_span(&text), &why);
    if (status != OK)
        say(d, why.msg);
    else if (code != 0)
        say(d, "the editor failed: set EDITOR, or write with i");
    else
        say(d, "Enter keeps it, e changes it again");
    (void)unlink(path);
    str_release(&text);
    return terminal_open(err);
}

/* --- keys ------------------------------------------------------------------------------- */
static bool scroll(Desk *d, int32_t key)
{
    int page = label_screen_page(&d->view), by = 0;
    if (key == KEY_UP || key == 'k')
        by = -1;
    else if (key == KEY_DOWN || key == 'j')
        by = 1;
    else if (key == KEY_PAGE_UP)
        by = -page;
    else if (key == KEY_PAGE_DOWN || key == ' ')
        by = page;
    else if (key == KEY_HOME)
        by = -d->view.scroll;
    d->view.scroll += by;
    return by != 0;
}

static void type(Desk *d, LabelMode mode)
{
    const LabelDraft *draft = &d->session.draft;
    bool lines = mode == LABEL_MODE_TEXT;
    text_field_start(&d->field, str_span(lines ? &draft->text : &draft->reason), lines);
    d->view.mode = mode;
}

static Status typed(Desk *d, int32_t key, Err *err)
{
    FieldEvent event = text_field_key(&d->field, key, d->pasting);
    if (event == FIELD_STAY)
        return str_check(&d->field.text, err);
    LabelMode mode = d->view.mode;
    d->view.mode = LABEL_MODE_KEYS;
    if (event == FIELD_CANCEL)
        return OK;
    Span text = str_span(&d->field.text);
    return mode == LABEL_MODE_TEXT ? label_session_set_text(&d->session, text, err)
                                   : label_session_set_reason(&d->session, text, err);
}

static Status commanded(Desk *d, int32_t key, bool *leave, Err *err)
{
    LabelEvent event;
    TRY(label_session_key(&d->session, key == '\n' ? KEY_ENTER : key, &event, err));
    if (event == LABEL_SUBMIT || event == LABEL_UNDO)
        d->view.scroll = 0;
    if (event == LABEL_REASON)
        type(d, LABEL_MODE_REASON);
    else if (event == LABEL_TYPE)
        type(d, LABEL_MODE_TEXT);
    else if (event == LABEL_EDITOR)
        return edit(d, err);
    else if (event == LABEL_HELP)
        d->view.mode = LABEL_MODE_HELP, d->view.scroll = 0;
    else if (event == LABEL_QUIT)
        *leave = true;
    else if (event == LABEL_UNKNOWN && !scroll(d, key))
        say(d, "no such key here; ? shows the keys");
    return OK;
}

static Status take_key(Desk *d, int32_t key, bool *leave, Err *err)
{
    if (key == KEY_PASTE || key == KEY_PASTE_END)
        d->pasting = key == KEY_PASTE;
    else if (key == KEY_STOP)
        *leave = true;
    else if (key == KEY_RESIZE || key == KEY_NONE)
        return OK;
    else if (d->view.mode == LABEL_MODE_HELP && !scroll(d, key))
        d->view.mode = LABEL_MODE_KEYS, d->view.scroll = 0;
    else if (d->view.mode == LABEL_MODE_REASON || d->view.mode == LABEL_MODE_TEXT)
        return typed(d, key, err);
    else if (d->view.mode == LABEL_MODE_KEYS && !d->pasting)
        return commanded(d, key, leave, err);
    return OK;
}

static Status work(Desk *d, Err *err)
{
    Status status = terminal_open(err);
    bool leave = false;
    while (status == OK && !leave) {
        show(d);
        status = take_key(d, terminal_key(), &leave, err);
    }
    terminal_close();
    if (status == OK && d->view.mode == LABEL_MODE_TEXT) /* stopped while typing */
        status = label_session_set_text(&d->session, str_span(&d->field.text), err);
    return status;
}

Status label_desk_run(Labels *labels, LabelKind kind, const char *labeler, int64_t each,
                      int64_t *done, int64_t *open, Err *err)
{
    Desk d = {0};
    TRY(label_session_open(&d.session, labels, kind, labeler, each, err));
    const char *term = getenv("TERM");
    d.view = (LabelView){.session = &d.session,
                         .labeler = labeler,
                         .field = &d.field,
                         .plain = getenv("NO_COLOR") || !term || !strcmp(term, "dumb")};
    Status status = work(&d, err);
    *done = d.session.next.done;
    *open = d.session.next.open;
    label_session_release(&d.session);
    text_field_release(&d.field);
    str_release(&d.picture);
    return status;
}
