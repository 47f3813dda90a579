#!/bin/sh
# The rules of the tree that a compiler does not know, read from the #include lines and the sources:
# estimator core <- estimator files <- convert <- trainer <- calibrate <- cli <- tests, never upward.
#   tests/check_layering.sh [ROOT]
set -eu
root=${1:-$(dirname "$0")/..}
cd "$root"
folders='estimator convert trainer calibrate cli tests' # lowest first
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

complain() { # prefixes its input, which must be empty
  sed "s|^|check_layering: $1: |" >>"$work/complaints"
}

# shellcheck disable=SC2086 # a list of folders
find $folders -name '*.c' -o -name '*.h' | sort >"$work/files"
[ "$(wc -l <"$work/files")" -ge 20 ] || { echo "check_layering: no sources in $root"; exit 1; }

# includer, included, with the quotes or brackets
while read -r file; do
  sed -n "s|^[[:space:]]*#[[:space:]]*include[[:space:]]*\([\"<][^\">]*[\">]\).*|$file \1|p" "$file"
done <"$work/files" >"$work/includes"

# ---- folders: includes name theirs, which is no higher than the includer's ----
awk -v folders="$folders" '
  BEGIN { n = split(folders, list, " "); for (i = 1; i <= n; i++) rank[list[i]] = i }
  $2 !~ /^"/ { next }
  {
    split($1, from, "/")
    included = substr($2, 2, length($2) - 2)
    if (split(included, to, "/") < 2 || !(to[1] in rank))
      print $1 " includes " $2 ": name its folder from the root"
    else if (rank[to[1]] > rank[from[1]])
      print $1 " includes " $2 ": upward"
    else if ((getline line < included) < 0)
      print $1 " includes " $2 ": no such file"
    close(included)
  }' "$work/includes" | complain includes

# ---- the core includes the core, and of libc what needs no operating system ----
core=$(sed -n '/add_library(joulecast_core/,/^)/p' estimator/CMakeLists.txt | grep -o '[a-z0-9_]*\.c')
files=$(sed -n '/add_library(joulecast_files/,/^)/p' estimator/CMakeLists.txt |
  grep -o '[a-z0-9_]*\.c')
for source in $core; do echo "estimator/$source"; done >"$work/core"
while :; do # headers reached from the core's sources are the core's too
  before=$(wc -l <"$work/core")
  awk 'NR == FNR { core[$1] = 1; next }
    ($1 in core) && $2 ~ /^"/ { print substr($2, 2, length($2) - 2) }' \
    "$work/core" "$work/includes" | sort -u - "$work/core" >"$work/closure"
  cp "$work/closure" "$work/core"
  [ "$(wc -l <"$work/core")" -gt "$before" ] || break
done
grep -v '^estimator/' "$work/core" | complain 'the core reaches' || true
for source in $files; do
  grep -x "estimator/${source%.c}\.h" "$work/core" || true
done | complain 'the core reaches a header of the files'
awk 'NR == FNR { core[$1] = 1; next }
  ($1 in core) && $2 ~ /^</ &&
  $2 !~ /^<(assert|float|inttypes|limits|math|stdbool|stddef|stdint|stdio|string)\.h>$/ {
    print $1 " includes " $2 }' "$work/core" "$work/includes" | complain 'core'

# ---- one file for each foreign library ----
awk '$2 ~ /dnnl/ && $2 ~ /^</ && $1 !~ /^trainer\/onednn\.[ch]$/ { print $1 " includes " $2 }' \
  "$work/includes" | complain 'oneDNN is for trainer/onednn.c alone'
awk '$2 ~ /cJSON/ && !seen[$1]++ && (++n > 1 || $1 !~ /^estimator\//) { print $1 " includes " $2 }' \
  "$work/includes" | complain 'cJSON is for one file of estimator/'
awk '$2 ~ /protobuf-c|pb-c/ && $1 != "convert/onnx_proto.c" { print $1 " includes " $2 }' \
  "$work/includes" | complain 'protobuf-c is for convert/onnx_proto.c alone'
awk '$2 ~ /lapack|cblas/ && $1 !~ /^calibrate\// { print $1 " includes " $2 }' "$work/includes" |
  complain 'LAPACK is for calibrate/'
awk '$2 ~ /"estimator\/kinds_/ && $1 !~ /^estimator\/(layers\.c|kinds_[a-z]*\.h)$/ {
  print $1 " includes " $2 }' "$work/includes" | complain 'blocks are for layers.c'

# ---- a header that calls itself internal stays in its folder (tests may look) ----
while read -r header; do
  folder=${header%%/*}
  sed -n '1,/\*\//p' "$header" | grep -q 'Internal\.' || continue
  awk -v header="\"$header\"" -v folder="$folder" '
    $2 == header && $1 !~ "^" folder "/" && $1 !~ "^tests/" { print $1 " includes " $2 }' \
    "$work/includes"
done <"$work/files" | complain 'internal header'

# ---- only the program prints and exits ----
# Sources without comments and strings, so that words in them do not count.
code() {
  awk '{
    line = $0; out = ""
    while (line != "") {
      if (comment) {
        end = index(line, "*/")
        if (end == 0) break
        line = substr(line, end + 2); comment = 0
      } else if (match(line, /^"([^"\\]|\\.)*"/) || match(line, /^'"'"'([^'"'"'\\]|\\.)*'"'"'/)) {
        out = out "\"\""; line = substr(line, RLENGTH + 1)
      } else if (substr(line, 1, 2) == "//") break
      else if (substr(line, 1, 2) == "/*") { comment = 1; line = substr(line, 3) }
      else { out = out substr(line, 1, 1); line = substr(line, 2) }
    }
    print FILENAME ":" FNR ": " out
  }' "$1"
}
grep -v '^cli/\|^tests/' "$work/files" | while read -r file; do
  code "$file" | grep -E '[^a-z_](exit|quick_exit|abort|printf|vprintf|puts|putchar|perror)[[:space:]]*\(|[^a-z_](stdout|stderr)[^a-z_]' ||
    true
done | complain 'only cli/ prints and exits'

# ---- file names are unique, so that a name in a message or a review means one file ----
# shellcheck disable=SC2086 # a list of folders
find $folders models data scripts -type f \( -name '*.c' -o -name '*.h' -o -name '*.sh' -o -name '*.py' \) \
  2>/dev/null | sed 's|.*/||' | sort | uniq -d | complain 'two files are called'

# ---- every source is of some target ----
for folder in $folders; do
  for file in "$folder"/*.c; do
    [ "$folder" = tests ] || grep -q "[[:space:](/]$(basename "$file")" "$folder/CMakeLists.txt" ||
      echo "$file"
  done
done | complain 'in no CMakeLists.txt'

if [ -s "$work/complaints" ]; then
  cat "$work/complaints"
  exit 1
fi
