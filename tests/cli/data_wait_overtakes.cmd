# Xu et al. 2023 (arXiv:2302.00967): a head is trained on a frozen base, CIFAR10, 50 epochs, batch 32,
# on one of eight V100 of a node with a wall meter. Measured: VGG16 5.371 MJ in 5434 s, ResNet50
# 6.158 MJ in 6614 s, although ResNet50 has a third of the FLOPs. The node's base power, 885 W, is
# that of a line through VGG16 and VGG19 (6.176 MJ, 6180 s): joules = base x seconds + c x FLOPs.
head='{"name": "fc6", "type": "linear", "out_features": 4096}, {"name": "relu6", "type": "relu"},
  {"name": "fc7", "type": "linear", "out_features": 4096}, {"name": "relu7", "type": "relu"},
  {"name": "fc8", "type": "linear", "out_features": 10}'
for net in vgg16 resnet50; do
  sed -e '/"expect"/d' -e '/"avgpool"/d' -e 's/"type": "\(conv2d\|batchnorm2d\)"/&, "trainable": false/' \
    -e '/"name": "\(fc\|relu\|drop\)[678]"/d' -e '/"name": "fc"/d' -e '/"name": "flatten"/q' \
    "$SOURCE/models/$net.json" >$net.json
  printf '%s]}\n' "$head" >>$net.json
done
value() { sed -n "s/^  \"$2\": \([-+.e0-9]*\),\$/\1/p" "$1"; }
v100="--method roofline --hardware v100-sxm2-32gb --input 3x32x32 --grid FR"
run="-b 32 --epochs 50 --samples 50000 --val-samples 10000"
base="--idle-w 885 --tdp-w 1150" # the board's 300 W are 265 above its idle power
estimate() { # NET MEASURED_S
  joulecast estimate ./$1.json $v100 $run --format json >sheet_$1.json
  joulecast estimate ./$1.json $v100 $run $base --format json >base_$1.json
  data_s=$(awk "BEGIN { printf \"%.6f\", ($2 - $(value base_$1.json time_s)) / 3e6 }")
  joulecast estimate ./$1.json $v100 $run $base --data-s-per-sample $data_s --format json >data_$1.json
  echo "$1: $data_s s a sample"
}
estimate vgg16 5434
estimate resnet50 6614
ratio() { # NAME NUMERATOR DENOMINATOR
  awk "BEGIN { printf \"%s: %.2f\n\", \"$1\", $2 / $3 }"
}
of() { ratio "$1" "$(value $2_resnet50.json $3)" "$(value $2_vgg16.json $3)"; }
# The table's own: 33,638,218 and 18,923,530; 25,214,986.
for net in vgg16 resnet50; do
  echo "$net: $(value sheet_$net.json params) parameters, $(value sheet_$net.json trainable_params) trained"
done
echo "ResNet50 over VGG16"
of "MACs, forward" sheet forward_macs
of "joules, by the data sheet" sheet energy_j
of "joules, with base power" base energy_j
of "joules, with base power and data time" data energy_j
ratio "joules, measured" 6.158 5.371
ratio "VGG16, forecast over measured" "$(value data_vgg16.json energy_j)" 5.371e6
ratio "ResNet50, forecast over measured" "$(value data_resnet50.json energy_j)" 6.158e6
