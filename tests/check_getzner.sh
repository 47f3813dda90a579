#!/bin/sh
# The fit to Getzner's single layers, on the measured files: ten-fold errors within what is promised,
# the forecast of a whole network, physically plausible.
#   tests/check_getzner.sh PROGRAM
# The files are not part of the project: JOULECAST_MEASURED names their folder, else shared/data
# beside the checkout or in it. Exits with 77 (skipped) where there are none.
set -eu
program=$(realpath "$1")
root=$(cd "$(dirname "$0")/.." && pwd)
folder=''
for candidate in "${JOULECAST_MEASURED:-}" "$root/shared/data" "$root/../shared/data" \
  "$root/../../shared/data"; do
  [ -e "$candidate/getzner2023_conv2d.csv" ] && folder=$candidate && break
done
[ -n "$folder" ] || { echo "check_getzner: skipped, no getzner2023_*.csv (JOULECAST_MEASURED)"; exit 77; }
command -v python3 >/dev/null 2>&1 || { echo "check_getzner: skipped, no python3"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export JOULECAST_MODELS="$root/models" JOULECAST_DATA="$root/data"

python3 "$root/data/convert_getzner.py" "$folder"/getzner2023_*.csv >"$work/samples.jsonl"
"$program" calibrate fit "$work/samples.jsonl" -o "$work/profile.json"
for batch_size in 1 64 256; do
  for model in alexnet vgg16; do
    "$program" estimate $model -b $batch_size --phase forward -p "$work/profile.json" --format json \
      -o "$work/$model.$batch_size.json"
  done
done

python3 - "$work" "$folder" <<'PYTHON'
import csv, json, sys
work, folder = sys.argv[1:]
profile = json.load(open(f"{work}/profile.json"))
errors = {e["kind"]: e for e in profile["layer_errors"]}
failed = False

def check(holds, text):
    global failed
    failed |= not holds
    print(("" if holds else "check_getzner: failed: ") + text)

for kind, limit in {"conv2d": 0.22, "maxpool2d": 0.17, "linear": 0.055}.items():
    mape = errors[kind]["mape"]
    check(mape <= limit, f"{kind}: ten-fold MAPE {100 * mape:.2f} %, at most {100 * limit} %")
# What the machine needs for its convolutions is about 2 nJ a MAC, reading and writing apart.
for model in "alexnet", "vgg16":
    passes = {}
    for batch_size in 1, 64, 256:
        e = json.load(open(f"{work}/{model}.{batch_size}.json"))
        passes[batch_size] = joules = e["energy_per_step_j"]
        per_mac = joules / (e["forward_macs"] * batch_size)
        check(1.5e-9 < per_mac < 5e-9, f"{model}, batch {batch_size}: {joules:.4g} J a pass, "
                                       f"{1e9 * per_mac:.2f} nJ a MAC")
    check(3.5 < passes[256] / passes[64] < 5, f"{model}: joules grow about as the batch does")
# The published method's lines: least squares of joules on the MACs that the files themselves give.
# (Of the other kinds they give none, or in other units.)
lines = {line["kind"]: line["energy_j"] for line in profile["mac_lines"]}
for kind in "conv2d", "linear", "relu":
    rows = list(csv.DictReader(open(f"{folder}/getzner2023_{kind}.csv")))
    x = [float(row["macs"]) for row in rows]
    y = [float(row["cpu_energy"]) * 3.6e6 for row in rows]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y)) / sum((a - mean_x) ** 2 for a in x)
    found, intercept = lines[kind], mean_y - slope * mean_x
    check(abs(found["per_mac"] / slope - 1) < 1e-9 and
          abs(found["per_call"] - intercept) < 1e-9 * mean_y,
          f"{kind}: {found['per_call']:.4g} J + {found['per_mac']:.4g} J a MAC, least squares of the "
          f"file {intercept:.4g} J + {slope:.4g} J")
sys.exit(failed)
PYTHON
