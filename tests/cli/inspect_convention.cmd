# Other tools' counts beside ours: exact, approximate, refused.
joulecast inspect squeezenet1_1 --totals --convention thop | tail -5
joulecast inspect squeezenet1_1 --convention ptflops | sed -n 4,9p
joulecast inspect lenet5_28 --totals --convention ptflops | tail -5
joulecast inspect resnet50 --format json --convention fvcore | grep '"convention_'| head -8 | cut -c1-190
joulecast inspect resnet18 --format csv --convention torchinfo | head -4
cat >attention.json <<'END'
{"schema": "joulecast.model/1", "name": "one", "input": [5, 8],
 "layers": [{"name": "it", "type": "multihead_attention", "num_heads": 2}]}
END
joulecast inspect ./attention.json --convention ptflops
echo $?
joulecast inspect resnet50 --convention flops
