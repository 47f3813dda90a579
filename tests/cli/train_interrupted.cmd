# Ctrl-C finishes the step, prints the summary and writes the record.
timeout --preserve-status -s INT 3 joulecast train mlp_784_128_10 -t 1 --epochs 100000 -q \
  -o runs.jsonl >out.txt
echo $?
sed -n '1p' out.txt | grep -o '(stopped)'
grep -c joulecast.run/1 runs.jsonl
