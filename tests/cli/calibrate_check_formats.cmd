# A check as CSV and Markdown: its forecasts alone, of a profile that is made today, and then with
# what was measured, whose numbers are the machine's.
sed -e "s/\"date\": \"[^\"]*\"/\"date\": \"$(date -u +%Y-%m-%dT%H:%M:%SZ)\"/" \
  -e 's/"cpu_model": "[^"]*"/"cpu_model": "Another CPU"/' "$SOURCE/tests/cli/profile.json" >profile.json
for format in csv markdown; do
  joulecast calibrate check --predict-only -p profile.json --force -m lenet5_28:16 -m mlp_784_128_10:8 \
    --format $format | sed -E 's/profile of [^,]*/profile of today/; /^- forced/ s/, this is .*//; s/joulecast [0-9.]+$/joulecast VERSION/'
done
for format in csv markdown; do
  joulecast calibrate check -q --force -t 1 --steps 3 --min-seconds 0 --tdp-w 20 --idle-w 2 \
    -p profile.json -m lenet5_28:2 -m lenet5_28:4 -m mlp_784_128_10:8 --format $format >$format
  echo $? | sed 's/[01]/0 or 1/'
done
sed -E 's/-?[0-9]+\.[0-9]+(e-?[0-9]+)?/N/g; 2,$ s/^(([^,]*,){7}).*/\1REMARKS/' csv
sed -n '1p; /^[|#]/p' markdown | uniq |
  sed -E 's/-?[0-9][0-9.,]* (%|[um]?[sJ])/N/g; /^\| (lenet|mlp)/ s/[^|]*\|$/ REMARKS |/; s/[0-9] of 3/N of 3/'
