# The layer-wise method, which a profile with its part takes by itself: the table, the layers, what
# adds up, what lies far away, and what another profile makes of it.
profile=$SOURCE/tests/cli/profile_layerwise.json
run="mlp_784_128_10 -t 7 --force"
joulecast estimate $run -p "$profile" --layers | sed '/^input/,$d'
joulecast estimate $run -p "$profile" | sed -n '/^method layerwise:/,/bias -/p'
joulecast estimate $run -p "$profile" --val-samples 10000 --format json >out.json
grep -e '"method"' -e '"error"' -e '"extrapolated' out.json
awk -F'[:,}]' 'function value(key, at) { at = index($0, "\"" key "\": ")
    return at == 0 ? 0 : substr($0, at + length(key) + 4) + 0 }
  /^  "energy_j"/ { energy = value("energy_j") }
  /^  "overhead_j"/ { overhead = value("overhead_j") }
  /^    {"name"/ { layers += value("energy_j"); share += value("share") }
  END { off = layers / (energy - overhead) - 1; 
    print (off < 1e-9 && off > -1e-9 ? "layers sum to the rest of the energy" : "layers are off by " off)
    print (layers > 0 && overhead > 0 ? "both are there" : "one is missing") }' out.json
# Samples far from everything: the interval is twice as wide in logarithms.
sed -e 's/\[0.25, 0.125, 0.125/[25, 12.5, 12.5/' -e 's/"x_max": \[1.5, 1, 1/"x_max": [150, 150, 150/' \
  "$profile" >far.json
joulecast estimate $run -p far.json --format json >far.out
grep -e '"extrapolated' -e 'extrapolated: ' far.out
# A type that no sample had.
joulecast estimate lenet5_28 -t 7 --force -p "$profile"
echo $?
# Without the part the linear method does it; asked for by name, it is refused.
joulecast estimate $run -p "$SOURCE/tests/cli/profile.json" --format json | grep '"method"'
joulecast estimate $run -p "$SOURCE/tests/cli/profile.json" --method layerwise
echo $?
