/* layers.c -- the catalogue of layer kinds, and helpers on shapes and names. Core: no heap, no I/O.
 */
#include "estimator/layers.h"

#include <string.h>

#include "estimator/kinds_arithmetic.h"
#include "estimator/kinds_attention.h"
#include "estimator/kinds_cut.h"
#include "estimator/kinds_elementwise.h"
#include "estimator/kinds_move.h"
#include "estimator/kinds_norm.h"
#include "estimator/kinds_pooling.h"
#include "estimator/kinds_product.h"
#include "estimator/kinds_shape.h"
#include "estimator/kinds_weights.h"

static const struct jc_kind *const catalogue[JC_LAYER_KIND_COUNT] = {
#define X(name, fields) [JC_LAYER_##name] = &kind_##name,
    JC_LAYER_KINDS(X)
#undef X
};

const struct jc_kind *jc_kind_get(enum jc_layer_kind kind) {
  return catalogue[kind];
}

const char *jc_kind_variant(const struct jc_kind *kind, uint32_t index) {
  const char *const *further = kind->variants;
  if (index == 0)
    return kind->name;
  while (further != NULL && *further != NULL && --index > 0)
    further++;
  return further != NULL ? *further : NULL;
}

enum jc_layer_kind jc_kind_find(const char *name) {
  for (int kind = 0; kind < JC_LAYER_KIND_COUNT; kind++) {
    if (strcmp(catalogue[kind]->name, name) == 0)
      return (enum jc_layer_kind)kind;
  }
  return JC_LAYER_KIND_COUNT;
}

uint32_t jc_dim_index(uint32_t rank, int32_t dim) {
  const int64_t index = dim < 0 ? (int64_t)rank + dim : (int64_t)dim - 1;
  return index >= 0 && index < (int64_t)rank ? (uint32_t)index : UINT32_MAX;
}

/* torch.nn.Conv2d(padding="same"): dilation (kernel - 1) in all, the odd one behind. */
void jc_conv_padding(const struct jc_conv *conv, uint32_t i, uint64_t *before, uint64_t *behind) {
  const uint64_t all = (uint64_t)conv->dilation.at[i] * (conv->kernel_size.at[i] - 1);
  *before = conv->padding.same ? all / 2 : conv->padding.at[i];
  *behind = conv->padding.same ? all - all / 2 : conv->padding.at[i];
}

char *jc_shape_format(const struct jc_shape *shape, char *buffer, size_t size) {
  size_t used = 0;
  snprintf(buffer, size, "1");
  for (uint32_t i = 0; i < shape->rank && used < size; i++) {
    const int n = snprintf(buffer + used, size - used, i == 0 ? "%u" : "x%u", shape->dim[i]);
    used += n > 0 ? (size_t)n : 0;
  }
  return buffer;
}

uint64_t jc_shape_elements(const struct jc_shape *shape) {
  uint64_t elements = 1;
  for (uint32_t i = 0; i < shape->rank; i++)
    elements *= shape->dim[i];
  return elements;
}

bool jc_shape_equal(const struct jc_shape *a, const struct jc_shape *b) {
  if (a->rank != b->rank)
    return false;
  for (uint32_t i = 0; i < a->rank; i++) {
    if (a->dim[i] != b->dim[i])
      return false;
  }
  return true;
}

enum { MAX_WORD = 40 }; /* longer words are not typing errors of ours */

static size_t smallest(size_t a, size_t b, size_t c) {
  const size_t ab = a < b ? a : b;
  return ab < c ? ab : c;
}

/* Levenshtein distance, one row at a time. */
static size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length) {
  size_t row[MAX_WORD + 1];
  for (size_t j = 0; j <= b_length; j++)
    row[j] = j;
  for (size_t i = 1; i <= a_length; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b_length; j++) {
      const size_t above = row[j];
      row[j] = smallest(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
      diagonal = above;
    }
  }
  return row[b_length];
}

const char *jc_closest_name(const char *word, const char *const *names, size_t count) {
  const size_t length = strlen(word);
  const char *best = NULL;
  size_t best_distance = length / 3 + 2; /* farther than this is another word */
  for (size_t i = 0; i < count && length <= MAX_WORD; i++) {
    const size_t other = strlen(names[i]);
    const size_t distance =
        other <= MAX_WORD ? edit_distance(word, length, names[i], other) : best_distance;
    if (distance < best_distance && distance < length) {
      best_distance = distance;
      best = names[i];
    }
  }
  return best;
}
