#!/bin/sh
# Every JSON example of models/README.md is a model that joulecast reads. A block is a whole file, or,
# behind <!-- layers on SHAPE -->, the layers of one.
#   tests/check_models_readme.sh PROGRAM
set -eu
program=$(realpath "$1")
readme=$(cd "$(dirname "$0")/.." && pwd)/models/README.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

awk -v work="$work" '
  /^<!-- layers on .* -->$/ { sub(/^<!-- layers on /, ""); sub(/ -->$/, ""); shape = $0; next }
  /^```json$/ {
    file = sprintf("%s/%02d.json", work, ++n); inside = 1
    if (shape) printf "{\"schema\": \"joulecast.model/1\", \"name\": \"example\", \"input\": %s, \"layers\": [", shape >file
    next
  }
  /^```$/ && inside { if (shape) print "]}" >file; inside = 0; shape = ""; next }
  inside { print >file }' "$readme"

count=0
for file in "$work"/*.json; do
  variants=$(sed -n '/"variants": {/,/^  }/s/^    "\([a-z]*\)": {.*/:\1/p' "$file")
  for variant in "" $variants; do
    if ! "$program" inspect "$file$variant" --totals >/dev/null 2>"$work/errors"; then
      echo "models/README.md: an example is refused:"
      cat "$file" "$work/errors"
      exit 1
    fi
    count=$((count + 1))
  done
done
[ "$count" -ge 8 ] || { echo "models/README.md: only $count examples"; exit 1; }
