# What does not go together, or is out of range: exit status 2 and one line.
try() {
  joulecast estimate "$@"
  echo "$? $*"
}
roofline="--method roofline --hardware t4"
try lenet5_28 --epochs 155..40 $roofline
try lenet5_28 --epochs 0..4 $roofline
try lenet5_28 --epochs 4.. $roofline
try lenet5_28 --epochs ..4 $roofline
try lenet5_28 --epochs 1..2..3 $roofline
try lenet5_28 --epochs 1...3 $roofline
try lenet5_28 --epochs 1..99999999999999999999 $roofline
try lenet5_28 --epochs 00000000000000000000000001..2 $roofline
try lenet5_28 --trials 0 $roofline
try lenet5_28 --trials 1e3 $roofline
try lenet5_28 --trials 1000000001 $roofline
try lenet5_28 --folds 1 $roofline
try lenet5_28 --folds 5 --samples 4 $roofline
try lenet5_28 --folds 5 --val-samples 10 $roofline
try lenet5_28 --repeats -1 $roofline
try lenet5_28 --validate-every 0 $roofline
try lenet5_28 --inferences-per-day 0 $roofline
try lenet5_28 --inferences-per-day nan $roofline
try lenet5_28 --inferences-per-day 1e16 $roofline
try lenet5_28 --inferences-per-day 5 --days 40000 $roofline
try lenet5_28 --days 5 $roofline
try lenet5_28 --inference-batch 5 $roofline
try lenet5_28 --inferences-per-day 5 --phase forward $roofline
try lenet5_28 --epochs 1..3 --hours 4 --method mlco2 --hardware t4
try lenet5_28 --inferences-per-day 5 --hours 4 --method mlco2 --hardware t4
try lenet5_28 --memory-gb 64 $roofline
try lenet5_28 --usage 1.5 --method green-algorithms --hardware t4
try lenet5_28 --memory-gb 0 --method green-algorithms --hardware t4
try lenet5_28 --method green-algorithms --hardware t4
echo '{"schema": "joulecast.model/1", "name": "n", "input": [4], "layers": [
  {"name": "fc", "type": "linear", "out_features": 2}]}' >n.json
try ./n.json --trials 3 $roofline
try ./n.json --folds 3 $roofline
try ./n.json --repeats 3 $roofline
try ./n.json --epochs 3..4 $roofline
try ./n.json --samples 1000000000000 -b 1 --epochs 1000000 --trials 1000000000 --folds 10000 \
  --repeats 100000 $roofline --format json >out.json
grep -A4 '"totals"' out.json
try lenet5_28 --data-s-per-sample -1 $roofline
try lenet5_28 --data-s-per-sample nan $roofline
try lenet5_28 --data-s-per-sample inf $roofline
try lenet5_28 --data-s-per-sample 1e300 $roofline
try lenet5_28 --data-s-per-sample 86401 $roofline
try lenet5_28 --data-s-per-sample 2ms $roofline
try lenet5_28 --data-s-per-sample "" $roofline
try lenet5_28 --data-s-per-sample 0.1 --hours 4 --method mlco2 --hardware t4
# Layers measured singly tell of no machine at rest.
try mlp_784_128_10 -b 1 --phase forward -p "$SOURCE/tests/cli/forward_profile.json" \
  --data-s-per-sample 0.1
try lenet5_28 --method carbontracker
try lenet5_28 --method pre-power
try lenet5_28 --method step-powr
