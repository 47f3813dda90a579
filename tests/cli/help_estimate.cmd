joulecast estimate --help
