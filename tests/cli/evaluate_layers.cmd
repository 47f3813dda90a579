# Runs that name shipped models: methods on layers, which no fold refits, beside those on whole runs.
runs=$SOURCE/tests/fixtures/runs/shipped_models.jsonl
profile=$SOURCE/tests/cli/profile_layerwise.json
means="-p $profile --hardware core-i5-8500"
joulecast evaluate "$runs" --folds 3 $means
digits() { sed "s/\([0-9]\.[0-9]\{4\}\)[0-9]*/\1/g"; }
joulecast evaluate "$runs" --folds 3 $means --format json | digits |
  grep -e counted -e unknown -e layerwise -e roofline -e getzner
joulecast evaluate "$runs" --folds 3 $means --format csv | digits |
  grep -e name -e layerwise -e roofline -e getzner
# Each forecast is what `estimate` says of such a run.
like_estimate() { # METHOD, then what it forecasts by
  method=$1
  shift
  joulecast evaluate "$runs" --folds 3 "$@" --forecasts each.csv >report
  joulecast estimate mlp_784_128_10 -t 2 --force --method $method "$@" -b 32 -e 2 --samples 60000 \
    --format json | sed -n 's/^  "energy_j": \(.*\),$/\1/p' >one
  awk -F, -v method=$method '$1 == 1 && $6 == method { print $8 }' each.csv >other
  awk -v method=$method 'NR == FNR { one = $1; next }
    { print method (one > 0 && (one / $1 - 1) ^ 2 < 1e-10 ? ": as estimate has it" : ": " one " " $1) }' \
    one other
}
like_estimate layerwise -p "$profile"
like_estimate layerwise-linear -p "$SOURCE/tests/cli/profile.json"
like_estimate roofline --hardware core-i5-8500
# So are the ends of its intervals of 90 and 50 %.
joulecast evaluate "$runs" --folds 3 -p "$profile" --forecasts each.csv >report
for level in 0.9 0.5; do
  joulecast estimate mlp_784_128_10 -t 2 --force -p "$profile" -b 32 -e 2 --samples 60000 --interval $level \
    --format json | sed -n 's/^  "energy_\(low\|high\)_j": \(.*\),$/\2/p'
done >ends
awk -F, '$1 == 1 && $6 == "layerwise" { for (i = 9; i <= 12; i++) print $i }' each.csv | paste ends - |
  awk '{ print ($1 > 0 && ($1 / $2 - 1) ^ 2 < 1e-10 ? "an end as estimate has it" : $0) }'
# What they cannot forecast, and why: no means, one run or all of another machine, stopped, unknown.
reasons() { joulecast evaluate "$@" --folds 3 | sed -n '/^n.*layerwise:/,/^n.*layerwise-linear/p'; }
reasons "$runs"
reasons "$runs" --hardware core-i5-8500
sed '2s/"isa":"avx512"/"isa":"avx2"/' "$runs" >one.jsonl
reasons one.jsonl -p "$profile"
reasons one.jsonl -p "$profile" --force
sed 's/"threads":2/"threads":8/' "$runs" >all.jsonl
reasons all.jsonl -p "$profile"
sed 's/"steps":3750/"steps":37/' "$runs" >stopped.jsonl
reasons stopped.jsonl -p "$profile"
sed '3s/mlp_784_128_10/mlp_784_128_11/' "$runs" >unknown.jsonl
joulecast evaluate unknown.jsonl --folds 3 -p "$profile" | sed -n '/^note.*model/,$p'
joulecast evaluate "$runs" --folds 3 -p "$SOURCE/tests/cli/profile.json" |
  sed -n '/^n.*layerwise:/,$p'
# Broken means are one line.
try() {
  joulecast evaluate "$runs" "$@"
  echo "$? $*" | sed 's|[^ ]*/||'
}
try -p missing.json
try -p "$runs"
try --hardware core-i5-8501
try --force
