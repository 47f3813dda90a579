# Long layer names give way to the other columns.
joulecast inspect resnet18 | awk 'length($0) > 80'
joulecast inspect resnet18 | sed -n '9,12p'
