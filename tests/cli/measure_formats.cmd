# A measured command as CSV, its epochs, and as Markdown, with what the machine has to do with it
# taken out.
cat >train.sh <<'END'
for e in 1 2; do
  sleep 0.1
  echo joulecast-epoch $e/4
done
END
for format in csv markdown; do
  joulecast measure -q --tdp-w 20 --idle-w 2 --meter model --grid 400 --price '0.30 EUR' --format $format \
    -o out.$format -- sh train.sh
  echo "exit $?"
done
sed -E '2,$ s/,.*/,N,N/' out.csv
awk -F, 'NR > 1 { print ($2 > 0 && $3 > 0.05 ? "joules and seconds" : $0) }' out.csv
sed -E '/^\| (peak power|CPU share|hardware)/d
  /^\| [12] /s/\| [0-9.]+ [a-z]*[Js] /| N /g
  /^\| (energy|above|time|power|facility|CO2e|cost|projected)/s/\| -?[0-9][^|]*\|/| N |/
  s/interval: .* \|/interval: N to N |/; s/joulecast [0-9.]+$/joulecast VERSION/' out.markdown
