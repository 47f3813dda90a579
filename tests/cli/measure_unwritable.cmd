# Files that can be written at the start and no longer at the end: nothing measured is lost.
measure="joulecast measure --tdp-w 20 --idle-w 2 -b 4"
$measure -q -r runs.jsonl -- sh -c 'echo joulecast-epoch 1; sleep 0.1; rm runs.jsonl; mkdir runs.jsonl; exit 6' \
  2>error.txt
echo "exit $?"
sed -E "s/jsonl\.$(hostname)\.[0-9]+\.[0-9]+/jsonl.HOST.PID.START/" error.txt
rmdir runs.jsonl
$measure -r runs.jsonl -- true 2>&1 | grep killed
grep -o '"labels":{[^}]*}' runs.jsonl
$measure -o report.txt -r runs.jsonl -- sh -c 'mkdir report.txt' 2>error.txt
echo "exit $?"
cat error.txt
wc -l <runs.jsonl
# A full disk under the trace, known before the start.
$measure --trace /dev/full -- true
echo "exit $?"
# Nobody reads standard error: the record is there all the same.
$measure -r runs.jsonl -- sh -c 'sleep 0.2' 2>&1 >/dev/null | true
wc -l <runs.jsonl
