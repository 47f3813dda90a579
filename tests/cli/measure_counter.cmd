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
done &
writer=$!
measure="joulecast measure --meter powercap --powercap-root cap -b 1 -r runs.jsonl --format json"
$measure -o whole.json --trace trace.jsonl -q -- sleep 0.3
echo "exit $?"
grep -e '"meter"' -e power_source whole.json
awk -F'[:,]' '/^  "energy_j"/ { print ($2 > 0 ? "joules" : "none") }' whole.json
$measure -o broken.json -q -- sh -c "sleep 1.2; touch stop; : >$zone/energy_uj; sleep 0.6; exit 8"
echo "exit $?"
wait $writer
grep -e '^  "energy_j"' -e '^  "energy_above_idle_j"' -e '^  "co2e_g"' broken.json
awk -F'[:,]' '/^  "metered_energy_j"/ { print ($2 > 0 ? "known until then" : "nothing known") }' broken.json
grep -o 'the meter failed: .*' broken.json | sed -E 's/: .* until .*, nothing/: N until N, nothing/'
grep -c . runs.jsonl
sed -n 2p runs.jsonl | grep -c '"energy_j":'
sed -n 1p trace.jsonl
grep -c '^{"time_s":' trace.jsonl | awk '{ print ($1 >= 2 ? "readings" : "too few") }'
