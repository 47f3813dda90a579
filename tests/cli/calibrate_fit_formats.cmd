# The coefficients of a fit as JSON, CSV and Markdown. Single layers with known costs (linear: 1 mJ a
# pass, 1 nJ a FLOP, 10 nJ a byte, at 75 W), so that what must come out is known.
awk 'function draw(low, high) {
       x = (x * 16807) % 2147483647
       return int(low * exp(log(high / low) * x / 2147483647))
     }
     BEGIN {
       x = 11
       print "batch_size,input_size,output_size,macs,duration,cpu_energy,cpu_count,forward_passes"
       for (i = 0; i < 60; i++) {
         b = draw(1, 512); n = draw(8, 4096); m = draw(8, 4096)
         e = 1e-3 + 1e-9 * b * (2 * n * m + m) + 1e-8 * 4 * (b * (n + m) + m * (n + 1))
         printf "%d,%d,%d,%d,%.9g,%.17g,2.0,40.0\n", b, n, m, b * m * (n + 1), 40 * e / 75, e / 3.6e6
       }
     }' >made_linear.csv
python3 "$SOURCE/data/convert_getzner.py" made_linear.csv >layers.jsonl
rounded() { # the numbers of a CSV file to 4 digits
  awk -F, 'NR > 1 { for (i = 1; i <= NF; i++) if ($i ~ /^[0-9.]+(e-?[0-9]+)?$/) $i = sprintf("%.4g", $i) }
           { $1 = $1 } 1' OFS=, "$1"
}
for format in csv markdown json; do
  joulecast calibrate fit layers.jsonl -o layers.profile --format $format >layers.$format
  echo $?
done
rounded layers.csv
cat layers.markdown
sed -E '/"coefficients"/,$d; s/("active_power_w": [0-9.]{7}).*/\1.../; s/("(mape|median|bias|r2|worst|time_mape)": )[^,}]*/\1N/g' \
  layers.json
# Trainings: every row is what the profile has, and in all three forms the same.
awk 'BEGIN {
       for (i = 1; i <= 12; i++) {
         n = 16 * i + 7 * (i % 3); m = 8 * (1 + i * 5 % 12); b = 2 ^ (i % 5 + 2)
         f = 2e-6 + 2e-11 * b * n * m + 1e-10 * b * (n + m)
         sum = 4 * f + 3e-4
         printf "{\"schema\":\"joulecast.run/1\",\"id\":\"%04d\",\"date\":\"2026-01-01T00:00:%02dZ\",", i, i
         printf "\"model\":{\"schema\":\"joulecast.model/1\",\"name\":\"n%d\",\"input\":[%d],\"layers\":[", i, n
         printf "{\"name\":\"fc\",\"type\":\"linear\",\"out_features\":%d},{\"name\":\"act\",\"type\":\"relu\"}]},", m
         printf "\"run\":{\"batch_size\":%d,\"epochs\":1,\"samples\":%d,\"val_samples\":0,", b, 20 * b
         printf "\"precision\":\"fp32\",\"optimizer\":\"momentum\",\"threads\":2,\"devices\":1,\"phase\":\"training\"},"
         printf "\"machine\":{\"cpu_model\":\"Test CPU\",\"cpus\":2,\"memory_bytes\":1073741824,\"isa\":\"avx2\"},"
         printf "\"runner\":{\"name\":\"onednn\",\"version\":\"2.6.3\"},"
         printf "\"meter\":{\"name\":\"powercap\",\"domain\":\"package\",\"power_source\":\"measured\"},"
         printf "\"energy_j\":%.9g,\"idle_power_w\":12,\"time_s\":%.9g,\"steps\":20,\"startup_s\":0.1,", 840 * sum, 20 * sum
         printf "\"cpu_time_s\":%.9g,\"step_time_s\":{\"min\":%.9g,\"median\":%.9g,\"mean\":%.9g},\"load\":0.01,", 40 * sum, sum, sum, sum
         printf "\"layers\":[{\"name\":\"fc\",\"type\":\"linear\",\"forward_s\":%.9g,\"backward_s\":%.9g,\"update_s\":1e-6,", f, 2 * f
         printf "\"forward_implementation\":\"gemm:jit\",\"backward_implementation\":\"gemm:jit\",\"layout\":\"nc\",\"fused\":false},"
         printf "{\"name\":\"act\",\"type\":\"relu\",\"forward_s\":1e-6,\"backward_s\":1e-6,\"update_s\":0,"
         printf "\"forward_implementation\":\"jit\",\"layout\":\"nc\",\"fused\":false}]}\n"
       }
     }' >trainings.jsonl
for format in csv markdown json; do
  joulecast calibrate fit trainings.jsonl -o trainings.profile --format $format >trainings.$format
  echo $?
done
sed -n '/"errors"/,/"coefficients"/p' trainings.json | sed -E 's/: -?[0-9]+\.[0-9]+(e-?[0-9]+)?/: N/g'
cut -d, -f1,2,4,13 trainings.csv
python3 - <<'END'
import csv, json
profile = json.load(open("trainings.profile"))
rows = json.load(open("trainings.json"))["coefficients"]
table = list(csv.DictReader(open("trainings.csv")))
lines = open("trainings.markdown").read().splitlines()[2:]
wanted = {(c["type"], c["phase"], per): c for c in profile["coefficients"] for per in c["time_s"]}
assert len(rows) == len(table) == len(lines) == len(wanted) > 0
for row, text, line in zip(rows, table, lines):
    c, per = wanted[row["type"], row["phase"], "per_" + row["per"]], "per_" + row["per"]
    assert all(str(v) == text[k] or v is None and text[k] == "" or abs(float(text[k]) - v) <= 1e-14 * abs(v)
               for k, v in row.items()), (row, text)
    assert line.startswith("| " + row["type"]), line
    for name in ("time", "energy"):
        unit = {"time": "_s", "energy": "_j"}[name]
        assert row[name + unit] == c[name + unit][per], row
        if row["type"] != "any":
            assert row[name + "_low" + unit] == c[name + "_low" + unit][per], row
            assert row[name + "_high" + unit] == c[name + "_high" + unit][per], row
    assert row["n"] == c["networks"]
print(len(rows), "rows are the profile's")
END
# A method on whole runs has no table.
joulecast calibrate fit --method flops "$SOURCE/tests/fixtures/runs/two_parts.jsonl" -o flops.json --format csv
echo $?
joulecast calibrate fit layers.jsonl -o layers.json --format html
echo $?
