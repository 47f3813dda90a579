/* training_memory.c -- what is alive at once in a training step: two walks over the layers, and
 * segments. Core: no heap, no I/O, no recursion. */
#include "estimator/training_memory.h"

#include <string.h>

#include "estimator/analysis_parts.h"
#include "estimator/counting.h"

enum { MAX_SEGMENTS = 64 };

const struct jc_optimizer_facts *jc_optimizer_facts(enum jc_optimizer optimizer) {
  static const struct jc_optimizer_facts facts[JC_OPTIMIZER_COUNT] = {
      [JC_OPTIMIZER_SGD] = {"sgd", "w -= lr g", 0, 2, 1, 2},
      [JC_OPTIMIZER_MOMENTUM] = {"momentum", "torch.optim.SGD: v = mu v + g, w -= lr v", 1, 3, 2,
                                 4},
      /* m, v: 2 products and a sum each, and g g; root, eps, division, step size, difference. */
      [JC_OPTIMIZER_ADAM] = {"adam", "Kingma and Ba 2014, section 2, efficient form", 2, 4, 3, 12},
      [JC_OPTIMIZER_ADAMW] = {"adamw",
                              "Loshchilov and Hutter 2017, algorithm 2: adam and w -= "
                              "lr lambda w",
                              2, 4, 3, 14},
  };
  return &facts[optimizer];
}

/* Bytes that grow with the batch. */
static uint64_t sample_bytes(const struct jc_analysis *analysis, uint32_t tensor) {
  return is_per_step(analysis, tensor) ? 0 : tensor_bytes(analysis, tensor);
}

static uint64_t sample_extra(const struct jc_cost *cost) {
  return cost->output_needs_grad && !cost->per_step ? cost->saved_extra_bytes : 0;
}

static void keep_for_backward(struct tensors *t, uint32_t tensor, uint32_t index) {
  uint32_t *saver = &t->saver[t->root[tensor]];
  if (*saver == JC_NONE)
    *saver = index;
}

/* Whether an input other than INDEX needs a gradient, which is made with this one. */
static bool is_factor_of_gradient(const struct jc_analysis *analysis, const struct tensors *t,
                                  uint32_t layer, uint32_t index) {
  const uint32_t *inputs = layer_inputs(analysis->network, &analysis->network->layers[layer]);
  for (uint32_t i = 0; i < read_count(analysis, layer); i++)
    if (i != index && t->needs_grad[inputs[i]])
      return true;
  return false;
}

static void mark_saved(const struct jc_analysis *analysis, struct tensors *t) {
  const struct jc_network *network = analysis->network;
  memset(t->saver, 0xff, t->count * sizeof(uint32_t)); /* JC_NONE */
  for (uint32_t index = 0; index < network->layer_count; index++) {
    const struct jc_cost *cost = &analysis->layers[index];
    const uint32_t *inputs = layer_inputs(network, &network->layers[index]);
    const bool keeps_inputs = cost->output_needs_grad && cost->saves_input &&
                              (cost->trains_weights || !cost->saves_input_for_weights_only);
    for (uint32_t i = 0; keeps_inputs && i < read_count(analysis, index); i++)
      if (!cost->saves_factors || is_factor_of_gradient(analysis, t, index, i))
        keep_for_backward(t, inputs[i], index);
    if (cost->output_needs_grad && cost->saves_output)
      keep_for_backward(t, network->input_count + index, index);
  }
}

static uint64_t sum_saved(const struct jc_analysis *analysis, const struct tensors *t) {
  const struct jc_network *network = analysis->network;
  uint64_t saved = 0;
  for (uint32_t i = 0; i < t->count; i++)
    saved += t->saver[i] != JC_NONE ? sample_bytes(analysis, i) : 0;
  for (uint32_t i = 0; i < network->layer_count; i++)
    saved += sample_extra(&analysis->layers[i]);
  return saved;
}

static uint64_t release_saved(const struct jc_analysis *analysis, struct tensors *t,
                              uint32_t tensor, uint32_t index) {
  const uint32_t root = t->root[tensor];
  if (t->saver[root] != index)
    return 0;
  t->saver[root] = JC_NONE;
  return sample_bytes(analysis, root);
}

/* Walks forward: a tensor dies with its last reader unless backward needs it. `live` counts the
 * readers that are still to come. */
static uint64_t peak_of_forward(const struct jc_analysis *analysis, struct tensors *t) {
  const struct jc_network *network = analysis->network;
  uint64_t alive = 0, peak = 0;
  memset(t->live, 0, t->count * sizeof(uint32_t));
  for (uint32_t i = 0; i < t->count; i++)
    t->live[t->root[i]] += t->consumers[i];
  for (uint32_t i = 0; i < network->input_count; i++)
    alive += sample_bytes(analysis, i);
  for (uint32_t index = 0; index < network->layer_count; index++) {
    const struct jc_layer *layer = &network->layers[index];
    const struct jc_cost *cost = &analysis->layers[index];
    const uint32_t *inputs = layer_inputs(network, layer);
    const uint32_t out = network->input_count + index;
    alive += cost->moves_no_data ? 0 : sample_bytes(analysis, out);
    alive += sample_extra(cost);
    if (alive > peak)
      peak = alive;
    if (!cost->moves_no_data && t->live[out] == 0 && t->saver[out] == JC_NONE)
      alive -= sample_bytes(analysis, out); /* nobody reads it */
    for (uint32_t i = 0; i < read_count(analysis, index); i++) {
      const uint32_t root = t->root[inputs[i]];
      if (--t->live[root] == 0 && t->saver[root] == JC_NONE)
        alive -= sample_bytes(analysis, root);
    }
  }
  return peak;
}

/* Brings the gradient of TENSOR to life; returns the bytes that adds. */
static uint64_t begin_gradient(const struct jc_analysis *analysis, struct tensors *t,
                               uint32_t tensor) {
  const uint32_t root = t->root[tensor];
  if (!t->needs_grad[tensor] || t->live[root])
    return 0;
  t->live[root] = 1;
  return sample_bytes(analysis, root);
}

/* Walks backward: saved activations are freed after the backward of the first layer that keeps
 * them, a gradient lives from its last reader to its producer. */
static uint64_t peak_of_backward(const struct jc_analysis *analysis, struct tensors *t,
                                 uint64_t saved) {
  const struct jc_network *network = analysis->network;
  uint64_t alive = saved, peak = saved;
  memset(t->live, 0, t->count * sizeof(uint32_t));
  for (uint32_t index = network->layer_count; index-- > 0;) {
    const struct jc_layer *layer = &network->layers[index];
    const struct jc_cost *cost = &analysis->layers[index];
    const uint32_t *inputs = layer_inputs(network, layer);
    const uint32_t out = network->input_count + index;
    if (!cost->output_needs_grad)
      continue;
    alive += begin_gradient(analysis, t, out);
    for (uint32_t i = 0; i < read_count(analysis, index); i++)
      alive += begin_gradient(analysis, t, inputs[i]);
    if (alive > peak)
      peak = alive;
    if (!cost->moves_no_data)
      alive -= sample_bytes(analysis, out);
    alive -= sample_extra(cost);
    alive -= release_saved(analysis, t, out, index);
    for (uint32_t i = 0; i < read_count(analysis, index); i++)
      alive -= release_saved(analysis, t, inputs[i], index);
  }
  return peak;
}

void jc_peak_activations(const struct jc_analysis *analysis, uint64_t *peak_bytes,
                         uint64_t *saved_bytes) {
  struct tensors t = tensors_of(analysis);
  mark_saved(analysis, &t);
  *saved_bytes = sum_saved(analysis, &t);
  const uint64_t forward = peak_of_forward(analysis, &t);
  const uint64_t backward = peak_of_backward(analysis, &t, *saved_bytes);
  *peak_bytes = forward > backward ? forward : backward;
}

/* ---- checkpointing ---- */

#define CUT (UINT32_C(1) << 31) /* in `consumers`, which are fewer */

/* Marks the layers behind which a single tensor passes: no earlier one is read later. */
static void mark_cuts(const struct jc_analysis *analysis, struct tensors *t) {
  const struct jc_network *network = analysis->network;
  uint32_t *last_reader = t->saver; /* of a root; not both are needed at once */
  uint32_t furthest = 0;
  memset(last_reader, 0, t->count * sizeof(uint32_t));
  for (uint32_t index = 0; index < network->layer_count; index++) {
    const struct jc_layer *layer = &network->layers[index];
    for (uint32_t i = 0; i < read_count(analysis, index); i++)
      last_reader[t->root[layer_inputs(network, layer)[i]]] = index;
  }
  for (uint32_t i = 0; i < network->input_count; i++)
    furthest = last_reader[i] > furthest ? last_reader[i] : furthest;
  for (uint32_t index = 0; index < network->layer_count; index++) {
    const uint32_t root = t->root[network->input_count + index];
    const bool of_batch = !is_per_step(analysis, network->input_count + index);
    if (of_batch && furthest <= index)
      t->consumers[network->input_count + index] |= CUT;
    if (of_batch && last_reader[root] > furthest)
      furthest = last_reader[root];
  }
}

/* Layers from FIRST up to END, without it. The tensor that it starts from and those between earlier
 * segments are not its own. */
struct segment {
  uint32_t first, end;
};

static bool is_own(const struct jc_analysis *analysis, const struct segment *s, uint32_t root) {
  const uint32_t inputs = analysis->network->input_count;
  return root >= inputs + s->first && root < inputs + s->end;
}

/* Whether a layer of the segment keeps the tensor for its backward, the first of all layers. */
static bool is_kept(const struct tensors *t, const struct segment *s, uint32_t root) {
  return t->saver[root] >= s->first && t->saver[root] < s->end;
}

/* Whether an earlier input of the layer is the same memory. */
static bool is_repeated(const struct tensors *t, const uint32_t *inputs, uint32_t i) {
  for (uint32_t k = 0; k < i; k++)
    if (t->root[inputs[k]] == t->root[inputs[i]])
      return true;
  return false;
}

/* Forward of a segment, above what it starts from: *KEPT bytes are left for its backward, and what
 * leaves it. Without KEEPS, nothing is left. */
static uint64_t forward_of_segment(const struct jc_analysis *analysis, struct tensors *t,
                                   const struct segment *s, bool keeps, uint64_t *kept) {
  const struct jc_network *network = analysis->network;
  uint64_t alive = 0, peak = 0;
  *kept = 0;
  for (uint32_t index = s->first; index < s->end; index++)
    t->live[network->input_count + index] = 0;
  for (uint32_t index = s->first; index < s->end; index++) {
    const struct jc_layer *layer = &network->layers[index];
    for (uint32_t i = 0; i < read_count(analysis, index); i++)
      t->live[t->root[layer_inputs(network, layer)[i]]]++;
  }
  for (uint32_t index = s->first; index < s->end; index++) {
    const struct jc_layer *layer = &network->layers[index];
    const struct jc_cost *cost = &analysis->layers[index];
    const uint32_t *inputs = layer_inputs(network, layer), out = network->input_count + index;
    const uint64_t extra = keeps ? sample_extra(cost) : 0;
    alive += (cost->moves_no_data ? 0 : sample_bytes(analysis, out)) + extra;
    *kept += extra;
    if (keeps && !cost->moves_no_data && is_kept(t, s, out))
      *kept += sample_bytes(analysis, out);
    peak = alive > peak ? alive : peak;
    for (uint32_t i = 0; i < read_count(analysis, index); i++) {
      const uint32_t root = t->root[inputs[i]];
      if (is_own(analysis, s, root) && --t->live[root] == 0 && !(keeps && is_kept(t, s, root)))
        alive -= sample_bytes(analysis, root);
    }
  }
  return peak;
}

/* Backward of a segment that keeps KEPT bytes. */
static uint64_t backward_of_segment(const struct jc_analysis *analysis, struct tensors *t,
                                    const struct segment *s, uint64_t kept) {
  const struct jc_network *network = analysis->network;
  uint64_t alive = kept, peak = kept;
  for (uint32_t index = s->first; index < s->end; index++) {
    const struct jc_layer *layer = &network->layers[index];
    t->live[network->input_count + index] = 0;
    for (uint32_t i = 0; i < read_count(analysis, index); i++)
      t->live[t->root[layer_inputs(network, layer)[i]]] = 0;
  }
  for (uint32_t index = s->end; index-- > s->first;) {
    const struct jc_layer *layer = &network->layers[index];
    const struct jc_cost *cost = &analysis->layers[index];
    const uint32_t *inputs = layer_inputs(network, layer), out = network->input_count + index;
    if (!cost->output_needs_grad)
      continue;
    alive += begin_gradient(analysis, t, out);
    for (uint32_t i = 0; i < read_count(analysis, index); i++)
      alive += begin_gradient(analysis, t, inputs[i]);
    peak = alive > peak ? alive : peak;
    alive -= (cost->moves_no_data ? 0 : sample_bytes(analysis, out)) + sample_extra(cost);
    if (t->saver[out] == index)
      alive -= sample_bytes(analysis, out);
    for (uint32_t i = 0; i < read_count(analysis, index); i++) {
      const uint32_t root = t->root[inputs[i]];
      if (is_own(analysis, s, root) && root != out && t->saver[root] == index &&
          !is_repeated(t, inputs, i))
        alive -= sample_bytes(analysis, root);
    }
  }
  return peak;
}

struct segmentation {
  uint64_t peak_bytes; /* of one sample */
  uint32_t segments;
  uint64_t recompute_macs;
};

/* Peak of a segment, from BORDERS bytes between segments on: computed without a trace at first, but
 * for the last; again, while the gradient of its end waits; and backwards. */
static uint64_t peak_of_segment(const struct jc_analysis *analysis, struct tensors *t,
                                const struct segment *s, bool last, uint64_t borders) {
  uint64_t kept;
  const uint32_t end = t->root[analysis->network->input_count + s->end - 1];
  const uint64_t waiting = !last && t->needs_grad[end] ? sample_bytes(analysis, end) : 0;
  const uint64_t forward = forward_of_segment(analysis, t, s, true, &kept) + waiting;
  const uint64_t backward = backward_of_segment(analysis, t, s, kept);
  return borders + (forward > backward ? forward : backward);
}

static bool is_cut(const struct jc_analysis *analysis, const struct tensors *t, uint32_t index) {
  return (t->consumers[analysis->network->input_count + index] & CUT) != 0;
}

/* Bytes of one sample that layer INDEX is the first to keep. */
static uint64_t kept_by(const struct jc_analysis *analysis, const struct tensors *t,
                        const struct segment *s, uint32_t index) {
  const struct jc_network *network = analysis->network;
  const struct jc_layer *layer = &network->layers[index];
  const uint32_t *inputs = layer_inputs(network, layer), out = network->input_count + index;
  uint64_t bytes = sample_extra(&analysis->layers[index]);
  bytes += t->saver[out] == index ? sample_bytes(analysis, out) : 0;
  for (uint32_t i = 0; i < read_count(analysis, index); i++) {
    const uint32_t root = t->root[inputs[i]];
    if (root >= network->input_count + s->first && root != out && t->saver[root] == index &&
        !is_repeated(t, inputs, i))
      bytes += sample_bytes(analysis, root);
  }
  return bytes;
}

/* Closes a segment at the first cut behind BUDGET bytes. */
static struct segmentation cut_at(const struct jc_analysis *analysis, struct tensors *t,
                                  uint64_t budget) {
  const struct jc_network *network = analysis->network;
  struct segmentation result = {.segments = 1};
  struct segment s = {0, 0};
  uint64_t borders = 0, kept = 0, macs = 0;
  for (uint32_t i = 0; i < network->input_count; i++)
    borders += sample_bytes(analysis, i);
  for (uint32_t index = 0; index < network->layer_count; index++) {
    const bool last = index + 1 == network->layer_count;
    kept += kept_by(analysis, t, &s, index);
    macs += analysis->layers[index].macs;
    if (!last && (kept < budget || !is_cut(analysis, t, index)))
      continue;
    s.end = index + 1;
    const uint64_t peak = peak_of_segment(analysis, t, &s, last, borders);
    result.peak_bytes = peak > result.peak_bytes ? peak : result.peak_bytes;
    if (last)
      break;
    borders += sample_bytes(analysis, t->root[network->input_count + index]);
    result.recompute_macs += macs;
    result.segments++;
    s.first = index + 1;
    kept = macs = 0;
  }
  return result;
}

static struct segmentation best_segmentation(const struct jc_analysis *analysis) {
  struct tensors t = tensors_of(analysis);
  const uint64_t saved = analysis->totals.saved_activation_bytes;
  struct segmentation best = {.peak_bytes = analysis->totals.peak_activation_bytes, .segments = 1};
  mark_cuts(analysis, &t); /* before the savers, whose array it uses */
  mark_saved(analysis, &t);
  for (uint32_t segments = 2; segments <= MAX_SEGMENTS; segments++) {
    const struct segmentation s = cut_at(analysis, &t, saved / segments);
    if (s.segments > 1 && s.peak_bytes < best.peak_bytes)
      best = s;
  }
  for (uint32_t i = 0; i < t.count; i++)
    t.consumers[i] &= ~CUT;
  return best;
}

/* ---- all together ---- */

static struct jc_training_memory memory_of(const struct jc_totals *totals,
                                           const struct jc_memory_plan *plan,
                                           const struct segmentation *segmentation) {
  const bool mixed = plan->precision == JC_PRECISION_BF16 || plan->precision == JC_PRECISION_FP16;
  const uint64_t state = jc_optimizer_facts(plan->optimizer)->state;
  bool over = false;
  struct jc_training_memory m = {.segments = segmentation->segments,
                                 .recompute_macs = segmentation->recompute_macs};
  const uint64_t trainable = count_product(totals->trainable_params, BYTES_PER_ELEMENT, &over);
  m.weights_bytes = count_sum(totals->weight_bytes, mixed ? totals->weight_bytes / 2 : 0, &over);
  m.gradients_bytes = trainable;
  m.optimizer_bytes = count_product(trainable, state, &over);
  m.buffers_bytes = count_product(totals->buffers, BYTES_PER_ELEMENT, &over);
  m.activations_bytes = count_sum(count_product(segmentation->peak_bytes, plan->batch_size, &over),
                                  totals->per_step_activation_bytes, &over) /
                        (mixed ? 2 : 1);
  const uint64_t parts[] = {m.weights_bytes, m.gradients_bytes, m.optimizer_bytes, m.buffers_bytes,
                            m.activations_bytes};
  for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
    m.total_bytes = count_sum(m.total_bytes, parts[i], &over);
  if (over)
    m.total_bytes = UINT64_MAX;
  return m;
}

struct jc_training_memory jc_training_memory(const struct jc_analysis *analysis,
                                             const struct jc_memory_plan *plan) {
  struct segmentation whole = {.peak_bytes = analysis->totals.peak_activation_bytes, .segments = 1};
  if (plan->checkpointing)
    whole = best_segmentation(analysis);
  return memory_of(&analysis->totals, plan, &whole);
}

uint64_t jc_training_memory_bytes(const struct jc_totals *totals, uint64_t batch_size,
                                  enum jc_optimizer optimizer) {
  const struct segmentation whole = {.peak_bytes = totals->peak_activation_bytes, .segments = 1};
  const struct jc_memory_plan plan = {.batch_size = batch_size, .optimizer = optimizer};
  return memory_of(totals, &plan, &whole).total_bytes;
}
