joulecast list layers | sed -n '/^linear/,/bias/p'
joulecast list methods | grep -A1 -e method -e roofline
joulecast list meters
joulecast list models | grep -e params -e "^resnet50 "
joulecast list hardware | grep -e cores -e generic -e a100
joulecast list grids | grep -e region -e World
for topic in layers methods meters models hardware grids; do
  joulecast list $topic --format json | sed -n '2,3p'
  joulecast list $topic | awk 'length($0) > 80'
done
