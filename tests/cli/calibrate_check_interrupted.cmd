# Ctrl-C finishes the network in hand; what was measured is shown, without a verdict.
: >progress.txt
joulecast calibrate check -m lenet5_28:2 -m mlp_784_128_10:8 --measure-only --repeat-all 100 \
  --force -t 1 --steps 3 --min-seconds 0.2 >out.txt 2>progress.txt &
program=$!
until grep -q '^round' progress.txt || ! kill -0 $program; do sleep 0.1; done
kill -INT $program
wait $program
echo $?
grep -c 'lenet5_28:2  *[0-9]' out.txt
grep -c '^verdict' out.txt
tail -n 1 progress.txt
