/* short_flags.c - see short_flags.h. */
#include "cli/short_flags.h"

#include <string.h>

static char prompt[] = "--prompt", max_new[] = "--max-new",
            temperature[] = "--temperature";

/* All take a value. */
static const struct {
    const char *word;
    char *flag; /* argv's words are no constants */
} short_flags[] = {{"-p", prompt}, {"-n", max_new}, {"--temp", temperature}};
enum { SHORT_FLAGS = sizeof short_flags / sizeof *short_flags };

void short_flags_expand(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        int k = 0;
        while (k < SHORT_FLAGS && strcmp(short_flags[k].word, argv[i]) != 0)
            k++;
        if (k < SHORT_FLAGS)
            argv[i++] = short_flags[k].flag;
    }
}
