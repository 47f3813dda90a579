/* support_share.h -- how many support rows each curve of a fit may have, where all together want
 * more than a profile holds. Internal to the fits. */
#ifndef JC_CALIBRATE_SUPPORT_SHARE_H
#define JC_CALIBRATE_SUPPORT_SHARE_H

#include <stdint.h>

/* Every curve gets as many, if it wants as many. */
enum { JC_LEAST_SUPPORT = 16 };

struct jc_support_demand {
  uint32_t wanted;
  double share; /* > 0: of the time that layers take, in any unit */
};

/* Gives all what they want if ROOM suffices; else in proportion to their shares, but nobody less
 * than the least nor more than is wanted. ROOM >= COUNT * JC_LEAST_SUPPORT. */
void jc_share_support(const struct jc_support_demand *demands, uint32_t count, uint32_t room,
                      uint32_t *given);

#endif
