# What the converter of Getzner's files says of broken ones: one line each.
convert() {
  python3 "$SOURCE/data/convert_getzner.py" "$@"
  echo $?
}
measured=duration,cpu_energy,cpu_count,forward_passes
linear=batch_size,input_size,output_size,macs,$measured
one() { # KIND HEADER ROW
  printf '%s\n%s\n' "$2" "$3" >"made_$1.csv"
  convert "made_$1.csv"
}
convert
convert absent_relu.csv
one gelu "batch_size,input_size,$measured" 1,8,1,1e-9,2,4
one conv2d "$linear" 1,8,4,36,1,1e-9,2,4
one linear "$linear" 1,8,4,36,1,1e-9,2
one linear "$linear" 1,8,4,36,1,zero,2,4
one linear "$linear" 1,8,4,36,1,-1e-9,2,4
one linear "$linear" 1,8,4,36,1,nan,2,4
one linear "$linear" 1.5,8,4,36,1,1e-9,2,4
one linear "$linear" 1,0,4,36,1,1e-9,2,4
one linear "$linear" 1,8,4,32,1,1e-9,2,4
one conv2d "batch_size,image_size,kernel_size,in_channels,out_channels,stride,padding,$measured" \
  2,9,3,5,7,2,-1,1,1e-9,2,4
printf '\377\376' >made_relu.csv
convert made_relu.csv
: >made_relu.csv
convert made_relu.csv
# A good one, with the fields that some of the files have only.
fields=batch_size,image_size,kernel_size,in_channels,out_channels,stride,padding,dilation,groups
one conv2d "$fields,macs,$measured" 2,9,3,4,8,2,1,2,4,2560,1,2.5e-9,2.0,6.6667
