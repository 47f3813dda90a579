/* doctor_remedy.h -- what mends an energy source, as lines for a shell. Inside calibrate/ only. */
#ifndef JC_CALIBRATE_DOCTOR_REMEDY_H
#define JC_CALIBRATE_DOCTOR_REMEDY_H

#include "calibrate/meter.h"

/* What of the machine decides whether a missing counter can be had. */
struct jc_doctor_place {
  const char *root;          /* put before /sys, as in struct jc_doctor_options; not NULL */
  const char *powercap_root; /* where zones were looked for */
  bool rapl_vendor;          /* Intel, AMD or Hygon */
  bool amd;                  /* of these the latter two */
  bool virtual_machine;
  bool container;
  bool rapl_module;   /* the kernel's RAPL driver is loaded */
  bool power_pmu;     /* and its perf counterpart */
  bool nvidia_board;  /* a PCI device of NVIDIA's */
  bool nvidia_driver; /* and its kernel driver */
};

/* Writes the remedy for the source that INFO, as probed, is about: commands and remarks (these
 * begin with '#'), one per line, none at the end; "" if there is nothing to do, or no way. */
void jc_doctor_remedy(const struct jc_doctor_place *place, const struct jc_meter_info *info,
                      char *remedy, size_t size);

#endif
