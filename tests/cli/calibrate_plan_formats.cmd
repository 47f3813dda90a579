# The plan as CSV and Markdown. Networks and sizes are the plan's business, the form is ours.
mask() {
  sed -E "$1"',$ { s/[0-9][0-9.]*( [kMG](iB)?)?/N/g; s/,[a-z_]+,/,FAMILY,/; s/\| [a-z_]+ \|/| FAMILY |/; s/N(xN)+/SHAPE/ }'
}
plan="joulecast calibrate plan --quick --networks 3"
$plan --format csv | mask 2
$plan --format markdown | mask 3
for format in csv markdown; do
  $plan --format $format -o plan.$format
  $plan --format $format | cmp - plan.$format && echo "the same in a file"
done
