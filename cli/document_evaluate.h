/* document_evaluate.h -- the errors of methods on measured runs as a document. */
#ifndef JC_CLI_DOCUMENT_EVALUATE_H
#define JC_CLI_DOCUMENT_EVALUATE_H

#include "cli/document.h"
#include "cli/report_evaluate.h"

/* RELATIVE and ABSOLUTE are the two tables that people see. */
void document_evaluate(const struct evaluate_report *report, const struct records *relative,
                       const struct records *absolute, enum format format, FILE *out);

#endif
