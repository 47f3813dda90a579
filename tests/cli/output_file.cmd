# Whole or not at all; nothing is left beside it.
joulecast inspect lenet5_28 --totals -o out.txt && ls && head -1 out.txt
joulecast inspect lenet5_28 -o absent/out.txt
echo $?
joulecast inspect lenet5_28 >/dev/full
echo $?
joulecast inspect no_such_model -o out.txt
echo $?
head -1 out.txt
