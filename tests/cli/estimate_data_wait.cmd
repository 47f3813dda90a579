# Waiting for data: S x samples of idle power, beside the method's own seconds and joules.
profile=$SOURCE/tests/cli/profile.json
value() { sed -n "s/^  \"$2\": \([-+.e0-9]*\),\$/\1/p" "$1.json"; }
same() { awk -v what="$1" "BEGIN { x = $2; y = $3; d = x - y; if (d < 0) d = -d
  print what, d <= 1e-9 * y ? \"ok\" : \"got \" x \", expected \" y }"; }
run="mlp_784_128_10 -b 32 --samples 1000 --val-samples 300 --epochs 10"
net="$run --validate-every 3"
idle_w=$(sed -n 's/.*"idle_power_w": *\([.0-9]*\),.*/\1/p' "$profile")
# By a profile: (1000 x 10 + 300 x 3) samples, and 4 ms of a step of 32 wait 0.128 s.
joulecast estimate $net -p "$profile" -t 7 --force --format json >plain.json
joulecast estimate $net -p "$profile" -t 7 --force --data-s-per-sample 4e-3 --format json >wait.json
for key in time_s time_low_s time_high_s; do
  same $key "$(value wait $key)" "$(value plain $key) + 4e-3 * 10900"
done
for key in energy_j energy_low_j energy_high_j overhead_j; do
  same $key "$(value wait $key)" "$(value plain $key) + 4e-3 * 10900 * $idle_w"
done
same time_per_step_s "$(value wait time_per_step_s)" "$(value plain time_per_step_s) + 0.128"
same energy_per_step_j "$(value wait energy_per_step_j)" \
  "$(value plain energy_per_step_j) + 0.128 * $idle_w"
same energy_above_idle_j "$(value wait energy_above_idle_j)" "$(value plain energy_above_idle_j)"
same power_w "$(value wait power_w)" "$(value wait energy_j) / $(value wait time_s)"
grep -e '"data_s_per_sample"' -e 'waiting for data' wait.json
sed -n '/"phases"/,/}$/p' plain.json >phases
sed -n '/"phases"/,/}$/p' wait.json | cmp - phases && echo "phases as without"
# By a data row, whose idle power it is; at the plug; of the first end of a span; of use, which waits
# for no training data.
row="--method roofline --hardware t4 --idle-w 9"
joulecast estimate $net $row --format json >plain.json
joulecast estimate $net $row --data-s-per-sample 0.002 --format json >wait.json
same row "$(value wait energy_j)" "$(value plain energy_j) + 9 * 0.002 * 10900"
joulecast estimate $net $row --data-s-per-sample 0.002 --wall-factor 1.5 --overhead-w 40 --format json >wall.json
same wall "$(value wall energy_j)" "1.5 * $(value wait energy_j) + 40 * $(value wait time_s)"
joulecast estimate mlp_784_128_10 --samples 1000 -e 2 $row --data-s-per-sample 0.002 --format json >two.json
joulecast estimate mlp_784_128_10 --samples 1000 -e 2..5 $row --data-s-per-sample 0.002 --format json |
  sed -n 's/.*"epochs": 2, .*"energy_j": \([.0-9]*\), .*"time_s": \([.0-9]*\),.*/  "energy_j": \1,\n  "time_s": \2,/p' >span.json
same "span, energy" "$(value span energy_j)" "$(value two energy_j)"
same "span, time" "$(value span time_s)" "$(value two time_s)"
for wait in "" "--data-s-per-sample 0.002"; do
  joulecast estimate $net $row $wait --inferences-per-day 5 --format json |
    sed -n 's/.*"energy_per_inference_j": \([^,]*\),.*/\1 J each/p'
done | uniq | wc -l
# Of one step; of no waiting; by a predicted duration; as it is shown.
printf '{"schema": "joulecast.model/1", "name": "n", "input": [4], "layers": [
  {"name": "fc", "type": "linear", "out_features": 2}]}' >n.json
joulecast estimate ./n.json -b 8 $row --data-s-per-sample 0.5 --format json >wait.json
joulecast estimate ./n.json -b 8 $row --data-s-per-sample 0 --format json >plain.json
same "one step" "$(value wait time_s)" "$(value plain time_s) + 4"
joulecast estimate $net --method mlco2 --hardware t4 --idle-w 9 --format json >plain.json
joulecast estimate $net --method mlco2 --hardware t4 --idle-w 9 --data-s-per-sample 0.002 --format json >wait.json
same "predicted duration" "$(value wait energy_j)" "$(value plain energy_j) + 9 * 0.002 * 10900"
joulecast estimate $net $row --data-s-per-sample 0.002 | grep -v '^threads '
# In a comparison: where hours are given they have the waiting in them, and that row is left as it is.
joulecast compare $run --hardware t4 --method flops,mlco2 --data-s-per-sample 0.002
joulecast compare $run --hardware t4 --method flops,mlco2 --data-s-per-sample 0.002 --hours 1 --format csv |
  cut -d, -f 6,7,10
joulecast compare $run --hardware t4,v100-sxm2-32gb --data-s-per-sample 0.002 --format json |
  grep '"data_s_per_sample"'
