# What a training showed, as CSV and Markdown: a row a figure. Numbers are the machine's.
for format in csv markdown; do
  joulecast train lenet5_28 -t 1 -b 16 --samples 32 --epochs 1 --meter model --tdp-w 20 --idle-w 2 -q \
    --format $format -o out.$format
  sed -E 's/,[0-9][^,]*/,N/g; s/\| [0-9][^|]*/| N /g' out.$format
done
# Watts are the model's: idle at least, all of it at most; joules are those watts for so long.
awk -F, '{ v[$1] = $2 }
  END { print (v["power_w"] >= 2 && v["power_w"] <= 20.2 ? "watts of the model" : v["power_w"])
        r = v["energy_j"] / v["time_s"] / v["power_w"]
        print (r > 0.999 && r < 1.001 ? "joules of these watts" : r) }' out.csv
