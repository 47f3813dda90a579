# Ctrl-C finishes the step, prints the summary and writes the record.
: >progress.txt
joulecast train mlp_784_128_10 -t 1 --epochs 100000 -r runs.jsonl >out.txt 2>progress.txt &
program=$!
until grep -q '^step' progress.txt || ! kill -0 $program; do sleep 0.1; done
kill -INT $program
wait $program
echo $?
# By then many epochs are whole.
units='[0-9][0-9.,e+-]* (MWh|kWh|kJ|J|mJ|uJ|us|ms|s|min|h|ug|mg|g|kg)\b'
sed -nE "1{s/$units/N/g; s/[0-9.,]+ to N/N to N/; s/([ /])[0-9][0-9.,e+-]*/\1N/g; p}" progress.txt
sed -n '1p' out.txt | grep -o '(stopped)'
grep -c joulecast.run/1 runs.jsonl
