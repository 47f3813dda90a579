# Every wrong use is exit status 2, with one line that says what was expected.
try() {
  joulecast "$@"
  echo "$? $*"
}
try estimat resnet50
try frobnicate
try help frobnicate
try estimate
try estimate resnet50 vgg16
try completion
try completion tcsh
try estimate resnet50 --bach-size 3
try estimate resnet50 --frobnicate
try estimate resnet50 -z
try estimate resnet50 --batch-size
try estimate resnet50 --batch-size=abc
try estimate resnet50 --batch-size 0
try estimate resnet50 -b 32x
try estimate resnet50 -b -1
try estimate resnet50 -b 99999999999999999999999
try estimate resnet50 --quiet=yes
try estimate resnet50 --idle-w -3
try estimate resnet50 --tdp-w 0
try estimate resnet50 --tdp-w 0x10
try estimate resnet50 --tdp-w nan
try estimate resnet50 --hours 1e999
try estimate resnet50 --interval 0.7
try estimate resnet50 --optimizer adagrad
try estimate resnet50 --method rooflin
try estimate resnet50 --precision bf16
try estimate resnet50 --method roofline --hardware no-such-part
try estimate resnet50 --method roofline --profile p.json
try estimate resnet50 --hours 3
try estimate resnet50 --hardware a100-sxm4-40gb
try estimate resnet50 --method flops --hardware t4 --profile p.json
try estimate resnet50 --method flops --hardware t4 --format csv
try estimate resnet50 --method roofline --grid XX
try estimate resnet50 --method roofline --pue 0.5
try estimate resnet50 --method roofline --price 0.30
try estimate resnet50 --method roofline --max-cost 5
try estimate resnet50 --method roofline --dataset imagnet
try inspect resnet50 --format csv,json
try inspect resnet50 --input data=3x64x64
try list
try list layer
try train lenet5_28 --meter no-such-meter
try train lenet5_28 --momentum 1.5
try calibrate frobnicate
try calibrate run samples.jsonl
