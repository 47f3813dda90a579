/* model_schema.h -- the JSON Schema of model files, made from the field tables of the kinds. */
#ifndef JC_ESTIMATOR_MODEL_SCHEMA_H
#define JC_ESTIMATOR_MODEL_SCHEMA_H

#include "estimator/error.h"

/* The schema (draft 2020-12) of `joulecast.model/1` as JSON text, models/model.schema.json to the
 * byte. To be freed with free(). Fails with JC_ERROR_STORAGE.
 *
 * Every file that the reader takes is valid. What it refuses and the schema takes: text that is not
 * strict JSON (repeated keys, trailing commas where the schema's program allows them), names that
 * do not exist or exist twice, parameters and blocks that nothing uses, values behind a "$name",
 * limits of the expansion, shapes that do not fit, counts other than `expect` says. */
enum jc_status jc_model_schema(char **text, struct jc_error *error);

#endif
