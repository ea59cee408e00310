#!/usr/bin/env bash
# What the program asks of a machine before it does anything: time to start, size, dependencies. Fails beyond the limits that
# BENCHMARKS.md (Start-up and size) names.
#
#   ci/start.sh path/to/modelmend
set -euo pipefail
program=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
failed=0

# check WHAT VALUE LIMIT UNIT: the value must be below the limit, in whole units.
check() {
    printf '%-28s %8d %s (below %d)\n' "$1" "$2" "$4" "$3"
    [ "$2" -lt "$3" ] || { echo "TOO MUCH: $1" >&2 && failed=1; }
}

microseconds() {
    echo "${EPOCHREALTIME/[^0-9]/}"
}

times=()
for _ in {1..21}; do
    start=$(microseconds)
    "$program" --version > /dev/null
    times+=($(($(microseconds) - start)))
done
median=$(printf '%s\n' "${times[@]}" | sort -n | sed -n 11p)
check "modelmend --version, median" "$median" 20000 "microseconds"
check "the program" $(($(stat --format=%s "$program") / 1000)) 40000 "kB"
# With those of tests and build scripts; each version counts.
check "crates" "$(cargo tree --color never --locked --workspace --prefix none | sed 's/ (.*//' | sort -u | wc -l)" 250 "crates"
exit "$failed"
