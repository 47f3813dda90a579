# What method layerwise knows: watts by group, rooflines, and the joules derived from both.
profile=$SOURCE/tests/cli/layerwise_profile.json
estimate="joulecast estimate lenet5_28 -p $profile --force"
$estimate --coefficients >out
sed -n '/^method/,/^note/p' out | grep -v '^note'
awk 'length > 80 && !/SOURCE|forced/' out
$estimate | grep -c 'watts above'
# Joules are of mean steps, seconds of median ones: idle power for 3 % longer.
$estimate --format json | grep -e above_idle -e per_step
$estimate --coefficients --method layerwise-linear 2>&1
echo $?
$estimate --coefficients --format json 2>&1
echo $?
