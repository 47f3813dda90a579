#!/bin/sh
# The manual pages: every command, step and option is in its page, exit statuses are those of --help and
# README.md, every method has its formula, every key of a run and of a profile and every field of a kind of
# layer is in those of section 5; mandoc and man, where they are, have nothing to say against them, and no
# line is wider than a terminal of 80 columns.
#   tests/check_manual.sh PROGRAM
set -eu
program=$(realpath "$1")
source=$(cd "$(dirname "$0")/.." && pwd)
work=$(realpath "$(mktemp -d)")
trap 'rm -rf "$work"' EXIT
cd "$work"
JOULECAST_DATA=$source/data
JOULECAST_MODELS=$source/models
XDG_CONFIG_HOME=$work
export JOULECAST_DATA JOULECAST_MODELS XDG_CONFIG_HOME
status=0

complain() {
  echo "$1"
  status=1
}

"$program" manual --directory .

# ---- options: what --help names ----

# The page without its escapes.
plain() {
  sed 's/\\-/-/g; s/\\(ha/^/g; s/\\f[BIR]//g' "$1"
}

check_options() { # COMMAND [STEP]
  page=man1/joulecast-$(echo "$*" | tr ' ' '-').1
  [ -f "$page" ] || { complain "$page: absent" && return; }
  plain "$page" >page
  for option in $("$program" help "$@" | sed -n '/^Examples/q; s/^  .\{4\}\(--[a-z0-9-]*\).*/\1/p'); do
    grep -Eq -e "^(-[a-zA-Z], )?$option( |\$)" page || complain "$page: no $option"
  done
}

commands=$("$program" --help | sed -n 's/^  \([a-z]*\)  .*/\1/p')
[ "$(echo "$commands" | wc -l)" -ge 10 ] || complain "--help: too few commands seen"
for command in $commands; do
  check_options "$command"
  grep -q "^\.B $command\$" man1/joulecast.1 || complain "man1/joulecast.1: no $command"
done
for step in plan run fit check; do
  check_options calibrate $step
done

# ---- exit status: --help, every page of section 1 and README.md say the same ----

"$program" --help | sed -n '/^Exit status/,$s/^  \([0-9]\)  /\1 /p' >statuses
[ "$(wc -l <statuses)" -ge 6 ] || complain "--help: expected six exit statuses, found: $(cat statuses)"
sentence="Exit status: $(paste -s -d, statuses | sed 's/,\([0-9]\)/, \1/g')"
tr '\n' ' ' <"$source/README.md" | grep -qF "$sentence" || complain "README.md: expected '$sentence'"
for page in man1/*.1; do
  awk '/^\.SH/ { inside = /EXIT STATUS/ } inside && /^\.B / { number = $2; getline; print number, $0 }' \
    "$page" | cmp -s - statuses || complain "$page: expected the exit statuses of --help"
done

# ---- what is printed: every line has its entry ----

# The names of the lines in the first paragraph of figures of the text on standard input. A line
# without one goes on with the one before.
check_lines() { # PAGE WIDTH COUNT
  sed -n "3,/^\$/s/^  \(.\{$2\}\) .*/\1/p" | sed 's/ *$//; /^$/d' >labels
  [ "$(wc -l <labels)" -ge "$3" ] || complain "$1: too few lines of output seen"
  while read -r label; do
    grep -qx -e "\.B $label" "$1" || complain "$1: no $label"
  done <labels
}

"$program" estimate lenet5_28 --method roofline --hardware t4 --price "1 EUR" -t 2 >report
check_lines man1/joulecast-estimate.1 10 10 <report
"$program" measure --meter model --tdp-w 65 --idle-w 8 --price "1 EUR" -o report -- \
  sh -c 'echo joulecast-epoch 1/3; sleep 0.1; echo joulecast-epoch 2/3' >/dev/null
check_lines man1/joulecast-measure.1 11 9 <report

# ---- methods: each with its formula, which the README files have from here ----

# METHOD<tab>FORMULA of every method of PAGE.
formulas() {
  plain "$1" | awk '/^\.SH/ { inside = $2 == "METHODS" }
    inside && /^\.B / { name = $2 }
    inside && sub(/^Formula: /, "") { print name "\t" $0 }'
}

check_formulas() { # PAGE README COUNT
  formulas "$1" >found
  [ "$(wc -l <found)" -eq "$3" ] || complain "$1: $(wc -l <found) formulas, expected $3"
  while IFS="$(printf '\t')" read -r method formula; do
    grep -qF "| \`$method\` | $formula |" "$source/$2" ||
      complain "$2: formula of $method is not '$formula'"
  done <found
}

# As many as the lists of methods have lines.
listed() { # LIST HEADER
  sed -n "/define $1(X)/,/^\$/p" "$source/$2" | grep -c '^  X('
}

check_formulas man1/joulecast-estimate.1 README.md "$(listed JC_METHODS estimator/methods.h)"
check_formulas man1/joulecast-compare.1 README.md "$(listed JC_METHODS estimator/methods.h)"
check_formulas man1/joulecast-evaluate.1 METHODS.md "$(listed JC_RUN_METHODS calibrate/run_methods.h)"

# ---- formats ----

# The keys that PAGE describes, as paths: what is bold at the head of an entry, with the words of each
# {a, b} in its text behind it, and all that they are parts of.
documented() { # PAGE
  sed 's/\\-/-/g' "$1" | awk '
    function bold(text, found, n) {
      for (n = 0; match(text, /\\fB[^\\]*\\fR/); text = substr(text, RSTART + RLENGTH))
        found[++n] = substr(text, RSTART + 3, RLENGTH - 6)
      return n
    }
    function put(path) {
      do {
        sub(/\[\]$/, "", path)
        print path
      } while (sub(/\.[^.]*$/, "", path))
    }
    /^\.TP/ { getline; heads = bold($0, head); for (i = 1; i <= heads; i++) put(head[i]); next }
    /^\./ { heads = 0 }
    heads > 0 {
      for (w = bold($0, words); w > 0; w--)
        if (gsub(/[{}]/, "", words[w])) {
          parts = split(words[w], part, ", ")
          for (i = 1; i <= heads; i++)
            for (k = 1; k <= parts; k++) put(head[i] "." part[k])
        }
    }'
}

# Keys of written files stand on PAGE by their paths; of what its writers know, the words do: every
# text of small letters in them is a key, or a value that a key can have.
check_keys() { # PAGE "WRITER..." JSON...
  page=$1 writers=$2
  shift 2
  documented "$page" | sort -u >known
  awk -f "$source/tests/json_paths.awk" "$@" | grep -v '^model\.' |
    sed -E 's/^labels\..*/labels.NAME/; s/^errors\.[a-z-]+/errors.METHOD/
      s/(METHOD\.)(time|energy)/\1WHAT/; s/(layerwise\.)(time|energy)_/\1WHAT_/' | sort -u >written
  [ "$(wc -l <written)" -ge 40 ] || complain "$page: too few keys seen in $*"
  comm -13 known written >missing
  [ ! -s missing ] || complain "$page: not described: $(tr '\n' ' ' <missing)"

  grep -o '\\fB[^\\]*' "$page" | sed 's/\\fB//' | tr -c 'a-z0-9_\n' '\n' | sort -u >known
  # shellcheck disable=SC2086 # a list of files
  (cd "$source/estimator" && cat $writers) | grep -o '"[a-z][a-z0-9_]*"' | tr -d '"' | sort -u >written
  [ "$(wc -l <written)" -ge 60 ] || complain "$page: too few keys seen in $writers"
  comm -13 known written >missing
  [ ! -s missing ] || complain "$page: not named: $(tr '\n' ' ' <missing)"
}

check_keys man5/joulecast-run.5 "samples_file.c run_facts.c record_json.c" \
  "$source"/tests/fixtures/runs/*.jsonl "$source"/tests/fixtures/samples/others.jsonl
check_keys man5/joulecast-profile.5 "profile_file.c profile_layerwise.c mac_lines.c" \
  "$source"/tests/cli/profile_layerwise.json "$source"/tests/cli/forward_profile.json \
  "$source"/tests/corpus/profile/mac_lines.json "$source"/tests/corpus/profile/layerwise.json

# The run that is written out is one that is read: twice, for two folds.
awk '/^## Measured runs/ { part = 1 } part && /^```json$/ { inside = 1; next }
  inside && /^```$/ { exit } inside { printf "%s", $0 } END { print "" }' "$source/data/README.md" >run
cat run run >runs.jsonl
"$program" evaluate runs.jsonl --folds 2 --hardware t4 >judged 2>&1 &&
  grep -q '^roofline  *2 ' judged || complain "data/README.md: the run is refused: $(cat judged)"

plain man5/joulecast-model.5 >page
"$program" list layers --format csv | awk -F, 'NR > 1 {print $1; if ($2 != "") print $2}' | sort -u |
  tr -d '"' >keys
[ "$(wc -l <keys)" -ge 100 ] || complain "too few kinds and fields seen"
while read -r key; do
  grep -qx -e "\.B $key" page || complain "man5/joulecast-model.5: no $key"
done <keys

# ---- form ----

# Characters, not bytes: what follows the first byte of one is not counted.
check_width() { # PAGE TEXT
  LC_ALL=C.UTF-8 sed 's/.\x08//g' "$2" | LC_ALL=C awk '{ gsub(/[\200-\277]/, "") } length($0) > 80' >wide
  [ ! -s wide ] || complain "$1: wider than 80 columns: $(head -n 1 wide)"
}

[ "$(ls man1/*.1 man5/*.5 | wc -l)" -ge 19 ] || complain "too few pages seen"
for page in man1/*.1 man5/*.5; do
  if command -v mandoc >/dev/null; then
    # No date: the same sources make the same pages.
    mandoc -Tlint -Wwarning "$page" | grep -v 'missing date' >lint || true
    [ ! -s lint ] || complain "$(cat lint)"
    mandoc -Tutf8 -Owidth=80 "$page" >text
    check_width "$page, by mandoc" text
  fi
  if command -v man >/dev/null; then
    LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -l "$page" >text 2>lint </dev/null || true
    [ ! -s lint ] || complain "$page: $(head -n 3 lint)"
    check_width "$page" text
  fi
done
exit $status
