/* projection_ends.c -- the program's projection at every epoch of runs, for bench/projection.py.
 *
 * A line of standard input is a run, "joules seconds" of each of its epochs; of each line of output
 * three numbers per epoch: the joules projected behind it, and the ends of the interval. */
#include <stdio.h>
#include <stdlib.h>

#include "calibrate/projection.h"

enum { MAX_EPOCHS = 4096, MAX_LINE = 1 << 18 };

static uint32_t read_run(char *text, struct jc_epoch_seen *epochs) {
  uint32_t count = 0;
  for (char *end = NULL; count < MAX_EPOCHS; text = end) {
    const double energy_j = strtod(text, &end);
    if (end == text)
      break;
    epochs[count++] = (struct jc_epoch_seen){energy_j, strtod(end, &end)};
  }
  return count;
}

int main(void) {
  static char line[MAX_LINE];
  static struct jc_epoch_seen epochs[MAX_EPOCHS];
  const struct jc_epoch_seen nothing = {0, 0};
  while (fgets(line, sizeof(line), stdin) != NULL) {
    const uint32_t total = read_run(line, epochs);
    for (uint32_t count = 1; count <= total; count++) {
      struct jc_projection p;
      jc_project(epochs, count, total, &nothing, &p);
      printf("%.9g %.9g %.9g ", p.energy_j, p.energy_low_j, p.energy_high_j);
    }
    putchar('\n');
  }
  return 0;
}
