#!/bin/sh
# check_banned.sh - below cli/ nothing prints or exits (src/base/log.c is the one
# sink), and nowhere is a function used that has a safe sibling.
cd "$(dirname "$0")/.." || exit 2
bad=0
below=$(find src -name '*.c' -not -path 'src/cli/*' -not -path 'src/base/err.c' -not -path 'src/base/log.c')
if grep -nE '(^|[^_a-zA-Z.>])(printf|puts|putchar|exit|abort|perror|_exit) *\(' $below; then
    echo "below cli/ nothing prints or exits: return a Status"
    bad=1
fi
if grep -nE '(^|[^_a-zA-Z.>])(strcpy|strcat|sprintf|vsprintf|gets|strtok|rand|srand|atoi|atof|system|popen) *\(' $(find src -name '*.c'); then
    echo "use the bounded or reentrant sibling"
    bad=1
fi
exit $bad
