joulecast estimate mlp_784_128_10 --method roofline --hardware core-i5-8500 -t 6 --grid 100 \
  --format json
