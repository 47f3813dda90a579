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
joulecast train lenet5_28 -t 1 -b 16 --samples 640 --steps 3 -r runs.jsonl >out.txt
sed -n '1,2p' out.txt
grep -e 'this run' -e 'no forecast' out.txt
grep -c joulecast.run/1 runs.jsonl
