#!/bin/sh
# Builds with clang under AddressSanitizer and UndefinedBehaviorSanitizer and runs the suite.
# Criterion swallows what a test's process prints as it dies, leak reports above all: they go to
# files, and any file fails the run.
set -eu
cd "$(dirname "$0")/.."
build=build-sanitize
logs=$(pwd)/$build/sanitizer-logs

# Optimised, since it runs for minutes; lines are all that a report shows; asserts are on, here alone.
cmake -S . -B "$build" -DCMAKE_C_COMPILER=clang-14 -DCMAKE_BUILD_TYPE=RelWithDebInfo \
  -DCMAKE_C_FLAGS_RELWITHDEBINFO="-O2 -gline-tables-only" -DJOULECAST_TESTS=ON \
  -DJOULECAST_WERROR=ON -DJOULECAST_SANITIZE=address,undefined -DJOULECAST_FUZZ=ON
jobs=${JOBS:-$(nproc)}
cmake --build "$build" -j "$jobs"

rm -rf "$logs"
mkdir -p "$logs"
status=0
ASAN_OPTIONS="log_path=$logs/asan:detect_leaks=1" \
UBSAN_OPTIONS="log_path=$logs/ubsan:print_stacktrace=1" \
LSAN_OPTIONS="suppressions=$(pwd)/tests/lsan.supp:print_suppressions=0" \
  ctest --test-dir "$build" -j "$jobs" --output-on-failure || status=$?

for log in "$logs"/*; do
  [ -e "$log" ] || continue
  echo "==== $log"
  cat "$log"
  status=1
done
exit "$status"
