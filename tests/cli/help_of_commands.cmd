for command in compare evaluate inspect calibrate train measure convert list doctor completion manual; do joulecast help $command; done
for command in estimate compare evaluate inspect calibrate train measure convert list doctor completion manual; do
  joulecast $command --help | awk 'length($0) > 80'
done
