/* field_text.h -- a field of a layer kind in words: what it takes, and what it is if left out.
 * Texts are written to the caller's buffer, which is returned.
 */
#ifndef JC_CLI_FIELD_TEXT_H
#define JC_CLI_FIELD_TEXT_H

#include "estimator/layers.h"

/* "integer", "integer or [d, h, w]"; RANGE stands behind the number. */
char *field_type(const struct jc_kind *kind, const struct jc_field *field, const char *range,
                 char *buffer, size_t size);
/* " of at least 1", " from 0 to 1"; "" where any number will do. */
char *field_range(const struct jc_field *field, char *buffer, size_t size);
/* "required", "optional", "default 1", "default kernel_size". */
char *field_default(const struct jc_field *field, char *buffer, size_t size);

bool field_is_list(const struct jc_field *field);
/* Whether its minimum and maximum mean anything. */
bool field_has_range(const struct jc_field *field);

#endif
