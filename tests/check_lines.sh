#!/bin/sh
# `joulecast inspect --lines` on many lines: the same answers in the same order whatever the number of
# threads, in memory that does not grow, an answer before the next question, and a clean end when it
# is interrupted or nobody reads.
#   tests/check_lines.sh PROGRAM [sanitized]      memory is not looked at with a sanitizer's own
set -eu
program=$(realpath "$1")
sanitized=${2:-}
source=$(cd "$(dirname "$0")/.." && pwd)
work=$(realpath "$(mktemp -d)")
trap 'rm -rf "$work"' EXIT
cd "$work"
JOULECAST_MODELS=$source/models
export JOULECAST_MODELS
status=0

complain() {
  echo "$1"
  status=1
}

# Networks of one to 40 layers, of which every seventh does not fit; names; blank lines.
make_lines() {
  awk -v count="$1" 'BEGIN {
    for (i = 1; i <= count; i++) {
      if (i % 500 == 0) { print "lenet5_28"; continue }
      if (i % 500 == 1) { print "{\"model\": \"mlp_784_128_10\", \"batch_size\": " i "}"; continue }
      printf "{\"schema\": \"joulecast.model/1\", \"name\": \"n%d\", \"input\": [%d, 32, 32], ", i,
        i % 61 + 1
      printf "\"layers\": [{\"name\": \"c\", \"type\": \"conv2d\", \"out_channels\": %d, ", i % 97 + 1
      printf "\"kernel_size\": %d}, ", i % 7 == 0 ? 33 : 3
      printf "{\"name\": \"r\", \"repeat\": %d, \"layers\": [{\"name\": \"a\", \"type\": \"relu\"}]}]}\n",
        i % 40 + 1
    }
  }'
}

# ---- order ----

lines=20000
[ -z "$sanitized" ] || lines=4000 # the same paths, and minutes less
make_lines $lines >lines.jsonl
for threads in 1 2 8; do
  "$program" inspect --lines lines.jsonl -t $threads >"answers.$threads" 2>"errors.$threads" && code=0 ||
    code=$?
  [ $code = 3 ] || complain "-t $threads: expected exit status 3, got $code"
  cmp answers.1 "answers.$threads" || complain "-t $threads answers otherwise than -t 1"
done
awk -F'[:,]' -v lines=$lines '$1 != "{\"line\"" || $2 != NR { print "line " NR ": " $0; bad = 1 }
  END { if (NR != lines) print "expected " lines " answers, got " NR; exit bad || NR != lines }' \
  answers.1 || status=1
failed=$(grep -c '"error":' answers.1)
grep -q "^joulecast: no valid network in $failed of $lines lines$" errors.1 || complain "$(cat errors.1)"

# ---- memory, and answers while the input stays open ----

# Asks $1 lines, waits for as many answers, and prints the largest resident size so far, KiB.
ask() {
  rm -f input && mkfifo input
  make_lines "$1" >asked.jsonl
  "$program" inspect --lines input -t 2 >answered.jsonl 2>/dev/null &
  asker=$!
  exec 3>input
  cat asked.jsonl >&3
  waited=0
  until [ "$(wc -l <answered.jsonl)" = "$1" ] || [ $waited = 600 ]; do
    sleep 0.1
    waited=$((waited + 1))
  done
  sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB$/\1/p' "/proc/$asker/status"
  exec 3>&-
  wait $asker || true
  [ "$(wc -l <answered.jsonl)" = "$1" ] || echo "no answers"
}

few=$(ask 2000)
many=$(ask $lines)
[ -n "$few" ] && [ "$few" -gt 0 ] && [ -n "$many" ] || complain "no resident size: '$few', '$many'"
[ -n "$sanitized" ] || [ "$many" -le $((few + 2048)) ] ||
  complain "memory grows: $few KiB for 2000 lines, $many KiB for $lines"

# ---- a line beyond the limit costs no more than the limit ----

{
  head -c 70000000 /dev/zero | tr '\0' x
  printf '\nlenet5_28\n'
} >long.jsonl
"$program" inspect --lines long.jsonl >long.out 2>/dev/null || true
sed -n 1p long.out | grep -q '"error":"expected at most 67108864 bytes in a line"' ||
  complain "a long line: $(sed -n 1p long.out | cut -c 1-200)"
sed -n 2p long.out | grep -q '"model":"lenet5_28"' || complain "nothing after a long line"

# ---- interrupted: what was asked is answered ----

rm -f input && mkfifo input
"$program" inspect --lines input -t 2 >stopped.jsonl 2>stopped.err &
asker=$!
exec 3>input
printf 'lenet5_28\nlenet5_28\n' >&3
waited=0
until [ "$(wc -l <stopped.jsonl)" = 2 ] || [ $waited = 600 ]; do
  sleep 0.1
  waited=$((waited + 1))
done
kill -INT $asker
wait $asker && code=0 || code=$?
exec 3>&-
[ $code = 1 ] || complain "interrupted: expected exit status 1, got $code"
[ "$(cat stopped.err)" = "joulecast: stopped after 2 lines" ] || complain "$(cat stopped.err)"

# ---- nobody reads ----

(
  trap '' PIPE # a parent in Python leaves it so
  "$program" inspect --lines lines.jsonl -t 2 2>pipe.err || echo $? >pipe.code
) | head -n 1 >/dev/null
[ "$(cat pipe.code)" = 1 ] || complain "a closed pipe: expected exit status 1"
grep -q 'cannot write standard output: Broken pipe' pipe.err || complain "$(cat pipe.err)"

exit $status
