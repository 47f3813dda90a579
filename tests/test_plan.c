/* test_plan.c -- sample networks: repeatable, valid, within their limits, of every layer type. */
#include <ctype.h>
#include <stdint.h>

#include "calibrate/plan.h"
#include "estimator/estimator.h"
#include "estimator/layerwise.h"
#include "estimator/model_file.h"
#include "tests/file_fixtures.h"
#include "tests/sanitized.h"
#include "trainer/trainer.h"

/* Networks and limits of a calibration, and of a quick one, on a machine with 16 GiB. */
enum { FULL = 160, QUICK = 80 };
static const double flops_max = 8e10, quick_flops_max = 3e10;
static const double memory_bytes = 4e9;

static struct jc_plan make_within(const char *prefix, uint64_t seed, uint32_t count, double flops,
                                  double bytes) {
  const struct jc_plan_options options = {
      .prefix = prefix, .seed = seed, .count = count, .flops_max = flops, .memory_bytes = bytes};
  struct jc_error error = {0};
  struct jc_plan plan;
  cr_assert_eq(jc_plan_make(&options, &plan, &error), JC_OK, "seed %llu: %s: %s",
               (unsigned long long)seed, error.path, error.text);
  cr_assert_eq(plan.count, count);
  return plan;
}

static struct jc_plan make(uint64_t seed, uint32_t count) {
  return make_within("f", seed, count, flops_max, memory_bytes);
}

/* A network of a plan or a shipped one, read and analysed. */
struct analysed {
  struct jc_model *model;
  const struct jc_network *network;
  void *storage;
  struct jc_analysis analysis;
};

/* Takes over MODEL. */
static void analyse(struct analysed *a, struct jc_model *model) {
  struct jc_error error = {0};
  a->model = model;
  a->network = jc_model_network(model);
  const size_t bytes = jc_analysis_storage_size(a->network->layer_count, a->network->input_count);
  a->storage = malloc(bytes);
  cr_assert(a->storage != NULL);
  cr_assert_eq(jc_network_analyze(a->network, a->storage, bytes, &a->analysis, &error), JC_OK,
               "%s: %s: %s", a->network->name, error.path, error.text);
}

static void analyse_entry(struct analysed *a, const struct jc_plan_entry *entry) {
  struct jc_error error = {0};
  struct jc_model *model = NULL;
  cr_assert_eq(
      jc_model_parse(entry->model_json, strlen(entry->model_json), entry->id, &model, &error),
      JC_OK, "%s: %s: %s", entry->id, error.path, error.text);
  analyse(a, model);
}

static void release(struct analysed *a) {
  free(a->storage);
  jc_model_free(a->model);
}

/* ---- repeatable ---- */

static void expect_same_entry(const struct jc_plan_entry *a, const struct jc_plan_entry *b) {
  cr_assert_str_eq(a->id, b->id);
  cr_assert_str_eq(a->family, b->family);
  cr_assert_str_eq(a->model_json, b->model_json, "%s differs", a->id);
  cr_assert_eq(a->batch_size, b->batch_size);
}

Test(plan, same_options_give_the_same_plan) {
  struct jc_plan a = make(7, 60), b = make(7, 60);
  for (uint32_t i = 0; i < a.count; i++)
    expect_same_entry(&a.entries[i], &b.entries[i]);
  jc_plan_free(&a);
  jc_plan_free(&b);
}

Test(plan, a_longer_plan_begins_with_the_shorter_one) {
  struct jc_plan shorter = make(1, 25), longer = make(1, 80);
  for (uint32_t i = 0; i < shorter.count; i++)
    expect_same_entry(&shorter.entries[i], &longer.entries[i]);
  jc_plan_free(&shorter);
  jc_plan_free(&longer);
}

/* The model after its name, which holds the id and so differs anyhow. */
static const char *after_name(const char *model_json) {
  const char *name = strstr(model_json, "\"name\"");
  cr_assert(name != NULL);
  const char *rest = strchr(name, ',');
  cr_assert(rest != NULL);
  return rest;
}

static void expect_different_plans(uint64_t seed_a, uint64_t seed_b) {
  struct jc_plan a = make(seed_a, 30), b = make(seed_b, 30);
  uint32_t same = 0, same_ids = 0;
  for (uint32_t i = 0; i < a.count; i++) {
    for (uint32_t j = 0; j < b.count; j++) {
      same += strcmp(after_name(a.entries[i].model_json), after_name(b.entries[j].model_json)) == 0;
      same_ids += strcmp(a.entries[i].id, b.entries[j].id) == 0;
    }
  }
  cr_assert_eq(same, 0, "seeds %llu and %llu share %u networks", (unsigned long long)seed_a,
               (unsigned long long)seed_b, same);
  cr_assert_eq(same_ids, 0, "seeds %llu and %llu share %u ids: one resumes the other",
               (unsigned long long)seed_a, (unsigned long long)seed_b, same_ids);
  jc_plan_free(&a);
  jc_plan_free(&b);
}

Test(plan, different_seeds_differ) {
  expect_different_plans(1, 2);
  expect_different_plans(0, 1);
  expect_different_plans(1, 1048577);
}

/* Dates and process ids make seeds of many digits. */
Test(plan, large_seeds_differ) {
  expect_different_plans(1, 1000001);
  expect_different_plans(20260101, 1020260101);
  expect_different_plans(1, 1 + (UINT64_C(1) << 44));
}

Test(plan, the_networks_of_a_plan_differ) {
  struct jc_plan plan = make(1, 240);
  for (uint32_t i = 0; i < plan.count; i++) {
    for (uint32_t j = 0; j < i; j++)
      cr_assert(plan.entries[i].batch_size != plan.entries[j].batch_size ||
                    strcmp(after_name(plan.entries[i].model_json),
                           after_name(plan.entries[j].model_json)) != 0,
                "%s is %s again", plan.entries[i].id, plan.entries[j].id);
  }
  jc_plan_free(&plan);
}

Test(plan, ids_are_unique_and_begin_with_the_prefix) {
  struct jc_plan quick = make_within("q", 12, 120, 1.5e10, memory_bytes);
  struct jc_plan full = make_within("f", 12, 120, flops_max, memory_bytes);
  for (uint32_t i = 0; i < quick.count; i++) {
    cr_assert_eq(strncmp(quick.entries[i].id, "q12", 3), 0, "%s", quick.entries[i].id);
    cr_assert_eq(strncmp(full.entries[i].id, "f12", 3), 0, "%s", full.entries[i].id);
    for (uint32_t j = 0; j < i; j++)
      cr_assert_str_neq(quick.entries[i].id, quick.entries[j].id);
    for (uint32_t j = 0; j < full.count; j++)
      cr_assert_str_neq(quick.entries[i].id, full.entries[j].id);
  }
  jc_plan_free(&quick);
  jc_plan_free(&full);
}

/* ---- valid and within the limits ---- */

static void expect_one_line(const struct jc_plan_entry *entry) {
  for (const char *c = entry->model_json; *c != '\0'; c++)
    cr_assert(!iscntrl((unsigned char)*c), "%s is not one line", entry->id);
}

static void expect_valid(const struct jc_plan_entry *entry, double flops, double bytes) {
  struct analysed a;
  analyse_entry(&a, entry);
  const struct jc_totals *totals = &a.analysis.totals;
  const uint64_t memory =
      jc_training_memory_bytes(totals, entry->batch_size, JC_OPTIMIZER_MOMENTUM);
  const struct jc_shape *logits = jc_tensor_shape(&a.analysis, a.network->outputs[0]);
  expect_one_line(entry);
  cr_assert_geq(entry->batch_size, 1);
  cr_assert_eq(a.network->output_count, 1);
  cr_assert_eq(logits->rank, 1, "%s ends in rank %u", entry->id, logits->rank);
  cr_assert_geq(logits->dim[0], 2, "%s has %u classes", entry->id, logits->dim[0]);
  cr_assert_eq(a.network->layers[a.network->layer_count - 1].training_only, false);
  cr_assert_gt(totals->trainable_params, 0);
  cr_assert_leq(jc_step_flops(totals, entry->batch_size), flops, "%s", entry->id);
  cr_assert_leq((double)memory, bytes, "%s needs %llu bytes", entry->id,
                (unsigned long long)memory);
  for (uint32_t i = 0; i < a.network->layer_count; i++)
    cr_assert(a.network->layers[i].kind != JC_LAYER_softmax || i + 1 < a.network->layer_count,
              "%s: logits behind a softmax", entry->id);
  release(&a);
}

static void expect_valid_plan(const char *prefix, uint64_t seed, uint32_t count, double flops,
                              double bytes) {
  struct jc_plan plan = make_within(prefix, seed, count, flops, bytes);
  for (uint32_t i = 0; i < plan.count; i++)
    expect_valid(&plan.entries[i], flops, bytes);
  jc_plan_free(&plan);
}

Test(plan, every_network_is_valid_and_within_the_limits) {
  for (uint64_t seed = 0; seed < UNLESS_SANITIZED(8, 1); seed++) {
    expect_valid_plan("f", seed, 150, flops_max, memory_bytes);
    expect_valid_plan("q", seed, 150, 1.5e10, memory_bytes / 4);
  }
}

/* A small virtual machine, or a container with little memory. */
Test(plan, small_limits_give_small_networks) {
  expect_valid_plan("f", 1, 60, flops_max, 64e6);
  expect_valid_plan("f", 1, 60, 2e8, memory_bytes);
  expect_valid_plan("f", 1, 60, 2e8, 64e6);
}

/* jc_plan_free must do on what a failure leaves behind. */
Test(plan, limits_that_no_network_fits_are_a_failure) {
  static const struct { double flops, bytes; } cases[] = {{1, 4e9}, {8e10, 1}, {0, 0}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    const struct jc_plan_options options = {.prefix = "f",
                                            .seed = 1,
                                            .count = 3,
                                            .flops_max = cases[i].flops,
                                            .memory_bytes = cases[i].bytes};
    struct jc_error error = {0};
    struct jc_plan plan;
    cr_assert_neq(jc_plan_make(&options, &plan, &error), JC_OK);
    cr_assert(jc_error_is_set(&error));
    cr_assert_str_neq(error.text, "");
    cr_assert_eq(plan.count, 0);
    jc_plan_free(&plan);
  }
}

/* ---- what the networks are made of ---- */

static void mark_types(const struct jc_plan *plan, bool seen[JC_TYPE_COUNT]) {
  for (uint32_t k = 0; k < plan->count; k++) {
    struct analysed a;
    analyse_entry(&a, &plan->entries[k]);
    for (uint32_t i = 0; i < a.network->layer_count; i++) {
      struct jc_feature_row row;
      jc_features(&a.analysis, i, JC_FORWARD, plan->entries[k].batch_size, &row);
      seen[row.type] = true;
    }
    release(&a);
  }
}

/* Nobody trains convolutions whose window lies wholly in the padding; they are a type of their own
 * so that measured ones do not pass for others, and are priced by the row `any`. */
static bool is_never_trained(uint16_t type) {
  const char *variant = strchr(jc_type_name(type), '.');
  return variant != NULL && strcmp(variant, ".outside") == 0;
}

static void expect_every_trainable_type(struct jc_plan *plan) {
  bool seen[JC_TYPE_COUNT] = {false};
  mark_types(plan, seen);
  for (uint16_t type = 0; type < JC_TYPE_UPDATE; type++) {
    const enum jc_layer_kind kind = (enum jc_layer_kind)(type / JC_MAX_VARIANTS);
    const bool expected =
        jc_type_name(type) != NULL && jc_trainer_supports(kind) && !is_never_trained(type);
    cr_assert(seen[type] || jc_type_name(type) == NULL || !expected, "no network of %u has a %s",
              plan->count, jc_type_name(type));
  }
  jc_plan_free(plan);
}

Test(plan, every_trainable_kind_and_variant_occurs) {
  struct jc_plan full = make(1, 240);
  expect_every_trainable_type(&full);
}

Test(plan, every_trainable_kind_and_variant_occurs_in_a_quick_plan) {
  struct jc_plan quick = make_within("q", 1, 120, 1.5e10, memory_bytes / 2);
  expect_every_trainable_type(&quick);
}

static bool is_dense_only(const struct analysed *a) {
  for (uint32_t i = 0; i < a->network->layer_count; i++) {
    if (a->network->layers[i].kind == JC_LAYER_conv2d)
      return false;
  }
  return true;
}

/* A kind in fewer networks than that would be fitted in few folds, and its errors stay unseen. */
static void expect_kinds(const char *prefix, uint64_t seed, uint32_t count, double flops,
                         double bytes, uint32_t least) {
  struct jc_plan plan = make_within(prefix, seed, count, flops, bytes);
  uint32_t networks[JC_LAYER_KIND_COUNT] = {0};
  for (uint32_t k = 0; k < plan.count; k++) {
    struct analysed a;
    bool seen[JC_LAYER_KIND_COUNT] = {false};
    analyse_entry(&a, &plan.entries[k]);
    for (uint32_t i = 0; i < a.network->layer_count; i++)
      seen[a.network->layers[i].kind] = true;
    for (int kind = 0; kind < JC_LAYER_KIND_COUNT; kind++)
      networks[kind] += seen[kind];
    release(&a);
  }
  for (int kind = 0; kind < JC_LAYER_KIND_COUNT; kind++)
    cr_expect(networks[kind] >= least || !jc_trainer_supports((enum jc_layer_kind)kind),
              "seed %llu: %u of %u networks have a %s", (unsigned long long)seed, networks[kind],
              plan.count, jc_kind_get((enum jc_layer_kind)kind)->name);
  jc_plan_free(&plan);
}

Test(plan, every_kind_that_is_trained_is_in_six_networks) {
  for (uint64_t seed = 1; seed <= UNLESS_SANITIZED(12, 1); seed++) {
    expect_kinds("f", seed, FULL, flops_max, memory_bytes, 6);
    expect_kinds("q", seed, QUICK, quick_flops_max, memory_bytes / 2, 2);
  }
}

/* Grouped convolutions as in ResNeXt and RegNet, and linear layers that read linear layers: sizes
 * that a forecast must not extrapolate to. */
struct spread {
  uint32_t grouped, strided, dense; /* networks */
  uint32_t groups_min, groups_max, of_group_min, of_group_max;
  uint32_t width_min, width_max;
  uint64_t batch_min, batch_max;
};

static void widen(uint32_t value, uint32_t *low, uint32_t *high) {
  *low = value < *low ? value : *low;
  *high = value > *high ? value : *high;
}

static bool spread_groups(const struct analysed *a, struct spread *s, bool *strided) {
  bool grouped = false;
  for (uint32_t i = 0; i < a->network->layer_count; i++) {
    const struct jc_cost *cost = &a->analysis.layers[i];
    if (cost->groups <= 1 || cost->groups == cost->out.dim[0])
      continue;
    grouped = true;
    *strided = *strided || cost->stride == 2;
    widen(cost->groups, &s->groups_min, &s->groups_max);
    widen(cost->out.dim[0] / cost->groups, &s->of_group_min, &s->of_group_max);
  }
  return grouped;
}

static void spread_dense(const struct analysed *a, uint64_t batch, struct spread *s) {
  s->dense++;
  s->batch_min = batch < s->batch_min ? batch : s->batch_min;
  s->batch_max = batch > s->batch_max ? batch : s->batch_max;
  for (uint32_t i = 0; i + 1 < a->network->layer_count; i++)
    if (a->network->layers[i].kind == JC_LAYER_linear)
      widen(a->analysis.layers[i].out.dim[0], &s->width_min, &s->width_max);
}

static struct spread spread_of(const struct jc_plan *plan) {
  struct spread s = {.groups_min = UINT32_MAX,
                     .of_group_min = UINT32_MAX,
                     .width_min = UINT32_MAX,
                     .batch_min = UINT64_MAX};
  for (uint32_t i = 0; i < plan->count; i++) {
    struct analysed a;
    bool strided = false;
    analyse_entry(&a, &plan->entries[i]);
    s.grouped += spread_groups(&a, &s, &strided);
    s.strided += strided;
    if (is_dense_only(&a))
      spread_dense(&a, plan->entries[i].batch_size, &s);
    release(&a);
  }
  return s;
}

Test(plan, grouped_and_dense_networks_spread) {
  for (uint64_t seed = 1; seed <= UNLESS_SANITIZED(3, 1); seed++) {
    struct jc_plan plan = make(seed, FULL);
    const struct spread s = spread_of(&plan);
    cr_expect(s.grouped >= 15 && s.strided >= 6, "%u grouped, %u with a stride", s.grouped,
              s.strided);
    cr_expect(s.groups_min == 2 && s.groups_max >= 64, "%u to %u groups", s.groups_min,
              s.groups_max);
    cr_expect(s.of_group_min <= 4 && s.of_group_max >= 32, "%u to %u channels of a group",
              s.of_group_min, s.of_group_max);
    cr_expect(s.dense >= 12, "%u dense", s.dense);
    cr_expect(s.width_min < 256 && s.width_max >= 3072, "%u to %u wide", s.width_min, s.width_max);
    cr_expect(s.batch_min >= 8 && s.batch_min <= 16 && s.batch_max >= 512, "batch %llu to %llu",
              (unsigned long long)s.batch_min, (unsigned long long)s.batch_max);
    jc_plan_free(&plan);
  }
}

/* A fit has room for JC_MAX_CURVES, four of them for layers of unknown type. */
Test(plan, a_profile_has_room_for_its_curves) {
  static bool seen[JC_TYPE_COUNT][JC_ORDER_COUNT][JC_PHASE_COUNT];
  uint32_t curves = 0;
  for (uint64_t seed = 1; seed <= UNLESS_SANITIZED(3, 1); seed++) {
    struct jc_plan plan = make(seed, FULL);
    for (uint32_t k = 0; k < plan.count; k++) {
      struct analysed a;
      analyse_entry(&a, &plan.entries[k]);
      for (uint32_t i = 0; i < JC_PHASE_COUNT * a.network->layer_count; i++) {
        struct jc_layerwise_row row;
        jc_layerwise_features(&a.analysis, i / JC_PHASE_COUNT, (enum jc_phase)(i % JC_PHASE_COUNT),
                              plan.entries[k].batch_size, &row);
        bool *at = &seen[row.type][row.order][row.phase];
        curves += !row.absent && !*at;
        *at = *at || !row.absent;
      }
      release(&a);
    }
    jc_plan_free(&plan);
  }
  cr_assert_gt(curves, 100);
  cr_assert_leq(curves + 4, JC_MAX_CURVES, "%u curves", curves);
}

Test(plan, every_family_occurs) {
  struct jc_plan plan = make(1, 120);
  size_t families = 0;
  for (; jc_plan_family(families) != NULL; families++) {
    uint32_t members = 0;
    for (uint32_t i = 0; i < plan.count; i++)
      members += strcmp(plan.entries[i].family, jc_plan_family(families)) == 0;
    cr_assert_geq(members, 2, "%u of %s", members, jc_plan_family(families));
  }
  cr_assert_geq(families, 13);
  cr_assert_null(jc_plan_family(families + 100));
  jc_plan_free(&plan);
}

/* Channels between layers; the image and the classes are what they are. */
static bool has_unaligned_channels(const struct analysed *a) {
  for (uint32_t i = 0; i + 1 < a->network->layer_count; i++) {
    const struct jc_shape *out = &a->analysis.layers[i].out;
    if (a->network->layers[i].kind == JC_LAYER_conv2d && out->dim[0] % 16 != 0)
      return true;
  }
  return false;
}

static uint64_t largest_linear(const struct analysed *a) {
  uint64_t largest = 0;
  for (uint32_t i = 0; i < a->network->layer_count; i++) {
    const uint64_t params = a->analysis.layers[i].params;
    if (a->network->layers[i].kind == JC_LAYER_linear && params > largest)
      largest = params;
  }
  return largest;
}

/* How many networks of a plan have what the design asks for (section 5). */
struct make_up {
  uint32_t unaligned, dense_only, large_linear, large_activations, gray, colour, tiny, single;
  double flops_min, flops_max;
};

static struct make_up examine(const struct jc_plan *plan) {
  struct make_up m = {.flops_min = 1e300};
  for (uint32_t i = 0; i < plan->count; i++) {
    const struct jc_plan_entry *entry = &plan->entries[i];
    struct analysed a;
    analyse_entry(&a, entry);
    const struct jc_totals *totals = &a.analysis.totals;
    const double flops = jc_step_flops(totals, entry->batch_size);
    const uint32_t channels = a.network->inputs[0].shape.dim[0];
    m.unaligned += has_unaligned_channels(&a);
    m.dense_only += is_dense_only(&a);
    m.large_linear += largest_linear(&a) >= 16000000;
    m.large_activations += (double)entry->batch_size * (double)totals->activation_bytes > 500e6;
    m.gray += channels == 1;
    m.colour += channels == 3;
    m.tiny += flops < 1e8;
    m.single += entry->batch_size == 1;
    m.flops_min = flops < m.flops_min ? flops : m.flops_min;
    m.flops_max = flops > m.flops_max ? flops : m.flops_max;
    release(&a);
  }
  return m;
}

Test(plan, sizes_and_shapes_spread_as_the_design_asks) {
  struct jc_plan plan = make(1, 240);
  const struct make_up m = examine(&plan);
  cr_assert_geq(m.unaligned, 240 / 10, "%u unaligned", m.unaligned);
  cr_assert_leq(m.unaligned, 240 * 7 / 10, "%u unaligned: most real networks are not", m.unaligned);
  cr_assert_geq(m.dense_only, 5, "%u without convolutions", m.dense_only);
  cr_assert_geq(m.large_linear, 2, "%u with a linear layer of 16 M weights", m.large_linear);
  cr_assert_geq(m.large_activations, 2, "%u with 500 MB of activations", m.large_activations);
  cr_assert_geq(m.gray, 12, "%u of one channel", m.gray);
  cr_assert_geq(m.colour, 120, "%u of three channels", m.colour);
  cr_assert_geq(m.tiny, 12, "%u of under 1e8 FLOPs a step", m.tiny);
  cr_assert_geq(m.single, 2, "%u of batch 1", m.single);
  cr_assert_gt(m.flops_max, 1000 * m.flops_min, "from %g to %g FLOPs", m.flops_min, m.flops_max);
  jc_plan_free(&plan);
}

/* ---- the networks of the benchmark stay unseen ---- */

struct shipped {
  char name[64];
  uint64_t params, forward_macs;
};

/* The models in models/; returns how many. */
static uint32_t read_shipped(struct shipped *shipped, uint32_t capacity) {
  DIR *folder = opendir(TEST_SOURCE_DIR "/models");
  uint32_t count = 0;
  cr_assert(folder != NULL);
  for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
    const char *dot = strrchr(entry->d_name, '.');
    if (dot == NULL || strcmp(dot, ".json") != 0 || strstr(entry->d_name, ".schema.") != NULL)
      continue;
    char path[PATH_MAX];
    struct jc_error error = {0};
    struct jc_model *model = NULL;
    struct analysed a;
    join_path(path, TEST_SOURCE_DIR "/models", entry->d_name);
    cr_assert_eq(jc_model_read(path, &model, &error), JC_OK, "%s: %s", path, error.text);
    analyse(&a, model);
    cr_assert_lt(count, capacity);
    snprintf(shipped[count].name, sizeof(shipped[count].name), "%s", a.network->name);
    shipped[count].params = a.analysis.totals.params;
    shipped[count++].forward_macs = a.analysis.totals.forward_macs;
    release(&a);
  }
  closedir(folder);
  return count;
}

Test(plan, no_sample_is_a_shipped_model) {
  struct shipped shipped[200];
  const uint32_t shipped_count = read_shipped(shipped, 200);
  struct jc_plan plan = make(1, 240);
  cr_assert_geq(shipped_count, 14);
  for (uint32_t i = 0; i < plan.count; i++) {
    struct analysed a;
    analyse_entry(&a, &plan.entries[i]);
    for (uint32_t j = 0; j < shipped_count; j++) {
      cr_assert_str_neq(a.network->name, shipped[j].name);
      cr_assert(a.analysis.totals.params != shipped[j].params ||
                    a.analysis.totals.forward_macs != shipped[j].forward_macs,
                "%s counts as %s", a.network->name, shipped[j].name);
    }
    release(&a);
  }
  jc_plan_free(&plan);
}
