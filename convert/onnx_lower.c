/* onnx_lower.c -- the walk over the nodes: what is wanted, inputs, one handler a node, outputs. */
#include "convert/onnx_lower.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_NAMED_OPERATORS = 64 };

/* ---- what the outputs need ---- */

static enum jc_status declare(struct jc_lowering *l) {
  const struct jc_onnx_graph *g = l->graph;
  for (uint32_t i = 0; i < g->value_info_count; i++) {
    struct jc_value *value = jc_names_find(l, g->value_infos[i].name, true);
    if (!value)
      return l->error->status;
    value->declared = &g->value_infos[i];
  }
  for (uint32_t i = 0; i < g->output_count; i++) {
    struct jc_value *value = jc_names_find(l, g->outputs[i].name, true);
    if (!value)
      return l->error->status;
    value->declared = &g->outputs[i];
    value->wanted = true;
    value->readers++;
  }
  for (uint32_t i = 0; i < g->node_count; i++) {
    l->node = &g->nodes[i];
    for (uint32_t k = 0; k < l->node->output_count; k++) {
      struct jc_value *value = jc_names_find(l, l->node->outputs[k], true);
      if (!value)
        return l->error->status;
      if (value->made && *value->name)
        return jc_lower_fail(l, "the tensor '%.200s' is made by two nodes", value->name);
      value->made = true;
    }
  }
  return JC_OK;
}

/* Nodes come in order, so one pass backwards finds all that the outputs depend on. */
static enum jc_status find_wanted(struct jc_lowering *l, bool *wanted) {
  const struct jc_onnx_graph *g = l->graph;
  for (uint32_t i = g->node_count; i-- > 0;) {
    const struct jc_onnx_node *node = &g->nodes[i];
    for (uint32_t k = 0; k < node->output_count && !wanted[i]; k++) {
      const struct jc_value *value = jc_names_find(l, node->outputs[k], false);
      wanted[i] = *node->outputs[k] && value && value->wanted;
    }
    for (uint32_t k = 0; k < node->input_count && wanted[i]; k++) {
      struct jc_value *value = jc_names_find(l, node->inputs[k], true);
      if (!value)
        return l->error->status;
      value->wanted = true;
      value->readers++;
      value->reader = node;
    }
  }
  return JC_OK;
}

/* ---- operators that are not supported, all at once ---- */

struct missing {
  const char *op_type, *domain, *node;
  uint32_t count;
};

static bool is_known(const struct jc_onnx_node *node) {
  bool standard = !*node->domain || strcmp(node->domain, "ai.onnx") == 0;
  return standard && jc_operator_find(node->op_type);
}

static enum jc_status name_missing(struct jc_lowering *l, const struct missing *missing,
                                   size_t count) {
  char text[sizeof l->error->text] = "";
  size_t used = 0;
  for (size_t i = 0; i < count && used < sizeof text; i++) {
    const struct missing *m = &missing[i];
    used += (size_t)snprintf(text + used, sizeof text - used, "%s%.60s%s%.40s (%u, as in '%.60s')",
                             i ? ", " : "", m->domain, *m->domain ? "." : "", m->op_type, m->count,
                             m->node);
  }
  return jc_fail(l->error, JC_ERROR_MISSING, 0, NULL, "operators that are not supported: %.470s",
                 text);
}

static enum jc_status check_operators(struct jc_lowering *l, const bool *wanted) {
  struct missing missing[MAX_NAMED_OPERATORS];
  size_t count = 0;
  for (uint32_t i = 0; i < l->graph->node_count; i++) {
    const struct jc_onnx_node *node = &l->graph->nodes[i];
    if (!wanted[i] || is_known(node))
      continue;
    size_t k = 0;
    while (k < count && (strcmp(missing[k].op_type, node->op_type) != 0 ||
                         strcmp(missing[k].domain, node->domain) != 0))
      k++;
    if (k == count && count < MAX_NAMED_OPERATORS)
      missing[count++] =
          (struct missing){node->op_type, node->domain, *node->name ? node->name : "no name", 0};
    if (k < count)
      missing[k].count++;
  }
  return count ? name_missing(l, missing, count) : JC_OK;
}

/* ---- inputs ---- */

/* Options that name nothing in the file are mistakes; dimensions are looked for when the inputs are
 * read. */
static enum jc_status check_options(struct jc_lowering *l) {
  const struct jc_convert_options *o = l->options;
  if (o->dims.count > JC_CONVERT_MAX_LIST || o->buffers.count > JC_CONVERT_MAX_LIST ||
      o->training_only.count > JC_CONVERT_MAX_LIST)
    return jc_fail(l->error, JC_ERROR_USAGE, 0, NULL,
                   "expected at most %d dimensions, buffers and outputs of each",
                   JC_CONVERT_MAX_LIST);
  for (size_t i = 0; i < o->dims.count; i++) {
    const char *text = o->dims.value[i], *digits = strrchr(text, '=');
    size_t length = digits ? strspn(digits + 1, "0123456789") : 0;
    if (!digits || digits == text || length == 0 || length > 10 || digits[1 + length])
      return jc_fail(l->error, JC_ERROR_USAGE, 0, NULL,
                     "dimension '%.200s': expected NAME=N, as sequence=128", text);
  }
  for (size_t i = 0; i < o->buffers.count; i++) {
    bool used = false;
    for (uint32_t k = 0; k < l->graph->initializer_count && !used; k++)
      used = jc_name_matches(o->buffers.value[i], l->graph->initializers[k].name);
    if (!used)
      return jc_fail(l->error, JC_ERROR_USAGE, 0, NULL, "the file has no tensor '%.200s'",
                     o->buffers.value[i]);
  }
  return JC_OK;
}

static bool given_size(struct jc_lowering *l, const char *name, int64_t *size) {
  size_t length = strlen(name);
  for (size_t i = 0; i < l->options->dims.count; i++) {
    const char *text = l->options->dims.value[i];
    if (strncmp(text, name, length) == 0 && text[length] == '=') {
      *size = strtoll(text + length + 1, NULL, 10);
      return l->dim_used[i] = true;
    }
  }
  return false;
}

static bool is_symbolic(const struct jc_onnx_dim *dim) {
  return dim->param || dim->value == 0;
}

static bool is_named_batch(const struct jc_onnx_dim *dim) {
  return dim->param && (strcmp(dim->param, "N") == 0 || strncasecmp(dim->param, "batch", 5) == 0);
}

/* Dimension I has no size: which option helps. */
static enum jc_status ask_for_dim(struct jc_lowering *l, const struct jc_onnx_value_info *info,
                                  uint32_t i, const char *place) {
  const struct jc_onnx_dim *dim = &info->dims[i];
  const char *name = dim->param ? dim->param : "unknown";
  const char *option = dim->param ? dim->param : place;
  bool detected = l->options->batch_axis < 0, only = detected;
  for (uint32_t k = 0; k < info->rank; k++)
    only &= k == i || !is_symbolic(&info->dims[k]);
  if (detected && is_named_batch(dim) && !is_named_batch(&info->dims[0]))
    return jc_fail(l->error, JC_ERROR_MISSING, 0, info->name,
                   "dimension %u is '%.60s', but the first is taken for the batch: say "
                   "--batch-axis %u",
                   i, name, i);
  if (only)
    return jc_fail(l->error, JC_ERROR_MISSING, 0, info->name,
                   "dimension %u is '%.60s': if it is the batch, say --batch-axis %u; else give "
                   "its size, --dim %.60s=N",
                   i, name, i, option);
  return jc_fail(l->error, JC_ERROR_MISSING, 0, info->name,
                 "dimension %u is '%.60s': give its size, --dim %.60s=N", i, name, option);
}

static enum jc_status read_dim(struct jc_lowering *l, const struct jc_onnx_value_info *info,
                               uint32_t i, struct jc_dim *out) {
  const struct jc_onnx_dim *dim = &info->dims[i];
  char place[300];
  int64_t size = dim->value;
  (void)snprintf(place, sizeof place, "%.200s.%u", info->name, i);
  if (is_symbolic(dim) && !given_size(l, place, &size) &&
      !(dim->param && given_size(l, dim->param, &size)))
    return ask_for_dim(l, info, i, place);
  if (size < 1 || size > INT32_MAX)
    return jc_fail(l->error, JC_ERROR_INVALID, 0, info->name,
                   "dimension %u: expected a size from 1 to %d, got %lld", i, INT32_MAX,
                   (long long)size);
  *out = jc_dim_of(size);
  return JC_OK;
}

static enum jc_status add_input(struct jc_lowering *l, const struct jc_onnx_value_info *info,
                                struct jc_value *value) {
  int64_t axis = l->options->batch_axis < 0 ? 0 : l->options->batch_axis;
  if (!info->has_shape)
    return jc_fail(l->error, JC_ERROR_INVALID, 0, info->name, "expected an input with a shape");
  if (info->rank <= (uint64_t)axis + (info->rank == 1))
    return jc_fail(l->error, JC_ERROR_INVALID, 0, info->name,
                   "expected an input with the batch as dimension %lld and more, got rank %u",
                   (long long)axis, info->rank);
  for (uint32_t i = 0; i < info->rank; i++)
    if (i == (uint64_t)axis)
      value->dims[i] = (struct jc_dim){1, true};
    else if (read_dim(l, info, i, &value->dims[i]) != JC_OK)
      return l->error->status;
  const struct jc_onnx_dim *batch = &info->dims[axis];
  if (!is_symbolic(batch)) {
    if (l->batch_size > 0 && batch->value != l->batch_size)
      return jc_fail(l->error, JC_ERROR_INVALID, 0, info->name,
                     "expected a batch of %lld as in the inputs before, got %lld; --batch-axis "
                     "says which dimension is the batch",
                     (long long)l->batch_size, (long long)batch->value);
    l->batch_size = batch->value;
  }
  value->rank = info->rank;
  value->type = info->type;
  value->kind = JC_VALUE_LAYER;
  value->tensor = l->network.input_count;
  l->network.inputs[l->network.input_count++] = value;
  return JC_OK;
}

static enum jc_status add_inputs(struct jc_lowering *l) {
  const struct jc_onnx_graph *g = l->graph;
  const struct jc_onnx_value_info *symbolic = NULL, *fixed = NULL; /* inputs with such a batch */
  l->network.inputs = jc_arena_take(l->arena, g->input_count, sizeof *l->network.inputs, l->error);
  if (!l->network.inputs)
    return l->error->status;
  int64_t axis = l->options->batch_axis < 0 ? 0 : l->options->batch_axis;
  for (uint32_t i = 0; i < g->input_count; i++) {
    const struct jc_onnx_value_info *info = &g->inputs[i];
    struct jc_value *value = jc_names_find(l, info->name, true);
    if (!value)
      return l->error->status;
    if (value->rank != UINT32_MAX || !value->wanted) /* an initializer, or never read */
      continue;
    if (add_input(l, info, value) != JC_OK)
      return l->error->status;
    *(is_symbolic(&info->dims[axis]) ? &symbolic : &fixed) = info;
  }
  if (l->network.input_count == 0)
    return jc_fail(l->error, JC_ERROR_INVALID, 0, NULL, "the outputs depend on no input");
  if (symbolic && fixed)
    return jc_fail(l->error, JC_ERROR_INVALID, 0, fixed->name,
                   "dimension %lld, the batch, is %lld, but that of '%.80s' is symbolic: export "
                   "with both symbolic or both fixed",
                   (long long)axis, (long long)fixed->dims[axis].value, symbolic->name);
  for (size_t i = 0; i < l->options->dims.count; i++)
    if (!l->dim_used[i])
      return jc_fail(l->error, JC_ERROR_USAGE, 0, NULL,
                     "dimension '%.200s': no input has a dimension of that name that needs a size",
                     l->options->dims.value[i]);
  return JC_OK;
}

/* ---- nodes ---- */

static enum jc_status open_node(struct jc_lowering *l) {
  const struct jc_onnx_node *node = l->node;
  l->in_count = node->input_count;
  l->out_count = node->output_count;
  l->in = jc_arena_take(l->arena, node->input_count, sizeof *l->in, l->error);
  l->out = jc_arena_take(l->arena, node->output_count, sizeof *l->out, l->error);
  l->folding = true;
  for (uint32_t i = 0; l->in && i < node->input_count; i++) {
    if (!*node->inputs[i])
      continue;
    l->in[i] = jc_names_find(l, node->inputs[i], false);
    if (!l->in[i] || l->in[i]->rank == UINT32_MAX)
      return jc_lower_fail(l, "reads '%.200s', which nothing before it makes", node->inputs[i]);
    l->folding &= l->in[i]->kind == JC_VALUE_CONSTANT;
  }
  for (uint32_t i = 0; l->out && i < node->output_count; i++) {
    l->out[i] = jc_names_find(l, node->outputs[i], true);
    if (l->out[i] && l->out[i]->rank != UINT32_MAX && *node->outputs[i])
      return jc_lower_fail(l, "makes '%.200s', which the file holds already", node->outputs[i]);
    if (l->out[i])
      l->out[i]->type = node->input_count && l->in && l->in[0] ? l->in[0]->type : JC_ONNX_FLOAT;
  }
  return l->error->status;
}

/* The file says shapes too; what is said twice must agree. */
static enum jc_status check_declared(struct jc_lowering *l, const struct jc_value *value) {
  const struct jc_onnx_value_info *info = value->declared;
  char shape[256];
  if (!info || !info->has_shape)
    return JC_OK;
  bool equal = info->rank == value->rank;
  for (uint32_t i = 0; equal && i < value->rank; i++) {
    const struct jc_dim *dim = &value->dims[i];
    if (is_symbolic(&info->dims[i]) || (dim->batch && !l->batch_size))
      continue;
    equal = info->dims[i].value == (dim->batch ? dim->n * l->batch_size : dim->n);
  }
  if (equal)
    return JC_OK;
  char declared[256] = "";
  size_t used = 0;
  for (uint32_t i = 0; i < info->rank && used < sizeof declared; i++)
    used +=
        (size_t)(info->dims[i].param ? snprintf(declared + used, sizeof declared - used, "%s%.20s",
                                                i ? ", " : "", info->dims[i].param)
                                     : snprintf(declared + used, sizeof declared - used, "%s%lld",
                                                i ? ", " : "", (long long)info->dims[i].value));
  return jc_lower_fail(l, "makes '%.80s' of shape %.120s, but the file says [%.120s]%s",
                       value->name, jc_value_shape_text(value, shape, sizeof shape), declared,
                       l->batch_size > 0 ? " (if that is right, export with a dynamic batch)" : "");
}

static enum jc_status close_node(struct jc_lowering *l) {
  for (uint32_t i = 0; i < l->out_count; i++) {
    struct jc_value *out = l->out[i];
    if (!*l->node->outputs[i])
      out->rank = UINT32_MAX;
    else if (out->rank == UINT32_MAX && out->readers)
      return jc_lower_fail(l, "its output %u is read, but that is not supported", i);
    else if (out->rank != UINT32_MAX && check_declared(l, out) != JC_OK)
      return l->error->status;
  }
  return JC_OK;
}

static enum jc_status lower_node(struct jc_lowering *l) {
  const struct jc_operator *operator= jc_operator_find(l->node->op_type);
  if (l->graph->opset < operator->min_opset)
    return jc_lower_fail_as(l, JC_ERROR_MISMATCH,
                            "expected opset %d or later, got %lld", operator->min_opset,
                            (long long)l->graph->opset);
  if (open_node(l) != JC_OK || operator->handler(l) != JC_OK)
    return jc_lower_place(l);
  if (l->folding && jc_evaluate(l) != JC_OK)
    return jc_lower_place(l);
  return close_node(l);
}

/* ---- outputs ---- */

static bool is_training_only(const struct jc_lowering *l, const char *name, bool *used) {
  for (size_t i = 0; i < l->options->training_only.count; i++)
    if (strcmp(l->options->training_only.value[i], name) == 0)
      return used[i] = true;
  return false;
}

static enum jc_status add_outputs(struct jc_lowering *l) {
  const struct jc_onnx_graph *g = l->graph;
  struct jc_out_network *n = &l->network;
  bool used[JC_CONVERT_MAX_LIST] = {false};
  n->outputs = jc_arena_take(l->arena, g->output_count, sizeof *n->outputs, l->error);
  n->training_only = jc_arena_take(l->arena, g->output_count, 1, l->error);
  if (!n->outputs || !n->training_only)
    return l->error->status;
  for (uint32_t i = 0; i < g->output_count; i++) {
    struct jc_value *value = jc_names_find(l, g->outputs[i].name, false);
    if (!value || value->rank == UINT32_MAX)
      return jc_fail(l->error, JC_ERROR_INVALID, 0, g->outputs[i].name,
                     "an output of the graph that no node makes");
    if (value->kind != JC_VALUE_LAYER)
      continue;
    n->training_only[n->output_count] = is_training_only(l, value->name, used);
    n->outputs[n->output_count++] = value->tensor;
  }
  for (size_t i = 0; i < l->options->training_only.count; i++)
    if (!used[i])
      return jc_fail(l->error, JC_ERROR_USAGE, 0, NULL, "the graph has no output '%.200s'",
                     l->options->training_only.value[i]);
  if (n->output_count == 0 || n->layer_count == 0)
    return jc_fail(l->error, JC_ERROR_INVALID, 0, NULL, "the graph computes nothing");
  return JC_OK;
}

/* An output that is an input of the network, or one tensor twice, is none of a layer's. */
static void tidy_outputs(struct jc_out_network *n) {
  uint32_t kept = 0;
  for (uint32_t i = 0; i < n->output_count; i++) {
    bool again = n->outputs[i] < n->input_count;
    for (uint32_t k = 0; k < kept; k++)
      again |= n->outputs[k] == n->outputs[i];
    if (again)
      continue;
    n->outputs[kept] = n->outputs[i];
    n->training_only[kept++] = n->training_only[i];
  }
  n->output_count = kept;
}

static void note_what_is_odd(struct jc_lowering *l) {
  if (l->norm_count == 0 && l->biased_conv_count > 1)
    jc_lower_note(l,
                  "no normalisation layer, and %u convolutions with biases: this looks like an "
                  "export for inference with batchnorm folded into the convolutions; export with "
                  "training=TrainingMode.TRAINING and do_constant_folding=False to count training",
                  l->biased_conv_count);
  if (l->shared_count)
    jc_lower_note(l,
                  "%u layer%s the weights of another one; if the network does not share them, "
                  "the exporter has merged tensors with equal numbers: export with "
                  "training=TrainingMode.TRAINING",
                  l->shared_count, l->shared_count == 1 ? " reads" : "s read");
}

/* A Constant node whose tensor jc_find_weights() has taken for a weight. */
static bool is_stored(struct jc_lowering *l, const struct jc_onnx_node *node) {
  if (strcmp(node->op_type, "Constant") != 0 || node->output_count == 0)
    return false;
  const struct jc_value *value = jc_names_find(l, node->outputs[0], false);
  return value && value->rank != UINT32_MAX;
}

enum jc_status jc_lower(struct jc_lowering *l) {
  const struct jc_onnx_graph *g = l->graph;
  bool *wanted = jc_arena_take(l->arena, g->node_count, 1, l->error);
  l->notes = jc_arena_copy(l->arena, "", 0, l->error);
  if (!wanted || !l->notes || check_options(l) != JC_OK || declare(l) != JC_OK ||
      find_wanted(l, wanted) != JC_OK || check_operators(l, wanted) != JC_OK ||
      jc_find_weights(l, wanted) != JC_OK || add_inputs(l) != JC_OK)
    return l->error->status;
  for (uint32_t i = 0; i < g->node_count; i++) {
    l->node = &g->nodes[i];
    if (wanted[i] && !is_stored(l, l->node) && lower_node(l) != JC_OK)
      return l->error->status;
  }
  l->node = NULL;
  if (add_outputs(l) != JC_OK)
    return l->error->status;
  tidy_outputs(&l->network);
  jc_layers_mark(&l->network);
  if (jc_fuse(l) != JC_OK)
    return l->error->status;
  jc_layers_mark(&l->network);
  note_what_is_odd(l);
  return jc_layers_name(&l->network, l->arena, l->error);
}
