/* list_data.h -- topics of `joulecast list` that are data rows, with the documents they are from.
 */
#ifndef JC_CLI_LIST_DATA_H
#define JC_CLI_LIST_DATA_H

#include "cli/records.h"

struct list_topic {
  const char *name;
  const struct column *columns;
  size_t column_count;
  enum jc_status (*fill)(struct records *records, struct jc_error *error);
  void (*print_more)(const struct records *records, FILE *out); /* under the table; NULL: nothing */
};

extern const struct list_topic list_hardware, list_grids;

#endif
