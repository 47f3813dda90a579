joulecast list layers | sed -n '/^linear/,/bias/p'
joulecast list methods | grep -A1 -e method -e roofline
# Each once, those on whole runs last.
joulecast list methods --format json | sed -n 's/.*{"name": "\([^"]*\)".*/\1/p'
joulecast list methods | sed -n '/^run-physics/,$p'
joulecast list meters
joulecast list models | grep -e params -e "^resnet50 "
joulecast list hardware | sed "/^$/,\$d" | grep -e cores -e generic -e a100-sxm4-40 | tr -s " "
joulecast list grids | grep -e region -e "World  "
joulecast list grids | sed -n "/^sources/,\$p"
for topic in layers methods meters models hardware grids; do
  joulecast list $topic --format json | sed -n '2,3p'
  joulecast list $topic | awk 'length($0) > 80'
done
