# The forecast is printed all the same.
run() {
  joulecast estimate lenet5_28 --method mlco2 --hardware t4 --hours 10 --grid 100 \
    --price "0.50 EUR" "$@" | sed -n 3p
  joulecast estimate lenet5_28 --method mlco2 --hardware t4 --hours 10 --grid 100 \
    --price "0.50 EUR" "$@" >out 2>&1
  echo $?
}
run --max-kwh 0.71 --max-hours 10.1 --max-co2e-kg 0.071 --max-cost 0.36
run --max-kwh 0.69
run --max-hours 9
run --max-co2e-kg 0.069
run --max-cost 0.34
run --max-kwh 0.71 --pue 1.5
