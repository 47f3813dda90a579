#!/bin/sh
# The core's promises to firmware: libc's strings and libm only, no data of its own, small frames,
# no recursion, small code. Checked on release objects, and on those of a Cortex-M4.
#   tests/check_core.sh [CC | libjoulecast_core.a]
# Exits with 77 (skipped in part) if all else holds but no arm-none-eabi-gcc is there.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
case ${1:-cc} in
*.a) library=$(cd "$(dirname "$1")" && pwd)/$(basename "$1") cc=cc ;;
*) library='' cc=${1:-cc} ;;
esac
max_frame=2048 # bytes
max_text=65536 # bytes, -Os, Cortex-M4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

fail() {
  echo "check_core: $*"
  failed=1
}

sources=$(sed -n '/add_library(joulecast_core/,/^)/p' "$root/estimator/CMakeLists.txt" |
  grep -o '[a-z0-9_]*\.c')
[ "$(echo "$sources" | wc -w)" -ge 5 ] || { echo "check_core: no sources found"; exit 1; }

# compile FOLDER COMPILER FLAG...: an object of every core source.
compile() {
  folder=$work/$1 compiler=$2
  shift 2
  mkdir -p "$folder"
  for source in $sources; do
    (cd "$folder" && "$compiler" -std=c11 -DNDEBUG -Wvla -Wframe-larger-than=$((max_frame - 1)) \
      -Werror -I"$root" "$@" -c "$root/estimator/$source") || fail "$source: does not compile"
  done
}

# Undefined in one object and defined in none: what the core needs from outside.
needed_symbols() {
  nm=$1
  shift
  "$nm" -g "$@" 2>/dev/null | awk '
    NF >= 2 && $(NF - 1) == "U" { needed[$NF] = 1; next }
    NF == 3 { defined[$NF] = 1 }
    END { for (name in needed) if (!(name in defined)) print name }' | sort
}

# allowed SYMBOL: str* and mem* but what allocates, snprintf, libm, the compiler's own arithmetic.
allowed() {
  case $1 in
  strdup | strndup | memalign | strtok | strerror) return 1 ;;
  str[a-z]* | mem[a-z]* | snprintf | _GLOBAL_OFFSET_TABLE_) return 0 ;;
  exp | exp2 | expm1 | log | log2 | log10 | log1p | pow | sqrt | cbrt | hypot) return 0 ;;
  fabs | fmax | fmin | fmod | fma | floor | ceil | trunc | round | erf | erfc | tanh) return 0 ;;
  __aeabi_*) return 0 ;;
  esac
  return 1
}

check_symbols() {
  what=$1
  shift
  for symbol in $(needed_symbols "$@"); do
    case $symbol in
    __asan_* | __ubsan_* | __tsan_* | __msan_* | __sanitizer_* | __gcov_*)
      echo "check_core: $what is instrumented: its symbols say nothing"
      return 0
      ;;
    __assert_fail | __assert_func) fail "$what: asserts are on; not a release build" ;;
    *) allowed "$symbol" || fail "$what: needs '$symbol'" ;;
    esac
  done
}

# Bytes that would have to be initialised or zeroed at start. Constant tables of pointers are in
# .data.rel.ro, which the loader makes read-only.
check_data() {
  what=$1 size=$2
  shift 2
  data=$("$size" -A "$@" | awk '
    $1 ~ /^\.(data|bss|tdata|tbss|sdata|sbss)/ && $1 !~ /^\.data\.rel\.ro/ { bytes += $2 }
    END { print bytes + 0 }')
  [ "$data" -eq 0 ] || fail "$what: $data bytes of variables"
}

# Largest frame and dynamic ones, from gcc's -fstack-usage (clang has none: its warning must do).
check_frames() {
  what=$1
  set -- "$work/$2"/*.su
  [ -e "$1" ] || return 0
  awk -v limit="$max_frame" -v what="$what" '
    $2 >= limit || $3 == "dynamic" { print "check_core: " what ": frame of " $0; bad = 1 }
    $2 > largest { largest = $2; where = $1 }
    END { sub(/.*\//, "", where); print what ": largest frame " largest " bytes, " where; exit bad }' \
    "$@" || failed=1
}

# Direct calls of the unoptimised core form no loop (calls through a kind's or method's pointer are
# leaves here: they call none of their like).
check_recursion() {
  "$cc" -fcallgraph-info -E -x c /dev/null >/dev/null 2>&1 || return 0
  compile graph "$cc" -O0 -fcallgraph-info
  sed -n 's/^edge: { sourcename: "\([^"]*\)" targetname: "\([^"]*\)".*/\1 \2/p' "$work/graph"/*.ci |
    sed 's/[^ ]*\///g' | grep -v __indirect_call >"$work/edges"
  [ -s "$work/edges" ] || { fail "no call graph"; return 0; }
  awk '$1 == $2' "$work/edges" >"$work/loops"
  tsort "$work/edges" >/dev/null 2>>"$work/loops" || true
  [ ! -s "$work/loops" ] || fail "recursion: $(tr '\n' ' ' <"$work/loops")"
}

frame_flags=''
"$cc" -fstack-usage -E -x c /dev/null >/dev/null 2>&1 && "$cc" --version | grep -qi 'gcc\|free software' &&
  frame_flags=-fstack-usage
# shellcheck disable=SC2086 # no flag or one
compile host "$cc" -O2 -fPIC $frame_flags
[ "$failed" -eq 0 ] || exit 1
check_symbols "core" nm "$work"/host/*.o
check_data "core" size "$work"/host/*.o
check_frames "core, -O2" host
check_recursion
if [ -n "$library" ]; then
  check_symbols "$library" nm "$library"
  nm "$library" | grep -q '__asan_\|__ubsan_\|__gcov' || check_data "$library" size "$library"
fi

arm="arm-none-eabi"
if ! command -v $arm-gcc >/dev/null 2>&1; then
  [ "$failed" -eq 0 ] || exit 1
  echo "Cortex-M4: skipped, no $arm-gcc"
  exit 77
fi
compile cortex-m4 $arm-gcc -mcpu=cortex-m4 -mthumb -Os -fstack-usage
[ "$failed" -eq 0 ] || exit 1
check_symbols "Cortex-M4" $arm-nm "$work"/cortex-m4/*.o
check_data "Cortex-M4" $arm-size "$work"/cortex-m4/*.o
check_frames "Cortex-M4, -Os" cortex-m4
text=$($arm-size "$work"/cortex-m4/*.o | awk 'NR > 1 { bytes += $1 } END { print bytes }')
echo "Cortex-M4, -Os: $text bytes of code and constants, limit $max_text"
[ "$text" -le "$max_text" ] || fail "Cortex-M4: $text bytes"
exit "$failed"
