joulecast inspect cifar_resnet20 --totals --batch-size 128 --optimizer adam --input 3x64x64
