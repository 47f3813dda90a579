/* document_measure.h -- a measured command as a document. */
#ifndef JC_CLI_DOCUMENT_MEASURE_H
#define JC_CLI_DOCUMENT_MEASURE_H

#include "cli/document.h"
#include "cli/report_measure.h"

/* EPOCHS are the rows of the whole ones; none is fine. */
void document_measure(const struct measuring *measuring, const struct records *epochs,
                      enum format format, FILE *out);

#endif
