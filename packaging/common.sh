# What the scripts here share: where things are, how the program is built, and that it works.
# What they make goes to SPOOR_DIST; SPOOR_PROFILE names a profile that builds faster than `release`.
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=${CARGO_TARGET_DIR:-$top/target}
dist=${SPOOR_DIST:-$target/dist}
profile=${SPOOR_PROFILE:-release}
mkdir -p "$dist"
# What is packed is one program that needs no library of the machine.
triple=$(uname -m)-unknown-linux-musl

# Installs the target of the toolchain and Debian's `musl-tools` (for the C of zstd) where they are missing.
musl() {
  if [ ! -d "$(rustc --print sysroot)/lib/rustlib/$triple" ]; then
    rustup target add "$triple"
  fi
  if ! command -v musl-gcc >/dev/null; then
    apt-get install -y musl-tools >/dev/null || { apt-get update && apt-get install -y musl-tools; } >/dev/null
  fi
}

# The folder of the profile below a target folder.
folder() { if [ "$profile" = dev ]; then echo debug; else echo "$profile"; fi; }

fail() {
  echo "FAILED: $*"
  exit 1
}

# Whether a program analyses a miner in a confined process; `$@` is what starts it.
smoke() {
  local out
  out=$("$@" scan - <"$top/corpus/miner.wat" | tr -d '\0' | grep -a '"type":"done"') || fail "$*: no answer"
  grep -q '"result":"analysed"' <<<"$out" && grep -q '"verdict":"MALICIOUS"' <<<"$out" || fail "$*: $out"
  echo "ok: $*"
}

# Tries a program alone in a file system of its own that cannot be written to, without network, and as nobody;
# without the right to make one, as it is.
caged() {
  local cage
  cage=$(mktemp -d)
  # Nobody may enter what `mktemp` makes.
  chmod 755 "$cage"
  mkdir "$cage/proc"
  cp "$1" "$cage/spoor"
  local enter='mount --bind "$0" "$0" && mount -t proc proc "$0/proc" && mount -o remount,ro,bind "$0" &&
    exec chroot --userspec=65532:65532 "$0" /spoor "$@"'
  if unshare --mount --net --ipc --pid --fork true 2>/dev/null; then
    smoke unshare --mount --net --ipc --pid --fork sh -c "$enter" "$cage"
  else
    smoke "$cage/spoor"
  fi
  rm -rf "$cage"
}
