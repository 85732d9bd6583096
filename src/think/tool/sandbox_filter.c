/* sandbox_filter.c - the system calls that a tool's command may not make (libseccomp).
 *
 * Namespaces already keep it from what is outside; the filter takes away the calls by
 * which sandboxes were left before: tracing, mounting, new namespaces (in which a user is
 * root again), keys, BPF, io_uring, typing into the terminal, families of sockets that no
 * namespace holds (vsock, packet). It is a list of what is forbidden, since the commands
 * are any programs; calls of another architecture's table end the process. */
#include "think/tool/sandbox.h"

#include <errno.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const forbidden[] = {"ptrace",
                                        "process_vm_readv",
                                        "process_vm_writev",
                                        "process_madvise",
                                        "pidfd_getfd",
                                        "kcmp",
                                        "perf_event_open",
                                        "bpf",
                                        "userfaultfd",
                                        "io_uring_setup",
                                        "io_uring_enter",
                                        "io_uring_register",
                                        "mount",
                                        "umount",
                                        "umount2",
                                        "pivot_root",
                                        "chroot",
                                        "fsopen",
                                        "fsconfig",
                                        "fsmount",
                                        "fspick",
                                        "move_mount",
                                        "open_tree",
                                        "mount_setattr",
                                        "setns",
                                        "unshare",
                                        "keyctl",
                                        "add_key",
                                        "request_key",
                                        "init_module",
                                        "finit_module",
                                        "delete_module",
                                        "kexec_load",
                                        "kexec_file_load",
                                        "reboot",
                                        "swapon",
                                        "swapoff",
                                        "iopl",
                                        "ioperm",
                                        "open_by_handle_at",
                                        "name_to_handle_at",
                                        "quotactl",
                                        "quotactl_fd",
                                        "acct",
                                        "settimeofday",
                                        "clock_settime",
                                        "clock_adjtime",
                                        "adjtimex",
                                        "syslog",
                                        "sethostname",
                                        "setdomainname",
                                        "nfsservctl",
                                        "uselib",
                                        "modify_ldt",
                                        "vm86",
                                        "vm86old",
                                        "lookup_dcookie",
                                        "move_pages",
                                        "migrate_pages",
                                        "fanotify_init",
                                        "vhangup",
                                        "personality"};

/* A name that this architecture lacks is forbidden already. */
static int forbid(scmp_filter_ctx filter, const char *name)
{
    int call = seccomp_syscall_resolve_name(name);
    if (call == __NR_SCMP_ERROR || call < 0)
        return 0;
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 0);
}

static int forbid_namespaces(scmp_filter_ctx filter)
{
    static const uint64_t flags[] = {CLONE_NEWUSER,  CLONE_NEWNS,  CLONE_NEWPID,
                                     CLONE_NEWNET,   CLONE_NEWIPC, CLONE_NEWUTS,
                                     CLONE_NEWCGROUP};
    int failed = 0;
    for (size_t i = 0; !failed && i < sizeof flags / sizeof *flags; i++)
        failed = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                                  SCMP_A0(SCMP_CMP_MASKED_EQ, flags[i], flags[i]));
    /* Its flags lie in memory, where a filter cannot look; the C library then takes clone. */
    return failed
               ? failed
               : seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

/* socket() of a family, compared so. */
static int forbid_family(scmp_filter_ctx filter, enum scmp_compare op, int family)
{
    const struct scmp_arg_cmp first = {
        .arg = 0, .op = op, .datum_a = (scmp_datum_t)family};
    return seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT),
                                  SCMP_SYS(socket), 1, &first);
}

/* All families but those of programs on one machine, and of the internet where asked for
 * (netlink tells the C library which addresses there are). */
static int forbid_sockets(scmp_filter_ctx filter, bool network)
{
    int failed = forbid_family(filter, SCMP_CMP_GE, AF_MAX);
    for (int family = 0; !failed && family < AF_MAX; family++) {
        bool allowed =
            family == AF_UNIX || (network && (family == AF_INET || family == AF_INET6 ||
                                              family == AF_NETLINK));
        if (!allowed)
            failed = forbid_family(filter, SCMP_CMP_EQ, family);
    }
    return failed;
}

/* Typing into the terminal that we run in. */
static int forbid_typing(scmp_filter_ctx filter)
{
    static const uint64_t requests[] = {TIOCSTI, TIOCLINUX};
    int failed = 0;
    for (size_t i = 0; !failed && i < 2; i++)
        failed =
            seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                             SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffu, requests[i]));
    return failed;
}

/* The program of the filter is some kilobytes, which a pipe holds. */
Status sandbox_filter(bool network, int *fd, Err *err)
{
    int ends[2] = {-1, -1}, failed = 0;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter)
        return err_set(err, ERR_NOMEM, "no memory for a filter of system calls");
    for (size_t i = 0; !failed && i < sizeof forbidden / sizeof *forbidden; i++)
        failed = forbid(filter, forbidden[i]);
    if (!failed)
        failed = forbid_namespaces(filter);
    if (!failed)
        failed = forbid_sockets(filter, network);
    if (!failed)
        failed = forbid_typing(filter);
    if (!failed && pipe(ends) != 0)
        failed = -errno;
    if (!failed)
        failed = seccomp_export_bpf(filter, ends[1]);
    seccomp_release(filter);
    if (ends[1] >= 0)
        (void)close(ends[1]);
    if (!failed) {
        *fd = ends[0];
        return OK;
    }
    if (ends[0] >= 0)
        (void)close(ends[0]);
    errno = -failed;
    return err_system(err, "make", "a filter of system calls");
}
