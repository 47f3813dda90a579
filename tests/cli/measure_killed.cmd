# kill -9 of joulecast: what the run had used stands in a journal, which the next one adds to the record.
cat >epochs.sh <<'EOF'
for epoch in 1 2 3 4 5 6 7 8 9 10 11 12; do
  sleep 0.3
  echo "joulecast-epoch $epoch"
done
echo over >over.txt
EOF
measure="joulecast measure --tdp-w 20 --idle-w 2 -b 4"
$measure -q -r runs.jsonl -- sh epochs.sh >out.txt &
joulecast=$!
# The journal comes with the first epoch, and again a second later.
until grep -s -q '"epochs":\[{.*},{' runs.jsonl.*.journal || ! kill -0 $joulecast; do sleep 0.05; done
# A second measurement leaves the journal of a living one alone.
$measure -r runs.jsonl -q -- true
ls runs.jsonl.*.journal | wc -l
kill -KILL $joulecast
wait $joulecast 2>/dev/null
echo "exit $?"
grep -c . runs.jsonl
$measure -r runs.jsonl -- true 2>&1 | grep killed
grep -o '"labels":{[^}]*}' runs.jsonl
grep unfinished runs.jsonl | grep -c '"epochs":\[{"energy_j":[0-9.]*,"time_s":[0-9.]*}'
ls runs.jsonl.*.journal 2>/dev/null | wc -l
$measure -r runs.jsonl -- true 2>&1 | grep -c killed
# The command ends too, though it prints nothing that would meet a broken pipe.
$measure -q -- sh -c 'echo $$ >command.new; mv command.new command.pid; exec sleep 1000' &
joulecast=$!
until [ -e command.pid ] || ! kill -0 $joulecast; do sleep 0.05; done
kill -KILL $joulecast
wait $joulecast 2>/dev/null
command=$(cat command.pid)
state() { sed 's/.*) //; s/ .*//' "/proc/$command/stat" 2>/dev/null; }
for i in $(seq 200); do
  case $(state) in '' | Z) echo "the command has ended" && break ;; esac
  sleep 0.05
done
kill -KILL "$command" 2>/dev/null
# A journal that is none stays, and says so.
echo nonsense >"runs.jsonl.$(hostname).999999.1.journal"
$measure -r runs.jsonl -q -- true 2>error.txt
echo "exit $?"
sed "s/$(hostname)/HOST/" error.txt
ls runs.jsonl.*.journal | wc -l
