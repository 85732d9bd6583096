/* turns.h - processes that take turns: what is compared runs a little at a time, one after
 * the other, so that whatever else the machine does meets all alike, and each has its own
 * peak memory. A process does one turn for each line that it reads and says a line about
 * it; the first line that it says is that it is ready. */
#ifndef BENCH_TURNS_H
#define BENCH_TURNS_H

#include <stdio.h>
#include <sys/types.h>

enum { TURNS_LINE = 512 };

typedef struct Turns {
    pid_t pid;
    FILE *to, *from;
} Turns;

/* Starts this program again with these words (NULL ends them, the first is its name) and
 * waits for its first line. All of these end the program when something fails. */
void turns_start(Turns *t, const char *const words[], char line[TURNS_LINE]);
void turns_take(Turns *t, char line[TURNS_LINE]);
void turns_end(Turns *t);

#endif
