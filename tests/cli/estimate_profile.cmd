# The fixture's machine and threads are not these: refused, unless forced.
profile=$SOURCE/tests/cli/profile.json
joulecast estimate mlp_784_128_10 -p "$profile" -t 7 2>error
echo "$? $(cut -d: -f1 error)"
joulecast estimate mlp_784_128_10 -p "$profile" -t 7 --force --format json >out.json
echo $?
grep -e '"method"' -e _j\" -e _s\" -e '"error"' -e extrapolated out.json | grep -v '"name"'
grep -c 'forced: ' out.json
joulecast estimate mlp_784_128_10 -p "$profile" -t 7 --force --interval 0.5 | grep '% interval'
joulecast estimate mlp_784_128_10 -p "$profile" -t 7 --force --format csv
