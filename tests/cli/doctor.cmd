cp -r "$SOURCE/tests/fixtures/machines/cloud-vm" vm
joulecast doctor --root vm
echo $?
joulecast doctor --root vm --tdp-w 20 --format json
