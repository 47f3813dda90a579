joulecast inspect lenet5_28
