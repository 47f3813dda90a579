# Like `estimate`, a check says that the profile it checks is old and was made beside other processes.
date=$(date -u -d '200 days ago' +%Y-%m-%dT%H:%M:%SZ)
sed -e "s/\"date\": \"[^\"]*\"/\"date\": \"$date\"/" -e 's/"load": 0.01/"load": 0.4/' \
  "$SOURCE/tests/cli/profile.json" >old.json
check="joulecast calibrate check --predict-only -p old.json --force -m lenet5_28:16"
$check | sed -n '/^note: the profile/,$p'
$check --format json | sed -n '/"notes"/,/\]/p' | grep -v 'forced: '
