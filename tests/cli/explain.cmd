# Every line of arithmetic is redone from its own numbers, and the last ones are the forecast.
#   name = formula = EXPRESSION = RESULT unit
# Units are taken out of the expression; what is left is arithmetic.
redo() {
  awk '/^  / && /^ ? ? ? ?[^ ]/ { if (line != "") print line; line = $0; next }
    /^     / { sub(/^ +/, " "); line = line $0; next } { if (line != "") print line; line = "" }
    END { if (line != "") print line }' |
    awk '{ n = split($0, part, " = ")
      if (n < 3 || part[n - 1] !~ /[0-9]/) next
      m = split(part[n - 1], word, " "); expression = ""
      for (i = 1; i <= m; i++) {
        w = word[i]
        if (w == "x") w = "*"
        else if (w !~ /^(ceil)?[(]*[-+]?[0-9.]+(e[-+]?[0-9]+)?[)]*$/ && w !~ /^[-+\/]$/)
          gsub(/[^)]/, "", w)
        expression = expression " " w
      }
      split(part[n], result, " ")
      name = part[1]; gsub(/^ +/, "", name)
      printf "function ceil(v) { return v == int(v) ? v : int(v) + 1 }\n" >(work "/" NR ".awk")
      printf "BEGIN { x = %s; y = %s; d = x - y; d = d < 0 ? -d : d\n", expression, result[1] >(work "/" NR ".awk")
      printf "  if (d > 1e-7 * (y < 0 ? -y : y)) print \"%s: got \" y \", by hand \" x; else ok++; }\n", name >(work "/" NR ".awk")
      count++ }
      END { print count " lines of arithmetic" }' work=.
  for program in *.awk; do awk -f "$program"; done
  rm -f ./*.awk
}
last() { tr '\n' ' ' <explained | sed 's/  */ /g' | grep -o " $1 = [^=]*= [^=]*= [-+.e0-9]* $2" | tail -n 1 |
  sed 's/.* \([-+.e0-9]*\) [^ ]*$/\1/'; }
profile=$SOURCE/tests/cli/profile.json
check() {
  joulecast estimate "$@" --explain | sed -n '/^  source: /,/^[^ ]/p' | sed '1d;/^[^ ]/d;/^          /d' >explained
  redo <explained
  joulecast estimate "$@" --format json >estimate.json
  for key in energy_j facility_energy_j co2e_g; do
    sed -n "s/^  \"$key\": \(.*\),\$/\1/p" estimate.json
  done | tr '\n' ' ' >expected
  # With waiting for data, or figures at the plug, the energy has a line more.
  with=$(last "energy with it" J)
  wall=$(last "energy at the wall" J)
  # Waiting is added to the method's own joules, those of the line above.
  own=$(tr '\n' ' ' <explained | sed 's/  */ /g' |
    sed -n 's/.* energy with it = energy + idle x waiting = \([-+.e0-9]*\) J .*/\1/p')
  awk -v own="$own" -v above="$(last energy J)" 'BEGIN { d = own - above
    if (own != "" && !(d < 1e-8 * above && d > -1e-8 * above)) print "waiting adds to " own ", not " above }'
  echo "${wall:-${with:-$(last energy J)}} $(last facility J) $(last CO2e g)" >found
  awk 'NR == FNR { split($0, a); next } { for (i = 1; i <= 3; i++) { d = $i / a[i] - 1
    if (!(d < 1e-8 && d > -1e-8)) print "the forecast has " a[i] ", the explanation " $i } }' expected found
}
run="mlp_784_128_10 --grid 100 --val-samples 100"
check $run --method layerwise-linear -p "$profile" -t 7 --force --pue 1.5 --validate-every 3
check $run --method layerwise -p "$SOURCE/tests/cli/profile_layerwise.json" -t 7 --force \
  --wall-factor 1.25 --overhead-w 40
check $run --method flops -p "$profile" -t 7 --force --trials 3 --repeats 4
check $run --method flops --hardware t4 --inferences-per-day 500 --days 7 --price "0.30 EUR"
check $run --method roofline --hardware core-i5-8500 -t 6
check vgg11 --method roofline --hardware t4 -b 8 --phase forward --samples 100
check $run --method mlco2 --hardware t4 --hours 3
check $run --method mlco2 --hardware t4
check $run --method green-algorithms --hardware t4 --memory-gb 64 --usage 0.5
check $run --method green-algorithms --hardware t4 --memory-gb 64 --data-s-per-sample 0.002
check $run --method mlco2 --hardware t4 --data-s-per-sample 0.002
check $run --method layerwise -p "$SOURCE/tests/cli/profile_layerwise.json" -t 7 --force \
  --data-s-per-sample 0.002 --wall-factor 1.25 --overhead-w 40 --pue 1.5
lines='{"kind": "linear", "layers": 40, "energy_j": {"per_call": 1e-3, "per_mac": 1e-10}, '
lines="$lines"'"time_s": {"per_call": 1e-5, "per_mac": 1e-12}}'
sed "s/\"coefficients\"/\"mac_lines\": [$lines],\\n  \"coefficients\"/" "$profile" >lines.json
check $run --method getzner -p lines.json -t 7 --force
# Every method that forecasts from a model has a row; those on whole runs have none to explain.
joulecast list methods --format json | sed -n 's/.*{"name": "\([^"]*\)".*/\1/p' >methods
while read -r method; do
  grep -q "{\"$method\"," "$SOURCE/cli/explain.c" ||
    grep -q "\.name = \"$method\"" "$SOURCE"/calibrate/run_*.c || echo "$method has no explanation"
done <methods
awk 'END { print (NR > 6 ? "methods are listed" : "few methods") }' methods
# What it looks like, here and in a comparison, whose JSON has it too.
joulecast estimate $run --method mlco2 --hardware t4 --hours 3 --explain | sed -n '/^method/,/CO2e/p'
joulecast estimate $run --method roofline --hardware t4 --data-s-per-sample 0.002 --explain |
  sed -n '/^  source:/,/facility/p'
joulecast compare $run --hardware t4 --method mlco2 --hours 3 --explain | sed -n '/^method mlco2:/,/CO2e/p'
joulecast compare $run --hardware t4 --method mlco2 --hours 3 --explain --format json |
  grep -c '"explanation": "method mlco2: '
joulecast estimate $run --method mlco2 --hardware t4 --hours 3 --explain --format json
echo $?
joulecast estimate $run -p "$profile" -t 7 --force --explain | awk 'length($0) > 80'
