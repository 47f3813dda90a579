# From 80 % of a budget on, one warning, and the training goes on: of 1 J allowed, 0.85 J spent.
zone=cap/intel-rapl:0
mkdir -p $zone
echo package-0 >$zone/name
echo 262143328850 >$zone/max_energy_range_uj
microjoules=0
printf '%020d\n' 0 >$zone/energy_uj
while [ ! -e stop ]; do
  microjoules=$((microjoules + 1))
  if [ -e jump ]; then
    microjoules=$((microjoules + 850000))
    rm jump
  fi
  printf '%020d\n' $microjoules | dd of=$zone/energy_uj conv=notrunc 2>/dev/null
  sleep 0.01
done &
writer=$!
joulecast train mlp_784_128_10 -t 1 --samples 3200 --epochs 1000000 --meter powercap \
  --powercap-root cap --max-kwh 2.7777778e-7 --budget-on spent --format json -o out.json 2>error.txt &
program=$!
# Where the first reading came later than the jump, another one.
for jump in 1 2 3 4; do
  sleep 1
  : >jump
  for wait in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    sleep 0.1
    ! grep -q '^joulecast' error.txt || break 2
  done
done
# More steps, no more warnings.
sleep 0.6
kill -INT $program
wait $program
echo $?
touch stop
wait $writer
grep '^joulecast' error.txt
grep -e stopped -e over_budget out.json
