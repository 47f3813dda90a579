# The converter of a table of phases: a run of each kind, what is left out, broken rows, one line each;
# and MACs and parameters of networks that are not shipped. As published: GoogLeNet's and VGG13's
# parameters, MobileNet v1's MACs; by hand: the MACs of the others.
convert() { # HEADER ROW
  printf '%s\n%s\n' "$1" "$2" >dtjgp.csv
  python3 -B "$SOURCE/data/convert_dtjgp.py" dtjgp.csv
  echo $?
}
python3 -B "$SOURCE/data/convert_dtjgp.py"
python3 -B "$SOURCE/data/convert_dtjgp.py" absent.csv
convert wrong,columns 1,2
header=src,gpu,model,dataset,run,batch,T_to_device,E_to_device,T_forward,E_forward,T_loss,E_loss
header=$header,T_backward,E_backward,T_optimize,E_optimize
phases=1,10,2,20,0.5,5,4,40,0.5,5
convert $header "a,RTX4090,googlenet_mod9,cifar100,E5,128,$phases"
convert $header "a,RTX4070,googlenet_mod9,fashion_mnist,E5_performance_110,128,$phases"
convert $header "a,RTX4070,alexnet,fashion_mnist,E5_layer,128,$phases"
convert $header "V2npy:CNNModelsData,RTX4090,alexnet,cifar100,E5,128,$phases"
convert $header "a,RTX4090,alexnet,cifar100,E5,128,1,10,2,20,0.5,,4,40,0.5,5"
convert $header "a,RTX4090,alexnet,cifar100,E5,128,1,10,2,20,0.5,5,4,-40,0.5,5"
convert $header "a,RTX4090,alexnet,cifar100,E5,128,1,10,,20,0.5,5,4,40,0.5,5"
convert $header "a,H100,alexnet,cifar100,E5,128,$phases"
convert $header "a,RTX4090,alexnet,imagenet,E5,128,$phases"
convert $header "a,RTX4090,lenet,cifar100,E5,128,$phases"
for name in googlenet_origin googlenet_mod4 googlenet_mod5 googlenet_mod8 googlenet_mod9 \
  mobilenetv1 resnet50 vgg13 vit; do
  PYTHONPATH="$SOURCE/data" python3 -B -c "import dtjgp_networks, json
print(json.dumps(dtjgp_networks.network('$name', [3, 224, 224], 1000)))" >$name.json
  joulecast inspect $name.json --format json | grep -E '^  "(model|params|forward_macs)"'
done
