# A warning at 80 % of the budget, once, and the stop at all of it: 100 J, of which the command uses as
# much as it writes to the counter.
cat >put.sh <<'EOF'
zone=cap/intel-rapl:0
put() { printf '%020d\n' "$1" | dd of=$zone/energy_uj conv=notrunc 2>/dev/null; }
EOF
cat >command.sh <<'EOF'
. ./put.sh
wait_for() { for i in $(seq 200); do if grep -q "$1" error.txt; then break; fi; sleep 0.05; done; }
# In steps of 1 J: more at once would be no power of a machine.
use_until() {
  while [ $used_j -lt $1 ]; do
    used_j=$((used_j + 1))
    put $((begin_uj + used_j * 1000000))
    sleep 0.001
  done
  echo "joulecast-epoch $used_j"
}
touch stop
until [ -e count ]; do sleep 0.02; done
begin_uj=$(cat count)
used_j=0
use_until 70
sleep 1.2
grep -c warning error.txt
use_until 85
wait_for warning
use_until 90
use_until 101
wait_for "over budget"
sleep 60
EOF
. ./put.sh
mkdir -p $zone
echo package-0 >$zone/name
echo 262143328850 >$zone/max_energy_range_uj
put 0
# A counter is taken for one if it advances; from the start on it is the command's.
count=0
while [ ! -e stop ]; do
  count=$((count + 10000))
  put $count
  sleep 0.01
done && echo $count >count.new && mv count.new count &
joulecast measure --meter powercap --powercap-root cap --max-kwh 2.777777778e-5 --format json \
  -o report.json -- sh command.sh 2>error.txt
echo "exit $?"
grep joulecast: error.txt | sed -E 's/[0-9.e-]+ kWh spent/N kWh spent/'
grep -e '"warned"' report.json
