# A budget warns, then stops: SIGTERM to all processes, SIGKILL to those that are left.
measure="joulecast measure --tdp-w 20 --idle-w 2 --meter model"
hide() { sed -E 's/[0-9.]+(e-[0-9]+)? (hours|kWh) (spent|projected)/N \2 \3/' "$1" | grep joulecast; }
cat >endless.sh <<'EOF'
setsid sh -c 'trap "echo the daemon too >told.txt; exit" TERM; while :; do sleep 0.05; done' &
trap 'echo "told to end"; exit 0' TERM
while :; do sleep 0.05; done
EOF
$measure --max-hours 0.0002 -r runs.jsonl -b 1 -o report.txt -- sh endless.sh 2>error.txt
echo "exit $?"
hide error.txt
head -n 1 report.txt
cat told.txt
grep -o '"labels":{[^}]*}' runs.jsonl
# One that does not listen, with a daemon.
cat >deaf.sh <<'EOF'
trap '' TERM
setsid sh -c 'trap "" TERM; echo $$ >daemon.pid; while :; do sleep 0.05; done' &
while :; do sleep 0.05; done
EOF
$measure --max-kwh 1e-9 --grace-s 0.3 --format json -o report.json -q -- sh deaf.sh 2>error.txt
echo "exit $?"
hide error.txt
grep -e '"stopped"' -e '"signal"' -e 'grace time' report.json
kill -0 "$(cat daemon.pid)" 2>/dev/null || echo "nothing is left"
# On what is projected: long before it is spent, unless only what is spent counts.
cat >epochs.sh <<'EOF'
for epoch in 1 2 3 4 5 6 7 8; do
  sleep 0.2
  echo "joulecast-epoch $epoch/100000"
done
EOF
$measure --max-hours 1 -q -- sh epochs.sh >out.txt 2>error.txt
echo "exit $?"
hide error.txt
$measure --max-hours 1 --budget-on spent -q -- sh epochs.sh | tail -n 1
