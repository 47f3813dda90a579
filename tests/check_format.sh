#!/bin/sh
# Every C file is as clang-format 14 writes it. Skipped without the tool.
set -eu
cd "$(dirname "$0")/.."
command -v clang-format-14 >/dev/null 2>&1 || { echo "skipped: no clang-format-14"; exit 77; }
find estimator convert trainer calibrate cli tests -name '*.[ch]' -print0 |
  xargs -0 clang-format-14 --dry-run --Werror
