# The exact totals of VGG-16 are 138,357,544 parameters and 15,470,264,320 MACs.
joulecast inspect vgg16 --format json | grep -v '"name"'
joulecast inspect vgg16 --format json | grep -c '"name"'
