joulecast train lenet5_28 --steps 1 -r absent/runs.jsonl
echo $?
joulecast train lenet5_28 --steps 1 --meter powercap --powercap-root "$PWD"
echo $?
joulecast train lenet5_28 --steps 1 -p absent.json
echo $?
