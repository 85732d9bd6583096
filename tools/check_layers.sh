#!/bin/sh
# check_layers.sh - every #include under src/ points down (src/layers.txt), and
# only a module's own folder includes its *_internal.h.
# Prints each line that does not, and then fails.
cd "$(dirname "$0")/.." || exit 2
find src -name '*.[ch]' -o -name '*.cu' | sort | xargs awk '
BEGIN {
    while ((getline line < "src/layers.txt") > 0) {
        if (line ~ /^#/ || line == "") continue
        n = split(line, w, /[ \t]+/)
        for (i = 2; i <= n; i++) may[w[1] "/" w[i]] = 1
    }
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, q, "\""); split(FILENAME, from, "/"); split(q[2], to, "/")
    if (!((from[2] "/" to[1]) in may)) {
        print FILENAME ":" FNR ": " from[2] "/ may not include " q[2]; bad = 1
    }
    dir = FILENAME; sub(/\/[^\/]*$/, "", dir); sub(/^src\//, "", dir)
    if (q[2] ~ /_internal\.h$/ && index(q[2], dir "/") != 1) {
        print FILENAME ":" FNR ": " q[2] " is private to its folder"; bad = 1
    }
}
END { exit bad }'
