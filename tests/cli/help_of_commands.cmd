for command in evaluate inspect calibrate train convert list doctor; do joulecast help $command; done
for command in estimate evaluate inspect calibrate train convert list doctor; do
  joulecast $command --help | awk 'length($0) > 80'
done
