/* text.h -- copying a string into a field of fixed size, cut where it does not fit. */
#ifndef JC_CALIBRATE_TEXT_H
#define JC_CALIBRATE_TEXT_H

#include <string.h>

static inline void copy_text(char *to, size_t size, const char *from) {
  const size_t length = strnlen(from, size - 1);
  memcpy(to, from, length);
  to[length] = '\0';
}

#endif
