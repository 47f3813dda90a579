/* citations.h -- the publications behind the methods, to be cited by who uses their figures. */
#ifndef JC_CLI_CITATIONS_H
#define JC_CLI_CITATIONS_H

#include <stddef.h>

struct citation {
  const char *method;
  const char *sentence; /* what was published */
  const char *bibtex;   /* NULL: the method is joulecast's own, or nobody's */
};

/* That of METHOD; NULL: there is none of that name. */
const struct citation *citation_find(const char *method);

/* In the order of the table; NULL beyond the last. */
const struct citation *citation_at(size_t index);

#endif
