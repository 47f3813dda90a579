#!/bin/sh
# CONTRIBUTING.md claims that a layer kind is added in one place: put its example into a copy of the
# sources, build, and let the program use it. Also: a listed kind without a block must not compile.
#   tests/check_new_kind.sh [CC]
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cc=${1:-cc}
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r "$root/estimator" "$copy/estimator"

# Prints the code under the marker <!-- $1 -->, without the list's indentation.
example() {
  awk -v marker="<!-- $1 -->" '
    index($0, marker) { found = 1; next }
    found && /```c/ { inside = 1; next }
    inside && /```/ { exit }
    inside { sub(/^   /, ""); print }' "$root/CONTRIBUTING.md"
}

# Inserts the file $2 before the first line of $1 that matches $3.
insert_before() {
  awk -v piece="$2" -v pattern="$3" '
    !done && $0 ~ pattern { while ((getline line < piece) > 0) print line; done = 1 }
    { print }' "$1" >"$1.new"
  mv "$1.new" "$1"
}

compile_core() {
  "$cc" -std=c11 -D_GNU_SOURCE -I"$copy" -c "$copy/estimator/layers.c" -o "$copy/layers.o" 2>"$copy/log"
}

layers=$copy/estimator/layers.h
sed -i 's/^  X(stochastic_depth, stochastic_depth)$/  X(stochastic_depth, stochastic_depth) X(softshrink, softshrink)/' "$layers"
example kind-struct >"$copy/struct"
insert_before "$layers" "$copy/struct" '^/\* The fields of one layer, by kind'
grep -q 'X(softshrink, softshrink)' "$layers" && grep -q 'struct jc_softshrink {' "$layers"
[ "$(example kind-line | tr -d ' ')" = "X(softshrink,softshrink)" ]

if compile_core; then
  echo "a listed kind without a block compiled"
  exit 1
fi
grep -q kind_softshrink "$copy/log"

example kind-block >"$copy/block"
insert_before "$copy/estimator/kinds_elementwise.h" "$copy/block" '^#endif'
compile_core || { cat "$copy/log"; exit 1; }

cat >"$copy/main.c" <<'PROGRAM'
#include <stdio.h>
#include <string.h>
#include "estimator/model_file.h"
static const char text[] =
    "{\"schema\": \"joulecast.model/1\", \"name\": \"new\", \"input\": [3, 4, 4], \"layers\": ["
    "{\"name\": \"a\", \"type\": \"softshrink\", \"lambd\": 0.1}]}";
int main(void) {
  struct jc_error error = {0};
  struct jc_model *model = NULL;
  struct jc_analysis analysis;
  static JC_ANALYSIS_STORAGE(storage, 4, 1);
  if (jc_model_parse(text, strlen(text), "new.json", &model, &error) == JC_OK &&
      jc_network_analyze(jc_model_network(model), &storage, sizeof(storage), &analysis, &error) ==
          JC_OK)
    printf("%llu\n", (unsigned long long)analysis.totals.forward_flops);
  else
    printf("%s\n", error.text);
  jc_model_free(model);
  return 0;
}
PROGRAM
sources=$(sed -n '/add_library(joulecast_core/,/^)/p; /add_library(joulecast_files/,/^)/p' \
  "$root/estimator/CMakeLists.txt" | grep -o '[a-z_0-9]*\.c' | sed "s|^|$copy/estimator/|")
# shellcheck disable=SC2086 # a list of files
"$cc" -std=c11 -D_GNU_SOURCE -DJOULECAST_DATADIR='""' -I"$copy" "$copy/main.c" $sources -lcjson -lm \
  -o "$copy/new"
found=$("$copy/new")
# 3 x 4 x 4 elements, 3 operations each.
if [ "$found" != 144 ]; then
  echo "expected 144 FLOPs, got: $found"
  exit 1
fi
