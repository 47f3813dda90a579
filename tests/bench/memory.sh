#!/bin/sh
# Peak memory predicted from the JSON beside what the trainer's buffers really take.
#   tests/bench/memory.sh [JOULECAST]
set -eu
joulecast=${1:-build/cli/joulecast}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Value of a number in our own JSON: one key, first match.
number() {
  found=$(sed -n "s/^ *\"$2\": *\([-0-9.e+]\{1,\}\).*/\1/p" "$1" | head -n 1)
  echo "${found:?no number $2 in $1}"
}

echo "| network | batch | predicted, MB | used, MB | error |"
echo "|---|---|---|---|---|"
for entry in cifar_resnet20:64 squeezenet1_1:16 resnet18:8 vgg11:4 mobilenet_v2:8 resnet50:4 \
  densenet121:4 alexnet:16 lenet5_28:128; do
  model=${entry%:*}
  batch=${entry#*:}
  "$joulecast" train "$model" -b "$batch" --steps 2 \
    --quiet --format json >"$work/train.json"
  echo "$model $batch $(number "$work/train.json" memory_forecast_bytes) \
$(number "$work/train.json" memory_bytes)"
done | awk '{
  predicted = $3 / 1e6; used = $4 / 1e6
  printf "| %s | %d | %.1f | %.1f | %+.1f %% |\n", $1, $2, predicted, used,
    100 * (predicted / used - 1) }'
