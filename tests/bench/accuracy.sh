#!/bin/sh
# Forecast against measurement on networks that no calibration trains: for each, what `estimate` says
# of a step beside what `train` then measures. Prints a Markdown table and the mean absolute errors.
#   tests/bench/accuracy.sh [JOULECAST] [THREADS]      needs a profile: joulecast calibrate
# Run nothing else meanwhile. A second, later training of the first four gives the repeat noise.
set -eu
joulecast=${1:-build/cli/joulecast}
threads=${2:-$(nproc)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

networks="lenet5_28:64 mlp_784_128_10:128 cifar_resnet20:32 alexnet:16 vgg11_bn:4 resnet18:16
resnet34:8 resnet50:8 mobilenet_v2:16 densenet121:8 squeezenet1_1:16 vgg16:2"

# Value of a number in our own JSON: one key, first match.
number() {
  found=$(sed -n "s/^ *\"$2\": *\([-0-9.e+]\{1,\}\).*/\1/p" "$1" | head -n 1)
  echo "${found:?no number $2 in $1}"
}

train() {
  "$joulecast" train "$1" -b "$2" -t "$threads" --steps "$3" --quiet --format json >"$work/train.json"
}

echo "| network | batch | step, forecast | step, measured | error | joules, forecast | joules, measured | error | |"
echo "|---|---|---|---|---|---|---|---|---|"
for entry in $networks; do
  model=${entry%:*}
  batch=${entry#*:}
  "$joulecast" estimate "$model" -b "$batch" -t "$threads" --samples 1000000 --val-samples 0 \
    --epochs 1 --quiet --format json >"$work/estimate.json"
  case $model in
  lenet5_28 | mlp_784_128_10) steps=400 ;;
  *) steps=20 ;;
  esac
  train "$model" "$batch" "$steps"
  extrapolated=$(grep -c '"extrapolated": true' "$work/estimate.json" || true)
  echo "$model $batch $(number "$work/estimate.json" time_per_step_s) \
$(number "$work/train.json" step_median_s) $(number "$work/estimate.json" energy_per_step_j) \
$(number "$work/train.json" energy_per_step_j) $extrapolated" >>"$work/rows"
done
awk '
  function percent(a, b) { return sprintf("%+.1f %%", 100 * (a / b - 1)) }
  function size(x) { return x < 0 ? -x : x }
  { printf "| %s | %d | %.4g ms | %.4g ms | %s | %.4g J | %.4g J | %s | %s |\n", $1, $2, 1e3 * $3,
      1e3 * $4, percent($3, $4), $5, $6, percent($5, $6), ($7 > 0 ? "extrapolated" : "")
    time += size($3 / $4 - 1); energy += size($5 / $6 - 1); n++ }
  END { printf "\nmean absolute error of %d networks: time %.1f %%, energy %.1f %%\n", n,
      100 * time / n, 100 * energy / n }' "$work/rows"

for entry in $(echo "$networks" | tr '\n' ' ' | cut -d' ' -f1-4); do
  train "${entry%:*}" "${entry#*:}" 20
  echo "${entry%:*} $(number "$work/train.json" step_median_s)" >>"$work/again"
done
awk '
  function size(x) { return x < 0 ? -x : x }
  NR == FNR { first[$1] = $4; next }
  $1 in first { noise += size($2 / first[$1] - 1); n++ }
  END { printf "repeat noise of the median step, %d networks trained twice: %.1f %%\n", n,
      100 * noise / n }' "$work/rows" "$work/again"
