#!/bin/sh
# Installs the Debian packages that are missing for: run, test, sanitize.
#   scripts/install_dependencies.sh run
# Says what it does. Needs apt-get, and sudo where not root; where neither is at hand it names the
# packages and leaves the rest to the build, which says what it cannot find.
set -eu

run_packages="build-essential cmake pkg-config libcjson-dev libdnnl-dev liblapacke-dev \
  libprotobuf-c-dev protobuf-c-compiler"
test_packages="libcriterion-dev gcc-arm-none-eabi libnewlib-arm-none-eabi python3-jsonschema \
  python3-torchvision chromium"
sanitize_packages="clang-14 libclang-rt-14-dev clang-format-14"

case "${1:-run}" in
run) wanted="$run_packages" ;;
test) wanted="$run_packages $test_packages" ;;
sanitize) wanted="$run_packages $test_packages $sanitize_packages" ;;
*)
  echo "usage: $0 run|test|sanitize" >&2
  exit 2
  ;;
esac

missing=""
for package in $wanted; do
  dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
    missing="$missing $package"
done
if [ -z "$missing" ]; then
  exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
  echo "joulecast needs these packages, by their Debian names:$missing" >&2
  exit 0
fi

as_root=""
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null 2>&1; then
    echo "joulecast: neither root nor sudo; please have these installed:$missing" >&2
    exit 0
  fi
  as_root="sudo"
fi
echo "joulecast: installing with apt-get:$missing" >&2
$as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q >&2
# shellcheck disable=SC2086 # a list of words
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
  $missing >&2
