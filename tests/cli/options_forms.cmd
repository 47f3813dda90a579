# --name=value, --name value, -n value, -nvalue, and -- before operands.
for options in '--batch-size=7' '--batch-size 7' '-b 7' '-b7'; do
  joulecast inspect $options --totals -- lenet5_28 | grep 'memory is for'
done
