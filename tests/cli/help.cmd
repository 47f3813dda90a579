joulecast --help
