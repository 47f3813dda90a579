# A few steps of three small networks, really trained. Numbers are the machine's, the form is ours.
check="joulecast calibrate check -q --force -t 1 --steps 3 --min-seconds 0 --tdp-w 20 --idle-w 2"
three="-m mlp_784_128_10:8 -m lenet5_28:2 -m tests.txt"
printf 'lenet5_28:4\n' >tests.txt
$check $three --measure-only | sed 's/-*[0-9][0-9.,]* [num]*[sJ]/N/g; s/  */ /g; s/, disturbed//; s/disturbed//'
$check $three --measure-only --repeat-all 2 --format json >check.json
grep -c '"quiet"' check.json
grep '"noise"' check.json | sed 's/: [0-9].*/: N/'
grep '"steps"' check.json | head -n 1 | sed 's/^ *//; s/: -*[0-9][^,}]*/: N/g; s/true\|false/B/'
$check $three -p "$SOURCE/tests/cli/profile.json" >table
echo $? | sed 's/[01]/0 or 1/'
sed -n 's/^\(verdict\): .*/\1/p; s/^error of .*,/error of METHOD,/p' table
$check -m lenet5_28:2 -p "$SOURCE/tests/cli/profile.json" | tail -n 1
