# A counter that vanishes in mid-run: the command ends as it would, and no joule is made up.
zone=cap/intel-rapl:0
mkdir -p $zone
echo package-0 >$zone/name
echo 262143328850 >$zone/max_energy_range_uj
joules=0
printf '%020d\n' 0 >$zone/energy_uj
while [ ! -e stop ]; do
  joules=$((joules + 200000))
  printf '%020d\n' $joules | dd of=$zone/energy_uj conv=notrunc 2>/dev/null
  sleep 0.01
done && touch stopped &
writer=$!
measure="joulecast measure --meter powercap --powercap-root cap -b 1 -r runs.jsonl --format json"
$measure -o whole.json --trace trace.jsonl -q -- sleep 0.3
echo "exit $?"
grep -e '"meter"' -e power_source whole.json
awk -F'[:,]' '/^  "energy_j"/ { print ($2 > 0 ? "joules" : "none") }' whole.json
$measure -o broken.json -q -- sh -c "sleep 1.2; touch stop
  while [ ! -e stopped ]; do sleep 0.02; done; : >$zone/energy_uj; sleep 0.6; exit 8"
echo "exit $?"
wait $writer
grep -e '^  "energy_j"' -e '^  "energy_above_idle_j"' -e '^  "co2e_g"' broken.json
awk -F'[:,]' '/^  "metered_energy_j"/ { print ($2 > 0 ? "known until then" : "nothing known") }' broken.json
grep -o 'the meter failed: .*' broken.json | sed -E 's/: .* until .*, nothing/: N until N, nothing/'
grep -c . runs.jsonl
sed -n 2p runs.jsonl | grep -c '"energy_j":'
sed -n 1p trace.jsonl
# By share of the CPU time, of a plug's 500 W, and on a model, which knows the command alone.
cat >plug.jsonl <<'EOF'
{"schema":"joulecast.trace/1","power_source":"measured","counters":[{"name":"plug","domain":"wall","unit_j":1}]}
{"time_s":0,"counts":[5]}
{"time_s":1000,"counts":[500005]}
EOF
joulecast measure --meter-trace plug.jsonl --attribute share --format json -o share.json -q -- \
  sh -c 'i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done'
awk -F'[:,]' '/^  "energy_j"/ { charged = $2 } /^  "metered_energy_j"/ { metered = $2 }
  END { print (charged <= metered ? "a part" : charged " of " metered) }' share.json
grep -e '"attribute"' -e 'joules are charged' share.json
joulecast measure --tdp-w 20 --idle-w 2 --meter model --attribute share --format json -o share.json -q -- true
grep -e '"attribute"' -e 'alone already' share.json
# What the machine draws when idle, measured before the start: all of the plug's 500 W, so that nothing
# is left above it.
joulecast measure --meter-trace plug.jsonl --idle-s 0.5 --format json -o idle.json -q -- sleep 0.5
awk -F'[:,]' '/^  "energy_j"/ { energy_j = $2; print ($2 >= 250 ? "the joules of all" : $2) }
  /^  "energy_above_idle_j"/ { print ($2 * $2 < (0.01 * energy_j) ^ 2 ? "none above idle" : $2) }
  /^  "idle_power_w"/ { print ($2 > 495 && $2 < 505 ? "500 W" : $2) }' idle.json
joulecast measure --meter-trace plug.jsonl --format json -o idle.json -q -- true
grep -e '"idle_power_w"' -e '"energy_above_idle_j"' idle.json
grep -c '^{"time_s":' trace.jsonl | awk '{ print ($1 >= 2 ? "readings" : "too few") }'
