# Wrong use, and what cannot be read, ends the whole comparison in one line.
try() {
  joulecast compare "$@"
  echo "$? $*"
}
try
try no-such-model
try lenet5_28 vgg16 no-such-model --hardware t4
try lenet5_28 -b 0
try lenet5_28 -b 8,,16
try lenet5_28 -b 8,x
try lenet5_28 -b 1000000001
try lenet5_28 --grid XX --hardware t4
try lenet5_28 --grid ,
try lenet5_28 --hardware t4,no-such-part
try lenet5_28 --method roofline,frobnicate
try lenet5_28 --method roofline,carbontrackr
try lenet5_28 --profile no-such-file.json
try lenet5_28 --data-s-per-sample nan --hardware t4
try lenet5_28 --sort energy
try lenet5_28 --measured 0
try lenet5_28 --measured 12kJ
try lenet5_28 --epochs 3..5
try lenet5_28 --inferences-per-day 5 --phase forward --hardware t4
try lenet5_28 --days 5 --hardware t4
try lenet5_28 --explain=yes
try lenet5_28 --explain --format csv --hardware t4
try lenet5_28 --format xml
try lenet5_28 --max-kwh 3
numbers() { awk -v n="$1" 'BEGIN { for (i = 1; i <= n; i++) printf "%s%d", (i > 1 ? "," : ""), i }'; }
try lenet5_28 -b "$(numbers 65)" --hardware t4 | sed 's/ -b .*//'
try lenet5_28 vgg11 -b "$(numbers 64)" --grid "$(numbers 9)" --hardware t4 | sed 's/ -b .*//'
