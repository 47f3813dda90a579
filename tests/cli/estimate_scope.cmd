# More than one run: both ends of a span of epochs, a search, and the use of what was trained.
common="mlp_784_128_10 -p $SOURCE/tests/cli/profile.json -t 7 --force --grid 100"
joulecast estimate $common --epochs 40..155 --trials 10 --folds 5 --repeats 3 --price "0.30 EUR" \
  --inferences-per-day 1e6 --days 30 | sed -e '/^phase/,$d'
joulecast estimate $common -e 155 --format json >run.json
joulecast estimate $common -e 40 --format json >short.json
joulecast estimate $common -e 40..155 --trials 10 --repeats 3 --inferences-per-day 1e6 \
  --inference-batch 8 --pue 1.5 --format json >search.json
joulecast estimate $common -b 8 --phase forward --format json >pass.json
grep -A6 '"totals"' search.json | sed 's/[0-9.]*[0-9]\.[0-9]*/#/g'
value() { sed -n "s/^  \"$2\": \([-+.e0-9]*\),\$/\1/p" "$1.json"; }
total() { sed -n "/\"totals\"/,/\]/p" search.json | sed -n "$(($1 + 1))s/.*\"$2\": \([-+.e0-9]*\)[,}].*/\1/p"; }
use() { sed -n "s/^  \"inference\": {.*\"$1\": \([-+.e0-9]*\)[,}].*/\1/p" search.json; }
same() { awk -v what="$1" "BEGIN { x = $2; y = $3; d = x - y; if (d < 0) d = -d
  print what, d <= 1e-9 * y ? \"ok\" : \"got \" x \", expected \" y }"; }
same "one run, 40 epochs" "$(total 1 energy_j)" "$(value short energy_j)"
same "one run, 155 epochs" "$(total 2 energy_j)" "$(value run energy_j)"
same "30 runs, 40 epochs" "$(total 3 energy_j)" "30 * $(value short energy_j)"
same "30 runs, low" "$(total 4 energy_low_j)" "30 * $(value run energy_low_j)"
same "30 runs, time" "$(total 4 time_s)" "30 * $(value run time_s)"
same "30 runs, facility" "$(total 4 facility_energy_j)" "1.5 * 30 * $(value run energy_j)"
# 3.6 MJ are a kWh, at 100 g.
same "30 runs, CO2e" "$(total 4 co2e_g)" "1.5 * 30 * $(value run energy_j) / 3.6e6 * 100"
# A forward pass is an eighth of a batch of 8; without a number of samples one step is forecast.
joulecast estimate $common -b 8 --phase forward --samples 8 --epochs 1 --format json >pass.json
same inference "$(use energy_per_inference_j)" "$(value pass energy_per_step_j) / 8"
same "a year of them" "$(use energy_j)" "365e6 * $(value pass energy_per_step_j) / 8"
same share "$(use training_share)" "$(total 4 energy_j) / ($(total 4 energy_j) + $(use energy_j))"
same break-even "$(use break_even_days)" "$(total 4 energy_j) / ($(use energy_j) / 365)"
# 60,000 samples: folds of 12,000; validation after epochs 3, 6 and 9 of 10: 3 x 375 steps.
joulecast estimate $common --folds 5 --validate-every 3 --format json |
  grep -e '"steps"' -e '"val_steps"' -e 'of 5 folds'
# An interval whose ends have units of their own; a pass far beyond what was calibrated.
joulecast estimate $common -e 10..20 | sed -n '/^of/,/^$/p'
joulecast estimate resnet18 -p "$SOURCE/tests/cli/profile.json" -t 7 --force --grid 100 \
  --inferences-per-day 10 --inference-batch 5000 | grep -A1 'note: use:'
# The budget is for all of it.
joulecast estimate $common --max-hours 1 --trials 1000 >/dev/null
echo $?
joulecast estimate $common --max-hours 1 >/dev/null
echo $?
