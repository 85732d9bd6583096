/* short_flags.h - the few short flags that hands type: -p, -n, --temp, -s, -u and -v stand
 * for --prompt, --max-new, --temperature, --system, --usage and --verbose. */
#ifndef CLI_SHORT_FLAGS_H
#define CLI_SHORT_FLAGS_H

/* Replaces short flags in argv[1..argc) by the long ones, in place. The value behind one
 * is left as it is, whatever it looks like. */
void short_flags_expand(int argc, char **argv);

#endif
