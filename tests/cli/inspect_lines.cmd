# Many networks, one a line: names, JSON, questions about either, and what is none of these.
cat >tiny.json <<'END'
{"schema": "joulecast.model/1", "name": "tiny", "input": [3, 8, 8], "layers": [{"name": "c", "type": "conv2d", "out_channels": 4, "kernel_size": 3}]}
END
cat >lines.jsonl <<'END'
lenet5_28

  "lenet5_28"  
{"model": "lenet5_28", "batch_size": 7}
{"model": "alexnet", "input": "3x64x64"}
./tiny.json
{"schema": "joulecast.model/1", "name": "tiny", "input": [3, 8, 8], "layers": [{"name": "c", "type": "conv2d", "out_channels": 4, "kernel_size": 3}]}
{"model": {"schema": "joulecast.model/1", "name": "wide", "params": {"c": 4}, "input": [3, 8, 8], "layers": [{"name": "c", "type": "conv2d", "out_channels": "$c", "kernel_size": 3}]}, "set": "c=8", "batch_size": 1}
{"schema": "joulecast.model/1", "name": "tiny", "input": [3, 8, 8], "layers": [{"name": "c", "type": "conv2d", "out_channels": 4, "kernel_size": 9}]}
{"schema": "joulecast.model/1", "name": "tiny", "input": [3, 8, 8], "expect": {"params": 1}, "layers": [{"name": "c", "type": "conv2d", "out_channels": 4, "kernel_size": 3}]}
no_such_model
./no_such_file.json
-
[1, 2]
{"model": "alexnet", "batchsize": 3}
{"model": "alexnet", "batch_size": 0}
{"model": "alexnet", "input": ["3x64x64", 3]}
{"model": "alexnet", "input": "3x2x2"}
{"model": "alexnet", "set": "depth=3"}
{"model": null}
{"modle": "alexnet"}
{"model": "alexnet"
END
printf '"lenet5_28"\r\n\nlenet5_28' >>lines.jsonl
joulecast inspect --lines lines.jsonl -t 2 >out
echo $?
sed 's/"convention":"[^"]*",//' out
# A line says the same as the command alone.
joulecast inspect alexnet --input 3x64x64 --format json | grep '_bytes"\|macs"\|params"' |
  sed '/"name"/d; s/[ ,]//g' >alone
for member in $(cat alone); do
  sed -n 4p out | grep -qF "$member" || echo "alexnet: $member"
done
# The command's options hold where the line says nothing; no line is no answer.
echo vgg16 | joulecast inspect --lines - -b 4 --optimizer adamw --precision bf16 --checkpointing |
  grep -o '"memory_of":.*'
printf '\n \n' | joulecast inspect --lines -
try() {
  joulecast inspect "$@"
  echo "$? $*"
}
try
try resnet50 --lines lines.jsonl
try --lines lines.jsonl --format csv
try --lines lines.jsonl -o out.jsonl
try --lines lines.jsonl --expand
try --lines no_such_file
try --lines .
