/* short_flags.c - see short_flags.h. */
#include "cli/short_flags.h"

#include <stdbool.h>
#include <string.h>

static char prompt[] = "--prompt", max_new[] = "--max-new",
            temperature[] = "--temperature", system_text[] = "--system",
            usage[] = "--usage", verbose[] = "--verbose";

static const struct {
    const char *word;
    char *flag; /* argv's words are no constants */
    bool takes_value;
} short_flags[] = {{"-p", prompt, true},          {"-n", max_new, true},
                   {"--temp", temperature, true}, {"-s", system_text, true},
                   {"-u", usage, false},          {"-v", verbose, false}};
enum { SHORT_FLAGS = sizeof short_flags / sizeof *short_flags };

void short_flags_expand(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        int k = 0;
        while (k < SHORT_FLAGS && strcmp(short_flags[k].word, argv[i]) != 0)
            k++;
        if (k == SHORT_FLAGS)
            continue;
        argv[i] = short_flags[k].flag;
        i += short_flags[k].takes_value;
    }
}
