# What is wrong is said before the command is started, in one line.
try() {
  joulecast measure --tdp-w 20 --idle-w 2 "$@" -- touch started
  echo "exit $?"
  [ ! -e started ] || echo "it was started"
  rm -f started
}
joulecast measure
echo "exit $?"
joulecast measure --
echo "exit $?"
joulecast measure sleep 1
echo "exit $?"
try --epoch-regex '([0-9]+'
try --epoch-regex 'x' --direct
try --record runs.jsonl
try --record absent/runs.jsonl -b 1
try -o absent/report.json
try --trace absent/trace.jsonl
try --max-cost 1
try --max-kwh 0
try --price "1 EUR" --max-cost 0
try --budget-on tomorrow
try --left alone
try --meter powercap --powercap-root "$PWD"
try --epochs 0
mkdir folder
try --record folder -b 1
# A regex that nothing matches.
joulecast measure --tdp-w 20 --idle-w 2 --epoch-regex 'Epoch ([0-9]+)' -- echo epoch 1 2>&1 |
  grep -A1 matched
# More words than an option list has room for.
joulecast measure -q -- echo $(seq 200) | wc -w
# Two options of one file: the run would be lost under the report.
: >one.jsonl
ln -s one.jsonl other.jsonl
joulecast measure -b 4 -r one.jsonl -o other.jsonl -- true
echo "exit $?"
joulecast measure -o absent.txt --trace absent.txt -- true
echo "exit $?"
joulecast measure -q --tdp-w 20 --idle-w 2 -b 4 -r /dev/null -o /dev/null -- true
echo "exit $?"
joulecast train mlp_784_128_10 -r one.jsonl -o one.jsonl
echo "exit $?"
wc -c <one.jsonl
