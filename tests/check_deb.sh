#!/bin/sh
# The Debian package of what is built: its control fields, its files, one version in them, the changelog
# and the program, which is run from where dpkg-deb unpacks it. lintian, where it is, finds no error.
#   tests/check_deb.sh BUILD
# Exits with 77 (skipped) where cpack, dpkg-deb or dpkg-shlibdeps is absent.
set -eu
build=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for tool in cpack dpkg-deb dpkg-shlibdeps; do
  command -v "$tool" >/dev/null 2>&1 || { echo "skipped: no $tool"; exit 77; }
done

fail() {
  echo "check_deb: $*"
  exit 1
}

# Ninja, by whatever the tree is built: for make, cpack would first build every target once more.
cpack -G DEB --config "$build/CPackConfig.cmake" -B "$work" -D CPACK_CMAKE_GENERATOR=Ninja \
  >"$work/log" 2>&1 || fail "$(cat "$work/log")"
package=$(find "$work" -maxdepth 1 -name 'joulecast_*.deb')
[ -f "$package" ] || fail "no package: $(cat "$work/log")"

field() { # NAME PATTERN
  dpkg-deb -f "$package" "$1" | grep -Eq "$2" ||
    fail "$1: expected '$2', found '$(dpkg-deb -f "$package" "$1")'"
}
field Package '^joulecast$'
field Section '^science$'
field Description '^forecast the energy'
field Depends 'libc6 \(>= [0-9.]+\).*libcjson1'

dpkg-deb -c "$package" >"$work/contents"
for file in bin/joulecast include/joulecast/estimator/estimator.h share/joulecast/models/resnet50.json \
  share/joulecast/data/hardware.json share/doc/joulecast/copyright share/doc/joulecast/changelog.gz \
  share/man/man1/joulecast.1.gz; do
  grep -q " \./usr/$file\$" "$work/contents" || fail "no /usr/$file in the package"
done
if grep -v '^[-d]rw.r-.r-. root/root .* \./usr/' "$work/contents"; then
  fail "files outside /usr, of other owners or modes"
fi

dpkg-deb -x "$package" "$work/root"
grep -q 'common-licenses/Apache-2.0' "$work/root/usr/share/doc/joulecast/copyright" ||
  fail "the copyright file does not name the licence"

# ---- one version, one maintainer: those of the changelog's newest entry ----
zcat "$work/root/usr/share/doc/joulecast/changelog.gz" >"$work/changelog"
version=$(sed -n '1s/^joulecast (\(.*\)) .*/\1/p' "$work/changelog")
[ -n "$version" ] || fail "changelog: expected 'joulecast (VERSION) ...', found '$(head -n 1 "$work/changelog")'"
field Version "^$version\$"
field Maintainer "^$(sed -n 's/^ -- \(.*>\) .*/\1/p' "$work/changelog" | head -n 1)\$"
said=$("$work/root/usr/bin/joulecast" --version)
[ "$said" = "joulecast $version" ] || fail "--version: expected 'joulecast $version', found '$said'"

env -u JOULECAST_DATA -u JOULECAST_MODELS HOME="$work" XDG_CONFIG_HOME="$work/none" \
  XDG_DATA_HOME="$work/none" "$work/root/usr/bin/joulecast" estimate resnet50 --method roofline \
  --hardware generic-server-core >"$work/out" || fail "estimate failed"
grep -q '^  energy  *[1-9]' "$work/out" || fail "estimate printed: $(cat "$work/out")"

if command -v lintian >/dev/null; then
  LC_ALL=C.UTF-8 lintian --allow-root --fail-on error "$package" >"$work/lint" 2>&1 || fail "$(cat "$work/lint")"
else
  echo 'lintian is absent: its errors were not looked for'
fi
