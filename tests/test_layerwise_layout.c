/* test_layerwise_layout.c -- where the analysis says that a tensor lies in blocks of channels, or
 * is copied into another order, the trainer does so: in every shipped model that it trains, and in
 * small networks for the corners. */
#include <dirent.h>

#include "tests/trainer_fixture.h"

/* "nChw16c" holds a block; "nhwc", "nchw" and "nc" do not. */
static bool has_block(const char *layout) {
  return strpbrk(layout, "0123456789") != NULL;
}

/* Copies of these are no sign of another order: a product asks oneDNN what it likes best, a mean
 * always lays its result out again, and joining, cutting and turning copy as such. */
static bool copies_anyhow(enum jc_layer_kind kind) {
  switch (kind) {
  case JC_LAYER_conv2d:
  case JC_LAYER_linear:
  case JC_LAYER_mean:
  case JC_LAYER_concat:
  case JC_LAYER_chunk:
  case JC_LAYER_permute:
    return true;
  default:
    return false;
  }
}

/* Compares every layer, and returns how many lie in blocks. */
static uint32_t compare_layers(const struct fixture *f, const char *name) {
  uint32_t blocked = 0;
  for (uint32_t i = 0; i < f->network->layer_count; i++) {
    const struct jc_layer *layer = &f->network->layers[i];
    const struct jc_cost *cost = &f->analysis.layers[i];
    const struct jc_layer_facts facts = jc_trainer_facts(f->trainer, i);
    const char *kind = jc_kind_get(layer->kind)->name;
    cr_expect_eq(cost->blocked, has_block(facts.layout), "%s: %s '%s' of %u inputs: %s, not %s",
                 name, kind, layer->name, layer->input_count, facts.layout,
                 cost->blocked ? "blocks" : "plain");
    if (!copies_anyhow(layer->kind) && facts.reorders > 0)
      cr_expect(cost->reorders, "%s: %s '%s' copies %u times, in %s", name, kind, layer->name,
                facts.reorders, facts.layout);
    blocked += cost->blocked ? 1 : 0;
  }
  return blocked;
}

/* The first of these images that the model takes, else its own: the smallest that leaves the last
 * layers more than what their windows reach over, where oneDNN falls back on slow code. */
static const char *const inputs[] = {"3x64x64", "3x96x96", "3x299x299", NULL};

static bool has_large_windows(const char *path) {
  return strstr(path, "convnext") != NULL;
}

/* False where the model cannot be trained here. */
static bool try_model(struct fixture *f, const char *path) {
  struct jc_trainer_options options = JC_TRAINER_DEFAULTS;
  options.batch_size = 2;
  for (size_t i = has_large_windows(path) ? 2 : 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
    memset(f, 0, sizeof(*f));
    cr_assert_eq(jc_model_read(path, &f->model, &f->error), JC_OK, "%s", fixture_error(f));
    f->network = jc_model_network(f->model);
    const size_t size = jc_analysis_storage_size(f->network->layer_count, f->network->input_count);
    f->storage = malloc(size);
    cr_assert_not_null(f->storage);
    if ((inputs[i] == NULL || jc_model_override_input(f->model, inputs[i], &f->error) == JC_OK) &&
        jc_network_analyze(f->network, f->storage, size, &f->analysis, &f->error) == JC_OK &&
        jc_trainer_create(&f->analysis, &options, &f->trainer, &f->error) == JC_OK)
      return true;
    const bool untrainable = f->error.status == JC_ERROR_UNAVAILABLE;
    fixture_close(f);
    if (untrainable)
      return false;
  }
  return false;
}

Test(layerwise_layout, of_every_shipped_model_that_trains, .timeout = 900) {
  REQUIRE_TRAINER();
  DIR *folder = opendir(TEST_SOURCE_DIR "/models");
  uint32_t trained = 0;
  cr_assert_not_null(folder);
  for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    const char *dot = strrchr(entry->d_name, '.');
    char path[1024];
    struct fixture f;
    if (dot == NULL || strcmp(dot, ".json") != 0 || strstr(entry->d_name, "schema") != NULL)
      continue;
    (void)snprintf(path, sizeof(path), TEST_SOURCE_DIR "/models/%s", entry->d_name);
    if (!try_model(&f, path))
      continue;
    (void)compare_layers(&f, entry->d_name);
    fixture_close(&f);
    trained++;
  }
  (void)closedir(folder);
  cr_assert_geq(trained, 38, "only %u models", trained);
}

/* ---- corners that no shipped model has ---- */

#define CONV(name, out)                                                                            \
  "{\"name\": \"" name "\", \"type\": \"conv2d\", \"out_channels\": " out                          \
  ", \"kernel_size\": 3, \"padding\": 1}, "
#define HEAD                                                                                       \
  "{\"name\": \"pool\", \"type\": \"adaptive_avgpool2d\", \"output_size\": 1}, "                   \
  "{\"name\": \"flatten\", \"type\": \"flatten\"}, "                                               \
  "{\"name\": \"fc\", \"type\": \"linear\", \"out_features\": 3}"

/* A linear layer on positions, as ConvNeXt has it, whose channels stay last. */
#define TOKENS                                                                                     \
  "{\"name\": \"p\", \"type\": \"permute\", \"dims\": [0, 2, 3, 1]}, "                             \
  "{\"name\": \"l\", \"type\": \"linear\", \"out_features\": 16}, "                                \
  "{\"name\": \"q\", \"type\": \"permute\", \"dims\": [0, 3, 1, 2]}, "                             \
  "{\"name\": \"r\", \"type\": \"relu\"}, "

static const struct {
  const char *name, *input, *layers;
  uint32_t blocked; /* layers */
} corners[] = {
    {"shuffle", "[3, 8, 8]",
     CONV("a", "32") "{\"name\": \"s\", \"type\": \"channel_shuffle\", \"groups\": 4}, " HEAD, 3},
    {"aligned chunk", "[3, 8, 8]",
     CONV("a", "32") "{\"name\": \"s\", \"type\": \"chunk\", \"chunks\": 2, \"dim\": 1, "
                     "\"index\": 1}, " HEAD,
     3},
    {"chunk inside a block", "[3, 8, 8]",
     CONV("a", "48") "{\"name\": \"s\", \"type\": \"chunk\", \"chunks\": 2, \"dim\": 1, "
                     "\"index\": 0}, " HEAD,
     2},
    {"last chunk, not full", "[3, 8, 8]",
     CONV("a", "24") "{\"name\": \"s\", \"type\": \"chunk\", \"chunks\": 1, \"dim\": 1, "
                     "\"index\": 0}, " HEAD,
     3},
    {"few channels", "[3, 8, 8]",
     "{\"name\": \"p\", \"type\": \"maxpool2d\", \"kernel_size\": 2}, " CONV("a", "4") HEAD, 2},
    {"plain image of many channels", "[9, 8, 8]",
     "{\"name\": \"p\", \"type\": \"maxpool2d\", \"kernel_size\": 2}, " CONV("a", "4") HEAD, 3},
    {"joined, the last not full", "[3, 8, 8]",
     CONV("a", "16") CONV("b", "24") "{\"name\": \"c\", \"type\": \"concat\", \"dim\": 1, "
                                     "\"inputs\": [\"a\", \"b\"]}, " HEAD,
     4},
    {"joined, the first not full", "[3, 8, 8]",
     CONV("a", "16") CONV("b", "24") "{\"name\": \"c\", \"type\": \"concat\", \"dim\": 1, "
                                     "\"inputs\": [\"b\", \"a\"]}, " HEAD,
     3},
    {"sum of blocked and plain", "[16, 8, 8]",
     CONV("a", "16") "{\"name\": \"c\", \"type\": \"add\", \"inputs\": [\"input\", \"a\"]}, " HEAD,
     3},
    {"gate", "[3, 8, 8]",
     CONV("a", "20") "{\"name\": \"p\", \"type\": \"adaptive_avgpool2d\", \"output_size\": 1}, "
                     "{\"name\": \"g\", \"type\": \"hardsigmoid\"}, "
                     "{\"name\": \"m\", \"type\": \"mul\", \"inputs\": [\"g\", \"a\"]}, "
                     "{\"name\": \"q\", \"type\": \"avgpool2d\", \"kernel_size\": 8}, "
                     "{\"name\": \"flatten\", \"type\": \"flatten\"}, "
                     "{\"name\": \"fc\", \"type\": \"linear\", \"out_features\": 3}",
     5},
    {"pool of unequal windows", "[3, 8, 8]",
     CONV("a", "16") "{\"name\": \"p\", \"type\": \"adaptive_avgpool2d\", \"output_size\": 3}, "
                     "{\"name\": \"r\", \"type\": \"silu\"}, " HEAD,
     2},
    {"channels last, then blocks", "[3, 8, 8]",
     CONV("a", "16") TOKENS
     "{\"name\": \"s\", \"type\": \"add\", \"inputs\": [\"r\", \"a\"]}, " HEAD,
     1},
    {"blocks, then channels last", "[3, 8, 8]",
     CONV("a", "16") TOKENS
     "{\"name\": \"s\", \"type\": \"add\", \"inputs\": [\"a\", \"r\"]}, " HEAD,
     3},
    {"padded by zeros", "[3, 8, 8]",
     CONV("a", "16") "{\"name\": \"p\", \"type\": \"pad\", \"padding\": [1, 1, 1, 1]}, "
                     "{\"name\": \"r\", \"type\": \"relu\"}, " HEAD,
     2},
};

Test(layerwise_layout, of_corners) {
  REQUIRE_TRAINER();
  for (size_t i = 0; i < sizeof(corners) / sizeof(corners[0]); i++) {
    struct jc_trainer_options options = JC_TRAINER_DEFAULTS;
    struct fixture f;
    options.batch_size = 2;
    fixture_parse(&f, corners[i].input, corners[i].layers);
    fixture_train(&f, &options);
    const uint32_t blocked = compare_layers(&f, corners[i].name);
    cr_expect_eq(blocked, corners[i].blocked, "%s: %u layers in blocks", corners[i].name, blocked);
    fixture_close(&f);
  }
}
