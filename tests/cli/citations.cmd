# Every method has a publication, or says that there is none.
joulecast list methods --format json | sed -n 's/.*"name": "\([^"]*\)".*/\1/p' >names
wc -l <names
while read -r name; do
  grep -q "{\"$name\"," "$SOURCE/cli/citations.c" || echo "$name: nothing to cite"
done <names
