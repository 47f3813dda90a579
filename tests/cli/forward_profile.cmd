# A profile of forward passes: linear layers of 100 kB and more cost 1 J and 1 mJ a byte, smaller
# ones 0.5 J; anything else 1 mJ a byte. fc1: 1 + 1e-3 * 4 * (784 + 128 + 785 * 128) = 406.568 J;
# relu: 1e-3 * 4 * 256 = 1.024 J; fc2: 0.5 J. No --force, though it is of another machine.
cp "$SOURCE/tests/cli/forward_profile.json" .
joulecast estimate mlp_784_128_10 -b 1 --phase forward -p forward_profile.json --grid FR \
  --samples 1 --epochs 1 --layers
echo $?
joulecast estimate mlp_784_128_10 -b 1 --phase forward -p forward_profile.json --format json |
  grep energy_per_step_j
joulecast estimate mlp_784_128_10 -b 1 -p forward_profile.json
