# What is printed describes the same network.
joulecast inspect cifar_resnet20 --expand -o flat.json
joulecast inspect ./flat.json --totals >flat
joulecast inspect cifar_resnet20 --totals >short
tail -n +3 flat >flat.counts
tail -n +3 short >short.counts
cmp flat.counts short.counts && head -12 flat.json
