# Bars that stand or lie, anywhere in the image, under noise, as IDX files: a network learns to tell
# one from the other in images it has not seen.
bars() { # STEM SAMPLES
  awk -v n="$2" '
    BEGIN {
      printf "%c%c%c%c%c%c%c%c", 0, 0, 8, 3, 0, 0, int(n / 256), n % 256
      printf "%c%c%c%c%c%c%c%c", 0, 0, 0, 28, 0, 0, 0, 28
      srand(n)
      for (i = 0; i < n; i++) {
        at = 6 + int(16 * rand())
        for (y = 0; y < 28; y++)
          for (x = 0; x < 28; x++)
            printf "%c", int(120 * rand()) + ((i % 2 ? x : y) == at ? 100 : 0)
      }
    }' >"$1-images-idx3-ubyte"
  awk -v n="$2" '
    BEGIN {
      printf "%c%c%c%c%c%c%c%c", 0, 0, 8, 1, 0, 0, int(n / 256), n % 256
      for (i = 0; i < n; i++)
        printf "%c", i % 2
    }' >"$1-labels-idx1-ubyte"
}
bars train 600
bars t10k 130
for optimizer in momentum adamw; do
  joulecast train lenet5_28 --data . -t 1 -b 20 -e 4 --optimizer $optimizer --meter model \
    --tdp-w 20 --idle-w 2 --format json -q -r runs.jsonl >out.json
  echo $?
  grep -e '"data"' -e samples -e optimizer -e steps out.json
  awk -F'[:,]' '/"val_accuracy"/ { print ($2 >= 0.95 ? "learnt" : "not learnt: " $2) }' out.json
done
grep -o -e '"samples":[0-9]*' -e '"optimizer":"[a-z]*"' runs.jsonl
joulecast train lenet5_28 --data . -t 1 --samples 64 --val-samples 32 -e 1 --optimizer adam \
  --lr 0.002 --beta1 0.8 --beta2 0.99 --eps 1e-6 --weight-decay 0.1 -q >out.txt
sed -n '1,2p' out.txt
grep -o 'idx data' out.txt
