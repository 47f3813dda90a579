joulecast train lenet5_28 --data absent
echo $?
mkdir empty
joulecast train lenet5_28 --data empty
echo $?
printf '\0\0\10\3\0\0\0\2\0\0\0\1\0\0\0\2\1\2\3\4' >train-images-idx3-ubyte
joulecast train lenet5_28 --data .
echo $?
printf '\0\0\10\1\0\0\0\2\0\1' >train-labels-idx1-ubyte
joulecast train lenet5_28 --data .
echo $?
joulecast train lenet5_28 --data . --dataset mnist
echo $?
joulecast train mlp_784_128_10 --data . --input 1x1x2 --samples 3
echo $?
joulecast train mlp_784_128_10 --data . --input 1x1x2 --val-samples 1
echo $?
printf '\0\0\10\1\0\0\0\2\0\12' >train-labels-idx1-ubyte
joulecast train mlp_784_128_10 --data . --input 1x1x2
echo $?
joulecast train lenet5_28 --optimizer sgd --momentum 0.5
echo $?
joulecast train lenet5_28 --beta1 0.5
echo $?
joulecast train lenet5_28 --optimizer adam --beta2 1
echo $?
joulecast train lenet5_28 --optimizer adagrad
echo $?
