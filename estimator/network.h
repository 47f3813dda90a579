/* network.h -- a network as plain data, and its static analysis: shapes, counts, memory.
 *
 *   struct jc_network     layers in order, each naming earlier tensors
 *   jc_network_analyze()  one pass forward, one backward; counts of ONE sample (batch 1)
 *
 * The caller owns every byte: sizes first (jc_analysis_storage_size or JC_ANALYSIS_STORAGE), then
 * one block of storage. No heap, no I/O, no globals, no recursion.
 *
 * Tensors are numbered: network inputs first, then one output per layer:
 * tensor = input index, or input_count + layer index.
 *
 * What is counted (jc_convention() prints it in short)
 *
 * macs: products of convolution, linear, matrix and attention layers; no bias.
 *
 * elementwise_ops: bias, normalisation, activation, pooling, add; see jc_kind.ops_per_output.
 *
 * flops: 2 * macs + elementwise_ops.
 *
 * per step: a layer that parameters and constants alone feed runs once a step, whatever the batch;
 * it counts once in the counts of one sample.
 *
 * backward: an output needs a gradient if any input does or the layer trains weights; network
 * inputs never do. Data and weight products are counted apart, one for each operand that needs a
 * gradient, so ResNet-50 is 12,149,538,816 MACs forward and backward, not 3 x forward: the image
 * needs no gradient.
 */
#ifndef JC_ESTIMATOR_NETWORK_H
#define JC_ESTIMATOR_NETWORK_H

#include "estimator/layers.h"

#define JC_NONE UINT32_MAX /* no such tensor or layer */

/* Largest network, counted after repeats are expanded. */
enum { JC_MAX_LAYERS = 1 << 20 };

/* Channels a vector register holds, and of which images are made up when blocked. */
enum { JC_CHANNEL_BLOCK = 16 };
/* A convolution of so few input channels is a first layer, and reads plain images. */
enum { JC_FIRST_CHANNELS = 4 };

enum jc_dtype { JC_DTYPE_FLOAT32, JC_DTYPE_INT32 };

struct jc_input {
  const char *name; /* "input" if the file names none */
  struct jc_shape shape;
  enum jc_dtype dtype; /* integer inputs are not differentiable (indices) */
};

struct jc_layer {
  const char *name;  /* expanded: `stage.2.conv1` */
  const char *where; /* place in the file, `layers[4]` or `blocks.basic.layers[1]`; NULL: none */
  uint32_t line;     /* 1-based, 0: none */
  enum jc_layer_kind kind;
  uint32_t first_input; /* index into jc_network.inputs_of_layers */
  uint32_t input_count;
  bool trainable;       /* default true; false freezes its parameters */
  bool training_only;   /* "when": "training": counts in params and training, not in forward */
  uint32_t weight_from; /* layer whose parameters it shares, or JC_NONE */
  union jc_layer_fields fields;
};

enum { JC_MAX_PRECISIONS = 4 };
enum jc_precision { JC_PRECISION_FP32, JC_PRECISION_TF32, JC_PRECISION_BF16, JC_PRECISION_FP16 };
/* "fp32", ...; NULL beyond the last. */
const char *jc_precision_name(enum jc_precision precision);

/* A model file's own defaults; 0 / "" where absent. */
struct jc_training_defaults {
  char dataset[64];
  uint64_t samples;
  uint64_t val_samples;
  uint64_t epochs;
  uint64_t batch_size;
};

struct jc_network {
  const char *name;
  const char *source; /* where the architecture comes from; NULL if the file has none */
  struct jc_training_defaults training;
  uint32_t input_count;
  const struct jc_input *inputs;
  uint32_t layer_count; /* at least 1 */
  const struct jc_layer *layers;
  uint32_t edge_count;
  const uint32_t *inputs_of_layers; /* tensor numbers, [edge_count] */
  uint32_t output_count;
  const uint32_t *outputs; /* tensor numbers of the heads, [output_count] >= 1 */
};

/* Bytes moved in one phase: activations per sample, weights per step. */
struct jc_traffic {
  uint64_t read_bytes;           /* activations and gradients, per sample */
  uint64_t written_bytes;        /* the same */
  uint64_t weight_read_bytes;    /* parameters and their gradients, per step */
  uint64_t weight_written_bytes; /* the same */
};

/* Counts of one layer, one sample. */
struct jc_cost {
  struct jc_shape out;
  uint64_t out_elements;

  /* Set by the kind's cost function. */
  uint64_t macs;
  uint64_t elementwise_ops;
  uint64_t data_macs;                /* backward products if the data inputs need gradients */
  uint64_t weight_macs;              /* backward products if the weights are trained */
  uint64_t params;                   /* weights and biases this layer uses, shared ones included */
  struct jc_shape weight;            /* shape of the weights, by which sharing is checked */
  uint64_t buffers;                  /* running statistics, elements */
  uint64_t saved_extra_bytes;        /* masks, pooling indices, per-channel statistics */
  uint32_t window;                   /* elements of a convolution's or pool's window; 0: has none */
  uint32_t stride, groups;           /* 0: has none */
  uint8_t variant;                   /* of the kind: see jc_kind.variants */
  bool overflow;                     /* a count left 64 bits */
  bool saves_input;                  /* backward of data or weights reads the inputs */
  bool saves_input_for_weights_only; /* ... only if the weights are trained */
  bool saves_factors;                /* ... of them each only if another one needs a gradient */
  bool saves_output;
  bool moves_no_data;          /* a view (flatten): moves no bytes of its own */
  bool ignores_input;          /* only the shape of its input matters (position_embedding) */
  bool reads_weights_sparsely; /* forward reads only the rows it gives out (embedding) */
  bool passes_gradient;        /* the output's gradient is that of every input (add) */
  bool computes_plain;         /* whatever jc_kind.layout says */

  /* Set by the analysis. */
  bool per_step; /* made from parameters and constants only: once a step, whatever the batch */
  bool fused;    /* a runner that fuses computes it inside the layer before (jc_kind.fuses_into) */
  bool output_needs_grad;
  bool input_needs_grad;     /* any data input does: backward-data runs */
  bool trains_weights;       /* backward-weights runs */
  bool blocked;              /* the output lies in blocks of channels: see enum jc_layout_rule */
  bool channels_last;        /* or behind its positions, after a permute; neither: row-major */
  bool reorders;             /* an input lies in another order than the layer computes in */
  uint32_t consumers;        /* layers that read the output */
  uint32_t follower;         /* the layer fused into this one, or 0: none */
  uint64_t own_params;       /* 0 where weight_from shares another layer's */
  uint64_t trainable_params; /* own and not frozen */
  uint64_t backward_data_macs;
  uint64_t backward_weights_macs;
  uint64_t backward_elementwise_ops;
  uint64_t later_activation_bytes; /* outputs of the layers behind it, per sample */
  uint64_t later_weight_bytes;
  struct jc_traffic forward, backward_data, backward_weights, update;
};

/* Counts of one sample, that is of a step of batch 1: layers that run once a step are in. A step of
 * batch b is b x (count - per_step count) + per_step count: see jc_step_count(). */
struct jc_totals {
  uint64_t params, trainable_params, buffers;
  uint64_t forward_macs; /* without training-only layers */
  uint64_t forward_elementwise_ops;
  uint64_t forward_flops;         /* 2*macs + elementwise_ops */
  uint64_t training_forward_macs; /* with training-only layers */
  uint64_t backward_data_macs, backward_weights_macs;
  uint64_t training_macs;         /* training forward + both backwards */
  uint64_t training_flops;        /* the same in flops, elementwise included */
  uint64_t per_step_forward_macs; /* of the layers that run once a step */
  uint64_t per_step_training_macs;
  uint64_t per_step_forward_flops, per_step_training_flops;
  uint64_t forward_bytes, backward_bytes; /* activations per sample */
  uint64_t weight_bytes;                  /* weights once, fp32 */
  uint64_t activation_bytes;              /* sum of all layer outputs, per sample */
  uint64_t saved_activation_bytes; /* kept for backward, per sample: shared tensors once, with
                                      masks, indices and scores that are no layer's output */
  uint64_t peak_activation_bytes; /* activations and gradients alive at once, at most, per sample */
  uint64_t per_step_activation_bytes; /* of layers that run once a step, with their gradients */
};

struct jc_analysis {
  const struct jc_network *network;
  struct jc_cost *layers; /* [layer_count] */
  struct jc_totals totals;
  uint32_t *tensor_scratch; /* [5 * tensors], used during the passes only */
};

/* Bytes needed to analyse NETWORK; 0 if it has too many layers. */
size_t jc_analysis_storage_size(uint32_t layer_count, uint32_t input_count);

/* Static storage for a network of at most LAYERS layers and INPUTS inputs:
 *   static JC_ANALYSIS_STORAGE(storage, 200, 1);  ... sizeof(storage) */
#define JC_ANALYSIS_STORAGE(name, layers, inputs)                                                  \
  union {                                                                                          \
    max_align_t align;                                                                             \
    unsigned char bytes[(size_t)(layers) * sizeof(struct jc_cost) +                                \
                        5 * ((size_t)(layers) + (size_t)(inputs)) * sizeof(uint32_t)];             \
  } name

/* Analyses NETWORK into ANALYSIS, which keeps pointers into STORAGE (aligned as max_align_t, at
 * least jc_analysis_storage_size bytes) and to NETWORK. Both must outlive it.
 * Fails with JC_ERROR_INVALID (shapes that do not fit; line and path of the layer),
 * JC_ERROR_OVERFLOW (a count beyond 64 bits), JC_ERROR_STORAGE. */
enum jc_status jc_network_analyze(const struct jc_network *network, void *storage,
                                  size_t storage_bytes, struct jc_analysis *analysis,
                                  struct jc_error *error);

/* Shape of a tensor by number, of an analysed network. */
const struct jc_shape *jc_tensor_shape(const struct jc_analysis *analysis, uint32_t tensor);

/* Count of a step of BATCH_SIZE samples from a total and its per_step part. */
double jc_step_count(uint64_t total, uint64_t per_step, uint64_t batch_size);

/* Name of the convention, to be printed with every count. */
const char *jc_convention(void);

#endif
