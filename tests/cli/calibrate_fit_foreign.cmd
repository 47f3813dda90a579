# Samples of another machine make a profile that is named by that machine, and is not this one's.
joulecast calibrate run --quick --networks 10 --force -t 1 -q --tdp-w 20 --idle-w 2 -s own.jsonl |
  head -n 1 | sed 's/; .*//'
sed 's/"cpu_model":"[^"]*","cpus":[0-9]*/"cpu_model":"Other CPU X1","cpus":64/' own.jsonl >other.jsonl
joulecast calibrate fit other.jsonl >report || echo $?
grep -c 'Other CPU X1, 64 CPUs' report
sed -n '/^profile/,$p' report
ls "$XDG_DATA_HOME/joulecast/profiles"
joulecast estimate lenet5_28 -p "$XDG_DATA_HOME"/joulecast/profiles/*.json 2>error
echo $?
grep -c 'Other CPU X1' error
joulecast calibrate fit own.jsonl other.jsonl -o both.json 2>error
echo $?
sed 's/.*: //' error
