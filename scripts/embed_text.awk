# Makes a part of a text into the lines of a C array, which is ended by NULL:
#   awk -v name=ARRAY [-v from=BEGINNING] [-v to=BEGINNING] -f embed_text.awk TEXT
# The part goes from the first line that begins with `from` to the line before one that begins with `to`.
# A part that is not there is an error: what the manual quotes has been renamed.
BEGIN {
  inside = from == ""
  printf "static const char *const %s[] = {\n", name
}
!inside && index($0, from) == 1 { inside = 1 }
inside && to != "" && index($0, to) == 1 { exit }
inside {
  gsub(/\\/, "\\\\")
  gsub(/"/, "\\\"")
  printf "    \"%s\",\n", $0
  count++
}
END {
  print "    0};"
  if (count == 0) {
    print FILENAME ": no text between '" from "' and '" to "'" >"/dev/stderr"
    exit 1
  }
}
