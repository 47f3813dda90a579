#!/bin/sh
# models/model.schema.json by an independent validator (Debian's python3-jsonschema): it is a schema,
# takes every shipped model and every valid file of the corpus, expanded too, and refuses every broken
# one that a schema can know about. Also: models/README.md has every kind with all its fields.
#   tests/check_schema.sh PROGRAM
set -eu
program=$(realpath "$1")
root=$(cd "$(dirname "$0")/.." && pwd)
for python in python3 /usr/bin/python3; do
  if "$python" -c 'from jsonschema import Draft202012Validator' 2>/dev/null; then
    PYTHONDONTWRITEBYTECODE=1 exec "$python" "$root/tests/check_schema.py" "$program" "$root"
  fi
done
echo "skipped: no python3-jsonschema"
exit 77
