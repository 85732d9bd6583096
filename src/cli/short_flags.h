/* short_flags.h - the few one-letter flags that hands type: "-p TEXT" for "--prompt TEXT". */
#ifndef CLI_SHORT_FLAGS_H
#define CLI_SHORT_FLAGS_H

typedef struct ShortFlag {
    const char *word; /* "-p"; NULL ends the list */
    char *flag;       /* "--prompt"; takes a value */
} ShortFlag;

/* Replaces short flags in argv[1..argc) by the long ones, in place. The value behind one
 * is left as it is, whatever it looks like. */
void short_flags_expand(const ShortFlag *flags, int argc, char **argv);

#endif
