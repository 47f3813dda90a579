for step in plan run fit check; do joulecast help calibrate $step; done
for step in plan run fit check; do
  joulecast calibrate $step --help | awk 'length($0) > 80'
done
