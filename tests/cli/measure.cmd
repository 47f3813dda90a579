# Energy, epochs and projection of any command: its output and exit status are its own, the report
# goes to standard error or to a file, the record to a line that evaluate reads.
power="--tdp-w 20 --idle-w 2 --meter model --grid 400"
cat >train.sh <<'EOF'
for epoch in 1 2 3; do
  sleep 0.2
  echo "Epoch $epoch/6 loss 0.5"
  echo "on standard error" >&2
done
exit 3
EOF
joulecast measure $power --epoch-regex 'Epoch ([0-9]+)/([0-9]+)' --format json -o report.json \
  -r runs.jsonl -b 16 --samples 640 --model resnet18 --optimizer adam --precision bf16 -q \
  -- sh train.sh
echo "exit $?"
grep -e schema -e command -e exit_code -e '"meter"' -e power_source -e attribute -e epochs_total \
  -e '"idle_power_w"' -e '"budget"' report.json
grep -c '{"energy_j": [0-9.]*, "time_s": [0-9.]*}' report.json
# CO2e of the projected end, as its joules at 400 g/kWh.
sed -n '/"projection": {/,/}/p' report.json | tee projection.txt | sed -E 's/: ([0-9.e-]+|true|false)/: N/'
awk -F'[: ,]+' '/energy.*_j/ { joules[n++] = $3 } /co2e/ { grams[c++] = $3 }
  END { for (i = 0; i < n; i++) print (grams[i] / (joules[i] / 3.6e6 * 400) - 1)^2 < 1e-12 }' projection.txt
grep -o -e '"model":"[a-z0-9]*"' -e '"run":{[^}]*}' -e '"labels":{[^}]*}' runs.jsonl |
  sed 's/"threads":[0-9]*/"threads":N/'
grep -o '{"energy_j":[0-9.]*,"time_s":[0-9.]*}' runs.jsonl | wc -l
for i in 1 2 3 4; do cat runs.jsonl >>more.jsonl; done
cat more.jsonl >>runs.jsonl
joulecast evaluate runs.jsonl >evaluated.txt 2>&1
echo "exit $?"
# The table, with what this machine has to do with it taken out.
joulecast measure $power -- sh -c 'echo joulecast-epoch 1/3; exit 0' 2>&1 |
  sed -E 's/[0-9.]+ [a-z]?[JWg]\b/N/g; s/[0-9.]+ (s|ms|us)\b/N/g; s/[0-9.]+ %/N/g; s/ +- +of/ N of/;
    s/peak -/peak N/; s/N to N|[0-9.]+ to N/N/; s/ +/ /g'
joulecast measure $power --format markdown -o report.md -q -- sh -c 'echo joulecast-epoch 1/3'
grep projected report.md | sed -E 's/[0-9][0-9.,e+-]* [a-zA-Z]*(J|s|g|Wh)\b/N/g; s/[0-9.]+ to N/N to N/'
# The order of the two streams in one file, and what cannot be run.
joulecast measure -q -- sh -c 'for i in 1 2 3 4 5; do echo $i; echo $i >&2; done' >both.txt 2>&1
tr '\n' ' ' <both.txt
echo
joulecast measure -q -- ./absent
echo "exit $?"
joulecast measure -q -- "$PWD"
echo "exit $?"
joulecast measure -q -- sh -c 'kill -KILL $$'
echo "exit $?"
# Python's lines come at once, unless the user wants it otherwise.
joulecast measure -q -- sh -c 'echo "$PYTHONUNBUFFERED"'
PYTHONUNBUFFERED= joulecast measure -q -- sh -c 'echo "[$PYTHONUNBUFFERED]"'
# Of several ranks on one node one is metered.
LOCAL_RANK=1 joulecast measure -o rank.json -- sh -c 'echo rank $LOCAL_RANK; exit 4'
echo "exit $?"
[ -e rank.json ] || echo "no report"
SLURM_LOCALID=0 joulecast measure -q -o rank.txt -- true
head -n 1 rank.txt
