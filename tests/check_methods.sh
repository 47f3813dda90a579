#!/bin/sh
# Methods on whole runs reproduce what was published, and hold what is promised of ours.
#   tests/check_methods.sh PROGRAM
# The tables are not part of the project: JOULECAST_MEASURED names their folder, else shared/data
# beside the checkout or in it. Exits with 77 (skipped) where there are none.
set -eu
program=$(realpath "$1")
root=$(cd "$(dirname "$0")/.." && pwd)
folder=''
for candidate in "${JOULECAST_MEASURED:-}" "$root/shared/data" "$root/../shared/data" \
  "$root/../../shared/data"; do
  [ -e "$candidate/delrey2024_runs.csv" ] && folder=$candidate && break
done
[ -n "$folder" ] || { echo "check_methods: skipped, no delrey2024_runs.csv (JOULECAST_MEASURED)"; exit 77; }
command -v python3 >/dev/null 2>&1 || { echo "check_methods: skipped, no python3"; exit 77; }
exec python3 -B "$root/tests/bench/methods.py" --joulecast "$program" --data "$folder" --brief
