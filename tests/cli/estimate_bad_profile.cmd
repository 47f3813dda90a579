cp "$SOURCE/tests/fixtures/profiles/schema.json" .
joulecast estimate mlp_784_128_10 -p schema.json
echo $?
joulecast estimate mlp_784_128_10 -p absent.json
echo $?
