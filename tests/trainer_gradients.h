/* trainer_gradients.h -- every gradient against central differences of the loss, in fp32.
 *
 * Each tensor (parameters and images) is tried along its own gradient, with random weights on the
 * elements, and along single elements. The step is chosen so that the loss should change by a given
 * amount; the best of several counts, since large steps meet the kinks of relu and maximum and
 * small ones the rounding of the loss.
 */
#ifndef JC_TESTS_TRAINER_GRADIENTS_H
#define JC_TESTS_TRAINER_GRADIENTS_H

#include "tests/sanitized.h"
#include "tests/trainer_fixture.h"

static const double changes[] = {1e-2, 3e-3, 3e-2, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5};
enum { CHANGES = sizeof(changes) / sizeof(changes[0]), SINGLES = UNLESS_SANITIZED(3, 1) };
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

static inline void put(const struct target *t, const float *values) {
  if (t->is_images)
    memcpy(jc_trainer_images(t->fixture->trainer), values, t->count * sizeof(float));
  else
    cr_assert(jc_trainer_parameter_set(t->fixture->trainer, t->layer, t->role, values,
                                       &t->fixture->error) == JC_OK);
}

static inline void read_values(const struct target *t) {
  if (t->is_images)
    memcpy(t->values, jc_trainer_images(t->fixture->trainer), t->count * sizeof(float));
  else
    cr_assert(jc_trainer_parameter_get(t->fixture->trainer, t->layer, t->role, t->values,
                                       &t->fixture->error) == JC_OK);
}

static inline void read_gradient(const struct target *t) {
  if (t->is_images)
    memcpy(t->gradient, jc_trainer_input_gradient(t->fixture->trainer), t->count * sizeof(float));
  else
    cr_assert(jc_trainer_parameter_gradient(t->fixture->trainer, t->layer, t->role, t->gradient,
                                            &t->fixture->error) == JC_OK);
}

/* Loss with the tensor moved by STEP along DIRECTION; the dropout masks stay the same. */
static inline double loss_at(const struct target *t, const double *direction, double step) {
  for (size_t i = 0; i < t->count; i++)
    t->moved[i] = (float)((double)t->values[i] + step * direction[i]);
  put(t, t->moved);
  jc_trainer_set_step(t->fixture->trainer, 0);
  return fixture_step(t->fixture).loss;
}

/* Smallest difference between the slope measured along DIRECTION and EXPECTED, of several steps. */
static inline double best_difference(const struct target *t, const double *direction,
                                     double expected, double scale) {
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

static inline void check_along_gradient(const struct target *t, double *direction, double norm) {
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
static inline void check_singles(const struct target *t, double *direction, double largest) {
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

static inline void check_target(struct target *t, bool exempt) {
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
static inline void shift_parameters(struct fixture *f) {
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

static inline void check_network(const struct check_case *c, uint32_t threads, bool fuse_relu) {
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
static inline void check_all(const struct check_case *cases, size_t count) {
  for (size_t i = 0; i < count; i++)
    check_network(&cases[i], 1 + i % 2, (i / 2) % 2 == 0);
}

#define CHECK_ALL(cases) check_all(cases, sizeof(cases) / sizeof((cases)[0]))

#define FLATTEN                "{\"name\": \"flatten\", \"type\": \"flatten\"}"
#define FC(n)                  FLATTEN ", {\"name\": \"fc\", \"type\": \"linear\", \"out_features\": " #n "}"
#define CONV(name, more)       "{\"name\": \"" name "\", \"type\": \"conv2d\", " more "}, "
#define LAYER(name, type)      "{\"name\": \"" name "\", \"type\": \"" type "\"}, "
#define WITH(name, type, more) "{\"name\": \"" name "\", \"type\": \"" type "\", " more "}, "

#endif
