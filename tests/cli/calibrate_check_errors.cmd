# Every wrong list, profile or mixture of options ends before the first step, in one line.
try() {
  joulecast calibrate check "$@"
  echo "$? $*"
}
try -m nosuchmodel
try -m lenet5_28:0
try -m lenet5_28:99999999999999999999
try -m lenet5_28:1x28x28
try -m lenet5_28:8:1x2
try -m lenet5_28:big
try -m vit_b_16:1
try -m absent.txt
printf '# nothing\n\n' >empty.txt
try -m empty.txt
printf 'lenet5_28:16  # fine\nlenet5_28:0\n' >wrong.txt
try -m wrong.txt
mkdir lists
printf 'net.json:4\n' >lists/path.txt
try -m lists/path.txt
try -m lenet5_28 -p absent.json
try -m lenet5_28
try -m lenet5_28 --measure-only -p p.json
try -m lenet5_28 --predict-only --steps 20
try -m lenet5_28 --predict-only --measure-only
try -m lenet5_28 --steps 2
try lenet5_28
joulecast calibrate --quick check
joulecast calibrate fit s.jsonl -t 2
joulecast calibrate fit s.jsonl -s t.jsonl
