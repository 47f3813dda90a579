# From 80 % of a budget on, one warning: of 1 J allowed, 0.85 J spent; or 0.3 J of ten epochs like these.
zone=cap/intel-rapl:0
mkdir -p $zone
echo package-0 >$zone/name
echo 262143328850 >$zone/max_energy_range_uj
put() { printf '%020d\n' $1 | dd of=$zone/energy_uj conv=notrunc 2>/dev/null; }
# A counter counts as one if it advances: by next to nothing, until the command takes over.
advance() {
  rm -f stop stopped
  microjoules=0
  put 0
  while [ ! -e stop ]; do
    microjoules=$((microjoules + 1))
    put $microjoules
    sleep 0.01
  done
  : >stopped
}
cat >take_over.sh <<'END'
zone=cap/intel-rapl:0
epoch=0
put() { printf '%020d\n' $1 | dd of=$zone/energy_uj conv=notrunc 2>/dev/null; }
: >stop
until [ -e stopped ]; do sleep 0.02; done
for microjoules; do
  epoch=$((epoch + 1))
  put $microjoules
  echo "joulecast-epoch $epoch/10"
  sleep 0.3
done
END
measure() {
  advance &
  joulecast measure --meter powercap --powercap-root cap --max-kwh 2.7777778e-7 --format json \
    -o report.json "$@" >out.txt
  echo "exit $?"
  wait
  sed -n '/"budget"/,/}/p' report.json
}
measure --budget-on spent -- sh take_over.sh 750000 850000 950000 2>&1
measure -- sh take_over.sh 100000 200000 300000 2>&1
measure -q -- sh take_over.sh 100000 200000 300000 2>&1
# Far from it, none.
measure --budget-on spent -- sh take_over.sh 700000 750000 2>&1
