# Killed in mid-run, a calibration has each finished network whole, and goes on behind them. It runs
# with threads that stay and wait actively, but for what the user has set.
calibrate="joulecast calibrate run --quick --networks 8 --force -t 1 -q --tdp-w 20 --idle-w 2"
finished() {
  if [ -f samples.jsonl ]; then wc -l <samples.jsonl; else echo 0; fi
}
unset OMP_PROC_BIND OPENBLAS_NUM_THREADS
OMP_WAIT_POLICY=passive $calibrate -s samples.jsonl >out.txt &
program=$!
until [ "$(finished)" -ge 2 ] || ! kill -0 $program; do sleep 0.01; done
tr '\0' '\n' <"/proc/$program/environ" | grep -E '^(OMP_PROC_BIND|OMP_WAIT|OPENBLAS)' | sort
kill -KILL $program
wait $program 2>/dev/null
echo "ended with $?"
kept=$(finished)
[ "$(grep -c '^{"schema":"joulecast.run/1".*}$' samples.jsonl)" -eq "$kept" ] && echo "all whole"
head -n "$kept" samples.jsonl >before.jsonl
$calibrate -s samples.jsonl | sed -e '/^  conditions:/d' -e 's/; a last line.*//' -e "s/, $kept of them from before.*/, those from before/"
cmp -n "$(wc -c <before.jsonl)" before.jsonl samples.jsonl && echo "nothing was changed"
