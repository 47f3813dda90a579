# Machine energy at the plug: factor x energy + power x time, before PUE; layers still add up.
profile=$SOURCE/tests/cli/profile.json
common="mlp_784_128_10 -p $profile -t 7 --force"
joulecast estimate $common --format json >package.json
joulecast estimate $common --wall-factor 1.25 --overhead-w 40 --pue 1.5 --format json >wall.json
grep -e '"domain"' -e wall_factor -e overhead_w -e 'at the wall' wall.json
value() { sed -n "s/^  \"$2\": \([-+.e0-9]*\),\$/\1/p" "$1.json"; }
same() { awk -v what="$1" "BEGIN { x = $2; y = $3; d = x - y; if (d < 0) d = -d
  print what, d <= 1e-9 * y ? \"ok\" : \"got \" x \", expected \" y }"; }
same energy "$(value wall energy_j)" "1.25 * $(value package energy_j) + 40 * $(value package time_s)"
same low "$(value wall energy_low_j)" \
  "1.25 * $(value package energy_low_j) + 40 * $(value package time_low_s)"
same high "$(value wall energy_high_j)" \
  "1.25 * $(value package energy_high_j) + 40 * $(value package time_high_s)"
same facility "$(value wall facility_energy_j)" "1.5 * $(value wall energy_j)"
same power "$(value wall power_w)" "1.25 * $(value package power_w) + 40"
joulecast estimate $common --overhead-w 40 | grep -e '  power' -e wall | tr -s ' '
joulecast estimate vgg16 --method roofline --hardware a100-sxm4-40gb --wall-factor 1.1 |
  grep -e '  power' -e wall | tr -s ' '
sed 's/"domain": *"[a-z+]*"/"domain":"wall"/' "$profile" >at_wall.json
joulecast estimate mlp_784_128_10 -p at_wall.json -t 7 --force --wall-factor 1.1
echo $?
joulecast estimate mlp_784_128_10 -p "$profile" --wall-factor 0.9
echo $?
