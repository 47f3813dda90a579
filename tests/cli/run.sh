#!/bin/sh
# Runs one golden test of the command line and compares what it printed and returned.
#   tests/cli/run.sh PROGRAM CASE.cmd          UPDATE_GOLDEN=1 writes the expectation instead
# CASE.cmd is a shell script that calls `joulecast`; beside it stand CASE.stdout, CASE.stderr
# (absent: nothing is printed) and CASE.exit (absent: 0). It runs in an empty folder with a home of
# its own; SOURCE is the source tree. Paths of both are shown as SOURCE and HERE.
set -eu
program=$(realpath "$1")
case=$(realpath "$2")
source=$(cd "$(dirname "$0")/../.." && pwd)
work=$(realpath "$(mktemp -d)")
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/here"
printf '#!/bin/sh\nexec "%s" "$@"\n' "$program" >"$work/bin/joulecast"
chmod +x "$work/bin/joulecast"

SOURCE=$source
PATH=$work/bin:$PATH
HOME=$work/home
XDG_DATA_HOME=$work/home/data
XDG_CONFIG_HOME=$work/home/config
JOULECAST_DATA=$source/data
JOULECAST_MODELS=$source/models
LC_ALL=C
NO_COLOR=1
export SOURCE PATH HOME XDG_DATA_HOME XDG_CONFIG_HOME JOULECAST_DATA JOULECAST_MODELS LC_ALL NO_COLOR

code=0
(cd "$work/here" && sh "$case") >"$work/out" 2>"$work/err" </dev/null || code=$?
for stream in out err; do
  sed -i "s|$work/here|HERE|g; s|$work/home|HOME|g; s|$source|SOURCE|g" "$work/$stream"
done
echo "$code" >"$work/code"

expected=${case%.cmd}
if [ "${UPDATE_GOLDEN:-}" = 1 ]; then
  rm -f "$expected.stdout" "$expected.stderr" "$expected.exit"
  [ ! -s "$work/out" ] || cp "$work/out" "$expected.stdout"
  [ ! -s "$work/err" ] || cp "$work/err" "$expected.stderr"
  [ "$code" = 0 ] || cp "$work/code" "$expected.exit"
  exit 0
fi

status=0
compare() { # expectation, what stands for an absent one, what came
  [ -e "$1" ] || { printf '%s' "$2" >"$work/absent" && set -- "$work/absent" "$2" "$3"; }
  diff -u "$1" "$3" || status=1
}
compare "$expected.stdout" '' "$work/out"
compare "$expected.stderr" '' "$work/err"
compare "$expected.exit" '0
' "$work/code"
exit $status
