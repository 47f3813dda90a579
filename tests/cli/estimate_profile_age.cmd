# How old and how good a profile is. Dates are made from the clock, so that ages are not.
dated() { # WHEN NAME [SED-OPTION...]
  date=$(date -u -d "$1" +%Y-%m-%dT%H:%M:%SZ)
  name=$2
  shift 2
  sed -e "s/\"date\": \"[^\"]*\"/\"date\": \"$date\"/" "$@" "$SOURCE/tests/cli/profile.json" >"$name"
}
estimate() {
  joulecast estimate mlp_784_128_10 -t 7 --force --grid FR -p "$1" --format json >out.json
  echo "$1: $?"
  grep '"profile": {"value"' out.json
  sed -n '/"notes"/,/\]/p' out.json | grep -v 'forced: '
}
dated '74 hours ago' days.json
estimate days.json
dated '3 hours ago' new.json
estimate new.json
dated '200 days ago' old.json -e 's/"load": 0.01/"load": 0.4/'
estimate old.json
dated '26 hours' future.json -e 's/"forced": false/"forced": true/'
estimate future.json
grep -h '"profile": {"path"' out.json | sed 's/\("date": "\|"age_days": -1\)[^,]*/\1.../'
