# Rows as CSV and as Markdown, of every command that prints some; documents where there are any.
cp -r "$SOURCE/tests/fixtures/machines/cloud-vm" vm
for format in csv markdown; do
  joulecast inspect lenet5_28 --format $format
  joulecast list layers --format $format | head -n 4
  joulecast list methods --format $format | head -n 4
  joulecast list meters --format $format | head -n 4
  joulecast list models --format $format | head -n 4
  joulecast list hardware --format $format | head -n 4
  joulecast list grids --format $format | head -n 4
  joulecast doctor --root vm --format $format | head -n 4
  joulecast evaluate "$SOURCE/tests/fixtures/runs/two_parts.jsonl" --holdout part=test --target stable \
    --as-published --format $format | sed 's/\([0-9]\.[0-9]\{4\}\)[0-9]*/\1/g' | grep -e mlco2 -e carbontracker -e '^#'
done
joulecast estimate lenet5_28 -t 2 --method roofline --hardware t4 --grid 100 --layers --format markdown | sed '$d'
joulecast compare lenet5_28 --hardware t4,a100-sxm4-40gb --grid 100 --format markdown | sed '$d'
# A name that HTML or Markdown would take for its own; html where there is none.
sed 's/"name": "lenet5_28"/"name": "<script>alert(1)<\/script>|*\&"/' "$SOURCE/models/lenet5_28.json" >odd.json
joulecast estimate odd.json --method roofline --hardware t4 --format markdown | head -n 1
joulecast estimate odd.json --method roofline --hardware t4 --format html | grep -c '<script>$'
joulecast estimate odd.json --method roofline --hardware t4 --format html | grep -e '<title>' -e '<h1>'
joulecast inspect lenet5_28 --format html
joulecast evaluate "$SOURCE/tests/fixtures/runs/two_parts.jsonl" --factors --format html
