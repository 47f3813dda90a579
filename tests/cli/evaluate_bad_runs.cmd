# A file of runs that cannot be judged is one line that says what was expected and found.
runs=$SOURCE/tests/fixtures/runs/two_parts.jsonl
try() {
  joulecast evaluate "$@"
  echo "$? $*" | sed 's|[^ ]*/||'
}
edit() { # EXPRESSION: the runs, the second line changed
  sed "2$1" "$runs" >bad.jsonl
  try bad.jsonl
}
edit 's/"energy_j":[0-9.]*,"time_s"/"energy_j":0,"time_s"/'
edit 's/"energy_j":[0-9.]*,"time_s"/"energy_j":-5,"time_s"/'
edit 's/\("energy_j":[0-9]*\)\.[0-9]*,"time_s"/\1000,"time_s"/'
edit 's/"energy_j":\([0-9]*\)[0-9][0-9][0-9][0-9]\.[0-9]*,"time_s"/"energy_j":\1,"time_s"/'
edit 's/"run":{[^}]*},//'
edit 's/"batch_size":[0-9]*,//'
edit 's/"tdp_w"/"tdp"/'
edit 's/"utilization":0.8/"utilization":80/'
edit 's/"labels":{/"labels":{"a":"","b":"","c":"","d":"","e":"","f":"",/'
edit 's/"net":"alpha"/"net":1/'
sed 's/"energy_j":[0-9.]*,"time_s":[0-9.]*,"epochs"/"time_s":1,"epochs"/' "$runs" >none.jsonl
try none.jsonl
sed -n 1,4p "$runs" >four.jsonl
try four.jsonl
try four.jsonl --split leave-one-out:hardware
sed -n 1,3p "$runs" >three.jsonl
try three.jsonl --fold-column net
try three.jsonl --holdout part=none
try three.jsonl --holdout part
try three.jsonl --split random --holdout part=test
try three.jsonl --split leave-one-out:architecture --folds 3
try three.jsonl --split leave-one-out:color
try missing.jsonl
sed 's/"labels":{[^}]*}/"labels":{}/' "$runs" >unlabelled.jsonl
try unlabelled.jsonl --factors
: >empty.jsonl
try empty.jsonl
