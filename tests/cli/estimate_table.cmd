joulecast estimate lenet5_28 --method roofline --hardware xeon-gold-6248 -t 4 -b 64 --epochs 3 \
  --grid SE --pue average --price "0.30 EUR" --layers
