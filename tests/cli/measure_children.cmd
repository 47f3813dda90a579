# Children that behave badly: none is lost, none hangs the measurement, no byte is lost or changed.
measure="joulecast measure --tdp-w 20 --idle-w 2"
# A daemon that keeps the output open, in a session of its own: named, left, and then gone.
$measure -- sh -c 'setsid sh -c "echo \$\$ >daemon.pid; exec sleep 1000" & sleep 0.3; echo ended' \
  2>report.txt
echo "exit $?"
tr '\n' ' ' <report.txt | tr -s ' ' | sed "s/($(cat daemon.pid))/(PID)/" | grep -o 'the command left[^;]*'
kill -0 "$(cat daemon.pid)" && echo "it lives"
kill "$(cat daemon.pid)"
# The same, stopped; and awaited.
$measure --left stop -q -- sh -c 'setsid sh -c "echo \$\$ >daemon.pid; exec sleep 1000" & sleep 0.3'
echo "exit $?"
kill -0 "$(cat daemon.pid)" 2>/dev/null || echo "it is gone"
$measure --left wait -q -- sh -c '(setsid sh -c "sleep 0.5; echo from the daemon" &)'
# One that closes its output goes on being measured.
$measure -q --format json -o closed.json -- sh -c 'exec >&- 2>&-; sleep 1.2; exit 6'
echo "exit $?"
awk -F'[:,]' '/^  "time_s"/ { print ($2 >= 1.2 ? "to its end" : "too short: " $2) }' closed.json
# One that moves to a group of its own, and one that ends itself by a signal.
$measure -q -- setsid -w sh -c 'exit 9'
echo "exit $?"
# Binary, in long lines and short, many megabytes of it.
head -c 3000000 /dev/urandom >binary
for i in 1 2 3 4 5 6 7 8 9 10; do cat binary; done >many
$measure -q -- cat many | cmp - many && echo "every byte"
# A reader that goes away: the command meets a broken pipe, as it would without joulecast.
$measure -q -r runs.jsonl -b 1 -- sh -c 'yes; echo "$?" >code' | head -n 1
[ "$(cat code)" = 141 ] && echo "a broken pipe"
grep -c joulecast.run/1 runs.jsonl
# A reader that is slow.
$measure -q -- seq 300000 | { sleep 0.5; cat; } | cksum
seq 300000 | cksum
# One that begins a second after the command's end, for which the command is not charged.
begin=$(date +%s.%N)
$measure --left wait --format json -o late.json -q -- sh -c 'head -c 100000 many; echo >ended' |
  { until [ -e ended ]; do sleep 0.05; done; sleep 1; wc -c; }
awk -F'[:,]' -v begin="$begin" -v end="$(date +%s.%N)" '
  /^  "time_s"/ { print ($2 < end - begin - 0.8 ? "its own time" : $2 " of " end - begin) }' late.json
# A reader that takes nothing: a signal ends the command, and with it the run, whose record is whole.
# More is printed than the reader's pipe holds (64 kB).
mkfifo stuck
sleep 1000 <stuck &
reader=$!
$measure -r stuck.jsonl -b 1 -o stuck.txt -- \
  sh -c 'head -c 100000 many; echo all >all.new; mv all.new all.txt; exec sleep 1000' >stuck &
joulecast=$!
until [ -e all.txt ] || ! kill -0 $joulecast; do sleep 0.05; done
kill -TERM $joulecast
(sleep 60; kill -KILL $joulecast 2>/dev/null) &
watchdog=$!
wait $joulecast
echo "exit $?"
kill $watchdog $reader
grep -c '"end":"signal 15"' stuck.jsonl
tr '\n' ' ' <stuck.txt | tr -s ' ' | grep -o '[0-9]* bytes of output were not taken by the reader' |
  awk '{ $1 = $1 >= 100000 - 65536 && $1 <= 100000 ? "N" : $1; print }'
# Standard input is the command's.
echo from here | $measure -q -- cat
# A shell that has a child already and becomes joulecast: that one is not the command's.
sh -c 'sleep 1000 & echo $! >before.pid; exec joulecast measure --tdp-w 20 --idle-w 2 --left stop -q -- true'
echo "exit $?"
kill -0 "$(cat before.pid)" && echo "it lives"
kill "$(cat before.pid)"
