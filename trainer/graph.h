/* graph.h -- a network being turned into operations on buffers. Internal to trainer/.
 *
 * A step is a list of operations for each layer and phase. A layer kind (kinds.h) appends its own:
 * it names the primitives or loops, the buffers they read and write, and nothing else. Lifetimes
 * follow from that, addresses come last.
 *
 * The functions work on the current layer and phase. The first failure is kept in graph->error;
 * every call after it does nothing, so that a kind needs no checks of its own.
 */
#ifndef JC_TRAINER_GRAPH_H
#define JC_TRAINER_GRAPH_H

#include "trainer/data.h"
#include "trainer/memory.h"
#include "trainer/onednn.h"
#include "trainer/optimizer.h"
#include "trainer/parallel.h"
#include "trainer/trainer.h"

/* Which steps run an operation. */
enum jc_when { JC_ALWAYS, JC_IN_TRAINING, JC_IN_VALIDATION };

enum jc_direction { JC_DIRECTION_FORWARD, JC_DIRECTION_BACKWARD, JC_DIRECTION_COUNT };

/* What an own loop gets to see: its buffers in the order they were given. */
struct jc_loop {
  const struct jc_pool *pool;
  void *const *address;
  uint32_t count; /* of addresses */
  const void *settings;
  uint64_t step; /* number of the step */
};

struct jc_operation {
  struct jc_primitive *primitive; /* NULL: a loop */
  void (*loop)(const struct jc_loop *loop);
  const void *settings;
  enum jc_when when;
  uint32_t first_binding, binding_count;
  uint32_t next; /* of the same layer and direction, or JC_NONE */
};

struct jc_binding {
  enum jc_arg arg; /* loops go by order */
  uint32_t buffer;
};

/* Output of a layer, or the images. */
struct jc_tensor {
  uint32_t rank; /* the batch included, which is 1 where parameters alone make the tensor */
  int64_t dims[JC_DNN_MAX_RANK];
  const struct jc_layout *plain;
  const struct jc_layout *layout; /* of value and gradient */
  uint32_t buffer;
  bool needs_gradient;
  uint32_t gradient; /* buffer, if needed */
  uint32_t first_edge, edge_count;
};

/* One reading of a tensor by a layer. Each writes a gradient of its own; a tensor read by several
 * layers gets their sum, in its producer's backward. */
struct jc_edge {
  uint32_t tensor;
  uint32_t reader;   /* layer */
  uint32_t gradient; /* buffer; the tensor's own if this is its only edge */
  uint32_t next;     /* edge of the same tensor, or JC_NONE */
};

struct jc_parameter {
  uint64_t count; /* elements in PyTorch's order; 0: there is none */
  const struct jc_layout *plain;
  const struct jc_layout *layout; /* of value, gradient and the optimiser's state */
  uint32_t value;
  uint32_t gradient, state[JC_OPTIMIZER_MAX_STATE]; /* if trained */
  bool trained;
  enum jc_init init;
  uint64_t fan_in;
};

struct jc_node {
  const struct jc_layer *layer;
  const struct jc_cost *cost;
  uint32_t first_edge;
  uint32_t tensor; /* its output */
  bool trains_weights;
  uint32_t first[JC_DIRECTION_COUNT], last[JC_DIRECTION_COUNT]; /* operations, or JC_NONE */
  struct jc_parameter parameters[JC_PARAMETER_ROLE_COUNT];
  uint32_t running_mean, running_variance; /* buffers, or JC_NONE */
  void *state;                             /* from the kind's forward to its backward */
  struct jc_reordered *reordered;
  struct jc_layer_facts facts;
};

struct jc_graph {
  const struct jc_analysis *analysis;
  struct jc_trainer_options options;
  struct jc_dnn *dnn;
  struct jc_pool pool;
  struct jc_memory memory;
  uint32_t node_count, tensor_count, edge_count;
  struct jc_node *nodes;
  struct jc_tensor *tensors; /* numbered as network.h does */
  struct jc_edge *edges;     /* in the order of jc_network.inputs_of_layers */
  uint32_t labels;           /* buffer */
  uint32_t operation_count, operation_capacity;
  struct jc_operation *operations;
  uint32_t binding_count, binding_capacity;
  struct jc_binding *bindings;
  void **addresses;        /* [binding_count], once placed */
  struct jc_block *blocks; /* small allocations */

  struct jc_error *error; /* while building */
  struct jc_node *node;   /* current layer */
  enum jc_direction direction;
};

/* ---- for trainer.c ---- */

/* Makes all operations and places and binds all buffers. Frees nothing on failure: the caller
 * calls jc_graph_free in any case. GRAPH's analysis, options, dnn and pool are set. */
enum jc_status jc_graph_build(struct jc_graph *graph, struct jc_error *error);
void jc_graph_free(struct jc_graph *graph);
/* Runs a layer's operations of one direction. False if oneDNN reports a failure. */
bool jc_graph_run(const struct jc_graph *graph, uint32_t node, enum jc_direction direction,
                  bool training, uint64_t step);
void *jc_graph_address(const struct jc_graph *graph, uint32_t buffer);
/* Time of the loss, between forward and backward, for memory.h. */
uint32_t jc_graph_loss_time(const struct jc_graph *graph);

/* ---- for kinds: tensors ---- */

const struct jc_tensor *jc_graph_in(const struct jc_graph *graph, uint32_t input);
const struct jc_tensor *jc_graph_out(const struct jc_graph *graph);

/* Buffer of an input in LAYOUT; reordered if it lies in memory otherwise. */
uint32_t jc_graph_input(struct jc_graph *graph, uint32_t input, const struct jc_layout *layout);
/* Layout in which oneDNN's image code is fast on an input: its own, unless that is plain (after a
 * concatenation of odd channel counts, say) and blocks would not be mostly padding. */
const struct jc_layout *jc_graph_fast_layout(struct jc_graph *graph, uint32_t input);
/* Layout in which own loops can read an input, and that image: its own layout, else plain. */
const struct jc_layout *jc_graph_image(const struct jc_graph *graph, uint32_t input,
                                       struct jc_image *image);
/* Sets the output's layout and returns a new buffer for it. */
uint32_t jc_graph_output(struct jc_graph *graph, const struct jc_layout *layout);
/* The output is BUFFER under another shape. */
void jc_graph_output_view(struct jc_graph *graph, uint32_t buffer, const struct jc_layout *layout);

/* Buffer of the output's gradient in LAYOUT. */
uint32_t jc_graph_output_gradient(struct jc_graph *graph, const struct jc_layout *layout);
bool jc_graph_input_needs_gradient(const struct jc_graph *graph, uint32_t input);
/* The gradient of an input is what BUFFER holds in LAYOUT after the operations so far. */
void jc_graph_input_gradient(struct jc_graph *graph, uint32_t input, uint32_t buffer,
                             const struct jc_layout *layout);

/* The layer that alone reads the current layer's output, or NULL. */
struct jc_node *jc_graph_only_reader(const struct jc_graph *graph);

/* ---- for kinds: buffers and parameters ---- */

uint32_t jc_graph_buffer(struct jc_graph *graph, size_t bytes);
/* Keeps its value between steps, starts at 0. */
uint32_t jc_graph_kept_buffer(struct jc_graph *graph, size_t bytes);
/* BUFFER of layout FROM in TO: itself if they are the same, the earlier copy if this layer has
 * reordered it before. */
uint32_t jc_graph_reorder(struct jc_graph *graph, uint32_t buffer, const struct jc_layout *from,
                          const struct jc_layout *to);
/* Declares a parameter of the current layer and returns it: layout as its primitives want it,
 * plain as PyTorch has it. */
const struct jc_parameter *jc_graph_parameter(struct jc_graph *graph, enum jc_parameter_role role,
                                              const struct jc_layout *layout,
                                              const struct jc_layout *plain, enum jc_init init,
                                              uint64_t fan_in);
/* The gradient of a parameter is what BUFFER holds in LAYOUT after the operations so far. */
void jc_graph_parameter_gradient(struct jc_graph *graph, enum jc_parameter_role role,
                                 uint32_t buffer, const struct jc_layout *layout);
/* Zeroed, freed with the graph; NULL after a failure. */
void *jc_graph_allocate(struct jc_graph *graph, size_t bytes);

/* ---- for kinds: operations ---- */

/* Appends an operation; its buffers follow by jc_graph_use. Its scratchpad is bound already. */
void jc_graph_primitive(struct jc_graph *graph, struct jc_primitive *primitive, enum jc_when when);
/* SETTINGS are copied. */
void jc_graph_loop(struct jc_graph *graph, void (*loop)(const struct jc_loop *loop),
                   const void *settings, size_t settings_bytes, enum jc_when when);
/* The operation appended last reads or writes BUFFER as ARG (loops: as the next address). */
void jc_graph_use(struct jc_graph *graph, enum jc_arg arg, uint32_t buffer);

/* Records the first failure of the current layer. */
#define jc_graph_fail(graph, status, ...)                                                          \
  ((void)jc_fail((graph)->error, status, (graph)->node->layer->line, (graph)->node->layer->where,  \
                 __VA_ARGS__))

#endif
