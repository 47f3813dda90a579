# A method on whole runs is fitted and its parameters are written.
runs=$SOURCE/tests/fixtures/runs/two_parts.jsonl
joulecast calibrate fit --method flops "$runs" -o flops.json
cat flops.json
joulecast calibrate fit --method run-physics "$runs" -o physics.json
grep -c log_half_width physics.json
joulecast calibrate fit --method pre-energy "$runs" -o pre.json
grep -o '"features": .*' pre.json
joulecast calibrate fit --method mlco2 "$runs" -o none.json
echo $?
joulecast calibrate fit --method physics "$runs" -o none.json
echo $?
joulecast calibrate fit --method flops "$runs"
echo $?
sed 's/"counts":{[^}]*},//' "$runs" >less.jsonl
joulecast calibrate fit --method flops less.jsonl -o none.json
echo $?
ls
# A method of a profile is fitted to samples, as without --method.
joulecast calibrate fit --method layerwise "$runs" -o none.json
echo $?
