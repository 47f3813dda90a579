# Every method on made-up runs of two parts: a table of 80 columns, JSON, CSV, and what cannot be judged.
runs=$SOURCE/tests/fixtures/runs/two_parts.jsonl
joulecast evaluate "$runs" --split leave-one-out:architecture
joulecast evaluate "$runs" --holdout part=test --target stable --as-published
digits() { sed "s/\([0-9]\.[0-9]\{4\}\)[0-9]*/\1/g"; }
joulecast evaluate "$runs" --folds 3 --seed 2 --fold-means --format json | digits
joulecast evaluate "$runs" --fold-column net --target epoch --format csv -o errors.csv
head -n 3 errors.csv | digits
sed 's/,"epochs":\[[^]]*\]//; s/"host_memory_bytes":[^,]*,//' "$runs" >less.jsonl
joulecast evaluate less.jsonl | sed -n '/^not/,$p'
joulecast evaluate "$runs" --holdout part=test --forecasts each.csv >report
grep -E "method|mlco2|carbontracker" each.csv
joulecast evaluate "$runs" | awk 'length > 80'
