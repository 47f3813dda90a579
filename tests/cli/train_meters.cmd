# Meters by name, and recorded traces.
try() {
  joulecast train lenet5_28 --steps 1 -t 1 -q "$@" >out.txt 2>error
  echo "$? $(cat error)"
}
try --meter replay
try --meter-trace absent.jsonl
try --meter powercap --meter-trace absent.jsonl
try --meter powercap+perf
try --meter powercap+nvml --powercap-root "$PWD"
head='{"schema":"joulecast.trace/1","power_source":"measured","counters":[{"name":"plug","domain":"wall","unit_j":1}]}'
printf '%s\n{"time_s":0,"counts":[5]}\n{"time_s":1,"counts":[4]}\n' "$head" >back.jsonl
try --meter-trace back.jsonl
printf '%s\n{"time_s":0,"counts":[5]}\n{"time_s":1000,"counts":[500005]}\n' "$head" >plug.jsonl
try --meter-trace plug.jsonl --format json -r runs.jsonl
grep -e meter -e domain -e power_source out.txt
grep -o '"meter":{[^}]*}' runs.jsonl
try --meter-trace plug.jsonl
grep -A1 '^meter' out.txt
