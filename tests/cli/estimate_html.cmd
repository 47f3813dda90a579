# The HTML report, whole, but for the style, the script and the version.
joulecast estimate mlp_784_128_10 --method roofline --hardware core-i5-8500 -t 6 --grid 100 --format html -o report.html
sed -e '/^<style>/,/^<\/style>/d' -e '/^<script>/,/^<\/script>/d' -e 's/joulecast [0-9][0-9.]*/joulecast VERSION/' report.html
