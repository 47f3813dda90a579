# Use set against training, and where two models break even.
cat >wide.json <<'JSON'
{"schema": "joulecast.model/1", "name": "wide", "input": [4096], "layers": [
  {"name": "fc1", "type": "linear", "out_features": 8192},
  {"name": "fc2", "type": "linear", "out_features": 10}]}
JSON
sed -e 's/"wide"/"narrow"/' -e 's/8192/1024/' wide.json >narrow.json
common="--hardware core-i5-8500 -t 6 --grid 100 --inferences-per-day 1e4 --days 100"
# The narrow one is trained for longer: it costs more to train and less to use.
joulecast compare ./wide.json ./narrow.json $common --samples 10000 --format json >alike.json
joulecast compare ./wide.json ./narrow.json $common --samples 10000
grep '"break_even"' alike.json
training() { printf '"training": {"samples": %d, "epochs": 10, "batch_size": 32}, "input"' "$1"; }
sed "s/\"input\"/$(training 100000)/" narrow.json >long.json
sed "s/\"input\"/$(training 1000)/" wide.json >short.json
joulecast compare ./short.json ./long.json $common | sed '/^note: /,$d'
joulecast compare ./short.json ./long.json $common --format json >crossing.json
value() { sed -n "s/^      \"$1\": \([-+.e0-9]*\),\$/\1/p" crossing.json | sed -n "$2p"; }
each() { sed -n 's/.*"energy_per_inference_j": \([-+.e0-9]*\),.*/\1/p' crossing.json | sed -n "$1p"; }
there() { sed -n 's/.*"break_even": .*"inferences": \([-+.e0-9]*\),.*/\1/p' crossing.json; }
# At break-even both have taken as much.
awk "BEGIN { a = $(value energy_j 1) + $(there) * $(each 1); b = $(value energy_j 2) + $(there) * $(each 2)
  d = a / b - 1; print d < 1e-9 && d > -1e-9 ? \"equal there\" : \"off by \" d }"
# Of three, or of one, there is none.
joulecast compare ./short.json ./long.json ./wide.json $common --samples 10 | grep -c break-even
joulecast compare ./short.json $common | sed '/^note: /,$d'
