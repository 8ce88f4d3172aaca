# What the scripts here share: where things are, how the program is built, and that it works.
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dist=${SPOOR_DIST:-$top/target/dist}
# Another profile than `release` builds faster.
profile=${SPOOR_PROFILE:-release}
mkdir -p "$dist"

# The name of the folder of a profile below a target folder.
folder() { if [ "$profile" = dev ]; then echo debug; else echo "$profile"; fi; }

# Whether a program analyses a miner, in a confined process; `$@` is what starts it.
smoke() {
  local out
  out=$("$@" scan - <"$top/corpus/miner.wat" | tr -d '\0' | grep -a '"type":"done"')
  grep -q '"result":"analysed"' <<<"$out" && grep -q '"verdict":"MALICIOUS"' <<<"$out" || {
    echo "FAILED: $*: $out"
    return 1
  }
  echo "ok: $*"
}
