#!/bin/sh
# Networks analysed a second: medians of seven rounds, everything interleaved, as a Markdown table.
#   tests/bench/analysis.sh BUILD      BUILD has cli/joulecast and tests/bench_analysis
# Beside it, in the same rounds, Python counters on the same network and core, if the interpreter in
# PYTHON (default python3) has them with torchvision: fvcore, torchinfo. ROUNDS and SECONDS_EACH set
# how long, PROFILE a profile with curves, whose forecasts are timed too. Nothing timed decides about the
# exit status. Run nothing else meanwhile.
set -eu
build=${1:?usage: tests/bench/analysis.sh BUILD}
python=${PYTHON:-python3}
rounds=${ROUNDS:-7}
seconds=${SECONDS_EACH:-1}
source=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
JOULECAST_MODELS=$source/models
export JOULECAST_MODELS

# The last CPU this process may use; nothing where there is no taskset.
pin=
if command -v taskset >/dev/null 2>&1; then
  cpu=$(taskset -cp $$ | sed 's/.*[ ,-]//')
  pin="taskset -c $cpu"
fi

# ---- the rounds; a line of $work/rates is NAME RATE [HEAP CALLS] ----

tools=
for tool in fvcore torchinfo; do
  if $pin "$python" "$source/tests/bench/python_counter.py" $tool 0 >/dev/null 2>"$work/why"; then
    tools="$tools $tool"
  else
    echo "$tool is left out: $(tail -n 1 "$work/why")" >&2
  fi
done

lines=2000
tr -d '\n' <"$source/models/resnet50.json" >"$work/line"
awk -v count=$lines '{ for (i = 0; i < count; i++) print }' "$work/line" >"$work/lines.jsonl"

# NAME, then the command that answers all lines.
time_lines() {
  name=$1
  shift
  from=$(date +%s%N)
  "$@" >"$work/answers"
  to=$(date +%s%N)
  [ "$(wc -l <"$work/answers")" = $lines ] || { echo "$name: lines are missing" >&2 && exit 1; }
  echo "$name $lines $from $to" | awk '{ print $1, $2 / (($4 - $3) / 1e9) }' >>"$work/rates"
}

round=0
while [ $round -lt "$rounds" ]; do
  $pin "$build/tests/bench_analysis" "$source/models" "$seconds" ${PROFILE:+"$PROFILE"} \
    >>"$work/rates"
  time_lines lines.one $pin "$build/cli/joulecast" inspect --lines "$work/lines.jsonl" -t 1
  time_lines lines.all "$build/cli/joulecast" inspect --lines "$work/lines.jsonl"
  for tool in $tools; do
    echo "$tool $($pin "$python" "$source/tests/bench/python_counter.py" "$tool" "$seconds")" \
      >>"$work/rates"
  done
  round=$((round + 1))
done

# ---- the table ----

commit=$(git -C "$source" rev-parse --short HEAD 2>/dev/null || echo unknown)
[ -z "$(git -C "$source" status --porcelain 2>/dev/null)" ] || commit="$commit with local changes"
echo "$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1), $(nproc) CPUs," \
  "$(uname -m); $(date -u +%Y-%m-%d), commit $commit; load average at the end" \
  "$(cut -d ' ' -f 1-3 /proc/loadavg)"
echo "${pin:+Pinned to CPU $cpu but for the batch on all CPUs. }Median of $rounds rounds of" \
  "$seconds s each, interleaved; a second is one of CPU time, of the batch one of the clock."
echo
sort -k 1,1 -k 2,2g "$work/rates" | awk '
  { rates[$1, ++n[$1]] = $2; if (NF > 2) heap[$1] = $3 }
  function median(name) { m = n[name]; return (rates[name, int((m + 1) / 2)] + rates[name, int(m / 2) + 1]) / 2 }
  function row(name, what, goal) {
    if (!n[name]) return
    printf "| %s | %.*f | %.*f - %.*f | %s | %s |\n", what, digits(name), median(name), digits(name),
      rates[name, 1], digits(name), rates[name, n[name]], goal, heap[name]
  }
  function digits(name) { return median(name) < 10 ? 3 : 0 }
  function ratio(tool) {
    if (!n[tool]) return
    printf "%s: 1 : %.0f of the analysis, 1 : %.0f of the analysis from JSON\n", tool,
      median("resnet50.analysis") / median(tool), median("resnet50.text") / median(tool)
  }
  END {
    print "| what | a second | least - most | goal | our calls of malloc |"
    print "|---|---|---|---|---|"
    row("resnet50.analysis", "ResNet-50: shapes, counts, memory of a parsed network", "50,000")
    row("resnet50.memory", "the same and the plan of a training step", "")
    row("resnet50.layerwise", "ResNet-50, a parsed network: analysis and forecast by `layerwise`", "1,000")
    row("resnet50.text", "ResNet-50 from JSON: parsed, expanded, analysed, checked", "2,000")
    row("resnet50.flat", "the same from the expanded JSON", "")
    row("densenet121.analysis", "DenseNet-121, a parsed network", "")
    row("densenet121.text", "DenseNet-121 from JSON", "")
    row("vit_b_16.analysis", "ViT-B/16, a parsed network", "")
    row("vit_b_16.text", "ViT-B/16 from JSON", "")
    row("lines.one", "`inspect --lines`, ResNet-50 as JSON, 1 thread", "")
    row("lines.all", "the same, all CPUs", "")
    row("fvcore", "fvcore, the same network", "")
    row("torchinfo", "torchinfo, the same network", "")
    print ""
    ratio("fvcore")
    ratio("torchinfo")
    if (n["fvcore"] || n["torchinfo"])
      print "(Both run the network on an image to see its operators; joulecast runs nothing.)"
  }'
