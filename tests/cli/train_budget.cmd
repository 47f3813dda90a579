# A budget stops after the step in hand; the report and the record are complete. Without it, the run
# would end at its step 20000.
hide() {
  sed 's/[0-9.e+-]* kWh/N kWh/; s/[0-9.e+-]* hours/N hours/; s/[0-9.e+-]* kg/N kg/; s/[0-9.e+-]* EUR/N EUR/'
}
run() {
  joulecast train mlp_784_128_10 -t 1 --samples 3200 --epochs 1000000 --steps 20000 --meter model \
    --tdp-w 20 --idle-w 2 -r runs.jsonl -o out.json --format json -q "$@" 2>err
  echo $?
  hide <err
  grep -e '"stopped"' -e '"complete"' -e '"over_budget"' out.json | hide
}
run --max-kwh 0.000001
run --max-hours 0.0001 --budget-on spent
run --max-co2e-kg 0.00001 --grid 100
run --max-cost 0.01 --price "0.30 EUR"
grep -c joulecast.run/1 runs.jsonl
# What lies within the budget goes on to its end.
joulecast train mlp_784_128_10 -t 1 --samples 320 --epochs 3 --meter model --tdp-w 20 --idle-w 2 \
  --max-kwh 1 -q --format json | grep -e over_budget -e complete
joulecast train mlp_784_128_10 --max-cost 1
echo $?
joulecast train mlp_784_128_10 --budget-on luck
echo $?
