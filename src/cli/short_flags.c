/* short_flags.c - see short_flags.h. */
#include "cli/short_flags.h"

#include <string.h>

void short_flags_expand(const ShortFlag *flags, int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const ShortFlag *f = flags;
        while (f->word && strcmp(f->word, argv[i]) != 0)
            f++;
        if (f->word)
            argv[i++] = f->flag;
    }
}
