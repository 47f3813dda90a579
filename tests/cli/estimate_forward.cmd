# Passes without backward: no gradients, no update, no memory of training.
joulecast estimate resnet18 --phase forward --method roofline --hardware t4 --samples 1000 \
  --epochs 1 -b 8 --grid FR | head -15
