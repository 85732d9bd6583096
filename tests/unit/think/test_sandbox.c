/* Ways out of the sandbox, each tried by a command in it: all fail, and nothing is left
 * behind. Where the system has no namespaces for users nothing runs, and the tests say so
 * by name. */
#include "support/temp.h"

#include "base/mem.h"
#include "base/process.h"
#include "base/system.h"
#include "think/tool/sandbox.h"
#include "think/tool/tool.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static bool possible;
static char why_not[512];

static int look(void **state)
{
    (void)state;
    Err err = {0};
    possible = sandbox_check(&err) == OK;
    (void)snprintf(why_not, sizeof why_not, "%s", err.msg);
    return 0;
}

static void need_sandbox(void)
{
    if (!possible) {
        print_message("skipped: %s\n", why_not);
        skip();
    }
}

static void need_python(void)
{
    need_sandbox();
    if (!file_exists("/usr/bin/python3")) {
        print_message("skipped: there is no python3\n");
        skip();
    }
}

typedef struct Ran {
    Str out;
    bool failed;
    double seconds;
} Ran;

static Ran run_with(const Sandbox *s, const char *const *argv)
{
    Err err = {0};
    Ran r = {0};
    double begin = system_seconds();
    CHECK_OK(sandbox_run(s, argv, &r.out, &r.failed, &err));
    r.seconds = system_seconds() - begin;
    return r;
}

/* patient: for commands that end by themselves, however loaded the machine is. */
static const Sandbox patient = {
    .limits = {.seconds = 120, .memory_mb = 1024, .processes = 64, .file_mb = 8}};
static const Sandbox brief = {
    .limits = {.seconds = 1, .memory_mb = 512, .processes = 24, .file_mb = 8}};

static Ran shell(const Sandbox *s, const char *script)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    return run_with(s, argv);
}

static void gives(const char *const *argv, const char *expected)
{
    Ran r = run_with(&patient, argv);
    if (strcmp(str_c(&r.out), expected) != 0)
        fail_msg("%s: '%s', not '%s'", argv[2], str_c(&r.out), expected);
    str_release(&r.out);
}

static void shell_gives(const char *script, const char *expected)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    gives(argv, expected);
}

static void python_gives(const char *script, const char *expected)
{
    const char *const argv[] = {"python3", "-c", script, NULL};
    gives(argv, expected);
}

/* Processes on the whole machine with `mark` in their command line. */
static int running(const char *mark)
{
    Err err = {0};
    char **names, path[512], line[4096];
    size_t n;
    int found = 0;
    CHECK_OK(file_list("/proc", &names, &n, &err));
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(path, sizeof path, "/proc/%s/cmdline", names[i]);
        FILE *f = names[i][0] >= '0' && names[i][0] <= '9' ? fopen(path, "r") : NULL;
        if (!f)
            continue;
        size_t len = fread(line, 1, sizeof line - 1, f);
        (void)fclose(f);
        for (size_t j = 0; j < len; j++)
            line[j] = (char)(line[j] ? line[j] : ' ');
        line[len] = '\0';
        found += strstr(line, mark) != NULL;
    }
    file_list_free(names, n);
    return found;
}

/* What was killed goes away soon, not at once. */
static void nothing_is_left(const char *mark)
{
    for (int i = 0; i < 500 && running(mark) > 0; i++)
        (void)usleep(10000);
    assert_int_equal(running(mark), 0);
}

/* --- what it may do ------------------------------------------------------------------- */

static void a_command_runs_and_its_end_is_told(void **state)
{
    (void)state;
    need_sandbox();
    shell_gives("echo hello; echo noise >&2", "hello\n");
    shell_gives("echo partial; echo 'it broke' >&2; exit 3",
                "the command ended with exit status 3 (it broke)\npartial\n");
    shell_gives("cat; echo end", "end\n");
    shell_gives("echo x > /tmp/a && cat /tmp/a && pwd", "x\n/tmp\n");
    shell_gives("echo \"$HOME $PATH\"", "/tmp /usr/bin:/bin\n");
    const char *const argv[] = {"no-such-program", NULL};
    Ran r = run_with(&patient, argv);
    assert_true(r.failed);
    assert_non_null(strstr(str_c(&r.out), "No such file or directory"));
    str_release(&r.out);
}

static void paths_and_variables_that_are_named_are_there(void **state)
{
    (void)state;
    need_sandbox();
    Err err = {0};
    char path[256], name[] = "SANDBOX_TEST";
    (void)snprintf(path, sizeof path, "%s", temp_path("shared"));
    CHECK_OK(file_make_folders(path, &err));
    assert_int_equal(chmod(temp_folder, 0755) | chmod(path, 0777), 0);
    assert_int_equal(setenv(name, "given", 1), 0);
    char *paths[] = {path, NULL}, *names[] = {name, NULL};
    Sandbox s = patient;
    Str script = {0};
    str_printf(&script, "echo $SANDBOX_TEST; echo x > %s/new && echo written", path);
    s.read = paths;
    s.variables = names;
    Ran r = shell(&s, str_c(&script));
    assert_true(r.failed);
    assert_null(strstr(str_c(&r.out), "written"));
    assert_non_null(strstr(str_c(&r.out), "given"));
    str_release(&r.out);
    s.read = NULL;
    s.write = paths;
    r = shell(&s, str_c(&script));
    assert_string_equal(str_c(&r.out), "given\nwritten\n");
    str_release(&r.out);
    str_release(&script);
}

/* --- what it must not ----------------------------------------------------------------- */

static void files_outside_are_not_there(void **state)
{
    (void)state;
    need_sandbox();
    Err err = {0};
    Str script = {0};
    assert_int_equal(chmod(temp_folder, 0755), 0);
    CHECK_OK(file_write_atomic(temp_path("secret"), "x", 1, &err));
    str_printf(&script,
               "for f in %s /etc/passwd /etc/shadow /root /home /var /run /sys "
               "/proc/1/root%s; do [ -e $f ] && echo $f; done; echo end",
               temp_path("secret"), temp_path("secret"));
    shell_gives(str_c(&script), "end\n");
    shell_gives(
        "for d in / /usr /usr/bin /etc /dev /proc; do (echo x > $d/new) 2>/dev/null && "
        "echo $d; done; rm -f /usr/bin/env 2>/dev/null; [ -e /usr/bin/env ] && echo "
        "end",
        "end\n");
    str_release(&script);
}

static void descriptors_and_variables_of_ours_are_not_there(void **state)
{
    (void)state;
    need_sandbox();
    Err err = {0};
    CHECK_OK(file_write_atomic(temp_path("open"), "x", 1, &err));
    int fd =
        open(temp_path("open"), O_RDONLY); /* no O_CLOEXEC: a child would hold it */
    assert_true(fd >= 0);
    assert_int_equal(setenv("SANDBOX_SECRET", "x", 1), 0);
    shell_gives(
        "for n in 3 4 5 6 7 8 9 10 11 12; do (: <&$n) 2>/dev/null && echo $n; done; "
        "echo \"[$SANDBOX_SECRET]\"",
        "[]\n");
    (void)close(fd);
}

static void the_network_is_not_there(void **state)
{
    (void)state;
    need_python();
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof address;
    assert_int_equal(bind(fd, (struct sockaddr *)&address, n), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &n), 0);
    Str script = {0};
    str_printf(
        &script,
        "import socket\n"
        "for f in (socket.AF_INET, socket.AF_INET6, 16, 17, 38, 40):\n"
        "  try: socket.socket(f, socket.SOCK_STREAM if f in (2, 10, 40) else "
        "socket.SOCK_RAW); print('socket', f)\n"
        "  except OSError as e: pass\n"
        "try: socket.create_connection(('127.0.0.1', %d), 5); print('connected')\n"
        "except OSError: print('none')\n",
        (int)ntohs(address.sin_port));
    python_gives(str_c(&script), "none\n");
    str_reset(&script);
    /* with the network it is, so that the above says something */
    Sandbox s = patient;
    s.network = true;
    str_printf(&script,
               "import socket\nsocket.create_connection(('127.0.0.1', %d), 60)\n"
               "print('connected')\n",
               (int)ntohs(address.sin_port));
    const char *const argv[] = {"python3", "-c", str_c(&script), NULL};
    Ran r = run_with(&s, argv);
    assert_string_equal(str_c(&r.out), "connected\n");
    str_release(&r.out);
    str_release(&script);
    (void)close(fd);
}

/* Each line: a call of the system that must be refused, by number so that no program has
 * to be there for it. */
static void calls_that_leave_sandboxes_are_refused(void **state)
{
    (void)state;
    need_python();
    python_gives(
        "import ctypes, errno, os\n"
        "c = ctypes.CDLL(None, use_errno=True)\n"
        "def refused(what, r):\n"
        "  if r != -1: print(what, r, ctypes.get_errno())\n"
        "refused('ptrace', c.ptrace(0, 0, 0, 0))\n"
        "refused('attach', c.ptrace(16, os.getppid(), 0, 0))\n"
        "refused('unshare', c.unshare(0x10000000))\n"
        "refused('mount', c.mount(b'none', b'/tmp', b'tmpfs', 0, None))\n"
        "refused('umount', c.umount2(b'/usr', 2))\n"
        "refused('setns', c.setns(0, 0))\n"
        "refused('chroot', c.chroot(b'/tmp'))\n"
        "refused('setuid', c.setuid(0) if os.getuid() else -1)\n"
        "refused('personality', c.personality(0xffffffff))\n"
        "refused('hostname', c.sethostname(b'x', 1))\n"
        "for n in (101, 246, 250, 310, 321, 323, 425, 428, 430):\n"
        "  if os.uname().machine == 'x86_64': refused(n, c.syscall(n, 0, 0, 0, 0))\n"
        "try: os.fork() or os._exit(0); print('fork')\n"
        "except OSError: print('no fork')\n",
        "fork\n");
    shell_gives("unshare -U true 2>/dev/null || echo none", "none\n");
}

static void proc_shows_its_own_processes_alone(void **state)
{
    (void)state;
    need_sandbox();
    Str script = {0};
    str_printf(
        &script,
        "n=0; for p in /proc/[0-9]*; do n=$((n+1)); done; [ $n -lt 8 ] && echo few\n"
        "cat /proc/*/environ 2>/dev/null | grep -c SANDBOX_SECRET\n"
        "kill -9 %ld 2>/dev/null || echo 'no such process'\n",
        (long)getpid());
    assert_int_equal(setenv("SANDBOX_SECRET", "x", 1), 0);
    shell_gives(str_c(&script), "few\n0\nno such process\n");
    str_release(&script);
}

/* A command that signals all it can reaches itself. */
static void signals_do_not_reach_us(void **state)
{
    (void)state;
    need_sandbox();
    Ran r = shell(&patient, "kill -9 -1; kill -9 0; kill -9 $PPID; echo end");
    str_release(&r.out);
}

static void a_hang_is_stopped(void **state)
{
    (void)state;
    need_sandbox();
    Ran r = shell(&brief, "echo before; trap '' TERM INT HUP; sleep 98301");
    assert_string_equal(str_c(&r.out), "stopped after 1 s\nbefore\n");
    assert_true(r.failed);
    assert_true(r.seconds >= 1);
    str_release(&r.out);
    nothing_is_left("sleep 98301");
}

static void a_double_fork_does_not_outlive_its_call(void **state)
{
    (void)state;
    need_sandbox();
    Ran r =
        shell(&patient, "(setsid sh -c 'trap \"\" HUP TERM; sleep 98302 & sleep 98302' "
                        ">/dev/null 2>&1 &) ; echo gone");
    assert_string_equal(str_c(&r.out), "gone\n");
    str_release(&r.out);
    nothing_is_left("sleep 98302");
}

/* It holds the output open, too. */
static void a_daemon_that_keeps_the_output_does_not_keep_us(void **state)
{
    (void)state;
    need_sandbox();
    Ran r = shell(&patient, "(setsid sleep 98303 &) ; echo gone");
    assert_string_equal(str_c(&r.out), "gone\n");
    str_release(&r.out);
    nothing_is_left("sleep 98303");
}

static void a_fork_bomb_is_bounded(void **state)
{
    (void)state;
    need_python();
    /* forks all it can, counts, and lets them live on: their number is the limit's */
    const char *const argv[] = {"python3", "-c",
                                "import os, time\n"
                                "n = 0\n"
                                "while n < 500:\n"
                                "  try:\n"
                                "    if os.fork() == 0: time.sleep(98304)\n"
                                "    n += 1\n"
                                "  except OSError: break\n"
                                "print('few' if n < 64 else n)\n",
                                NULL};
    Ran r = run_with(&patient, argv);
    assert_string_equal(str_c(&r.out), "few\n");
    str_release(&r.out);
    nothing_is_left("98304");
    r = shell(&brief, "b() { b | b & }; b; b; sleep 98305");
    str_release(&r.out);
    nothing_is_left("sleep 98305");
}

static void floods_are_cut(void **state)
{
    (void)state;
    need_sandbox();
    Ran r = shell(&patient, "yes flood-98306");
    assert_in_range(r.out.len, TOOL_RESULT_BYTES, 2 * TOOL_RESULT_BYTES);
    str_release(&r.out);
    nothing_is_left("flood-98306");
    r = shell(&patient, "yes flood-98307 | head -c 30000000 >&2; echo end");
    assert_string_equal(str_c(&r.out), "end\n");
    str_release(&r.out);
}

static void memory_and_files_are_limited(void **state)
{
    (void)state;
    need_python();
    python_gives("try: x = bytearray(4 << 30); print(len(x))\n"
                 "except MemoryError: print('none')\n",
                 "none\n");
    shell_gives(
        "(head -c 9000000 /dev/zero > /tmp/a) 2>/dev/null; "
        "[ $(stat -c %s /tmp/a) -le 8388608 ] && echo file\n"
        "for i in 1 2 3; do (head -c 6000000 /dev/zero > /tmp/b$i) 2>/dev/null; done; "
        "[ $(cat /tmp/* | wc -c) -le 8388608 ] && echo all",
        "file\nall\n");
}

/* Without the program that makes sandboxes nothing runs. */
static void without_a_sandbox_nothing_runs(void **state)
{
    (void)state;
    Err err = {0};
    const char *path = getenv("PATH");
    char *before = mem_dup(path ? path : "", path ? strlen(path) : 0);
    assert_int_equal(setenv("PATH", temp_folder, 1), 0);
    Str out = {0};
    bool failed = false;
    const char *const argv[] = {"/usr/bin/true", NULL};
    assert_int_equal(sandbox_check(&err), ERR_OPTION);
    assert_non_null(strstr(err.msg,
                           "commands of tools run in a sandbox alone, and there is "
                           "none here"));
    assert_int_equal(sandbox_run(&patient, argv, &out, &failed, &err), ERR_IO);
    assert_int_equal(setenv("PATH", before, 1), 0);
    mem_free(before);
    str_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_runs_and_its_end_is_told),
        TEMP_TEST(paths_and_variables_that_are_named_are_there),
        TEMP_TEST(files_outside_are_not_there),
        TEMP_TEST(descriptors_and_variables_of_ours_are_not_there),
        cmocka_unit_test(the_network_is_not_there),
        cmocka_unit_test(calls_that_leave_sandboxes_are_refused),
        cmocka_unit_test(proc_shows_its_own_processes_alone),
        cmocka_unit_test(signals_do_not_reach_us),
        cmocka_unit_test(a_hang_is_stopped),
        cmocka_unit_test(a_double_fork_does_not_outlive_its_call),
        cmocka_unit_test(a_daemon_that_keeps_the_output_does_not_keep_us),
        cmocka_unit_test(a_fork_bomb_is_bounded),
        cmocka_unit_test(floods_are_cut),
        cmocka_unit_test(memory_and_files_are_limited),
        TEMP_TEST(without_a_sandbox_nothing_runs),
    };
    return cmocka_run_group_tests(tests, look, NULL);
}
