# Single layers measured elsewhere, here made up with known costs (linear: 1 mJ a pass, 1 nJ a FLOP,
# 10 nJ a byte; relu: 10 nJ a byte), become a profile and a forecast of a forward pass.
awk 'function draw(low, high) {
       x = (x * 16807) % 2147483647
       return int(low * exp(log(high / low) * x / 2147483647))
     }
     BEGIN {
       x = 11
       measured = "duration,cpu_energy,cpu_count,forward_passes"
       print "batch_size,input_size,output_size,macs," measured >"made_linear.csv"
       print "batch_size,input_size," measured >"made_relu.csv"
       for (i = 0; i < 60; i++) {
         b = draw(1, 512); n = draw(8, 4096); m = draw(8, 4096)
         e = 1e-3 + 1e-9 * b * (2 * n * m + m) + 1e-8 * 4 * (b * (n + m) + m * (n + 1))
         printf "%d,%d,%d,%d,%.9g,%.17g,2.0,40.0\n", b, n, m, b * m * (n + 1), 40 * e / 75, e / 3.6e6 \
           >"made_linear.csv"
         n *= 1000; e = 1e-8 * 8 * b * n
         printf "%d,%d,%.9g,%.17g,2.0,6.5\n", b, n, 6.5 * e / 75, e / 3.6e6 >"made_relu.csv"
       }
     }'
python3 "$SOURCE/data/convert_getzner.py" made_linear.csv made_relu.csv >samples.jsonl
echo $?
joulecast calibrate fit samples.jsonl -o made.json >out
echo $?
sed 's/-0\.0 %/ 0.0 %/' out # no error has a sign
joulecast estimate alexnet -b 64 --phase forward -p made.json --grid FR | sed '/^method/,$d'
joulecast estimate alexnet -b 64 --phase forward -p made.json --format json >out.json
echo $?
grep -e energy_per_step_j -e energy_above_idle_j -e '"method"' out.json | grep -v name |
  sed 's/\([0-9][.][0-9]\{4\}\)[0-9]*/\1.../'
sed -n '/"notes"/,/\]/p' out.json
# No training by it, forced or not; nor is it taken for one of this machine.
joulecast estimate alexnet -p made.json
joulecast estimate alexnet -p made.json --force
joulecast estimate alexnet -p made.json --method flops
mkdir -p "$XDG_DATA_HOME/joulecast/profiles" && cp made.json "$XDG_DATA_HOME/joulecast/profiles"
joulecast estimate alexnet --phase forward
# A training among them.
sed '2s/"phase":"forward"/"phase":"training"/' samples.jsonl >mixed.jsonl
joulecast calibrate fit mixed.jsonl -o mixed.json
echo $?
