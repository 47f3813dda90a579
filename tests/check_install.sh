#!/bin/sh
# What a user has after `cmake --install`: the tree is moved, then programs are built against it by
# pkg-config and by find_package, and the installed joulecast runs, knowing nothing of the source tree.
#   tests/check_install.sh BUILD [CC]
set -eu
build=$(cd "$1" && pwd)
cc=${2:-cc}
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "check_install: $*"
  exit 1
}

cmake --install "$build" --prefix "$work/first" >"$work/log" 2>&1 || fail "$(cat "$work/log")"
prefix=$work/second/moved
mkdir "$work/second"
mv "$work/first" "$prefix"
cd "$work"

# ---- text files: no path of this machine ----
if grep -rIlF -e "$root/" -e "$build/" -e "$work/first" "$prefix" >"$work/found"; then
  fail "installed files name the tree they were built in: $(cat "$work/found")"
fi

# ---- symbols: jc_ and no others ----
library=$(find "$prefix" -name libjoulecast.a)
nm -g --defined-only "$library" | awk 'NF == 3 { print $3 }' >"$work/symbols"
[ "$(wc -l <"$work/symbols")" -ge 50 ] || fail "libjoulecast.a has next to no symbols"
if grep -v '^jc_' "$work/symbols"; then
  fail "libjoulecast.a exports names without jc_"
fi

# ---- headers: each can be included alone ----
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name joulecast.pc)")
export PKG_CONFIG_PATH
flags="-std=c11 -Wall -Wextra -Werror $(pkg-config --cflags joulecast)"
libs=$(pkg-config --libs joulecast)
for header in "$prefix"/include/joulecast/estimator/*.h; do
  echo "#include \"estimator/$(basename "$header")\"" >alone.c
  # shellcheck disable=SC2086 # flags are words
  "$cc" $flags -fsyntax-only alone.c || fail "$(basename "$header") cannot be included alone"
done

# ---- a user's program: ResNet-50's training MACs are 12,149,538,816 a sample, 3200 / 32 steps ----
models=$prefix/share/joulecast/models data=$prefix/share/joulecast/data
runs_right() { # PROGRAM
  "$1" "$models/resnet50.json" "$data/hardware.json" >"$work/out" || fail "$1 failed"
  grep -q '^12149538816 MACs, 100 steps, [1-9][0-9]* J$' "$work/out" ||
    fail "$1 printed: $(cat "$work/out")"
}
# shellcheck disable=SC2086 # flags are words
"$cc" $flags "$root/tests/installed/estimate_one.c" $libs -o by_pkgconfig
runs_right ./by_pkgconfig

cp -r "$root/tests/installed" user
wanted=$("$prefix/bin/joulecast" --version | sed 's/.* \([0-9]*\.[0-9]*\)\..*/\1/') # X.Y
{ cmake -S user -B user/build -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" \
  -DWANTED_VERSION="$wanted" &&
  cmake --build user/build; } >"$work/log" 2>&1 || fail "find_package: $(cat "$work/log")"
runs_right user/build/estimate_one

awk '/^```c$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$root/README.md" >api.c
# shellcheck disable=SC2086 # flags are words
"$cc" $flags api.c $libs -o api
./api "$models/resnet50.json" | grep -q ' 12149538816 ' || fail "README.md's example in C"

# ---- the program: its models and data are those beside it ----
joulecast() {
  env -u JOULECAST_DATA -u JOULECAST_MODELS HOME="$work" XDG_CONFIG_HOME="$work/none" \
    XDG_DATA_HOME="$work/none" "$prefix/bin/joulecast" "$@"
}
joulecast list models | grep -q resnet50 || fail "list models does not name resnet50"
joulecast estimate resnet50 --method roofline --hardware generic-server-core >out ||
  fail "estimate failed"
grep -q '^  energy  *[1-9]' out || fail "estimate printed: $(cat out)"
