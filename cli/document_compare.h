/* document_compare.h -- a comparison as a document. */
#ifndef JC_CLI_DOCUMENT_COMPARE_H
#define JC_CLI_DOCUMENT_COMPARE_H

#include "cli/comparison.h"
#include "cli/document.h"

/* ROWS are those of the table; NEEDED, what each took or why it has no forecast, may be empty. */
void document_compare(const struct comparison *comparison, const struct records *rows,
                      const struct records *needed, enum format format, FILE *out);

#endif
