/* pty.c - runs a program in a pseudo-terminal and does to it what a script says, line by
 * line from standard input; ends with 1 at the first line that does not come true.
 *
 *     pty PROGRAM ARG... <SCRIPT
 *
 *     size ROWS COLUMNS   the terminal's size (first: 24 80)
 *     expect TEXT         waits until the program has shown TEXT, and forgets what came before
 *     absent TEXT         it has not, since what was expected last
 *     send KEYS           \r \n \t \\ and \e (Escape) stand for those keys
 *     signal N            to the program
 *     ends N              waits until it ended with status N; 128 + n: by signal n
 *     restored            the terminal is as it was before the program
 *
 * What the program shows is read without escape sequences, \r left out. */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <utmp.h>

enum { SECONDS = 20, MOST = 1 << 20 };

static int terminal, keeper; /* the program's terminal: our end, and its own */
static pid_t program;
static struct termios before;
static char shown[MOST]; /* since what was expected last */
static size_t n_shown;
static enum { TEXT, ESCAPED, SEQUENCE } state;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void take(char c)
{
    if (state == ESCAPED) {
        state = c == '[' ? SEQUENCE : TEXT;
    } else if (state == SEQUENCE) {
        if (c >= 0x40 && c <= 0x7e)
            state = TEXT;
    } else if (c == '\033') {
        state = ESCAPED;
    } else if (c != '\r' && n_shown + 1 < MOST) {
        shown[n_shown++] = c;
        shown[n_shown] = '\0';
    }
}

/* Reads what there is, waiting up to so many milliseconds for it. */
static void listen(int milliseconds)
{
    char bytes[4096];
    struct pollfd in = {terminal, POLLIN, 0};
    if (poll(&in, 1, milliseconds) <= 0)
        return;
    ssize_t n = read(terminal, bytes, sizeof bytes);
    for (ssize_t i = 0; i < n; i++)
        take(bytes[i]);
}

static int expect(const char *text)
{
    for (double end = now() + SECONDS; now() < end; listen(50)) {
        char *at = strstr(shown, text);
        if (!at)
            continue;
        size_t after = (size_t)(at - shown) + strlen(text);
        memmove(shown, shown + after, n_shown - after + 1);
        n_shown -= after;
        return 1;
    }
    return 0;
}

static int absent(const char *text)
{
    listen(200);
    return strstr(shown, text) == NULL;
}

static int send_keys(const char *text)
{
    for (const char *p = text; *p; p++) {
        char c = *p;
        if (c == '\\' && p[1]) {
            p++;
            c = *p == 'r'   ? '\r'
                : *p == 'n' ? '\n'
                : *p == 't' ? '\t'
                : *p == 'e' ? '\033'
                            : *p;
        }
        if (write(terminal, &c, 1) != 1)
            return 0;
    }
    return 1;
}

static int set_size(const char *text)
{
    char *rest;
    struct winsize size = {0};
    size.ws_row = (unsigned short)strtol(text, &rest, 10);
    size.ws_col = (unsigned short)strtol(rest, NULL, 10);
    return ioctl(keeper, TIOCSWINSZ, &size) == 0 && kill(program, SIGWINCH) == 0;
}

static int ends(const char *text)
{
    long want = strtol(text, NULL, 10);
    for (double end = now() + SECONDS; now() < end; listen(50)) {
        int status;
        if (waitpid(program, &status, WNOHANG) != program)
            continue;
        listen(50);
        long got = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        program = 0;
        if (got != want)
            fprintf(stderr, "pty: it ended with %ld\n", got);
        return got == want;
    }
    return 0;
}

static int restored(void)
{
    struct termios after;
    return tcgetattr(keeper, &after) == 0 && after.c_lflag == before.c_lflag &&
           after.c_iflag == before.c_iflag && after.c_oflag == before.c_oflag;
}

static int obey(const char *line)
{
    static const char *const words[] = {"expect ", "absent ", "send ",   "size ",
                                        "signal ", "ends ",   "restored"};
    size_t which = 0;
    while (which < 7 && strncmp(line, words[which], strlen(words[which])) != 0)
        which++;
    const char *rest = which < 7 ? line + strlen(words[which]) : "";
    switch (which) {
    case 0:
        return expect(rest);
    case 1:
        return absent(rest);
    case 2:
        return send_keys(rest);
    case 3:
        return set_size(rest);
    case 4:
        return kill(program, (int)strtol(rest, NULL, 10)) == 0;
    case 5:
        return ends(rest);
    case 6:
        return restored();
    default:
        return line[0] == '\0' || line[0] == '#';
    }
}

/* The child waits until the terminal has its settings read. */
static int start(char **argv)
{
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    if (openpty(&terminal, &keeper, NULL, NULL, &size) != 0 ||
        tcgetattr(keeper, &before) != 0)
        return 0;
    program = fork();
    if (program == 0) {
        if (login_tty(keeper) == 0)
            execv(argv[0], argv);
        _exit(126);
    }
    return program > 0;
}

static int obey_all(void)
{
    char line[4096];
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        if (obey(line))
            continue;
        fprintf(stderr, "pty: failed: %s\nsince then it showed:\n%s\n", line, shown);
        return 0;
    }
    return 1;
}

int main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc < 2 || !start(argv + 1)) {
        fprintf(stderr, "pty: cannot start: %s\n", strerror(errno));
        return 2;
    }
    int fine = obey_all();
    if (program > 0) {
        kill(program, SIGKILL);
        waitpid(program, NULL, 0);
    }
    return fine ? 0 : 1;
}
