/* convert.h -- an ONNX file becomes a model.json: exact counts, or an error that names the node.
 *
 *   struct jc_convert_options options = {.batch_axis = -1};
 *   struct jc_converted converted;
 *   if (jc_convert_onnx("resnet50.onnx", &options, &converted, &error) == JC_OK)
 *     ... converted.text, of joulecast.model/1; converted.notes, for people ...
 *   jc_converted_free(&converted);
 *
 * The file is mapped, not read: weights are never looked at, and memory grows with the number of
 * nodes only. Export for training, without constant folding:
 *
 *   torch.onnx.export(model, x, "m.onnx", training=torch.onnx.TrainingMode.TRAINING,
 *                     do_constant_folding=False, dynamic_axes={"input": {0: "batch"}})
 *
 * else normalisation layers are folded into convolutions and are not there to be counted.
 *
 * What counts as a parameter: a tensor of reals stored in the file that a product, a normalisation
 * or any other arithmetic reads; a scalar, if PyTorch wrote the file and gave it a module's name; a
 * Constant node's tensor, if a product reads it. Not: running statistics, other scalars, integers,
 * arguments of operators (scales), and tensors that options.buffers names. An exponent or a bound
 * that may be learnt is refused, and so are layers that share a weight but not the bias.
 */
#ifndef JC_CONVERT_CONVERT_H
#define JC_CONVERT_CONVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "estimator/error.h"

enum { JC_CONVERT_MAX_LIST = 64 };

/* At most JC_CONVERT_MAX_LIST values; one that names nothing in the file is an error. */
struct jc_convert_list {
  size_t count;
  const char *const *value; /* borrowed */
};

struct jc_convert_options {
  const char *name;   /* of the network; NULL: the file's name without folder and ending */
  int64_t batch_axis; /* dimension of the inputs that is the batch; -1: detect (the first) */
  struct jc_convert_list dims;          /* "sequence=128": sizes of symbolic dimensions */
  struct jc_convert_list buffers;       /* tensors that are not learnt; '*' stands for anything */
  struct jc_convert_list training_only; /* outputs that exist in training alone (aux heads) */
  size_t memory_limit_bytes;            /* of the conversion's own memory; 0: none */
};

struct jc_converted {
  char *text;  /* model.json, NUL-terminated */
  char *notes; /* lines about what the file may not say: each ends in a newline; "" if none */
};

/* False in a build without protobuf-c; jc_convert_onnx() then fails with JC_ERROR_UNAVAILABLE. */
bool jc_convert_available(void);

/* Converts PATH. The result has been read back and analysed: it is valid, its counts fit 64 bits,
 * and its parameters are those of the file. CONVERTED belongs to the caller. Fails with
 * JC_ERROR_IO, JC_ERROR_INVALID (damage, or what the graph cannot mean), JC_ERROR_MISMATCH (opset),
 * JC_ERROR_USAGE (an option that is malformed or names nothing in the file), JC_ERROR_MISSING (a
 * symbolic dimension without size, operators that are not supported: all of them are named),
 * JC_ERROR_OVERFLOW, JC_ERROR_STORAGE. */
enum jc_status jc_convert_onnx(const char *path, const struct jc_convert_options *options,
                               struct jc_converted *converted, struct jc_error *error);

/* The same from SIZE bytes; FILE names them. */
enum jc_status jc_convert_onnx_bytes(const void *bytes, size_t size, const char *file,
                                     const struct jc_convert_options *options,
                                     struct jc_converted *converted, struct jc_error *error);

void jc_converted_free(struct jc_converted *converted);

#endif
