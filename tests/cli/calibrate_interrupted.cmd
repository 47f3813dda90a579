# Ctrl-C finishes the network in hand, says what there is, and the next run goes on.
calibrate="joulecast calibrate --quick --networks 40 --force -t 1 -q --tdp-w 20 --idle-w 2"
$calibrate -s samples.jsonl -o profile.json >out.txt &
program=$!
until [ -s samples.jsonl ] || ! kill -0 $program; do sleep 0.01; done
kill -INT $program
wait $program
echo $?
sed 's/^samples: [0-9]* of/samples: N of/; s/ networks;.*/ networks/; /^  conditions:/d' out.txt
[ "$(grep -c '^{"schema":"joulecast.run/1".*}$' samples.jsonl)" -lt 40 ] && ls
