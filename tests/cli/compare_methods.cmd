# Every method for one run: what it took, its error on this machine, why it is not available.
run="mlp_784_128_10 -t 6 --force --grid 100 --hardware core-i5-8500 --memory-gb 16"
profile=$SOURCE/tests/cli/profile.json
shown() { sed -e '/^note: /,$d'; } # of the profile's age and of this machine
joulecast compare $run -p "$profile" --measured 300 | shown
joulecast compare $run -p "$SOURCE/tests/cli/profile_layerwise.json" --sort energy_j \
  --method flops,mlco2,layerwise,getzner | shown
# Lines of single layers are all that getzner needs, and what others cannot be priced by.
lines='{"kind": "linear", "layers": 40, "energy_j": {"per_call": 1e-3, "per_mac": 1e-10}, '
lines="$lines"'"time_s": {"per_call": 1e-5, "per_mac": 1e-12}}'
sed "s/\"coefficients\"/\"mac_lines\": [$lines],\\n  \"coefficients\"/" "$profile" >lines.json
joulecast compare $run -p lines.json --method getzner,layerwise | shown
# (3 x (2 calls and 32 x 101,770 MACs, bias included)) x 18,750 steps
joulecast compare $run -p lines.json --method getzner --format csv
awk 'BEGIN { printf "%.9g J\n", 18750 * 3 * (2 * 1e-3 + 32 * 101770 * 1e-10) }'
joulecast compare $run -p "$profile" --format json >out.json
grep -v -e '"profile": {' -e 'days old' -e 'forced: ' out.json | sed -n '1,/"layerwise-linear"/p'
sed -n '/"layerwise-linear"/,/"inputs"/p' out.json | grep -e _j\" -e _s\" -e '"ratio"' -e '"error"' \
  -e '"available"' -e '"why"' -e '"measured_error"'
# A data row alone: what needs a profile says so, and none is borrowed from this machine.
joulecast compare mlp_784_128_10 --hardware t4 --grid 100
joulecast compare mlp_784_128_10 --hardware t4 --method layerwise,green-algorithms | shown
echo $?
# What only measured runs can feed says so, in csv too, beside others and alone.
joulecast compare mlp_784_128_10 --hardware t4 --method flops,carbontracker,pre-power --format csv |
  cut -d, -f 1,6,7,22-
joulecast compare mlp_784_128_10 --hardware t4 --format json | grep -A8 '"name": "step-power"' |
  grep -e '"name"' -e '"model"' -e '"available"' -e '"why"'
joulecast compare mlp_784_128_10 --method step-energy
echo $?
# As estimate forecasts it, method by method.
for method in layerwise-linear roofline flops mlco2 green-algorithms; do
  case $method in
  layerwise-linear | flops) options="-p $profile" ;;
  roofline) options="--hardware core-i5-8500" ;;
  mlco2) options="-p $profile --hardware core-i5-8500" ;;
  green-algorithms) options="-p $profile --hardware core-i5-8500 --memory-gb 16" ;;
  esac
  joulecast estimate mlp_784_128_10 -t 6 --force --grid 100 --method $method $options \
    --format json | sed -n 's/^  "energy_j": \(.*\),$/\1/p' >one
  joulecast compare $run -p "$profile" --method $method --format json |
    sed -n 's/^      "energy_j": \(.*\),$/\1/p' >other
  cmp one other && echo "$method: as estimate has it"
done
