/* test_trainer_layers.c -- outputs and image gradients of single layers equal PyTorch's, from
 * golden/layers.txt (made by golden/make_golden_layers.py). */
#include "tests/trainer_fixture.h"

enum { LINE_BYTES = 65536 };

/* Next line of FILE without its end; false at the end of the file. */
static bool next_line(FILE *file, char *line) {
  if (fgets(line, LINE_BYTES, file) == NULL)
    return false;
  line[strcspn(line, "\n")] = '\0';
  return true;
}

static void compare(const char *name, const char *what, const char *numbers, const float *found,
                    size_t count) {
  char *at;
  for (size_t i = 0; i < count; i++, numbers = at) {
    const double expected = strtod(numbers, &at);
    cr_assert(at != numbers, "%s: %s: golden file has only %zu numbers", name, what, i);
    cr_assert(fabs((double)found[i] - expected) <= 1e-6 + 2e-5 * fabs(expected),
              "%s: %s[%zu]: expected %.8g, got %.8g", name, what, i, expected, (double)found[i]);
  }
}

/* Reads the rest of a case named NAME and trains it. */
static void check_case(FILE *file, const char *name, uint32_t threads, bool fuse_relu) {
  static char input[LINE_BYTES], batch[LINE_BYTES], layers[LINE_BYTES], loss[LINE_BYTES],
      logits[LINE_BYTES], gradient[LINE_BYTES];
  cr_assert(next_line(file, input) && next_line(file, batch) && next_line(file, layers) &&
            next_line(file, loss) && next_line(file, logits) && next_line(file, gradient));
  struct fixture f;
  struct jc_trainer_options options = JC_TRAINER_DEFAULTS;
  options.batch_size = (uint32_t)atoi(batch);
  options.threads = threads;
  options.fuse_relu = fuse_relu;
  options.input_gradient = true;
  fixture_parse(&f, input, layers);
  fixture_train(&f, &options);
  const struct jc_step step = fixture_step(&f);
  cr_assert_float_eq(step.loss, atof(loss), 2e-6 * atof(loss), "%s: loss: expected %s, got %.9g",
                     name, loss, step.loss);
  compare(name, "logits", logits, jc_trainer_output(f.trainer),
          (size_t)options.batch_size * fixture_classes(&f));
  compare(name, "gradient", gradient, jc_trainer_input_gradient(f.trainer),
          options.batch_size * f.data.sample_elements);
  fixture_close(&f);
}

Test(trainer_layers, equal_pytorch) {
  REQUIRE_TRAINER();
  static char name[LINE_BYTES];
  FILE *file = fopen(TEST_SOURCE_DIR "/tests/golden/layers.txt", "r");
  cr_assert(file != NULL);
  uint32_t cases = 0;
  for (; next_line(file, name); cases++)
    check_case(file, name, 1 + cases % 2, true);
  cr_assert(cases >= 37, "only %u cases", cases);
  (void)fclose(file);
}

/* Where oneDNN has no fast normalisation for a layout, it takes 50 times as long, silently. */
static void expect_no_reference_code(const char *layers, uint32_t batch_size) {
  struct fixture f;
  struct jc_trainer_options options = JC_TRAINER_DEFAULTS;
  options.batch_size = batch_size;
  fixture_parse(&f, "[3, 9, 9]", layers);
  fixture_train(&f, &options);
  for (uint32_t i = 0; i < f.network->layer_count; i++) {
    const struct jc_layer_facts facts = jc_trainer_facts(f.trainer, i);
    cr_expect(strstr(facts.forward, "ref") == NULL, "'%s' of batch %u runs forward as %s in %s",
              f.network->layers[i].name, batch_size, facts.forward, facts.layout);
    cr_expect(strstr(facts.backward, "ref") == NULL, "'%s' of batch %u runs backward as %s in %s",
              f.network->layers[i].name, batch_size, facts.backward, facts.layout);
  }
  fixture_close(&f);
}

#define NORMALISED                                                                                 \
  "{\"name\": \"n\", \"type\": \"batchnorm2d\"}, {\"name\": \"r\", \"type\": \"relu\"}, "          \
  "{\"name\": \"p\", \"type\": \"adaptive_avgpool2d\", \"output_size\": 1}, "                      \
  "{\"name\": \"f\", \"type\": \"flatten\"}, "                                                     \
  "{\"name\": \"l\", \"type\": \"linear\", \"out_features\": 3}"

Test(trainer_layers, normalise_by_fast_code) {
  REQUIRE_TRAINER();
  for (uint32_t batch_size = 1; batch_size <= 2; batch_size++) {
    expect_no_reference_code(
        "{\"name\": \"c\", \"type\": \"conv2d\", \"out_channels\": 64, \"kernel_size\": 1}, "
        "{\"name\": \"g\", \"type\": \"conv2d\", \"out_channels\": 64, \"kernel_size\": 3, "
        "\"groups\": 16}, " NORMALISED,
        batch_size);
    expect_no_reference_code(
        "{\"name\": \"c\", \"type\": \"conv2d\", \"out_channels\": 64, \"kernel_size\": 1}, "
        "{\"name\": \"h\", \"type\": \"chunk\", \"chunks\": 2, \"index\": 0}, "
        "{\"name\": \"d\", \"type\": \"conv2d\", \"out_channels\": 32, \"kernel_size\": "
        "1}, " NORMALISED,
        batch_size);
  }
}

/* The gradient of depthwise weights by one matrix product a channel takes 14 times as long. */
Test(trainer_layers, depthwise_by_fast_code) {
  REQUIRE_TRAINER();
  static const struct {
    const char *input, *kernel;
    bool own; /* oneDNN has fast code for the others */
  } cases[] = {{"[32, 8, 8]", "3", false},
               {"[32, 2, 2]", "3", true},
               {"[32, 8, 8]", "5", true},
               {"[5, 8, 8]", "[3, 7]", true}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct fixture f;
    struct jc_trainer_options options = JC_TRAINER_DEFAULTS;
    char layers[512];
    snprintf(layers, sizeof(layers),
             "{\"name\": \"d\", \"type\": \"conv2d\", \"out_channels\": %s, \"kernel_size\": %s, "
             "\"padding\": \"same\", \"groups\": \"in_channels\"}, "
             "{\"name\": \"f\", \"type\": \"flatten\"}, "
             "{\"name\": \"l\", \"type\": \"linear\", \"out_features\": 3}",
             cases[i].input[1] == '5' ? "5" : "32", cases[i].kernel);
    fixture_parse(&f, cases[i].input, layers);
    fixture_train(&f, &options);
    const char *way = jc_trainer_facts(f.trainer, 0).backward_weights;
    cr_expect((strcmp(way, "loop") == 0) == cases[i].own, "kernel %s on %s: %s", cases[i].kernel,
              cases[i].input, way);
    cr_expect(strstr(way, "gemm") == NULL, "kernel %s on %s: %s", cases[i].kernel, cases[i].input,
              way);
    fixture_close(&f);
  }
}
