# Forecasts of a profile for a list, without training. The profile is of today and another machine's.
sed -e "s/\"date\": \"[^\"]*\"/\"date\": \"$(date -u +%Y-%m-%dT%H:%M:%SZ)\"/" \
  -e 's/"cpu_model": "[^"]*"/"cpu_model": "Another CPU"/' "$SOURCE/tests/cli/profile.json" >profile.json
check="joulecast calibrate check --predict-only -p profile.json --force"
printf 'lenet5_28:16\n\nresnet18:2:3x64x64 # residual\n' >list.txt
$check -m list.txt -m mlp_784_128_10:8 |
  sed 's/profile of [^,]*/profile of today/; s/^note: forced: \(.*Another CPU.\).*/note: forced: \1/' | grep -v '^   '
$check -m lenet5_28:16 --format json >check.json
grep -c '"machine"' check.json
sed -n '/"verdict"/,/"quiet"/p' check.json | sed '/"name": "roofline"/,$d'
joulecast calibrate check --predict-only -p profile.json -m lenet5_28 2>error
echo $?
cut -c 1-60 error
