/* terminal.h - the terminal as a screen: keys one by one, whole pictures. There is one; its
 * state is this file's own, because what restores it runs in signal handlers.
 *
 * However the program ends (return, Ctrl-C, SIGTERM, a crash), the terminal is as it was
 * before. Ctrl-Z suspends, and the picture comes back with the program. */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include "base/err.h"
#include "base/str.h"
#include "data/label_draft.h"

#include <stdbool.h>
#include <stdint.h>

/* Beside LabelKey: what else a read may give. */
enum {
    KEY_RESIZE = KEY_PAGE_DOWN + 1, /* draw again */
    KEY_PASTE,                      /* a paste begins */
    KEY_PASTE_END,
    KEY_STOP, /* Ctrl-C, SIGTERM, or the terminal has gone */
    KEY_NONE, /* a sequence that means nothing to us */
};

/* ERR_IO when standard input or output is no terminal. system_catch_stop() is called. */
NODISCARD Status terminal_open(Err *err);
/* May be called again, and before open. Also for a program that has the terminal for a
 * while; open again afterwards. */
void terminal_close(void);
void terminal_size(int *rows, int *columns);
/* Waits for a key. */
int32_t terminal_key(void);
/* Puts a picture of whole lines on the screen at once. */
void terminal_show(const Str *picture);

/* The first key of bytes that came from a terminal (n >= 1); *used of them. 0 used: it is
 * not complete yet. Pure. */
int32_t terminal_decode(const unsigned char *bytes, size_t n, size_t *used);

#endif
