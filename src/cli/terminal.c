/* terminal.c - see terminal.h. The sequences are those of ECMA-48 and of xterm, which all
 * terminals of today know. */
#include "cli/terminal.h"

#include "base/system.h"
#include "text/utf8.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* The other screen, pastes marked, no cursor; and back. */
static const char enter[] = "\033[?1049h\033[?2004h\033[?25l";
static const char leave[] = "\033[0m\033[?25h\033[?2004l\033[?1049l";

static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL,
                              SIGABRT, SIGHUP, SIGQUIT};
enum { N_CRASHES = sizeof crashes / sizeof *crashes, STOP_MILLISECONDS = 200 };
enum { ESCAPE_MILLISECONDS = 50 }; /* an Escape alone is followed by nothing */

static struct termios before;
static volatile sig_atomic_t is_open, was_resized, was_suspended;
static unsigned char pending[256];
static size_t n_pending;

/* --- signals -------------------------------------------------------------------------- */
static void put_bytes(const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t done = write(STDOUT_FILENO, bytes, n);
        if (done < 0 && errno != EINTR && errno != EAGAIN)
            return;
        if (done > 0) {
            bytes += done;
            n -= (size_t)done;
        }
    }
}

void terminal_close(void)
{
    if (!is_open)
        return;
    is_open = 0;
    put_bytes(leave, sizeof leave - 1);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
}

/* Only what may be called in a handler: write and tcsetattr. */
static void on_crash(int number)
{
    terminal_close();
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void on_resize(int number)
{
    (void)number;
    was_resized = 1;
}

static void on_suspend(int number)
{
    (void)number;
    was_suspended = 1;
}

static void catch (int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

static void catch_all(void)
{
    system_catch_stop();
    for (int i = 0; i < N_CRASHES; i++)
        catch (crashes[i], on_crash);
    catch (SIGWINCH, on_resize);
    catch (SIGTSTP, on_suspend);
}

/* --- opening ---------------------------------------------------------------------------- */
Status terminal_open(Err *err)
{
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return err_set(err, ERR_IO,
                       "labelling needs a terminal, standard input and output "
                       "are none");
    if (!is_open && tcgetattr(STDIN_FILENO, &before) != 0)
        return err_system(err, "read the settings of", "the terminal");
    struct termios raw = before;
    raw.c_iflag &= ~(tcflag_t)(ICRNL | INLCR | IXON | ISTRIP);
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | IEXTEN); /* Ctrl-C stays a signal */
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    catch_all();
    is_open = 1;
    n_pending = 0;
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) != 0)
        return err_system(err, "set", "the terminal");
    put_bytes(enter, sizeof enter - 1);
    return OK;
}

void terminal_size(int *rows, int *columns)
{
    struct winsize size = {0};
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
    *rows = known && size.ws_row > 0 ? size.ws_row : 24;
    *columns = known && size.ws_col > 0 ? size.ws_col : 80;
}

void terminal_show(const Str *picture)
{
    put_bytes(str_c(picture), picture->len);
}

static void suspend(void)
{
    was_suspended = 0;
    terminal_close();
    (void)raise(SIGSTOP);
    if (terminal_open(NULL) != OK)
        system_request_stop();
}

/* --- keys --------------------------------------------------------------------------------- */
typedef struct Sequence {
    const char *bytes;
    int32_t key;
} Sequence;
static const Sequence sequences[] = {
    {"[A", KEY_UP},         {"[B", KEY_DOWN},     {"[C", KEY_RIGHT},
    {"[D", KEY_LEFT},       {"OA", KEY_UP},       {"OB", KEY_DOWN},
    {"OC", KEY_RIGHT},      {"OD", KEY_LEFT},     {"[H", KEY_HOME},
    {"[F", KEY_END},        {"OH", KEY_HOME},     {"OF", KEY_END},
    {"[1~", KEY_HOME},      {"[4~", KEY_END},     {"[7~", KEY_HOME},
    {"[8~", KEY_END},       {"[3~", KEY_DELETE},  {"[5~", KEY_PAGE_UP},
    {"[6~", KEY_PAGE_DOWN}, {"[200~", KEY_PASTE}, {"[201~", KEY_PASTE_END},
    {"OM", KEY_ENTER},
};

/* Bytes of the sequence after Escape; 0: it is not complete. */
static size_t sequence_length(const unsigned char *bytes, size_t n)
{
    if (bytes[0] != '[')
        return n > 1 ? 2 : 0;
    for (size_t i = 1; i < n; i++) {
        if (bytes[i] >= 0x40 && bytes[i] <= 0x7e)
            return i + 1;
    }
    return 0;
}

static int32_t decode_escape(const unsigned char *bytes, size_t n, size_t *used)
{
    *used = 1;
    if (n == 1)
        return KEY_ESCAPE;
    if (bytes[1] != '[' && bytes[1] != 'O')
        return KEY_ESCAPE;
    size_t len = sequence_length(bytes + 1, n - 1);
    *used = len ? len + 1 : 0;
    for (size_t i = 0; i < sizeof sequences / sizeof *sequences; i++) {
        if (strlen(sequences[i].bytes) == len &&
            memcmp(sequences[i].bytes, bytes + 1, len) == 0)
            return sequences[i].key;
    }
    return KEY_NONE;
}

int32_t terminal_decode(const unsigned char *bytes, size_t n, size_t *used)
{
    static const unsigned char lengths[] = {1, 1, 1, 1, 1, 1, 1, 1,
                                            1, 1, 1, 1, 2, 2, 3, 4};
    *used = 1;
    if (bytes[0] == '\033')
        return decode_escape(bytes, n, used);
    if (bytes[0] == '\r')
        return KEY_ENTER;
    if (bytes[0] == 127 || bytes[0] == 8)
        return KEY_BACKSPACE;
    size_t len = bytes[0] < 0xf8 ? lengths[bytes[0] >> 4] : 1;
    if (len > n) {
        *used = 0;
        return KEY_NONE;
    }
    uint32_t code;
    int valid = utf8_decode((Span){(const char *)bytes, len}, &code);
    if (valid == 0)
        return KEY_NONE;
    *used = (size_t)valid;
    return (int32_t)code;
}

/* Waits until a byte has come; false when there is none within so many milliseconds. */
static bool wait_for_bytes(int milliseconds)
{
    struct pollfd in = {STDIN_FILENO, POLLIN, 0};
    return poll(&in, 1, milliseconds) > 0;
}

/* More bytes behind those pending; false when the terminal has gone. */
static bool read_bytes(void)
{
    ssize_t n = read(STDIN_FILENO, pending + n_pending, sizeof pending - n_pending);
    if (n > 0)
        n_pending += (size_t)n;
    return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

static int32_t take_pending(void)
{
    size_t used = 0;
    int32_t key = terminal_decode(pending, n_pending, &used);
    while (used == 0 && n_pending < sizeof pending &&
           wait_for_bytes(ESCAPE_MILLISECONDS) && read_bytes())
        key = terminal_decode(pending, n_pending, &used);
    if (used == 0) /* it will not be completed */
        used = n_pending;
    if (used == 1 && pending[0] == '\033' && n_pending == 1 &&
        wait_for_bytes(ESCAPE_MILLISECONDS) && read_bytes() && n_pending > 1)
        return take_pending();
    n_pending -= used;
    memmove(pending, pending + used, n_pending);
    return key;
}

int32_t terminal_key(void)
{
    for (;;) {
        if (system_stop_requested())
            return KEY_STOP;
        if (was_suspended) {
            suspend();
            return KEY_RESIZE;
        }
        if (was_resized) {
            was_resized = 0;
            return KEY_RESIZE;
        }
        if (n_pending > 0)
            return take_pending();
        if (wait_for_bytes(STOP_MILLISECONDS) && !read_bytes())
            return KEY_STOP;
    }
}
