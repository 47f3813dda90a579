# Several models, machines and grids: a row each, the cheapest and the Pareto set marked.
joulecast compare resnet50 vgg16 --hardware t4,a100-sxm4-40gb --grid 50,500 --price "0.30 EUR" \
  --sort energy_j
joulecast compare resnet18 -b 1,32 -b 256 --hardware t4 --samples 1000 --epochs 3 --grid 100 \
  --format csv >out.csv
cat out.csv
# Marks, worked out again: of equal costs the first is as cheap as the second.
joulecast compare vgg11 resnet18 squeezenet1_1 -b 8,64 --hardware t4,a100-sxm4-40gb,core-i5-8500 \
  --samples 1000 --epochs 1 --grid 100 --format csv >marks.csv
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
  { n++; e[n] = $at["energy_j"]; t[n] = $at["time_s"]; c[n] = $at["cheapest"]; p[n] = $at["pareto"]
    least = n == 1 || e[n] < least ? e[n] : least }
  END { for (i = 1; i <= n; i++) {
      pareto = "true"
      for (k = 1; k <= n; k++)
        if (e[k] <= e[i] && t[k] <= t[i] && (e[k] < e[i] || t[k] < t[i])) pareto = "false"
      wrong += (pareto != p[i]) + ((e[i] == least ? "true" : "false") != c[i])
      marked += p[i] == "true" }
    print n " rows, " marked " in the Pareto set, " wrong + 0 " wrong" }' marks.csv
# Sorted by each column: never falling.
for column in energy_j time_s power_w co2e_g; do
  joulecast compare vgg11 resnet18 -b 8,64 --hardware t4,core-i5-8500 --samples 1000 --epochs 1 \
    --grid 100 --sort $column --format csv |
    awk -F, -v column=$column 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == column) at = i; next }
      NR > 2 && $at < last { falls++ } { last = $at } END { print column, NR - 1, falls + 0 }'
done
joulecast compare vgg11 resnet18 --hardware t4,core-i5-8500 -b 8 --sort machine --format csv |
  cut -d, -f1,4
# A profile and two data rows are three machines, each by the first method that it feeds.
joulecast compare mlp_784_128_10 -p "$SOURCE/tests/cli/profile.json" \
  --hardware t4,a100-sxm4-40gb -t 7 --force |
  sed '/^note: /,$d'
joulecast compare mlp_784_128_10 lenet5_28 --hardware t4 --method roofline,layerwise \
  --precision fp32,bf16 --grid 100
# Nothing but rows without a forecast.
joulecast compare mlp_784_128_10 lenet5_28 --hardware t4 --method layerwise
echo $?
