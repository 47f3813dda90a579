# What a choice costs, from runs that differ in nothing else.
runs=$SOURCE/tests/fixtures/runs/two_parts.jsonl
sed 's/,"part":"[a-z]*"//' "$runs" >study.jsonl
joulecast evaluate study.jsonl --factors
joulecast evaluate study.jsonl --factors --format csv | head -n 2 | sed "s|\([.][0-9]\{6\}\)[0-9]*|\1|g"
joulecast evaluate study.jsonl --factors --format json | head -n 5 | sed "s|\([.][0-9]\{6\}\)[0-9]*|\1|g"
