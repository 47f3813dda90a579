# A page that is not there, a folder that cannot be written, words that do not go together.
try() {
  joulecast manual "$@"
  echo "$? $*"
}
try frobnicate
try calibrate frobnicate
try estimate fit
try run now please
try --directory
try --directory pages estimate
try --directory pages -o page.1
try estimate -o no-such-folder/page.1
echo >file
try --directory file
try estimate -o file/page.1
# Nothing is left of a page that was refused.
ls
