#!/bin/bash
# Completion as the shells do it: in bash the function that the script defines is called with the
# words that bash would split; zsh and fish complete real lines, where they are installed.
#   tests/check_completion.sh PROGRAM
set -u
program=$(realpath "$1")
source=$(cd "$(dirname "$0")/.." && pwd)
work=$(realpath "$(mktemp -d)")
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/here" "$work/here/runs"
ln -s "$program" "$work/bin/joulecast"
touch "$work/here/mine.json" "$work/here/\$(touch broken)"
cd "$work/here" || exit 1
export PATH=$work/bin:$PATH HOME=$work JOULECAST_DATA=$source/data JOULECAST_MODELS=$source/models
status=0

expect() { # what was tried, the expected words, those that came
  if [ "$2" != "$3" ]; then
    printf '%s: expected "%s", got "%s"\n' "$1" "$2" "$3"
    status=1
  fi
}

# ---- bash ----

joulecast completion bash >"$work/joulecast.bash" || exit 1
# shellcheck disable=SC1091
. "$work/joulecast.bash"

complete_bash() { # the line; then its words as bash splits them, the last one being completed
  COMP_LINE=$1
  COMP_POINT=${#1}
  shift
  COMP_WORDS=("$@")
  COMP_CWORD=$(($# - 1))
  _joulecast
}

in_bash() { # expected replies, the line, its words
  local expected=$1
  shift
  complete_bash "$@"
  expect "bash, $1" "$expected" "${COMPREPLY[*]-}"
}

in_bash 'estimate' 'joulecast est' joulecast est
in_bash 'evaluate' 'joulecast help ev' joulecast help ev
in_bash 'plan' 'joulecast calibrate p' joulecast calibrate p
in_bash '--networks' 'joulecast calibrate plan --n' joulecast calibrate plan --n
in_bash '' 'joulecast calibrate plan --fresh' joulecast calibrate plan --fresh
in_bash '--batch-size' 'joulecast estimate --ba' joulecast estimate --ba
in_bash 'json' 'joulecast estimate --format js' joulecast estimate --format js
in_bash 'json' 'joulecast estimate --format=js' joulecast estimate --format = js
in_bash 'table json csv markdown html' 'joulecast estimate --format=' joulecast estimate --format =
in_bash 'methods meters models' 'joulecast list m' joulecast list m
in_bash 'lenet5_28' 'joulecast estimate -b 32 lenet5_2' joulecast estimate -b 32 lenet5_2
in_bash '' 'joulecast estimate -b lenet5_2' joulecast estimate -b lenet5_2
in_bash 'mine.json' 'joulecast estimate mi' joulecast estimate mi
in_bash 'mine.json' 'joulecast estimate --profile=mi' joulecast estimate --profile = mi
in_bash 'runs' 'joulecast train lenet5_28 --data r' joulecast train lenet5_28 --data r
in_bash 'xeon-gold-6248 xeon-gold-6248r' 'joulecast estimate --hardware xeon-gold-6248' \
  joulecast estimate --hardware xeon-gold-6248
in_bash 'flops,roofline' 'joulecast compare --method flops,roof' \
  joulecast compare --method flops,roof
in_bash '--' 'joulecast measure -' joulecast measure ''
in_bash 'joulecast' 'joulecast measure -- joulec' joulecast measure -- joulec
in_bash 'mine.json' 'joulecast measure -- cat mi' joulecast measure -- cat mi
in_bash "\$(touch broken)" "joulecast estimate \$(" joulecast estimate "\$("
expect 'names are never run' '' "$(ls broken 2>/dev/null)"

variant=$(joulecast list models --format csv | sed -n 's/^\([^,]*:[^,]*\),.*/\1/p' | head -n 1)
in_bash "${variant#*:}" "joulecast estimate $variant" \
  joulecast estimate "${variant%%:*}" : "${variant#*:}"
(
  COMP_WORDBREAKS=' '
  in_bash '--format=json' 'joulecast estimate --format=js' joulecast estimate --format=js
  exit $status
) || status=1

# ---- every option of every command, in every script ----

for command in $(joulecast --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p') \
  calibrate/plan calibrate/run calibrate/fit calibrate/check; do
  words=${command/\// }
  # shellcheck disable=SC2086
  options=$(joulecast help $words | sed -n 's/^  \(-.,\|   \) --\([a-z0-9-]*\).*/\2/p')
  # shellcheck disable=SC2086
  complete_bash "joulecast $words -" joulecast $words -
  zsh=$(joulecast completion zsh | sed -n "/^  '$words')$/,/^    ;;/p")
  fish=$(joulecast completion fish | grep -F "__joulecast_at \"$words\"")
  for option in $options; do
    [[ " ${COMPREPLY[*]} " == *" --$option "* ]] || expect "bash, $words" "--$option" ''
    [[ $zsh =~ --${option}[=\[] ]] || expect "zsh, $words" "--$option" ''
    [[ $fish == *" -l $option "* ]] || expect "fish, $words" "--$option" ''
  done
  checked=$((${checked:-0} + $(wc -w <<<"$options")))
done
((checked > 150)) || expect 'options that help names' 'above 150' "$checked"

# ---- zsh, fish ----

if command -v zsh >/dev/null; then
  mkdir "$work/functions"
  joulecast completion zsh >"$work/functions/_joulecast"
  cat >"$work/try.zsh" <<'TRY'
# What a line becomes by Tab, in a terminal of its own.
zmodload zsh/zpty
zpty shell zsh -fi
zpty -w shell "PS1= fpath=($1 \$fpath); autoload -U compinit && compinit -u -D; bindkey '^I' complete-word"
zpty -w shell "shown() { print -r -- \"<<\$BUFFER>>\" }; zle -N shown; bindkey '^X' shown; print REA''DY"
zpty -r shell line '*READY*'
zpty -w -n shell "$2"$'\t\x18'
zpty -r shell line '*<<*>>*'
zpty -d shell
line=${line##*<<}
print -r -- ${line%%>>*}
TRY
  in_zsh() { # expected line, line
    expect "zsh, $2" "$1" "$(timeout 20 zsh -f "$work/try.zsh" "$work/functions" "$2" 2>&1)"
  }
  in_zsh 'joulecast estimate ' 'joulecast est'
  in_zsh 'joulecast estimate --batch-size=' 'joulecast estimate --ba'
  in_zsh 'joulecast calibrate plan --networks=' 'joulecast calibrate plan --n'
  in_zsh 'joulecast estimate lenet5_28 ' 'joulecast estimate lenet5_2'
  in_zsh 'joulecast estimate --hardware xeon-gold-6248r ' 'joulecast estimate --hardware xeon-gold-6248r'
  in_zsh 'joulecast compare --method flops,roofline,' 'joulecast compare --method flops,roofl'
  in_zsh 'joulecast estimate --format json ' 'joulecast estimate --format js'
  in_zsh 'joulecast measure -- cat mine.json ' 'joulecast measure -- cat mi'
else
  echo 'zsh is absent: its completion was not tried'
fi

if command -v fish >/dev/null; then
  joulecast completion fish >"$work/joulecast.fish"
  in_fish() { # expected words, line
    expect "fish, $2" "$1" "$(fish --no-config -c "source $work/joulecast.fish
      complete -C '$2'" 2>&1 | cut -f1 | tr '\n' ' ' | sed 's/ $//')"
  }
  in_fish 'estimate' 'joulecast est'
  in_fish '--batch-size' 'joulecast estimate --ba'
  in_fish '--networks' 'joulecast calibrate plan --n'
  in_fish 'lenet5_28' 'joulecast estimate lenet5_2'
  in_fish 'xeon-gold-6248r' 'joulecast estimate --hardware xeon-gold-6248r'
  in_fish 'flops,roofline' 'joulecast compare --method flops,roofl'
  in_fish 'json' 'joulecast estimate --format js'
  in_fish 'mine.json' 'joulecast measure -- cat mi'
else
  echo 'fish is absent: its completion was not tried'
fi
exit $status
