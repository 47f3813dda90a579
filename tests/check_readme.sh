#!/bin/sh
# Runs every example of README.md once: lines that begin with "$ " in ```console blocks, in order, in
# an empty folder with a home of its own; each must succeed. A block after <!-- exact --> must print just
# what stands there. The calibration is cut to a few networks, so that a busy machine passes too; make
# and git are what runs this test. The ```c block is compiled against the built library and run.
#   tests/check_readme.sh PROGRAM [CC]
set -eu
program=$(realpath "$1")
cc=${2:-cc}
root=$(cd "$(dirname "$0")/.." && pwd)
build=$(dirname "$(dirname "$program")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/here"
printf '#!/bin/sh\nexec "%s" "$@"\n' "$program" >"$work/bin/joulecast"
chmod +x "$work/bin/joulecast"
PATH=$work/bin:$PATH
HOME=$work
XDG_DATA_HOME=$work/data
XDG_CONFIG_HOME=$work/config
JOULECAST_DATA=$root/data
JOULECAST_MODELS=$root/models
export PATH HOME XDG_DATA_HOME XDG_CONFIG_HOME JOULECAST_DATA JOULECAST_MODELS

can_train() {
  joulecast train lenet5_28 --steps 1 --quiet >/dev/null 2>&1
}

# Splits the blocks into files: NN.commands, NN.exact and NN.output.
awk -v work="$work" '
  /^<!-- exact -->$/ { exact = 1; next }
  /^```console$/ { inside = 1; n++; name = sprintf("%s/%02d", work, n); printf "" >(name ".output")
    if (exact) printf "" >(name ".exact"); next }
  /^```$/ && inside { inside = 0; exact = 0; next }
  inside && /^\$ / { print substr($0, 3) >(name ".commands"); next }
  inside { print >(name ".output") }' "$root/README.md"

ran=0
: >"$work/done"
for commands in "$work"/*.commands; do
  block=${commands%.commands}
  : >"$block.found"
  while IFS= read -r line; do
    # What stands there twice is run once, but for output that is compared.
    [ -e "$block.exact" ] || ! grep -qxF -e "$line" "$work/done" || continue
    echo "$line" >>"$work/done"
    case $line in
    make* | git* | cd* | sudo*) continue ;;
    python3* | "joulecast convert"*) continue ;; # their own tests: test_export.py, onnx_counts.py
    "joulecast calibrate plan"*) ;;
    "joulecast doctor") line="$line || test \$? = 4" ;; # no counter here
    "joulecast calibrate fit"*) can_train || continue ;;
    "joulecast calibrate check"*) # of this calibration it may say anything but that it failed
      can_train || continue
      line="$line -m lenet5_28:16 --steps 3 --min-seconds 0 --force --quiet >check.txt || test \$? = 1"
      line="{ $line; } && grep -q '^verdict' check.txt"
      ;;
    "joulecast calibrate"*)
      can_train || continue
      line="$line --networks 12 --force --quiet"
      ;;
    "joulecast train"*--data*) continue ;; # no data set here: tests/cli/train_data.cmd has one
    "joulecast train"*--steps*) can_train || continue ;;
    "joulecast train"*) # whole epochs, of less data
      can_train || continue
      line="$line --samples 640"
      ;;
    "joulecast estimate"*--method*) ;;
    "joulecast estimate"*) can_train || continue ;; # no calibration, no profile
    esac
    if ! (cd "$work/here" && sh -c "$line") >>"$block.found" 2>"$work/errors" </dev/null; then
      echo "README.md: failed: $line"
      cat "$work/errors"
      exit 1
    fi
    ran=$((ran + 1))
  done <"$commands"
  if [ -e "$block.exact" ] && ! diff "$block.output" "$block.found"; then
    echo "README.md: the output of '$(cat "$commands")' has changed"
    exit 1
  fi
done
[ "$ran" -ge 5 ] || { echo "README.md: only $ran examples were run"; exit 1; }

awk '/^```c$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$root/README.md" >"$work/api.c"
# shellcheck disable=SC2086 # flags are words
"$cc" -std=c11 -Wall -Wextra -Werror -I"$root" "$work/api.c" \
  "$build/estimator/libjoulecast_files.a" "$build/estimator/libjoulecast_core.a" -lcjson -lm \
  -o "$work/api"
"$work/api" "$root/models/resnet50.json" >"$work/api.out"
grep -q 12149538816 "$work/api.out"
