/* document_check.h -- what `calibrate check` found, as a document. */
#ifndef JC_CLI_DOCUMENT_CHECK_H
#define JC_CLI_DOCUMENT_CHECK_H

#include "cli/document.h"
#include "cli/report_check.h"

/* CONFIGURATIONS are the rows of the table. */
void document_check(const struct check *check, const struct check_judgement *judgement,
                    const struct records *configurations, enum format format, FILE *out);

#endif
