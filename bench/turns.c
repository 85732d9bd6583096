/* turns.c - processes that take turns, see turns.h. */
#include "turns.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void give_up(const char *what)
{
    perror(what);
    exit(1);
}

static void hear(Turns *t, char line[TURNS_LINE])
{
    if (fgets(line, TURNS_LINE, t->from))
        return;
    fprintf(stderr, "benchmark: a process that takes turns has ended\n");
    exit(1);
}

/* Our ends of the pipes must not be open in the processes that are started later: the end
 * of its input is how a process learns that it is done. */
static FILE *own_end(int fd, const char *mode)
{
    FILE *f = fdopen(fd, mode);
    if (!f || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        give_up("pipe");
    return f;
}

/* Threads that wait spin for as long as those of `tame`, which sets this for itself. */
static void become(const char *const words[])
{
    enum { MOST_WORDS = 32 };
    char *copy[MOST_WORDS + 1] = {NULL};
    for (int i = 0; words[i] && i < MOST_WORDS; i++)
        copy[i] = strdup(words[i]);
    setenv("GOMP_SPINCOUNT", "3000", 0);
    execv("/proc/self/exe", copy);
    give_up(words[0]);
}

void turns_start(Turns *t, const char *const words[], char line[TURNS_LINE])
{
    int to[2], from[2];
    if (pipe(to) != 0 || pipe(from) != 0)
        give_up("pipe");
    t->pid = fork();
    if (t->pid < 0)
        give_up("fork");
    if (t->pid == 0) {
        if (dup2(to[0], STDIN_FILENO) < 0 || dup2(from[1], STDOUT_FILENO) < 0)
            give_up("dup2");
        close(to[0]);
        close(to[1]);
        close(from[0]);
        close(from[1]);
        become(words);
    }
    close(to[0]);
    close(from[1]);
    t->to = own_end(to[1], "w");
    t->from = own_end(from[0], "r");
    hear(t, line);
}

void turns_take(Turns *t, char line[TURNS_LINE])
{
    if (fputs("\n", t->to) < 0 || fflush(t->to) != 0)
        give_up("benchmark");
    hear(t, line);
}

void turns_end(Turns *t)
{
    int status;
    fclose(t->to);
    fclose(t->from);
    if (waitpid(t->pid, &status, 0) != t->pid || status != 0)
        fprintf(stderr, "benchmark: a process that takes turns failed\n");
}
