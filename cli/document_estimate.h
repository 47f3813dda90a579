/* document_estimate.h -- a forecast as a document. */
#ifndef JC_CLI_DOCUMENT_ESTIMATE_H
#define JC_CLI_DOCUMENT_ESTIMATE_H

#include "cli/document.h"
#include "cli/forecast.h"

/* LAYERS and PHASES are those of the table; LAYERS is NULL where they are not to be listed. */
void document_estimate(const struct forecast *forecast, const struct records *layers,
                       const struct records *phases, enum format format, FILE *out);

#endif
