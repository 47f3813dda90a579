/* test_network_checkpointing.c -- memory of a training step: optimisers, precisions, and segments
 * that are computed again, by hand and against every way of cutting short chains. */
#include "tests/small_networks.h"

#include "estimator/training_memory.h"

static struct jc_training_memory memory_of(const struct sketch *s, bool checkpointing) {
  const struct jc_memory_plan plan = {.batch_size = 1, .checkpointing = checkpointing};
  return jc_training_memory(&s->analysis, &plan);
}

/* ---- optimisers and precisions ---- */

/* Of one parameter. Adam: m and v are 3 and 4 operations, root, eps, quotient, step, difference
 * 5 more; AdamW's decay is a product and a difference. */
Test(optimizers, facts) {
  static const struct {
    const char *name;
    uint8_t state, reads, writes, ops;
  } rows[] = {
      {"sgd", 0, 2, 1, 2}, {"momentum", 1, 3, 2, 4}, {"adam", 2, 4, 3, 12}, {"adamw", 2, 4, 3, 14}};
  cr_assert_eq(sizeof(rows) / sizeof(rows[0]), JC_OPTIMIZER_COUNT);
  for (int i = 0; i < JC_OPTIMIZER_COUNT; i++) {
    const struct jc_optimizer_facts *facts = jc_optimizer_facts((enum jc_optimizer)i);
    cr_assert_str_eq(facts->name, rows[i].name);
    cr_assert_neq(facts->source[0], '\0');
    cr_assert(facts->state == rows[i].state && facts->reads == rows[i].reads &&
                  facts->writes == rows[i].writes && facts->elementwise_ops == rows[i].ops,
              "%s", facts->name);
  }
}

/* make_tiny(): 752 parameters, 3840 bytes of activations at the peak of one sample. */
Test(training_memory, optimizers_and_precisions) {
  static const uint64_t state[JC_OPTIMIZER_COUNT] = {0, 3008, 6016, 6016};
  static struct sketch s;
  make_tiny(&s);
  (void)sketch_analyze(&s);
  for (int o = 0; o < JC_OPTIMIZER_COUNT; o++)
    for (int p = 0; p < JC_MAX_PRECISIONS; p++) {
      const struct jc_memory_plan plan = {
          .batch_size = 10, .optimizer = (enum jc_optimizer)o, .precision = (enum jc_precision)p};
      const bool mixed = p == JC_PRECISION_BF16 || p == JC_PRECISION_FP16;
      const struct jc_training_memory m = jc_training_memory(&s.analysis, &plan);
      cr_assert_eq(m.weights_bytes, mixed ? 3008 + 1504 : 3008, "with a copy of 2 bytes");
      cr_assert_eq(m.gradients_bytes, 3008);
      cr_assert_eq(m.optimizer_bytes, state[o]);
      cr_assert_eq(m.buffers_bytes, 0);
      cr_assert_eq(m.activations_bytes, mixed ? 19200 : 38400);
      cr_assert_eq(m.total_bytes, m.weights_bytes + 3008 + state[o] + m.activations_bytes);
      cr_assert(m.segments == 1 && m.recompute_macs == 0);
      if (p == JC_PRECISION_FP32)
        cr_assert_eq(jc_training_memory_bytes(&s.analysis.totals, 10, (enum jc_optimizer)o),
                     m.total_bytes);
    }
}

/* conv1 frozen: its 112 parameters have neither gradient nor state. */
Test(training_memory, of_frozen_layers) {
  static struct sketch s;
  make_tiny(&s);
  s.layers[0].trainable = false;
  (void)sketch_analyze(&s);
  const struct jc_memory_plan plan = {.batch_size = 1, .optimizer = JC_OPTIMIZER_ADAM};
  const struct jc_training_memory m = jc_training_memory(&s.analysis, &plan);
  cr_assert_eq(m.weights_bytes, 3008);
  cr_assert_eq(m.gradients_bytes, 4 * 640);
  cr_assert_eq(m.optimizer_bytes, 8 * 640);
}

Test(training_memory, beyond_64_bits) {
  static struct sketch s;
  make_tiny(&s);
  (void)sketch_analyze(&s);
  for (int checkpointing = 0; checkpointing <= 1; checkpointing++) {
    const struct jc_memory_plan plan = {.batch_size = UINT64_MAX,
                                        .checkpointing = checkpointing != 0};
    cr_assert_eq(jc_training_memory(&s.analysis, &plan).total_bytes, UINT64_MAX);
  }
}

/* A table of 12 floats and its exponential, 48 bytes each, with their gradients; the input and the
 * sum, of 48 bytes each, of every sample. */
Test(training_memory, of_layers_without_batch) {
  static struct sketch s;
  union jc_layer_fields table = no_fields();
  table.parameter.shape = (struct jc_int_list){.count = 2, .value = {3, 4}};
  sketch_begin(&s, "table", 2, (const uint32_t[]){3, 4});
  const uint32_t p = sketch_add(&s, "p", JC_LAYER_parameter, table, 0, NULL);
  const uint32_t e = sketch_add(&s, "e", JC_LAYER_exp, no_fields(), 1, &p);
  (void)sketch_add(&s, "sum", JC_LAYER_add, no_fields(), 2, (const uint32_t[]){0, e});
  (void)sketch_analyze(&s);
  uint64_t activations[2];
  for (uint64_t batch = 1; batch <= 2; batch++) {
    const struct jc_memory_plan plan = {.batch_size = batch};
    activations[batch - 1] = jc_training_memory(&s.analysis, &plan).activations_bytes;
  }
  cr_assert_eq(s.analysis.totals.per_step_activation_bytes, 2 * 48, "exp and its gradient");
  cr_assert_eq(activations[1] - activations[0], 96);
  cr_assert_eq(activations[0], 96 + 2 * 48);
}

/* ---- a chain of six equal layers ---- */

/* Tensors of 32 bytes, 64 products a layer. Without segments all six inputs are kept, and the last
 * layer's backward has two gradients: 8 tensors. Two segments of 4 and 2 layers: the first keeps
 * its input and three more, and has two gradients: 6 tensors; the second starts from 2 and keeps
 * another: 5. Six tensors is the least of the equal cuts; 4 x 64 products run again. */
Test(checkpointing, of_six_equal_layers) {
  static struct sketch s;
  sketch_begin(&s, "chain", 1, (const uint32_t[]){8});
  for (int i = 0; i < 6; i++)
    (void)sketch_then(&s, "fc", JC_LAYER_linear, linear(8, false));
  (void)sketch_analyze(&s);
  cr_assert_eq(memory_of(&s, false).activations_bytes, 8 * 32);
  const struct jc_training_memory m = memory_of(&s, true);
  cr_assert_eq(m.activations_bytes, 6 * 32, "%llu", (unsigned long long)m.activations_bytes);
  cr_assert_eq(m.segments, 2);
  cr_assert_eq(m.recompute_macs, 4 * 64);
}

/* ---- random chains, against every way of cutting them ---- */

enum { MAX_CHAIN = 11 };

/* Layer i reads tensor i - 1 and writes tensor i; tensor 0 is the input. */
struct chain {
  uint32_t layers;
  uint64_t bytes[MAX_CHAIN + 1];
  uint32_t keeper[MAX_CHAIN + 1]; /* the first layer that keeps the tensor; 0: none */
  uint64_t extra[MAX_CHAIN + 1];
};

static uint32_t random_below(uint32_t *state, uint32_t n) {
  *state = *state * 1664525u + 1013904223u;
  return (*state >> 8) % n;
}

static void keep(struct chain *c, uint32_t tensor, uint32_t layer) {
  if (c->keeper[tensor] == 0)
    c->keeper[tensor] = layer;
}

/* Linear layers keep their input, relu its output, gelu its input, scale nothing, dropout a mask.
 */
static void make_chain(struct sketch *s, struct chain *c, uint32_t *state) {
  static const enum jc_layer_kind kinds[] = {JC_LAYER_linear, JC_LAYER_linear, JC_LAYER_relu,
                                             JC_LAYER_gelu,   JC_LAYER_scale,  JC_LAYER_dropout};
  uint32_t width = 1 + random_below(state, 64);
  memset(c, 0, sizeof(*c));
  c->layers = 3 + random_below(state, MAX_CHAIN - 2);
  c->bytes[0] = 4 * width;
  sketch_begin(s, "chain", 1, &width);
  for (uint32_t i = 1; i <= c->layers; i++) {
    const enum jc_layer_kind kind = kinds[i == 1 ? 0 : random_below(state, 6)];
    if (kind == JC_LAYER_linear)
      width = 1 + random_below(state, 64);
    (void)sketch_then(s, "x", kind,
                      kind == JC_LAYER_linear    ? linear(width, false)
                      : kind == JC_LAYER_dropout ? dropout(0.5)
                                                 : no_fields());
    c->bytes[i] = 4 * width;
    if (kind == JC_LAYER_linear || kind == JC_LAYER_gelu)
      keep(c, i - 1, i);
    if (kind == JC_LAYER_relu)
      keep(c, i, i);
    c->extra[i] = kind == JC_LAYER_dropout ? width : 0;
  }
}

/* Whether the layers from FIRST to LAST keep TENSOR, which one of them writes. */
static bool is_kept(const struct chain *c, uint32_t first, uint32_t last, uint32_t tensor) {
  return tensor >= first && c->keeper[tensor] >= first && c->keeper[tensor] <= last;
}

/* Bytes that the layers from FIRST to LAST keep. */
static uint64_t kept_bytes(const struct chain *c, uint32_t first, uint32_t last) {
  uint64_t bytes = 0;
  for (uint32_t i = first; i <= last; i++)
    bytes += c->extra[i] + (is_kept(c, first, last, i) ? c->bytes[i] : 0);
  return bytes;
}

/* A segment from FIRST to LAST: computed, while the gradient of its end waits if others follow, and
 * backwards. Tensors that wait for their reader are kept by nobody yet. */
static uint64_t peak_of_segment(const struct chain *c, uint32_t first, uint32_t last) {
  const uint64_t waiting = last < c->layers ? c->bytes[last] : 0;
  uint64_t peak = 0;
  for (uint32_t i = first; i <= last; i++) {
    uint64_t forward = waiting + c->bytes[i], backward = kept_bytes(c, first, i) + c->bytes[i];
    for (uint32_t t = first; t <= i; t++) {
      forward += c->extra[t];
      if (t < i && (t == i - 1 || is_kept(c, first, last, t)))
        forward += c->bytes[t];
    }
    backward += i > 1 ? c->bytes[i - 1] : 0;
    peak = forward > peak ? forward : peak;
    peak = backward > peak ? backward : peak;
  }
  return peak;
}

/* Peak with a cut behind every layer whose bit is set in CUTS: what lies between segments so far,
 * and what the segment needs. */
static uint64_t peak_of_cuts(const struct chain *c, uint32_t cuts) {
  uint64_t borders = c->bytes[0], peak = 0;
  uint32_t first = 1;
  for (uint32_t i = 1; i <= c->layers; i++) {
    if ((cuts >> i & 1) == 0 && i < c->layers)
      continue;
    const uint64_t segment = borders + peak_of_segment(c, first, i);
    peak = segment > peak ? segment : peak;
    borders += c->bytes[i];
    first = i + 1;
  }
  return peak;
}

/* The cuts that give segments of at least BUDGET bytes. */
static uint32_t equal_cuts(const struct chain *c, uint64_t budget) {
  uint64_t kept = 0;
  uint32_t cuts = 0, border = 0;
  for (uint32_t i = 1; i < c->layers; i++) {
    kept += c->extra[i];
    for (uint32_t t = i - 1; t <= i; t++)
      kept += c->keeper[t] == i && t != border ? c->bytes[t] : 0;
    if (kept < budget)
      continue;
    cuts |= 1u << i;
    border = i;
    kept = 0;
  }
  return cuts;
}

static uint64_t least(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

/* The best of the equal cuts is found; it is at most this much above the best of all cuts. */
Test(checkpointing, of_random_chains) {
  static struct sketch s;
  struct chain c;
  uint32_t state = 7;
  double worst = 1, sum = 0;
  enum { CHAINS = 400 };
  for (int n = 0; n < CHAINS; n++) {
    make_chain(&s, &c, &state);
    const struct jc_totals *t = &sketch_analyze(&s)->totals;
    uint64_t expected = t->peak_activation_bytes, optimum = expected;
    for (uint64_t segments = 2; segments <= 64; segments++)
      expected =
          least(expected, peak_of_cuts(&c, equal_cuts(&c, t->saved_activation_bytes / segments)));
    for (uint32_t cuts = 2; cuts < 1u << c.layers; cuts += 2)
      optimum = least(optimum, peak_of_cuts(&c, cuts));
    const uint64_t found = memory_of(&s, true).activations_bytes;
    cr_assert_eq(found, expected, "chain %d: %llu, best of equal cuts %llu", n,
                 (unsigned long long)found, (unsigned long long)expected);
    const double ratio = (double)found / (double)optimum;
    worst = ratio > worst ? ratio : worst;
    sum += ratio;
  }
  cr_assert(worst <= 1.5 && sum / CHAINS <= 1.08, "worst %.3f, mean %.3f", worst, sum / CHAINS);
}

/* ---- branches ---- */

/* Cuts lie where a single tensor passes: not inside a residual block. first, then three blocks of
 * two layers of 64 products each, and a head of 16. */
Test(checkpointing, cuts_between_residual_blocks) {
  static struct sketch s;
  sketch_begin(&s, "residual", 1, (const uint32_t[]){8});
  uint32_t x = sketch_then(&s, "first", JC_LAYER_linear, linear(8, false));
  for (int i = 0; i < 6; i++) {
    const uint32_t a = sketch_add(&s, "a", JC_LAYER_linear, linear(8, false), 1, &x);
    const uint32_t r = sketch_add(&s, "r", JC_LAYER_gelu, no_fields(), 1, &a);
    const uint32_t b = sketch_add(&s, "b", JC_LAYER_linear, linear(8, false), 1, &r);
    x = sketch_add(&s, "add", JC_LAYER_add, no_fields(), 2, (const uint32_t[]){x, b});
  }
  (void)sketch_then(&s, "head", JC_LAYER_linear, linear(2, false));
  (void)sketch_analyze(&s);
  const struct jc_training_memory m = memory_of(&s, true);
  cr_assert_gt(m.segments, 1);
  cr_assert_lt(m.activations_bytes, memory_of(&s, false).activations_bytes);
  cr_assert_eq(m.recompute_macs % 128, 64, "%llu", (unsigned long long)m.recompute_macs);
}

/* A tensor that is read at the very end crosses every place but that behind itself. */
Test(checkpointing, a_long_branch_leaves_nothing_to_cut) {
  static struct sketch s;
  sketch_begin(&s, "long", 1, (const uint32_t[]){8});
  const uint32_t x = sketch_then(&s, "first", JC_LAYER_linear, linear(8, false));
  for (int i = 0; i < 8; i++)
    (void)sketch_then(&s, "fc", JC_LAYER_linear, linear(8, false));
  const uint32_t last = s.network.input_count + s.network.layer_count - 1;
  (void)sketch_add(&s, "sum", JC_LAYER_add, no_fields(), 2, (const uint32_t[]){x, last});
  (void)sketch_analyze(&s);
  const struct jc_training_memory m = memory_of(&s, true);
  cr_assert_leq(m.segments, 2);
  cr_assert(m.recompute_macs == 0 || m.recompute_macs == 64);
}

/* As with the tensors of a U-net: of the input, too. */
Test(checkpointing, the_input_may_be_the_branch) {
  static struct sketch s;
  sketch_begin(&s, "long", 1, (const uint32_t[]){8});
  for (int i = 0; i < 8; i++)
    (void)sketch_then(&s, "fc", JC_LAYER_linear, linear(8, false));
  const uint32_t last = s.network.input_count + s.network.layer_count - 1;
  (void)sketch_add(&s, "sum", JC_LAYER_add, no_fields(), 2, (const uint32_t[]){0, last});
  (void)sketch_analyze(&s);
  const struct jc_training_memory m = memory_of(&s, true);
  cr_assert_eq(m.segments, 1);
  cr_assert_eq(m.recompute_macs, 0);
  cr_assert_eq(m.activations_bytes, memory_of(&s, false).activations_bytes);
}

/* A frozen trunk keeps nothing, yet its widest layer's input and output are there at once. */
Test(checkpointing, does_not_forget_forward) {
  static struct sketch s;
  sketch_begin(&s, "transfer", 3, (const uint32_t[]){8, 16, 16});
  for (int i = 0; i < 3; i++) {
    (void)sketch_then(&s, "trunk", JC_LAYER_conv2d, conv_no_bias(64, 3, 1, 1));
    sketch_last(&s)->trainable = false;
  }
  (void)sketch_then(&s, "pool", JC_LAYER_adaptive_avgpool2d, adaptive(1, 1));
  (void)sketch_then(&s, "flatten", JC_LAYER_flatten, flatten_all());
  (void)sketch_then(&s, "fc", JC_LAYER_linear, linear(10, true));
  (void)sketch_analyze(&s);
  cr_assert_geq(memory_of(&s, true).activations_bytes, 2 * 4 * 64 * 16 * 16);
}

/* ---- what holds for every network ---- */

static void make_random(struct sketch *s, uint32_t *state) {
  sketch_begin(s, "random", 3, (const uint32_t[]){2, 4, 4});
  for (uint32_t i = 0; i < 24; i++) {
    const uint32_t a = random_below(state, 5) > 0 ? i : random_below(state, i + 1);
    const uint32_t ab[] = {a, i - random_below(state, i < 4 ? i + 1 : 4)};
    sketch_add_choice(s, random_below(state, 6), ab);
    sketch_last(s)->trainable = random_below(state, 4) > 0;
  }
}

static bool same_memory(const struct jc_training_memory *a, const struct jc_training_memory *b) {
  return a->total_bytes == b->total_bytes && a->activations_bytes == b->activations_bytes &&
         a->segments == b->segments && a->recompute_macs == b->recompute_macs;
}

/* Never more memory, never more than one forward pass again, nothing again without a cut; asked
 * twice, the same, and the analysis itself unharmed. */
Test(checkpointing, of_random_networks) {
  static struct sketch s;
  uint32_t state = 11, cut = 0;
  for (int n = 0; n < 300; n++) {
    make_random(&s, &state);
    const struct jc_totals totals = sketch_analyze(&s)->totals;
    const struct jc_training_memory whole = memory_of(&s, false), m = memory_of(&s, true);
    const struct jc_training_memory again = memory_of(&s, true), after = memory_of(&s, false);
    cr_assert_leq(m.activations_bytes, whole.activations_bytes, "network %d", n);
    cr_assert_leq(m.recompute_macs, totals.training_forward_macs, "network %d", n);
    cr_assert(m.segments > 1 || m.recompute_macs == 0, "network %d", n);
    cr_assert(m.segments >= 1 && m.segments <= 24, "network %d: %u segments", n, m.segments);
    cr_assert(same_memory(&m, &again) && same_memory(&whole, &after), "network %d", n);
    (void)sketch_analyze(&s);
    cr_assert_eq(memcmp(&s.analysis.totals, &totals, sizeof(totals)), 0, "network %d", n);
    cut += m.segments > 1;
  }
  cr_assert_gt(cut, 30, "only %u networks were cut", cut);
}
