# The keys of JSON texts as paths, one a line: "run.batch_size", "epochs[].time_s".
#   awk -f tests/json_paths.awk FILE...
{
  rest = $0
  while (match(rest, /"([^"\\]|\\.)*"|[][{},]/)) {
    token = substr(rest, RSTART, RLENGTH)
    rest = substr(rest, RSTART + RLENGTH)
    if (token == "{" || token == "[") {
      prefix[++depth] = token == "{" ? place (place == "" ? "" : ".") : place "[]"
      keyed[depth] = token == "{"
    } else if (token == "}" || token == "]") {
      depth--
    } else if (token != "," && awaited) {
      place = prefix[depth] substr(token, 2, length(token) - 2)
      print place
    }
    if (token == "[" || (token == "," && !keyed[depth]))
      place = prefix[depth]
    if (depth == 0)
      place = ""
    awaited = keyed[depth] && (token == "{" || token == ",")
  }
}
