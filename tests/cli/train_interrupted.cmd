# Ctrl-C finishes the step, prints the summary and writes the record.
: >progress.txt
joulecast train mlp_784_128_10 -t 1 --epochs 100000 -r runs.jsonl >out.txt 2>progress.txt &
program=$!
until grep -q '^step' progress.txt || ! kill -0 $program; do sleep 0.1; done
kill -INT $program
wait $program
echo $?
sed -n '1p' out.txt | grep -o '(stopped)'
grep -c joulecast.run/1 runs.jsonl
