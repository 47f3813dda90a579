# Exit status 3, the file, its line and the place in it.
good='{"schema": "joulecast.model/1", "name": "tiny", "input": [3, 8, 8],
 "expect": {"params": 547},
 "layers": [
  {"name": "c", "type": "conv2d", "out_channels": 4, "kernel_size": 3},
  {"name": "f", "type": "flatten"},
  {"name": "l", "type": "linear", "out_features": 3}]}'
try() {
  printf '%s\n' "$good" | sed "$1" >bad.json
  joulecast inspect ./bad.json --totals >out
  echo "$? $1"
}
try 's/tiny/small/'
try 's/"kernel_size": 3/"kernel_size": -1/'
try 's/"kernel_size": 3/"kernel_size": 30/'
try 's/kernel_size/kernel_siz/'
try 's/conv2d/conv2/'
try 's/547/548/'
try 's/"out_features": 3/"out_features": 1e30/'
try 's/\[3, 8, 8\]/[3, 8, 8/'
try 's/tiny/ti\x01ny/'
try 's/model.1/model\/9/'
joulecast inspect no_such_model
echo $?
joulecast inspect ./no_such_file.json
echo $?
printf '%s' "$good" | joulecast inspect - --totals | head -1
printf 'nonsense' | joulecast inspect -
