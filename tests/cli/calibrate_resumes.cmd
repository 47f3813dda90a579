# Two networks are too few to fit, but they are kept, and never trained again.
options="--quick --networks 2 --force -t 1 -q --tdp-w 20 --idle-w 2"
run() {
  joulecast calibrate run $options -s samples.jsonl "$@" | sed -e 's/; [0-9]* disturbed.*//' -e '/^  conditions:/d'
}
run
run
grep -c joulecast.run/1 samples.jsonl
joulecast calibrate $options -s samples.jsonl -o profile.json >out 2>error
echo $?
sed 's/[0-9][0-9]* (and [0-9][0-9]* disturbed/N (and M disturbed/' error
run --fresh
joulecast calibrate fit absent.jsonl -o profile.json
echo $?
ls
