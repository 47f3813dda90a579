/* test_trainer_gradients.c -- every gradient against central differences of the loss, in fp32.
 *
 * Each tensor (parameters and images) is tried along its own gradient, with random weights on the
 * elements, and along single elements. The step is chosen so that the loss should change by a given
 * amount; the best of several counts, since large steps meet the kinks of relu and maximum and
 * small ones the rounding of the loss.
 */
#include "tests/trainer_fixture.h"

static const double changes[] = {1e-2, 3e-3, 3e-2, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5};
enum { CHANGES = sizeof(changes) / sizeof(changes[0]), SINGLES = 3 };
static const double tolerance = 0.02;

struct check_case {
  const char *name;
  const char *input;
  uint32_t batch;
  const char *layers;
  const char *zero_bias; /* layer whose bias has true gradient 0: right before a batchnorm2d */
};

/* A tensor under test: the images, or a parameter of a layer. */
struct target {
  struct fixture *fixture;
  const char *case_name;
  bool is_images;
  uint32_t layer;
  enum jc_parameter_role role;
  size_t count;
  float *values, *moved, *gradient;
};

static void put(const struct target *t, const float *values) {
  if (t->is_images)
    memcpy(jc_trainer_images(t->fixture->trainer), values, t->count * sizeof(float));
  else
    cr_assert(jc_trainer_parameter_set(t->fixture->trainer, t->layer, t->role, values,
                                       &t->fixture->error) == JC_OK);
}

static void read_values(const struct target *t) {
  if (t->is_images)
    memcpy(t->values, jc_trainer_images(t->fixture->trainer), t->count * sizeof(float));
  else
    cr_assert(jc_trainer_parameter_get(t->fixture->trainer, t->layer, t->role, t->values,
                                       &t->fixture->error) == JC_OK);
}

static void read_gradient(const struct target *t) {
  if (t->is_images)
    memcpy(t->gradient, jc_trainer_input_gradient(t->fixture->trainer), t->count * sizeof(float));
  else
    cr_assert(jc_trainer_parameter_gradient(t->fixture->trainer, t->layer, t->role, t->gradient,
                                            &t->fixture->error) == JC_OK);
}

/* Loss with the tensor moved by STEP along DIRECTION; the dropout masks stay the same. */
static double loss_at(const struct target *t, const double *direction, double step) {
  for (size_t i = 0; i < t->count; i++)
    t->moved[i] = (float)((double)t->values[i] + step * direction[i]);
  put(t, t->moved);
  jc_trainer_set_step(t->fixture->trainer, 0);
  return fixture_step(t->fixture).loss;
}

/* Smallest difference between the slope measured along DIRECTION and EXPECTED, of several steps. */
static double best_difference(const struct target *t, const double *direction, double expected,
                              double scale) {
  double best = INFINITY;
  for (int k = 0; k < CHANGES && best > tolerance * scale; k++) {
    const double step = changes[k] / scale;
    const double slope = (loss_at(t, direction, step) - loss_at(t, direction, -step)) / (2 * step);
    best = fmin(best, fabs(slope - expected));
  }
  put(t, t->values);
  return best;
}

static const char *name_of(const struct target *t) {
  static char text[300];
  (void)snprintf(text, sizeof(text), "%s: %s.%s", t->case_name,
                 t->is_images ? "images" : t->fixture->network->layers[t->layer].name,
                 t->is_images ? "all" : (t->role == JC_PARAMETER_WEIGHT ? "weight" : "bias"));
  return text;
}

static void check_along_gradient(const struct target *t, double *direction, double norm) {
  const uint64_t stream = jc_stream(7, name_of(t));
  double expected = 0;
  for (size_t i = 0; i < t->count; i++) {
    direction[i] = (double)t->gradient[i] / norm * (0.5 + jc_draw(stream, i));
    expected += direction[i] * (double)t->gradient[i];
  }
  const double difference = best_difference(t, direction, expected, expected);
  cr_assert(difference <= tolerance * expected, "%s: slope %g is off by %.1f %%", name_of(t),
            expected, 100 * difference / expected);
}

/* Single elements, wherever they are: a part of the tensor without its gradient is found here. */
static void check_singles(const struct target *t, double *direction, double largest) {
  const uint64_t stream = jc_stream(8, name_of(t));
  memset(direction, 0, t->count * sizeof(*direction));
  for (uint64_t k = 0; k < SINGLES; k++) {
    const size_t i = jc_draw_bits(stream, k) % t->count;
    direction[i] = 1;
    const double expected = (double)t->gradient[i];
    const double difference = best_difference(t, direction, expected, largest);
    cr_assert(difference <= tolerance * largest, "%s[%zu]: %g is off by %g", name_of(t), i,
              expected, difference);
    direction[i] = 0;
  }
}

static void check_target(struct target *t, bool exempt) {
  t->values = malloc(t->count * sizeof(float));
  t->moved = malloc(t->count * sizeof(float));
  t->gradient = malloc(t->count * sizeof(float));
  double *direction = malloc(t->count * sizeof(double));
  cr_assert(t->values && t->moved && t->gradient && direction);
  read_values(t);
  jc_trainer_set_step(t->fixture->trainer, 0);
  (void)fixture_step(t->fixture);
  read_gradient(t);
  double square = 0, largest = 0;
  for (size_t i = 0; i < t->count; i++) {
    square += (double)t->gradient[i] * (double)t->gradient[i];
    largest = fmax(largest, fabs((double)t->gradient[i]));
  }
  if (exempt) {
    cr_assert(largest < 1e-5, "%s: expected no gradient, got %g", name_of(t), largest);
  } else {
    cr_assert(largest > 1e-6, "%s: no gradient", name_of(t));
    check_along_gradient(t, direction, sqrt(square));
    check_singles(t, direction, largest);
  }
  free(t->values);
  free(t->moved);
  free(t->gradient);
  free(direction);
}

/* Batch normalisation starts as 1 and 0, where some mistakes do not show. */
static void shift_parameters(struct fixture *f) {
  for (uint32_t i = 0; i < f->network->layer_count; i++) {
    float values[256];
    const uint64_t stream = jc_stream(9, f->network->layers[i].name);
    if (f->network->layers[i].kind != JC_LAYER_batchnorm2d ||
        !f->network->layers[i].fields.batchnorm2d.affine)
      continue;
    const uint64_t channels = jc_trainer_parameter_count(f->trainer, i, JC_PARAMETER_WEIGHT);
    cr_assert(channels <= 128);
    for (uint64_t c = 0; c < 2 * channels; c++)
      values[c] = (float)(jc_draw(stream, c) - (c < channels ? -0.5 : 0.5));
    cr_assert(jc_trainer_parameter_set(f->trainer, i, JC_PARAMETER_WEIGHT, values, &f->error) ==
              JC_OK);
    cr_assert(jc_trainer_parameter_set(f->trainer, i, JC_PARAMETER_BIAS, values + channels,
                                       &f->error) == JC_OK);
  }
}

static void check_network(const struct check_case *c, uint32_t threads, bool fuse_relu) {
  struct fixture f;
  struct jc_trainer_options options = JC_TRAINER_DEFAULTS;
  options.batch_size = c->batch;
  options.threads = threads;
  options.learning_rate = 0; /* steps leave the parameters alone */
  options.momentum = 0;
  options.input_gradient = true;
  options.fuse_relu = fuse_relu;
  fixture_parse(&f, c->input, c->layers);
  fixture_train(&f, &options);
  shift_parameters(&f);
  struct target images = {.fixture = &f,
                          .case_name = c->name,
                          .is_images = true,
                          .count = c->batch * f.data.sample_elements};
  check_target(&images, false);
  for (uint32_t i = 0; i < f.network->layer_count; i++)
    for (int role = 0; role < JC_PARAMETER_ROLE_COUNT; role++) {
      const enum jc_parameter_role r = (enum jc_parameter_role)role;
      struct target parameter = {.fixture = &f,
                                 .case_name = c->name,
                                 .layer = i,
                                 .role = r,
                                 .count = jc_trainer_parameter_count(f.trainer, i, r)};
      const bool exempt = c->zero_bias != NULL && r == JC_PARAMETER_BIAS &&
                          strcmp(f.network->layers[i].name, c->zero_bias) == 0;
      if (parameter.count > 0)
        check_target(&parameter, exempt);
    }
  fixture_close(&f);
}

/* Fused and not, on one and two threads, turn and turn about. */
static void check_all(const struct check_case *cases, size_t count) {
  for (size_t i = 0; i < count; i++)
    check_network(&cases[i], 1 + i % 2, (i / 2) % 2 == 0);
}

#define CHECK_ALL(cases) check_all(cases, sizeof(cases) / sizeof((cases)[0]))

#define FLATTEN                "{\"name\": \"flatten\", \"type\": \"flatten\"}"
#define FC(n)                  FLATTEN ", {\"name\": \"fc\", \"type\": \"linear\", \"out_features\": " #n "}"
#define CONV(name, more)       "{\"name\": \"" name "\", \"type\": \"conv2d\", " more "}, "
#define LAYER(name, type)      "{\"name\": \"" name "\", \"type\": \"" type "\"}, "
#define WITH(name, type, more) "{\"name\": \"" name "\", \"type\": \"" type "\", " more "}, "

Test(trainer_gradients, conv2d) {
  REQUIRE_TRAINER();
  static const struct check_case cases[] = {
      {"conv 3x3 16 to 16", "[16, 6, 6]", 3,
       CONV("c", "\"out_channels\": 16, \"kernel_size\": 3, \"padding\": 1") FC(5), NULL},
      {"conv 1x1 17 to 5", "[17, 5, 5]", 2,
       CONV("c", "\"out_channels\": 5, \"kernel_size\": 1") FC(4), NULL},
      {"conv 3 to 17, stride 2", "[3, 9, 9]", 2,
       CONV("c", "\"out_channels\": 17, \"kernel_size\": 3, \"stride\": 2, \"padding\": 1") FC(4),
       NULL},
      {"conv stride leaves rows unread", "[4, 8, 9]", 2,
       CONV("c", "\"out_channels\": 6, \"kernel_size\": [2, 3], \"stride\": 3, \"bias\": false")
           FC(4),
       NULL},
      {"conv dilation", "[8, 9, 9]", 2,
       CONV("c", "\"out_channels\": 16, \"kernel_size\": 3, \"dilation\": 2, \"padding\": 2") FC(4),
       NULL},
      {"conv uneven everything", "[5, 9, 7]", 2,
       CONV("c", "\"out_channels\": 3, \"kernel_size\": [3, 2], \"stride\": [1, 2], "
                 "\"padding\": [0, 1], \"dilation\": [2, 1]") FC(4),
       NULL},
      {"conv padding beyond half the kernel", "[3, 5, 5]", 2,
       CONV("c", "\"out_channels\": 4, \"kernel_size\": 3, \"padding\": 3") FC(4), NULL},
      {"conv 2 groups of 16", "[32, 5, 5]", 2,
       CONV("c", "\"out_channels\": 32, \"kernel_size\": 3, \"groups\": 2, \"padding\": 1") FC(4),
       NULL},
      {"conv 3 groups of 2 to 4", "[6, 6, 6]", 2,
       CONV("c", "\"out_channels\": 12, \"kernel_size\": 3, \"groups\": 3") FC(4), NULL},
      {"conv depthwise 16", "[16, 6, 6]", 2,
       CONV("c", "\"out_channels\": 16, \"kernel_size\": 3, \"groups\": \"in_channels\", "
                 "\"padding\": 1") FC(4),
       NULL},
      {"conv depthwise 5, stride 2", "[5, 7, 7]", 2,
       CONV("c", "\"out_channels\": 5, \"kernel_size\": 3, \"groups\": \"in_channels\", "
                 "\"stride\": 2, \"padding\": 1") FC(4),
       NULL},
      {"conv depthwise with multiplier", "[5, 6, 6]", 2,
       CONV("c", "\"out_channels\": 10, \"kernel_size\": 3, \"groups\": \"in_channels\"") FC(4),
       NULL},
      {"conv chain 3, 5, 17, 3", "[3, 7, 7]", 2,
       CONV("a", "\"out_channels\": 5, \"kernel_size\": 3, \"padding\": 1")
           CONV("b", "\"out_channels\": 17, \"kernel_size\": 3, \"padding\": 1")
               CONV("c", "\"out_channels\": 3, \"kernel_size\": 1") FC(4),
       NULL},
  };
  CHECK_ALL(cases);
}

/* "same": an odd border lies behind; a window that is even or dilated has one. */
Test(trainer_gradients, conv2d_same) {
  REQUIRE_TRAINER();
  static const struct check_case cases[] = {
      {"same 3x3", "[3, 6, 6]", 2,
       CONV("c", "\"out_channels\": 16, \"kernel_size\": 3, \"padding\": \"same\"") FC(4), NULL},
      {"same 4x2", "[5, 7, 6]", 2,
       CONV("c", "\"out_channels\": 6, \"kernel_size\": [4, 2], \"padding\": \"same\"") FC(4),
       NULL},
      {"same 2x4 of 16, dilated", "[16, 8, 9]", 2,
       CONV("c", "\"out_channels\": 16, \"kernel_size\": [2, 4], \"dilation\": [3, 1], "
                 "\"padding\": \"same\"") FC(4),
       NULL},
      {"same 2x2 behind same 2x2", "[3, 5, 5]", 2,
       CONV("c", "\"out_channels\": 17, \"kernel_size\": 2, \"padding\": \"same\"")
           CONV("d", "\"out_channels\": 4, \"kernel_size\": 2, \"padding\": \"same\"") FC(4),
       NULL},
      {"same 4x4 depthwise", "[5, 6, 6]", 2,
       CONV("c", "\"out_channels\": 5, \"kernel_size\": 4, \"groups\": \"in_channels\", "
                 "\"padding\": \"same\"") FC(4),
       NULL},
      {"valid", "[3, 6, 6]", 2,
       CONV("c", "\"out_channels\": 4, \"kernel_size\": 4, \"padding\": \"valid\"") FC(4), NULL},
  };
  CHECK_ALL(cases);
}

Test(trainer_gradients, linear) {
  REQUIRE_TRAINER();
  static const struct check_case cases[] = {
      {"linear chain", "[7]", 5,
       WITH("a", "linear", "\"out_features\": 33") LAYER("r", "relu")
           WITH("b", "linear", "\"out_features\": 16, \"bias\": false") FC(3),
       NULL},
      {"linear on rows", "[6, 7]", 3, WITH("a", "linear", "\"out_features\": 5") FC(4), NULL},
      {"linear on an image's rows", "[3, 4, 6]", 2,
       CONV("c", "\"out_channels\": 16, \"kernel_size\": 3, \"padding\": 1")
           WITH("a", "linear", "\"out_features\": 5") FC(4),
       NULL},
      {"linear after blocked image", "[3, 6, 6]", 2,
       CONV("c", "\"out_channels\": 17, \"kernel_size\": 3") FC(4), NULL},
      {"linear of batch 1", "[64]", 1, WITH("a", "linear", "\"out_features\": 40") FC(3), NULL},
  };
  CHECK_ALL(cases);
}

Test(trainer_gradients, batchnorm2d) {
  REQUIRE_TRAINER();
  static const struct check_case cases[] = {
      {"norm 16", "[3, 6, 6]", 4,
       CONV("c", "\"out_channels\": 16, \"kernel_size\": 3") LAYER("n", "batchnorm2d") FC(4), "c"},
      {"norm and relu 16", "[3, 6, 6]", 4,
       CONV("c", "\"out_channels\": 16, \"kernel_size\": 3") LAYER("n", "batchnorm2d")
           LAYER("r", "relu") FC(4),
       "c"},
      {"norm and relu 5", "[3, 6, 6]", 4,
       CONV("c", "\"out_channels\": 5, \"kernel_size\": 3") LAYER("n", "batchnorm2d")
           LAYER("r", "relu") FC(4),
       "c"},
      {"norm of images", "[3, 6, 6]", 4, LAYER("n", "batchnorm2d") FC(4), NULL},
      {"norm and relu of 17 images", "[17, 4, 4]", 4,
       LAYER("n", "batchnorm2d") LAYER("r", "relu") FC(4), NULL},
      {"norm without parameters", "[5, 6, 6]", 3,
       WITH("n", "batchnorm2d", "\"affine\": false, \"eps\": 0.01") FC(4), NULL},
      {"norm and relu without parameters", "[16, 6, 6]", 3,
       WITH("n", "batchnorm2d", "\"affine\": false, \"eps\": 0.01") LAYER("r", "relu") FC(4), NULL},
      {"norm and relu6", "[16, 5, 5]", 3, LAYER("n", "batchnorm2d") LAYER("r", "relu6") FC(4),
       NULL},
      {"norm read twice is not fused", "[16, 5, 5]", 3,
       LAYER("n", "batchnorm2d") LAYER("r", "relu") WITH("a", "add", "\"inputs\": [\"n\", \"r\"]")
           FC(4),
       NULL},
      {"relu after fused norm read twice", "[16, 5, 5]", 3,
       LAYER("n", "batchnorm2d") LAYER("r", "relu")
           CONV("c", "\"out_channels\": 16, \"kernel_size\": 1")
               WITH("a", "add", "\"inputs\": [\"c\", \"r\"]") FC(4),
       NULL},
  };
  CHECK_ALL(cases);
}

Test(trainer_gradients, elementwise) {
  REQUIRE_TRAINER();
  static const struct check_case cases[] = {
      {"relu of images", "[3, 5, 5]", 3, LAYER("r", "relu") FC(4), NULL},
      {"relu6 cuts both ends", "[3, 5, 5]", 3,
       CONV("c", "\"out_channels\": 5, \"kernel_size\": 5, \"padding\": 2")
           CONV("d", "\"out_channels\": 16, \"kernel_size\": 5, \"padding\": 2") LAYER("r", "relu6")
               FC(4),
       NULL},
      {"dropout", "[5, 6, 6]", 3,
       WITH("d", "dropout", "\"p\": 0.3") CONV("c", "\"out_channels\": 17, \"kernel_size\": 3")
           WITH("e", "dropout", "\"p\": 0.5") FC(4),
       NULL},
      {"dropout of p 0", "[5, 6, 6]", 3, WITH("d", "dropout", "\"p\": 0") FC(4), NULL},
      {"softmax of features", "[12]", 3,
       WITH("a", "linear", "\"out_features\": 9") LAYER("s", "softmax") FC(4), NULL},
      {"softmax over channels", "[3, 4, 5]", 3,
       CONV("c", "\"out_channels\": 17, \"kernel_size\": 3, \"padding\": 1") LAYER("s", "softmax")
           FC(4),
       NULL},
      {"softmax over rows", "[3, 4, 5]", 3, WITH("s", "softmax", "\"dim\": 2") FC(4), NULL},
      {"softmax over columns", "[3, 4, 5]", 3, WITH("s", "softmax", "\"dim\": 3") FC(4), NULL},
      {"softmax from the end", "[3, 4, 5]", 3, WITH("s", "softmax", "\"dim\": -2") FC(4), NULL},
  };
  CHECK_ALL(cases);
}

Test(trainer_gradients, pooling) {
  REQUIRE_TRAINER();
#define POOL(name, type, more)                                                                     \
  {                                                                                                \
    name, "[3, 9, 8]", 2,                                                                          \
        CONV("c", "\"out_channels\": 17, \"kernel_size\": 3, \"padding\": 1")                      \
            WITH("p", type, more) FC(4),                                                           \
        NULL                                                                                       \
  }
  static const struct check_case cases[] = {
      POOL("max 2", "maxpool2d", "\"kernel_size\": 2"),
      POOL("max 3 overlapping", "maxpool2d", "\"kernel_size\": 3, \"stride\": 2, \"padding\": 1"),
      POOL("max ceil", "maxpool2d", "\"kernel_size\": 3, \"stride\": 2, \"ceil_mode\": true"),
      POOL("max ceil padded", "maxpool2d",
           "\"kernel_size\": [3, 2], \"stride\": [2, 3], \"padding\": 1, \"ceil_mode\": true"),
      POOL("max dilated", "maxpool2d", "\"kernel_size\": 2, \"stride\": 1, \"dilation\": [2, 3]"),
      POOL("mean 2", "avgpool2d", "\"kernel_size\": 2"),
      POOL("mean padded", "avgpool2d", "\"kernel_size\": 3, \"stride\": 2, \"padding\": 1"),
      POOL("mean padded, not counted", "avgpool2d",
           "\"kernel_size\": 3, \"stride\": 2, \"padding\": 1, \"count_include_pad\": false"),
      POOL("mean ceil", "avgpool2d", "\"kernel_size\": 2, \"ceil_mode\": true"),
      POOL("mean ceil padded", "avgpool2d",
           "\"kernel_size\": [3, 2], \"stride\": [3, 3], \"padding\": 1, \"ceil_mode\": true"),
      POOL("mean ceil padded, not counted", "avgpool2d",
           "\"kernel_size\": 3, \"stride\": 3, \"padding\": 1, \"ceil_mode\": true, "
           "\"count_include_pad\": false"),
      POOL("mean as subsampling", "avgpool2d", "\"kernel_size\": 1, \"stride\": 2"),
      POOL("adaptive 1", "adaptive_avgpool2d", "\"output_size\": 1"),
      POOL("adaptive 3x4", "adaptive_avgpool2d", "\"output_size\": [3, 4]"),
      POOL("adaptive with remainder", "adaptive_avgpool2d", "\"output_size\": [4, 5]"),
      POOL("adaptive, one size kept", "adaptive_avgpool2d", "\"output_size\": [0, 3]"),
      POOL("adaptive upwards", "adaptive_avgpool2d", "\"output_size\": [12, 8]"),
      {"max of images", "[3, 8, 8]", 2, WITH("p", "maxpool2d", "\"kernel_size\": 2") FC(4), NULL},
      {"mean of images", "[3, 8, 8]", 2, WITH("p", "avgpool2d", "\"kernel_size\": 2") FC(4), NULL},
  };
  CHECK_ALL(cases);
}

Test(trainer_gradients, joining_and_padding) {
  REQUIRE_TRAINER();
  static const struct check_case cases[] = {
      {"add of three", "[3, 5, 5]", 2,
       CONV("a", "\"out_channels\": 17, \"kernel_size\": 3, \"padding\": 1")
           CONV("b", "\"inputs\": [\"input\"], \"out_channels\": 17, \"kernel_size\": 1")
               WITH("p", "pad", "\"inputs\": [\"input\"], \"padding\": [0, 0, 0, 0, 7, 7]")
                   WITH("s", "add", "\"inputs\": [\"p\", \"a\", \"b\"]") FC(4),
       NULL},
      {"add of a tensor to itself", "[3, 5, 5]", 2,
       CONV("a", "\"out_channels\": 4, \"kernel_size\": 3")
           WITH("s", "add", "\"inputs\": [\"a\", \"a\"]") FC(4),
       NULL},
      {"add of images", "[3, 5, 5]", 2,
       LAYER("r", "relu") WITH("s", "add", "\"inputs\": [\"input\", \"r\", \"input\"]") FC(4),
       NULL},
      {"three readers", "[3, 5, 5]", 2,
       CONV("a", "\"out_channels\": 16, \"kernel_size\": 3")
           CONV("b", "\"out_channels\": 16, \"kernel_size\": 1")
               CONV("d", "\"inputs\": [\"a\"], \"out_channels\": 16, \"kernel_size\": 1")
                   WITH("s", "add", "\"inputs\": [\"d\", \"b\", \"a\"]") FC(4),
       NULL},
      {"concat of aligned channels", "[3, 5, 5]", 2,
       CONV("a", "\"out_channels\": 16, \"kernel_size\": 3, \"bias\": false") CONV(
           "b",
           "\"inputs\": [\"input\"], \"out_channels\": 32, \"kernel_size\": 3, \"bias\": false")
           WITH("k", "concat", "\"inputs\": [\"a\", \"b\"]") LAYER("n", "batchnorm2d") FC(4),
       NULL},
      {"concat of 3, 5 and 17 channels", "[3, 5, 5]", 2,
       CONV("a", "\"out_channels\": 5, \"kernel_size\": 3, \"padding\": 1")
           CONV("b", "\"out_channels\": 17, \"kernel_size\": 3, \"padding\": 1, \"bias\": false")
               WITH("k", "concat", "\"inputs\": [\"input\", \"a\", \"b\"]")
                   LAYER("n", "batchnorm2d") LAYER("r", "relu") FC(4),
       NULL},
      {"concat of rows", "[3, 5, 5]", 2,
       CONV("a", "\"out_channels\": 17, \"kernel_size\": 3, \"padding\": 1")
           CONV("b", "\"inputs\": [\"input\"], \"out_channels\": 17, \"kernel_size\": [2, 1]")
               WITH("k", "concat", "\"inputs\": [\"a\", \"b\"], \"dim\": 2") FC(4),
       NULL},
      {"concat of columns, from the end", "[3, 5, 5]", 2,
       CONV("a", "\"out_channels\": 17, \"kernel_size\": 3, \"padding\": 1")
           CONV("b", "\"inputs\": [\"input\"], \"out_channels\": 17, \"kernel_size\": [1, 2]")
               WITH("k", "concat", "\"inputs\": [\"a\", \"b\"], \"dim\": -1") FC(4),
       NULL},
      {"flatten of rows and columns, then linear", "[3, 5, 5]", 2,
       CONV("a", "\"out_channels\": 17, \"kernel_size\": 3")
           WITH("f", "flatten", "\"start_dim\": 2, \"end_dim\": -1")
               WITH("l", "linear", "\"out_features\": 6") FC(4),
       NULL},
      {"concat of features, twice the same", "[6]", 3,
       WITH("a", "linear", "\"out_features\": 5")
           WITH("k", "concat", "\"inputs\": [\"a\", \"input\", \"a\"]") FC(4),
       NULL},
      {"pad all around", "[3, 4, 5]", 2,
       CONV("a", "\"out_channels\": 16, \"kernel_size\": 3, \"padding\": 1")
           WITH("p", "pad", "\"padding\": [1, 2, 0, 3], \"value\": 0.5") FC(4),
       NULL},
      {"pad and crop", "[5, 6, 7]", 2,
       WITH("p", "pad", "\"padding\": [-1, 2, 1, -3, -1, 1]")
           CONV("a", "\"out_channels\": 3, \"kernel_size\": 3") FC(4),
       NULL},
      {"pad of features", "[6]", 3, WITH("p", "pad", "\"padding\": [2, -1]") FC(4), NULL},
  };
  CHECK_ALL(cases);
}

Test(trainer_gradients, whole_networks) {
  REQUIRE_TRAINER();
#define BOTTLENECK(name, in, stride)                                                               \
  CONV(name "1", "\"inputs\": [\"" in "\"], \"out_channels\": 8, \"kernel_size\": 1, "             \
                 "\"bias\": false")                                                                \
  LAYER(name "n1", "batchnorm2d")                                                                  \
  LAYER(name "r1", "relu")                                                                         \
  CONV(name "2", "\"out_channels\": 8, \"kernel_size\": 3, \"padding\": 1, \"bias\": false, "      \
                 "\"stride\": " stride)                                                            \
  LAYER(name "n2", "batchnorm2d")                                                                  \
  LAYER(name "r2", "relu")                                                                         \
  CONV(name "3", "\"out_channels\": 32, \"kernel_size\": 1, \"bias\": false")                      \
  LAYER(name "n3", "batchnorm2d")                                                                  \
  CONV(name "s", "\"inputs\": [\"" in "\"], \"out_channels\": 32, \"kernel_size\": 1, "            \
                 "\"bias\": false, \"stride\": " stride)                                           \
  LAYER(name "ns", "batchnorm2d")                                                                  \
  WITH(name "a", "add", "\"inputs\": [\"" name "n3\", \"" name "ns\"]")                            \
  LAYER(name "r", "relu")
#define DENSE(name, in, growth)                                                                    \
  WITH(name "n", "batchnorm2d", "\"inputs\": [\"" in "\"]")                                        \
  LAYER(name "r", "relu")                                                                          \
  CONV(name "c", "\"out_channels\": " growth ", \"kernel_size\": 3, \"padding\": 1, "              \
                 "\"bias\": false")                                                                \
  WITH(name, "concat", "\"inputs\": [\"" in "\", \"" name "c\"]")
#define MEAN WITH("mean", "adaptive_avgpool2d", "\"output_size\": 1")
  static const struct check_case cases[] = {
      {"residual", "[3, 12, 12]", 4,
       CONV("c", "\"out_channels\": 16, \"kernel_size\": 3, \"padding\": 1, \"bias\": false")
           BOTTLENECK("x", "c", "1") BOTTLENECK("y", "xr", "2") MEAN FC(5),
       NULL},
      {"dense of growth 12", "[3, 8, 8]", 4,
       CONV("c", "\"out_channels\": 17, \"kernel_size\": 3, \"padding\": 1, \"bias\": false")
           DENSE("x", "c", "12") DENSE("y", "x", "12") LAYER("n", "batchnorm2d") LAYER("r", "relu")
               MEAN FC(5),
       NULL},
      {"dense of growth 16", "[3, 8, 8]", 4,
       CONV("c", "\"out_channels\": 16, \"kernel_size\": 3, \"padding\": 1, \"bias\": false")
           DENSE("x", "c", "16") DENSE("y", "x", "16") LAYER("n", "batchnorm2d") LAYER("r", "relu")
               WITH("p", "avgpool2d", "\"kernel_size\": 2") MEAN FC(5),
       NULL},
  };
  CHECK_ALL(cases);
}
