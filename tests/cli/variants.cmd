# Parameters and variants: MODEL:VARIANT and --set, and what is said where they are none.
cat >net.json <<'JSON'
{
  "schema": "joulecast.model/1",
  "name": "net",
  "input": [3, 8, 8],
  "params": {"depth": 1, "width": 4, "norm": 0},
  "expect": {"params": 112},
  "variants": {
    "deep": {"params": {"depth": 3}, "expect": {"params": 408}},
    "wide": {"params": {"width": 32}, "input": [3, 16, 16], "training": {"dataset": "none", "samples": 10}}
  },
  "layers": [
    {"name": "stage", "repeat": "$depth", "layers": [
      {"name": "conv", "type": "conv2d", "out_channels": "$width", "kernel_size": 3, "padding": "same"},
      {"name": "norm", "repeat": "$norm", "layers": [{"name": "bn", "type": "batchnorm2d"}]},
      {"name": "relu", "type": "relu"}]}
  ]
}
JSON
joulecast inspect ./net.json --expand
joulecast inspect net.json:deep --totals --format csv
joulecast inspect ./net.json:wide --set norm=1 --set depth=2 --expand
joulecast inspect - --expand <net.json | head -3
try() {
  joulecast inspect "$@" --totals >/dev/null
  echo "$? $*"
}
try net.json:dep
try net.json --set dpth=3
try net.json --set depth
try net.json --set depth=three
try net.json --set depth=0
try lenet5_28:small
try lenet6_28:small
cp net.json net.json:deep
joulecast inspect net.json:deep --expand | sed -n 3p
# A folder of models with variants, as it is listed.
mkdir models && cp net.json models && touch models/model.schema.json
JOULECAST_MODELS=$PWD/models joulecast list models
JOULECAST_MODELS=$PWD/models joulecast inspect net:wide --expand | sed -n 3p
joulecast list layers --schema | sed -n 1,4p
joulecast list models --schema
