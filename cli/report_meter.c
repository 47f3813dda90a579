/* report_meter.c -- coverage and notes of a meter that measures. */
#include "cli/report_meter.h"

#include <string.h>

#include "cli/options.h"

void report_meter(const struct jc_meter_info *meter, FILE *out) {
  if (!meter->measured)
    return;
  fprintf(out, "meter %s counts ", meter->name);
  print_wrapped(out, meter->covers, 14 + (int)strlen(meter->name), 2);
  for (uint32_t i = 0; i < meter->note_count; i++) {
    fprintf(out, "note: ");
    print_wrapped(out, meter->notes[i], 6, 6);
  }
}
