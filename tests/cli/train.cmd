# Small enough for a sanitizer; learns its synthetic data.
joulecast train lenet5_28 -t 1 -b 16 --samples 640 --epochs 2 --val-samples 64 --meter model \
  --tdp-w 20 --idle-w 2 -r runs.jsonl -q --format json >out.json
echo $?
grep -e schema -e '"model"' -e meter -e power_source -e steps -e '"epochs"' -e complete \
  -e stopped -e '"forecast"' out.json
awk -F'[:,]' '/"accuracy"/ { print ($2 > 0.5 ? "learnt" : "not learnt: " $2) }' out.json
grep -c joulecast.run/1 runs.jsonl
grep -o -e '"model":"[a-z0-9_]*"' -e '"idle_power_w":[0-9]*' -e '"steps":[0-9]*' \
  -e '"power_source":"[a-z]*"' runs.jsonl
grep -o '{"energy_j"' runs.jsonl | wc -l
# Two epochs of ten: the end projected, with the CO2e of its joules at 400 g/kWh.
joulecast train lenet5_28 -t 1 -b 16 --samples 160 --epochs 10 --steps 20 --grid 400 --meter model \
  --tdp-w 20 --idle-w 2 -q --format json >out.json
sed -n '/"projection": {/,/}/p' out.json | tee projection.txt | sed 's/: [0-9.e-]*,/: N,/'
awk -F'[: ,]+' '/energy.*_j/ { joules[n++] = $3 } /co2e/ { grams[c++] = $3 }
  END { for (i = 0; i < n; i++) print (grams[i] / (joules[i] / 3.6e6 * 400) - 1)^2 < 1e-12 }' projection.txt
train="joulecast train lenet5_28 -t 1 -b 16 --samples 160 --epochs 10 --steps 20 --grid 400 -q"
units='[0-9][0-9.,e+-]* (MWh|kWh|kJ|J|mJ|uJ|us|ms|s|min|h|ug|mg|g|kg)\b'
$train | sed -nE "/^  projected/,+2{s/$units/N/g; s/[0-9.]+ to N/N to N/; s/ +/ /gp}"
$train --format csv | sed -E 's/,[0-9][0-9.e+-]*/,N/g'
$train --format markdown | tail -n 1 | sed -E 's/ [0-9][0-9.e+-]*/ N/g'
joulecast train lenet5_28 -t 1 -b 16 --samples 640 --steps 3 -r runs.jsonl >out.txt
sed -n '1,2p' out.txt
grep -e 'this run' -e 'no forecast' out.txt
grep -c joulecast.run/1 runs.jsonl
