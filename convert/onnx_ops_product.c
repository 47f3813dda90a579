/* onnx_ops_product.c -- Conv, ConvTranspose, Gemm, MatMul, Einsum. */
#include <string.h>

#include "convert/onnx_ops.h"
#include "convert/onnx_window.h"

/* ---- convolutions ---- */

/* The learnt bias of COUNT elements in input I, or JC_NO_INDEX. */
static enum jc_status read_bias(struct jc_lowering *l, uint32_t i, int64_t count, uint32_t *bias) {
  const struct jc_value *value = jc_in(l, i);
  *bias = JC_NO_INDEX;
  if (!value)
    return JC_OK;
  if (!jc_is_weight(value) || value->rank != 1 || value->dims[0].n != count)
    return jc_lower_fail(l, "expected a bias of %lld numbers in the file", (long long)count);
  *bias = value->weight;
  return JC_OK;
}

/* What is PyTorch's default is left out. */
static void put_conv_fields(struct jc_out_layer *layer, const struct jc_window *window,
                            int64_t groups, bool bias) {
  bool dilated = false;
  for (uint32_t i = 0; i < window->count; i++)
    dilated |= window->dilation[i] != 1;
  if (dilated)
    jc_layer_extent(layer, "dilation", window->dilation, window->count);
  if (groups != 1)
    jc_layer_int(layer, "groups", groups);
  if (!bias)
    jc_layer_bool(layer, "bias", false);
}

static enum jc_status read_conv(struct jc_lowering *l, struct jc_value **x, struct jc_value **w,
                                struct jc_window *window, int64_t *groups) {
  char text[256];
  *groups = jc_onnx_int(l->node, "group", 1);
  *x = jc_need(l, 0);
  *w = jc_need(l, 1);
  if (!*x || !*w)
    return l->error->status;
  if (!jc_is_weight(*w) || (*w)->rank != (*x)->rank || (*w)->transposed)
    return jc_lower_fail(l, "expected weights of rank %u in the file, got %s%s", (*x)->rank,
                         jc_is_weight(*w) ? "" : "a computed tensor ",
                         jc_value_shape_text(*w, text, sizeof text));
  if (*groups < 1 || *groups > INT32_MAX)
    return jc_lower_fail(l, "group: expected 1 or more, got %lld", (long long)*groups);
  int64_t kernel[JC_WINDOW_MAX] = {0};
  for (uint32_t i = 0; i + 2 < (*w)->rank && i < JC_WINDOW_MAX; i++)
    kernel[i] = (*w)->dims[2 + i].n;
  return jc_window_read(l, *x, kernel, window);
}

enum jc_status jc_op_conv(struct jc_lowering *l) {
  struct jc_value *x = NULL, *w = NULL;
  struct jc_window window = {0};
  int64_t groups = 1;
  if (read_conv(l, &x, &w, &window, &groups) != JC_OK)
    return l->error->status;
  int64_t out_channels = w->dims[0].n;
  if (out_channels % groups || x->dims[1].n != w->dims[1].n * groups)
    return jc_lower_fail(l, "input has %lld channels, weights %lld for each of %lld groups",
                         (long long)x->dims[1].n, (long long)w->dims[1].n, (long long)groups);
  uint32_t bias;
  if (read_bias(l, 2, out_channels, &bias) != JC_OK || !(x = jc_window_pad(l, &window, x)))
    return l->error->status;
  struct jc_value *out = l->out[0];
  const char *kind = jc_spatial_kind(l, "conv", window.count);
  struct jc_out_layer *layer = kind ? jc_emit1(l, kind, x) : NULL;
  if (!layer)
    return l->error->status;
  jc_layer_int(layer, "out_channels", out_channels);
  jc_window_fields(&window, false, layer);
  put_conv_fields(layer, &window, groups, bias != JC_NO_INDEX);
  jc_shape_like(out, x);
  out->dims[1] = jc_dim_of(out_channels);
  for (uint32_t i = 0; i < window.count; i++)
    out->dims[2 + i].n = jc_window_out(&window, i, x->dims[2 + i].n);
  l->biased_conv_count += bias != JC_NO_INDEX;
  (void)jc_hold(l, layer, w->weight, bias);
  return jc_finish(l, layer, out);
}

enum jc_status jc_op_conv_transpose(struct jc_lowering *l) {
  struct jc_value *x = NULL, *w = NULL;
  struct jc_window window = {0};
  int64_t groups = 1;
  if (read_conv(l, &x, &w, &window, &groups) != JC_OK)
    return l->error->status;
  int64_t out_channels = w->dims[1].n * groups;
  const struct jc_onnx_attribute *extra = jc_onnx_attribute(l->node, "output_padding");
  uint32_t bias;
  if (x->dims[1].n != w->dims[0].n || w->dims[0].n % groups)
    return jc_lower_fail(l, "input has %lld channels, weights %lld in %lld groups",
                         (long long)x->dims[1].n, (long long)w->dims[0].n, (long long)groups);
  if (jc_onnx_attribute(l->node, "output_shape") ||
      strncmp(jc_onnx_text(l->node, "auto_pad", ""), "SAME", 4) == 0 ||
      (extra && extra->int_count != window.count))
    return jc_lower_fail(l, "expected explicit pads and output_padding");
  if (read_bias(l, 2, out_channels, &bias) != JC_OK)
    return l->error->status;
  struct jc_value *out = l->out[0];
  const char *kind = jc_spatial_kind(l, "conv_transpose", window.count);
  struct jc_out_layer *layer = kind ? jc_emit1(l, kind, x) : NULL;
  if (!layer)
    return l->error->status;
  jc_layer_int(layer, "out_channels", out_channels);
  jc_window_fields(&window, false, layer);
  if (extra)
    jc_layer_extent(layer, "output_padding", extra->ints, window.count);
  put_conv_fields(layer, &window, groups, bias != JC_NO_INDEX);
  jc_shape_like(out, x);
  out->dims[1] = jc_dim_of(out_channels);
  for (uint32_t i = 0; i < window.count; i++) {
    if (extra && (extra->ints[i] < 0 || extra->ints[i] > INT32_MAX))
      return jc_lower_fail(l, "output_padding: expected 0 or more");
    if (window.begin[i] != window.end[i])
      return jc_lower_fail(l, "pads: expected the same on both sides");
    out->dims[2 + i].n = (x->dims[2 + i].n - 1) * window.stride[i] - 2 * window.begin[i] +
                         window.dilation[i] * (window.kernel[i] - 1) +
                         (extra ? extra->ints[i] : 0) + 1;
  }
  (void)jc_hold(l, layer, w->weight, bias);
  return jc_finish(l, layer, out);
}

/* ---- linear layers ---- */

/* X times the learnt matrix W, [out, in] if TRANSPOSED; W's own orientation counts too. */
static enum jc_status linear(struct jc_lowering *l, struct jc_value *x, const struct jc_value *w,
                             bool transposed, uint32_t bias, const struct jc_onnx_node *absorbed,
                             struct jc_value *out) {
  bool stored_out_in = transposed != w->transposed;
  struct jc_out_layer *layer = jc_emit1(l, "linear", x);
  if (!layer)
    return l->error->status;
  jc_layer_int(layer, "out_features", w->dims[transposed ? 0 : 1].n);
  if (bias == JC_NO_INDEX)
    jc_layer_bool(layer, "bias", false);
  layer->weight_transposed = !stored_out_in;
  layer->absorbed = absorbed;
  if (jc_hold(l, layer, w->weight, bias) != JC_OK)
    return l->error->status;
  if (layer->weight_from != JC_NO_INDEX &&
      l->network.layers[layer->weight_from]->weight_transposed != layer->weight_transposed)
    return jc_lower_fail(l, "reads '%.200s' transposed, but another layer as it is",
                         l->weights[w->weight].name);
  return jc_finish(l, layer, out);
}

/* The value V with its last two dimensions exchanged, by a layer. */
static struct jc_value *exchange(struct jc_lowering *l, struct jc_value *v) {
  struct jc_value *out = jc_new_value(l, v);
  if (!out || v->rank < 2)
    return jc_lower_fail(l, "expected a matrix"), NULL;
  out->dims[v->rank - 1] = v->dims[v->rank - 2];
  out->dims[v->rank - 2] = v->dims[v->rank - 1];
  if (out->dims[v->rank - 1].batch || out->dims[v->rank - 2].batch)
    return jc_lower_fail(l, "multiplies along the batch"), NULL;
  struct jc_out_layer *layer = jc_emit1(l, "transpose", v);
  if (!layer)
    return NULL;
  jc_layer_int(layer, "dim0", -2);
  jc_layer_int(layer, "dim1", -1);
  return jc_finish(l, layer, out) == JC_OK ? out : NULL;
}

static enum jc_status matmul(struct jc_lowering *l, struct jc_value *a, struct jc_value *b,
                             struct jc_value *out) {
  struct jc_value *operands[2] = {a, b};
  /* A batch that is the matrix's rows, as in [T, B, E], faces no dimension of the other. */
  if (jc_value_batch_axis(out) < (int)out->rank - 2 &&
      (!(operands[0] = jc_facing(l, a, b, out)) || !(operands[1] = jc_facing(l, b, a, out))))
    return l->error->status;
  return jc_finish(l, jc_emit(l, "matmul", 2, operands), out);
}

/* Shape of A x B into OUT. */
static enum jc_status matmul_shape(struct jc_lowering *l, const struct jc_value *a,
                                   const struct jc_value *b, struct jc_value *out) {
  char ta[200], tb[200];
  struct jc_value la = *a, lb = *b;
  bool fits =
      a->rank >= 2 && b->rank >= 2 && jc_dims_equal(a->dims[a->rank - 1], b->dims[b->rank - 2]);
  if (fits) {
    la.rank -= 2;
    lb.rank -= 2;
    fits = jc_broadcast(&la, &lb, out) && out->rank + 2 <= JC_ONNX_MAX_RANK;
  }
  if (!fits)
    return jc_lower_fail(l, "shapes %s and %s cannot be multiplied",
                         jc_value_shape_text(a, ta, sizeof ta),
                         jc_value_shape_text(b, tb, sizeof tb));
  if (a->dims[a->rank - 1].batch || b->dims[b->rank - 1].batch)
    return jc_lower_fail(l, "multiplies along the batch");
  out->dims[out->rank++] = a->dims[a->rank - 2];
  out->dims[out->rank++] = b->dims[b->rank - 1];
  return JC_OK;
}

/* Only without a bias of its own can a layer share these weights. */
static bool held_without_bias(const struct jc_lowering *l, const struct jc_value *w) {
  uint32_t layer = l->weights[w->weight].layer;
  return layer != JC_NO_INDEX && l->network.layers[layer]->bias == JC_NO_INDEX;
}

enum jc_status jc_op_gemm(struct jc_lowering *l) {
  struct jc_value *a = jc_need(l, 0), *b = jc_need(l, 1), *c = jc_in(l, 2), *out;
  bool trans_a = jc_onnx_int(l->node, "transA", 0), trans_b = jc_onnx_int(l->node, "transB", 0);
  if (!a || !b)
    return l->error->status;
  out = l->out[0];
  if (a->rank != 2 || b->rank != 2)
    return jc_lower_fail(l, "expected matrices, got rank %u and %u", a->rank, b->rank);
  if (trans_a && !(a = exchange(l, a)))
    return l->error->status;
  struct jc_value view = *b;
  if (trans_b) {
    view.dims[0] = b->dims[1];
    view.dims[1] = b->dims[0];
  }
  if (matmul_shape(l, a, &view, out) != JC_OK)
    return l->error->status;
  bool plain_bias =
      !c || (jc_is_weight(c) && c->rank == 1 && jc_dims_equal(c->dims[0], view.dims[1]));
  bool learnt = jc_is_weight(b) && l->weights[b->weight].tensor_layer == JC_NO_INDEX;
  if (learnt && plain_bias && !(c && held_without_bias(l, b)))
    return linear(l, a, b, trans_b, c ? c->weight : JC_NO_INDEX, NULL, out);
  struct jc_value *product = c ? jc_new_value(l, out) : out;
  if (!product)
    return l->error->status;
  if (learnt) {
    (void)linear(l, a, b, trans_b, JC_NO_INDEX, NULL, product);
  } else {
    if (trans_b && !(b = exchange(l, b)))
      return l->error->status;
    (void)matmul(l, a, b, product);
  }
  return c ? jc_add_values(l, "add", product, c, out) : l->error->status;
}

/* The learnt bias that the only reader of OUT adds, if it is an Add; so that it is one layer. */
static uint32_t bias_to_absorb(struct jc_lowering *l, const struct jc_value *out, int64_t count) {
  const struct jc_onnx_node *add = out->reader;
  if (out->readers != 1 || !add || strcmp(add->op_type, "Add") != 0 || add->input_count != 2)
    return JC_NO_INDEX;
  for (uint32_t i = 0; i < 2; i++) {
    const struct jc_value *other = jc_names_find(l, add->inputs[i], false);
    if (other && other != out && other->rank == 1 && jc_is_weight(other) &&
        other->dims[0].n == count && l->weights[other->weight].tensor_layer == JC_NO_INDEX)
      return other->weight;
  }
  return JC_NO_INDEX;
}

static bool held_by_embedding(const struct jc_lowering *l, const struct jc_value *w) {
  uint32_t layer = l->weights[w->weight].layer;
  return layer != JC_NO_INDEX && strcmp(l->network.layers[layer]->type, "embedding") == 0;
}

enum jc_status jc_op_matmul(struct jc_lowering *l) {
  struct jc_value *a = jc_need(l, 0), *b = jc_need(l, 1);
  if (!a || !b || !jc_find_batch(l, &a, &b))
    return l->error->status;
  struct jc_value *out = l->out[0], view_a = *a, view_b = *b;
  bool row = a->rank == 1, column = b->rank == 1;
  if (row) {
    view_a.rank = 2;
    view_a.dims[1] = a->dims[0];
    view_a.dims[0] = jc_dim_of(1);
  }
  if (column) {
    view_b.rank = 2;
    view_b.dims[1] = jc_dim_of(1);
    view_b.tensor = JC_NO_INDEX;
  }
  if (matmul_shape(l, &view_a, &view_b, out) != JC_OK)
    return l->error->status;
  if (jc_is_weight(b) && b->rank == 2 && !row &&
      l->weights[b->weight].tensor_layer == JC_NO_INDEX) {
    uint32_t bias = held_by_embedding(l, b) ? JC_NO_INDEX : bias_to_absorb(l, out, b->dims[1].n);
    return linear(l, a, b, false, bias, bias == JC_NO_INDEX ? NULL : out->reader, out);
  }
  if (row || column) {
    struct jc_value full = *out;
    struct jc_value *product = jc_new_value(l, out), *left = a, *right = b;
    if (!product || (row && (!(left = jc_new_value(l, &view_a)) || jc_view(l, a, left) != JC_OK)) ||
        (column && (!(right = jc_new_value(l, &view_b)) || jc_view(l, b, right) != JC_OK)) ||
        matmul(l, left, right, product) != JC_OK)
      return l->error->status;
    out->rank = 0;
    for (uint32_t i = 0; i < full.rank; i++)
      if (!(row && i == full.rank - 2) && !(column && i == full.rank - 1))
        out->dims[out->rank++] = full.dims[i];
    return jc_view(l, product, out);
  }
  return matmul(l, a, b, out);
}

/* ---- Einsum: sums of products that are one matrix product ---- */

struct term {
  char letters[JC_ONNX_MAX_RANK + 1];
};

static bool read_terms(const char *equation, struct term terms[3]) {
  int term = 0;
  size_t length = 0;
  memset(terms, 0, 3 * sizeof *terms);
  for (const char *c = equation; *c; c++) {
    if (*c == ' ')
      continue;
    if (*c == ',' || (*c == '-' && c[1] == '>')) {
      if ((*c == ',') != (term == 0) || ++term > 2)
        return false;
      c += *c == '-';
      length = 0;
      continue;
    }
    bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z');
    if (!letter || length == JC_ONNX_MAX_RANK || strchr(terms[term].letters, *c))
      return false;
    terms[term].letters[length++] = *c;
  }
  return term == 2;
}

static bool has(const struct term *term, char letter) {
  return strchr(term->letters, letter) != NULL;
}

/* VALUE with its dimensions in the order of LETTERS. */
static struct jc_value *reorder(struct jc_lowering *l, struct jc_value *value,
                                const struct term *from, const char *letters) {
  if (strcmp(from->letters, letters) == 0)
    return value;
  uint32_t order[JC_ONNX_MAX_RANK];
  for (uint32_t i = 0; i < value->rank; i++)
    order[i] = (uint32_t)(strchr(from->letters, letters[i]) - from->letters);
  struct jc_value *out = jc_new_value(l, value);
  return out && jc_permute(l, value, order, out) == JC_OK ? out : NULL;
}

enum jc_status jc_op_einsum(struct jc_lowering *l) {
  const char *equation = jc_onnx_text(l->node, "equation", "");
  struct term terms[3], order_a = {0}, order_b = {0}, order_out = {0};
  struct jc_value *a = jc_need(l, 0), *b = jc_need(l, 1);
  if (!a || !b)
    return l->error->status;
  const struct term *ta = &terms[0], *tb = &terms[1], *to = &terms[2];
  if (!read_terms(equation, terms) || strlen(ta->letters) != a->rank ||
      strlen(tb->letters) != b->rank)
    return jc_lower_fail(l, "expected the product of two tensors, got '%.60s'", equation);
  char shared[2] = "", left[2] = "", right[2] = "";
  size_t batch = 0;
  for (const char *c = ta->letters; *c; c++) { /* letters of the batch, in the order of A */
    bool in_b = has(tb, *c), in_out = has(to, *c);
    char *slot = in_b && in_out ? &order_a.letters[batch++] : in_b ? shared : left;
    if ((!in_b && !in_out) || (slot == shared && *shared) || (slot == left && *left))
      return jc_lower_fail(l, "'%.60s' is not one matrix product", equation);
    *slot = *c;
  }
  for (const char *c = tb->letters; *c; c++)
    if (!has(ta, *c)) {
      if (*right || !has(to, *c))
        return jc_lower_fail(l, "'%.60s' is not one matrix product", equation);
      *right = *c;
    }
  if (!*shared || !*left || !*right || strlen(to->letters) != batch + 2)
    return jc_lower_fail(l, "'%.60s' is not one matrix product", equation);
  order_b = order_out = order_a;
  memcpy(order_a.letters + batch, (char[]){*left, *shared, 0}, 3);
  memcpy(order_b.letters + batch, (char[]){*shared, *right, 0}, 3);
  memcpy(order_out.letters + batch, (char[]){*left, *right, 0}, 3);
  struct jc_value *out = l->out[0], *product = out;
  if (!(a = reorder(l, a, ta, order_a.letters)) || !(b = reorder(l, b, tb, order_b.letters)))
    return l->error->status;
  bool ordered = strcmp(order_out.letters, to->letters) == 0;
  if (!ordered && !(product = jc_new_value(l, out)))
    return l->error->status;
  if (matmul_shape(l, a, b, product) != JC_OK || matmul(l, a, b, product) != JC_OK || ordered)
    return l->error->status;
  uint32_t order[JC_ONNX_MAX_RANK];
  for (uint32_t i = 0; i < product->rank; i++)
    order[i] = (uint32_t)(strchr(order_out.letters, to->letters[i]) - order_out.letters);
  return jc_permute(l, product, order, out);
}
