# What would be trained, in which order; nothing is. Sizes are the plan's business, the form is ours.
plan="joulecast calibrate plan --quick --networks 4"
$plan >first
sed -n '1s/  */ /gp' first
wc -l <first
tail -n 1 first | sed 's/[0-9][0-9.]*/N/g; s/N [kMGT]FLOPs/N FLOPs/'
$plan >again && cmp first again && echo "the same plan"
$plan --seed 2 | cmp -s first - || echo "another plan"
$plan --format json >plan.json
sed -n '1,5p' plan.json | sed 's/: [0-9][0-9.e+]*/: N/g'
sed -n '6p' plan.json | grep -o '"[a-z_]*":'
$plan --format json -o other.json && cmp plan.json other.json
joulecast calibrate plan more
echo $?
joulecast calibrate plan --fresh
echo $?
ls
