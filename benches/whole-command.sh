#!/usr/bin/env bash
# CPU time of whole processes that count every opcode of the same kernels, as ratios to stock wasmi.
#
#   benches/whole-command.sh [ROUNDS] [KERNEL.wasm ...]
#
# Each command runs once in each round, in turn; the least of its times counts. Commands are templates in the
# environment, with {} for the kernel; one that is empty or not installed is left out. A kernel exports
# `main`.
#
#   STOCK       wasmi_cli of the version that hooks/ patches
#   SPOOR       the program, built with --release
#   WIZARD      Wizard's wizeng, interpreter and compiler in one
#   WASABI      whatever runs a kernel that `wasabi` has instrumented with its instruction mix
set -euo pipefail
rounds=${1:-5}
shift || true
here=$(cd "$(dirname "$0")" && pwd)
kernels=("$@")
shared=$here/../../shared/workloads
[ $# -gt 0 ] ||
    kernels=("$shared"/{fib,gemm,sha256,bfvm,qsort}.wasm "$here"/kernels/{jacobi2d,nussinov,lzjson}.wat)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

spoor=${SPOOR:-$here/../target/release/spoor}
free="--time-limit 600 --no-budgets --max-instructions 1000000000000"
names=(stock trace record wizard-int wizard-jit hotness wasabi)
commands=(
    "${STOCK-wasmi_cli --invoke main {\}}"
    "$spoor trace --json --invoke main --time-limit 600 --max-instructions 1000000000000 {}"
    "$spoor record --force -o $folder/x.spoor $free {} --invoke main"
    "${WIZARD:+$WIZARD --mode=int --monitors=opcodes --invoke=main {\}}"
    "${WIZARD:+$WIZARD --mode=jit --monitors=opcodes --invoke=main {\}}"
    "${WIZARD:+$WIZARD --mode=jit --monitors=hotness --invoke=main {\}}"
    "${WASABI-}"
)

# CPU seconds of one run of a command that does its work to the end.
cpu() {
    local TIMEFORMAT='%U %S'
    { time "$@" > /dev/null 2>&1 < /dev/null || echo failed; } 2>&1 |
        awk '/failed/ { failed = 1 } END { if (!failed) print $1 + $2 }'
}

for kernel in "${kernels[@]}"; do
    [ -e "$kernel" ] || { echo "notice: no $kernel" >&2; continue; }
    for ((round = 0; round < rounds; round++)); do
        for at in "${!names[@]}"; do
            read -ra words <<< "${commands[at]//\{\}/$kernel}"
            [ ${#words[@]} -gt 0 ] && command -v "${words[0]}" > /dev/null || continue
            seconds=$(cpu "${words[@]}")
            [ -n "$seconds" ] || { echo "notice: failed: ${words[*]}" >&2; continue; }
            echo "$(basename "${kernel%.*}") ${names[at]} $seconds"
        done
    done
done | awk '
    { key = $1 SUBSEP $2; if (!(key in least) || $3 < least[key]) least[key] = $3
      if (!($1 in row)) { row[$1]; rows[++count] = $1 }
      if (!($2 in column)) { column[$2]; columns[++width] = $2 } }
    END {
        printf "%-12s", "kernel"; for (j = 1; j <= width; j++) printf " %10s", columns[j]; print ""
        for (i = 1; i <= count; i++) {
            base = least[rows[i], columns[1]]; printf "%-12s", rows[i]
            for (j = 1; j <= width; j++) {
                ratio = base > 0 ? least[rows[i], columns[j]] / base : 0
                printf " %10.2f", ratio
                if (ratio > 0) { logs[j] += log(ratio); of[j]++ }
            }
            print ""
        }
        printf "%-12s", "mean"
        for (j = 1; j <= width; j++) printf " %10.2f", of[j] ? exp(logs[j] / of[j]) : 0
        print ""
    }'
