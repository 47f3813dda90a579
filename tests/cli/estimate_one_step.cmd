# Without any number of samples the estimate is for one step, and says so.
printf '%s' '{"schema": "joulecast.model/1", "name": "tiny", "input": [3, 8, 8], "layers": [
  {"name": "c", "type": "conv2d", "out_channels": 4, "kernel_size": 3}]}' >tiny.json
joulecast estimate ./tiny.json --method roofline --hardware t4 --epochs 5 --grid SE >out
head -1 out
sed -n '/^note: one step/,/^[^ ]* [^ ]* is/p' out | head -2
joulecast estimate - --method roofline --hardware t4 --format json <tiny.json |
  grep -e '"epochs"' -e '"samples"' -e '"steps"'
