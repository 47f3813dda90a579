/* model_file.h -- model.json (`joulecast.model/1`): read, checked, expanded to a flat network.
 *
 *   struct jc_model *model;
 *   if (jc_model_read("models/resnet50.json", &model, &error) != JC_OK) ... print error ...
 *   size = jc_analysis_storage_size(network->layer_count, network->input_count);
 *   jc_network_analyze(jc_model_network(model), storage, size, &analysis, &error);
 *   jc_model_check_expect(model, &analysis, &error);
 *   jc_model_free(model);
 *
 * Reading checks everything but the shapes, which the analysis does; an error of the analysis has
 * no file name: add it with jc_error_name_file(&error, jc_model_file(model)).
 *
 * The format
 *   schema    "joulecast.model/1"
 *   name      how reports call it
 *   source    paper or program the architecture comes from (optional)
 *   training  {dataset, samples, val_samples, epochs, batch_size}, each optional (optional)
 *   expect    {params, forward_macs}, each optional: what the analysis must find (optional)
 *   input     [3, 224, 224], or {"input_ids": {"shape": [128], "dtype": "int32"}, ...}
 *   params    {"depth": 3, "aux": 1}: parameters with their defaults, plain values (optional)
 *   variants  {"small": {"params": {"depth": 1}, "input", "training", "expect"}} (optional)
 *   blocks    {"basic": {"params": {"c": null, "stride": 1}, "layers": [...]}} (optional)
 *   layers    a list of items
 *   outputs   names of the heads (optional: the last layer)
 * An item is one of
 *   a layer   {"name", "type", "inputs", "trainable", "weight_from", "when", fields of the kind}
 *   a repeat  {"name", "repeat": 3, "inputs", "layers": [...]}: a chain of copies
 *   a use     {"name", "block": "basic", "inputs", "c": 64}: a copy of the block's layers
 * Names are of letters, digits, '_', '-' and '.'. Items inside a repeat or a use are called
 * `stage.2.conv1` and `b1.conv1`; the name of a repeat or a use is that of its last layer.
 * `inputs` (one name or a list; one only for repeats and uses; none for kinds without inputs) names
 * earlier items, looked up in the same list of items first, then outwards; without it, the item
 * before is the input. "input" is the input of the repeat, the use or the network around.
 *
 * A string "$c" as a value of a field, of "repeat" or of a use stands for a parameter: inside a
 * block for the block's, elsewhere for the file's. null in a block's "params" means that each use
 * must give it; a default is a plain value: a number, true, false, text or a list of them. Blocks
 * and parameters that nothing uses are refused, since nothing would check them.
 *
 * A repeat of 0 stands for its input: its name is that tensor's, and as one of the "outputs" it is
 * left out. What it hides is checked as far as reading goes.
 *
 * A variant overrides parameters one by one; its input and its training replace the file's; its
 * expect replaces the file's, which holds for the defaults only, so that a variant without one has
 * none. The network is then called NAME:VARIANT.
 */
#ifndef JC_ESTIMATOR_MODEL_FILE_H
#define JC_ESTIMATOR_MODEL_FILE_H

#include "estimator/json.h"
#include "estimator/network.h"

#define JC_MODEL_SCHEMA "joulecast.model/1"

/* Limits of "training". The steps of a run, ceil(samples / batch_size) x epochs, fit 64 bits. */
#define JC_MAX_SAMPLES    UINT64_C(1000000000000)
#define JC_MAX_EPOCHS     UINT64_C(1000000)
#define JC_MAX_BATCH_SIZE UINT64_C(1000000000)

enum {
  JC_MAX_NETWORK_INPUTS = 1024,
  JC_MAX_NETWORK_OUTPUTS = 1024,
  JC_MAX_LAYER_NAME = 255,     /* bytes of an expanded name */
  JC_MAX_EXPANSION_DEPTH = 64, /* repeats and uses inside each other */
  JC_MAX_EDGES = 1 << 22,      /* inputs of all layers, after expansion */
  JC_MAX_MODEL_TITLE = 4096,   /* bytes of `name` and of `source` */
  JC_MAX_MODEL_VARIANTS = 1024,
  JC_MAX_MODEL_BLOCKS = 1024,
  JC_MAX_MODEL_PARAMS = 256 /* of the network, and of one block */
};

struct jc_model; /* owns the network and all it points to */

/* Counts that the file claims. */
struct jc_model_expect {
  bool has_params, has_forward_macs;
  uint64_t params;
  uint64_t forward_macs; /* per sample */
};

/* Reads PATH ("-": standard input). The model belongs to the caller: jc_model_free(). Fails with
 * JC_ERROR_IO, JC_ERROR_INVALID, JC_ERROR_MISMATCH (another schema), JC_ERROR_OVERFLOW (a limit
 * above or JC_MAX_LAYERS is exceeded) or JC_ERROR_STORAGE (out of memory); *model is then NULL. */
enum jc_status jc_model_read(const char *path, struct jc_model **model, struct jc_error *error);

/* The same from LENGTH bytes of TEXT; FILE names them in errors. */
enum jc_status jc_model_parse(const char *text, size_t length, const char *file,
                              struct jc_model **model, struct jc_error *error);

/* What to make of a file that has parameters. */
struct jc_model_options {
  const char *variant; /* NULL: none, the defaults */
  const char *const
      *set; /* "NAME=VALUE", [set_count]; wins over the variant. VALUE is JSON, or text
             * if it is no JSON: 3, true, [1, 2], same. `expect` is then forgotten. */
  size_t set_count;
};

/* The same with OPTIONS (NULL: none). Further failures: JC_ERROR_MISSING (no such variant) and
 * JC_ERROR_USAGE (a setting that is none, or of no parameter), with the nearest name. */
enum jc_status jc_model_read_as(const char *path, const struct jc_model_options *options,
                                struct jc_model **model, struct jc_error *error);
enum jc_status jc_model_parse_as(const char *text, size_t length, const char *file,
                                 const struct jc_model_options *options, struct jc_model **model,
                                 struct jc_error *error);

/* The same of the model that a user calls NAME, in any form that jc_models_find() knows. A variant
 * in NAME is the one that is read; options->variant is ignored. Also fails as jc_models_find(). */
enum jc_status jc_model_open(const char *name, const struct jc_model_options *options,
                             struct jc_model **model, struct jc_error *error);

/* The same from a parsed value (a model inside a line of samples.jsonl), which is not kept. */
enum jc_status jc_model_from_json(const struct jc_json_node *node, struct jc_model **model,
                                  struct jc_error *error);

/* NULL is allowed. */
void jc_model_free(struct jc_model *model);

/* The flat network; lives as long as the model. */
const struct jc_network *jc_model_network(const struct jc_model *model);

/* The file's name as in errors. */
const char *jc_model_file(const struct jc_model *model);

const struct jc_model_expect *jc_model_expect(const struct jc_model *model);

/* Names of the file's variants, in its order, whichever was read. */
uint32_t jc_model_variant_count(const struct jc_model *model);
const char *jc_model_variant(const struct jc_model *model, uint32_t index);

/* Compares the totals of the model's ANALYSIS with its `expect`. JC_ERROR_INVALID at its line if
 * they differ. */
enum jc_status jc_model_check_expect(const struct jc_model *model,
                                     const struct jc_analysis *analysis, struct jc_error *error);

/* Changes the shape of an input: "3x160x160" of the only one, or "input_ids=512". `expect` held for
 * the old shape and is forgotten. Fails with JC_ERROR_USAGE. */
enum jc_status jc_model_override_input(struct jc_model *model, const char *text,
                                       struct jc_error *error);

/* The model as JSON without repeats and blocks, one layer a line; reading it gives the same
 * network. To be freed with free(). Fails with JC_ERROR_STORAGE. */
enum jc_status jc_model_expanded_json(const struct jc_model *model, char **text,
                                      struct jc_error *error);

#endif
