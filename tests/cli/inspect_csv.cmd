joulecast inspect lenet5_28 --format csv
