#!/usr/bin/env bash
# CPU time, and then time on the wall, of whole processes that count every opcode of the same kernels, as
# ratios to stock wasmi.
#
#   benches/whole-command.sh [ROUNDS] [KERNEL.wasm ...]
#
# Each command runs once in each round, in turn; the least of its times counts, of each kind. Commands are
# templates in the environment, with {} for the kernel; one that is empty or not installed is left out. A
# kernel exports `main`.
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

# CPU seconds, and those on the wall, of one run of a command that does its work to the end.
seconds() {
    local TIMEFORMAT='%U %S %R'
    { time "$@" > /dev/null 2>&1 < /dev/null || echo failed; } 2>&1 |
        awk '/failed/ { failed = 1 } END { if (!failed) print $1 + $2, $3 }'
}

for kernel in "${kernels[@]}"; do
    [ -e "$kernel" ] || { echo "notice: no $kernel" >&2; continue; }
    for ((round = 0; round < rounds; round++)); do
        for at in "${!names[@]}"; do
            read -ra words <<< "${commands[at]//\{\}/$kernel}"
            [ ${#words[@]} -gt 0 ] && command -v "${words[0]}" > /dev/null || continue
            read -r cpu wall <<< "$(seconds "${words[@]}")"
            [ -n "$cpu" ] || { echo "notice: failed: ${words[*]}" >&2; continue; }
            echo "cpu $(basename "${kernel%.*}") ${names[at]} $cpu"
            echo "wall $(basename "${kernel%.*}") ${names[at]} $wall"
        done
    done
done | awk '
    { key = $1 SUBSEP $2 SUBSEP $3; if (!(key in least) || $4 < least[key]) least[key] = $4
      if (!($2 in row)) { row[$2]; rows[++count] = $2 }
      if (!($3 in column)) { column[$3]; columns[++width] = $3 } }
    END { table("cpu"); table("wall") }
    function table(kind,    i, j, base, ratio, logs, of) {
        printf "%-12s", kind; for (j = 1; j <= width; j++) printf " %10s", columns[j]; print ""
        for (i = 1; i <= count; i++) {
            base = least[kind, rows[i], columns[1]]; printf "%-12s", rows[i]
            for (j = 1; j <= width; j++) {
                ratio = base > 0 ? least[kind, rows[i], columns[j]] / base : 0
                printf " %10.2f", ratio
                if (ratio > 0) { logs[j] += log(ratio); of[j]++ }
            }
            print ""
        }
        printf "%-12s", "mean"
        for (j = 1; j <= width; j++) printf " %10.2f", of[j] ? exp(logs[j] / of[j]) : 0
        print ""
    }'
