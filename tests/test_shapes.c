/* test_shapes.c -- output shapes of every layer kind, against PyTorch's. */
#include "tests/small_networks.h"

static enum jc_status shape_of(enum jc_layer_kind kind, union jc_layer_fields fields,
                               uint32_t count, const struct jc_shape *const *inputs,
                               struct jc_shape *out, struct jc_error *error) {
  const struct jc_layer layer = {
      .name = "layer", .kind = kind, .input_count = count, .trainable = true, .fields = fields};
  enum { MOST_INPUTS = 8 };
  static const uint32_t edges[MOST_INPUTS] = {0, 1, 2, 3, 4, 5, 6, 7};
  struct jc_input network_inputs[MOST_INPUTS] = {0};
  const struct jc_network network = {.input_count = count,
                                     .inputs = network_inputs,
                                     .layer_count = 1,
                                     .layers = &layer,
                                     .edge_count = count,
                                     .inputs_of_layers = edges};
  const struct jc_analysis analysis = {.network = &network};
  const struct jc_layer_view view = {&layer, &analysis, count};
  cr_assert(count <= MOST_INPUTS);
  for (uint32_t i = 0; i < count; i++)
    network_inputs[i].shape = *inputs[i];
  memset(error, 0, sizeof(*error));
  memset(out, 0, sizeof(*out));
  return jc_kind_get(kind)->shape(&view, out, error);
}

static enum jc_status shape_of_one(enum jc_layer_kind kind, union jc_layer_fields fields,
                                   struct jc_shape in, struct jc_shape *out,
                                   struct jc_error *error) {
  const struct jc_shape *inputs[] = {&in};
  return shape_of(kind, fields, 1, inputs, out, error);
}

static void assert_shape(const struct jc_shape *found, struct jc_shape expected, const char *what) {
  char a[80], b[80];
  cr_assert(jc_shape_equal(found, &expected), "%s: expected %s, got %s", what,
            jc_shape_format(&expected, a, sizeof(a)), jc_shape_format(found, b, sizeof(b)));
}

/* A sliding window and the size it gives in PyTorch, 0 x 0 where PyTorch refuses. */
struct window_row {
  uint32_t h, w, kernel_h, kernel_w, stride_h, stride_w, padding_h, padding_w;
  uint32_t dilation_h, dilation_w, ceil_mode, out_h, out_w;
};

static void check_window(enum jc_layer_kind kind, union jc_layer_fields fields,
                         const struct window_row *row, uint32_t out_channels) {
  struct jc_shape out;
  struct jc_error error;
  char what[160];
  const enum jc_status status = shape_of_one(kind, fields, SHAPE(5, row->h, row->w), &out, &error);
  (void)snprintf(what, sizeof(what), "%s %ux%u of %ux%u, stride %ux%u, padding %ux%u, ceil %u",
                 jc_kind_get(kind)->name, row->kernel_h, row->kernel_w, row->h, row->w,
                 row->stride_h, row->stride_w, row->padding_h, row->padding_w, row->ceil_mode);
  if (row->out_h == 0) {
    cr_assert_eq(status, JC_ERROR_INVALID, "%s is impossible", what);
    cr_assert(strcmp(error.path, "kernel_size") == 0 || strcmp(error.path, "padding") == 0, "%s",
              error.path);
    return;
  }
  cr_assert_eq(status, JC_OK, "%s: %s", what, error.text);
  assert_shape(&out, SHAPE(out_channels, row->out_h, row->out_w), what);
}

/* torch.nn.functional.conv2d of PyTorch 1.13.1, random arguments and those of known first layers;
 * the last column but two, ceil_mode, is not conv2d's. */
Test(shapes, conv2d_is_pytorchs) {
  static const struct window_row rows[] = {
      {16, 13, 5, 3, 2, 2, 2, 0, 1, 2, 0, 8, 5},
      {9, 10, 2, 5, 3, 3, 3, 2, 2, 3, 0, 5, 1},
      {9, 9, 2, 3, 3, 3, 0, 1, 1, 3, 0, 3, 2},
      {9, 16, 3, 2, 2, 3, 3, 1, 2, 3, 0, 6, 5},
      {11, 12, 3, 4, 1, 3, 0, 3, 3, 1, 0, 5, 5},
      {2, 12, 1, 4, 2, 2, 2, 3, 2, 3, 0, 3, 5},
      {2, 16, 2, 2, 2, 2, 1, 3, 1, 3, 0, 2, 10},
      {12, 20, 3, 2, 2, 2, 3, 3, 3, 2, 0, 6, 12},
      {2, 2, 3, 1, 2, 3, 1, 0, 1, 2, 0, 1, 1},
      {20, 8, 3, 2, 2, 3, 1, 2, 2, 2, 0, 9, 4},
      {6, 15, 1, 2, 1, 1, 3, 0, 3, 3, 0, 12, 12},
      {16, 1, 4, 1, 3, 3, 2, 1, 2, 2, 0, 5, 1},
      {13, 16, 2, 1, 3, 3, 3, 0, 2, 2, 0, 6, 6},
      {2, 18, 4, 5, 1, 1, 2, 1, 1, 3, 0, 3, 8},
      {15, 1, 5, 3, 3, 3, 1, 1, 2, 2, 0, 0, 0},
      {7, 9, 5, 5, 1, 3, 0, 0, 3, 3, 0, 0, 0},
      {2, 15, 3, 5, 1, 1, 0, 1, 3, 3, 0, 0, 0},
      {1, 18, 5, 1, 1, 3, 0, 3, 2, 3, 0, 0, 0},
      {224, 224, 7, 7, 2, 2, 3, 3, 1, 1, 0, 112, 112},
      {224, 224, 11, 11, 4, 4, 2, 2, 1, 1, 0, 55, 55},
      {28, 28, 5, 5, 1, 1, 2, 2, 1, 1, 0, 28, 28},
      {1, 1, 3, 3, 2, 2, 1, 1, 1, 1, 0, 1, 1},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    const struct window_row *row = &rows[i];
    union jc_layer_fields fields = no_fields();
    fields.conv2d = (struct jc_conv){.out_channels = 7,
                                     .kernel_size = {.h = row->kernel_h, .w = row->kernel_w},
                                     .stride = {.h = row->stride_h, .w = row->stride_w},
                                     .padding = {.h = row->padding_h, .w = row->padding_w},
                                     .dilation = {.h = row->dilation_h, .w = row->dilation_w},
                                     .groups = 1};
    check_window(JC_LAYER_conv2d, fields, row, 7);
  }
}

/* torch.nn.functional.max_pool2d of PyTorch 1.13.1. A window with ceil_mode may hang over the end
 * of an input that is smaller than itself; a padding above half of the kernel is refused. */
Test(shapes, maxpool2d_is_pytorchs) {
  static const struct window_row rows[] = {
      {9, 11, 3, 2, 4, 1, 1, 1, 1, 2, 0, 3, 11},     {3, 9, 1, 3, 3, 4, 0, 0, 2, 2, 1, 1, 2},
      {4, 8, 1, 3, 2, 2, 0, 1, 2, 2, 0, 2, 3},       {3, 14, 4, 3, 4, 1, 0, 1, 1, 2, 1, 1, 12},
      {8, 5, 2, 3, 1, 2, 1, 1, 1, 1, 1, 9, 3},       {8, 3, 5, 1, 2, 4, 0, 0, 1, 2, 1, 3, 1},
      {11, 5, 2, 4, 2, 4, 1, 1, 1, 1, 0, 6, 1},      {5, 11, 3, 3, 4, 2, 0, 0, 1, 2, 1, 2, 4},
      {13, 4, 3, 3, 2, 3, 0, 0, 2, 1, 0, 5, 1},      {11, 6, 3, 5, 4, 1, 1, 0, 1, 1, 1, 3, 2},
      {13, 2, 4, 1, 2, 4, 2, 0, 2, 1, 0, 6, 1},      {5, 6, 1, 3, 3, 4, 0, 1, 2, 1, 1, 2, 2},
      {14, 14, 2, 4, 4, 1, 0, 1, 1, 1, 0, 4, 13},    {12, 11, 1, 2, 2, 3, 0, 0, 1, 1, 0, 6, 4},
      {11, 9, 5, 5, 2, 4, 2, 2, 2, 2, 1, 4, 2},      {11, 8, 4, 2, 2, 1, 2, 1, 1, 1, 0, 6, 9},
      {14, 14, 1, 1, 3, 1, 0, 0, 1, 2, 0, 5, 14},    {9, 13, 3, 5, 2, 4, 1, 2, 1, 2, 1, 5, 3},
      {9, 2, 4, 5, 1, 3, 0, 2, 2, 2, 0, 0, 0},       {5, 3, 5, 5, 4, 3, 2, 1, 1, 2, 1, 0, 0},
      {13, 3, 3, 4, 2, 4, 0, 0, 2, 2, 0, 0, 0},      {14, 1, 4, 4, 4, 4, 0, 0, 1, 2, 1, 0, 0},
      {14, 2, 2, 5, 1, 3, 1, 0, 1, 1, 1, 0, 0},      {13, 6, 5, 5, 4, 2, 1, 0, 2, 2, 1, 0, 0},
      {112, 112, 3, 3, 2, 2, 1, 1, 1, 1, 0, 56, 56}, {55, 55, 3, 3, 2, 2, 0, 0, 1, 1, 1, 27, 27},
      {54, 54, 3, 3, 2, 2, 0, 0, 1, 1, 1, 27, 27},   {2, 2, 3, 3, 2, 2, 0, 0, 1, 1, 1, 1, 1},
      {1, 1, 3, 3, 3, 3, 0, 0, 1, 1, 1, 1, 1},       {4, 4, 3, 3, 2, 2, 0, 0, 2, 2, 1, 1, 1},
      {1, 1, 3, 3, 2, 2, 0, 0, 1, 1, 1, 0, 0},       {3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 1, 2, 2},
      {8, 8, 3, 3, 2, 2, 2, 2, 1, 1, 0, 0, 0},       {8, 8, 3, 3, 2, 2, 2, 2, 2, 2, 0, 0, 0},
      {8, 8, 2, 2, 2, 2, 1, 1, 3, 3, 0, 4, 4},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    const struct window_row *row = &rows[i];
    union jc_layer_fields fields = no_fields();
    fields.maxpool2d = (struct jc_maxpool){.kernel_size = {.h = row->kernel_h, .w = row->kernel_w},
                                           .stride = {.h = row->stride_h, .w = row->stride_w},
                                           .padding = {.h = row->padding_h, .w = row->padding_w},
                                           .dilation = {.h = row->dilation_h, .w = row->dilation_w},
                                           .ceil_mode = row->ceil_mode != 0};
    check_window(JC_LAYER_maxpool2d, fields, row, 5);
  }
}

/* torch.nn.functional.avg_pool2d of PyTorch 1.13.1. */
Test(shapes, avgpool2d_is_pytorchs) {
  static const struct window_row rows[] = {
      {5, 2, 1, 2, 4, 4, 0, 1, 1, 1, 0, 2, 1},  {10, 8, 2, 5, 4, 4, 0, 0, 1, 1, 0, 3, 1},
      {9, 2, 3, 3, 2, 4, 0, 1, 1, 1, 0, 4, 1},  {6, 5, 3, 5, 4, 4, 1, 1, 1, 1, 1, 2, 2},
      {13, 9, 4, 2, 3, 4, 2, 0, 1, 1, 0, 5, 2}, {9, 6, 3, 2, 3, 2, 1, 1, 1, 1, 0, 3, 4},
      {14, 6, 1, 4, 2, 4, 0, 0, 1, 1, 0, 7, 1}, {3, 5, 3, 5, 3, 4, 0, 2, 1, 1, 1, 1, 2},
      {13, 8, 5, 5, 1, 3, 0, 2, 1, 1, 1, 9, 4}, {9, 6, 1, 5, 3, 2, 0, 2, 1, 1, 1, 3, 4},
      {9, 5, 2, 1, 4, 1, 1, 0, 1, 1, 0, 3, 5},  {3, 1, 3, 5, 1, 2, 1, 0, 1, 1, 0, 0, 0},
      {8, 3, 5, 4, 1, 1, 2, 0, 1, 1, 1, 0, 0},  {2, 6, 5, 4, 3, 2, 0, 0, 1, 1, 0, 0, 0},
      {2, 2, 3, 3, 2, 2, 0, 0, 1, 1, 1, 1, 1},  {32, 32, 1, 1, 2, 2, 0, 0, 1, 1, 0, 16, 16},
      {8, 8, 3, 3, 2, 2, 2, 2, 1, 1, 0, 0, 0},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    const struct window_row *row = &rows[i];
    union jc_layer_fields fields = no_fields();
    fields.avgpool2d = (struct jc_avgpool){.kernel_size = {.h = row->kernel_h, .w = row->kernel_w},
                                           .stride = {.h = row->stride_h, .w = row->stride_w},
                                           .padding = {.h = row->padding_h, .w = row->padding_w},
                                           .ceil_mode = row->ceil_mode != 0};
    check_window(JC_LAYER_avgpool2d, fields, row, 5);
  }
}

/* torch.nn.functional.pad of PyTorch 1.13.1 on 3x4x5: what it accepts, by its output; what it
 * refuses (or makes empty), by rank 0. A crop cannot take more than there is, whatever the other
 * side adds. */
Test(shapes, pad_is_pytorchs) {
  static const struct {
    uint32_t count;
    int32_t padding[6];
    struct jc_shape out;
  } rows[] = {
      {0, {0}, {3, {3, 4, 5}}},
      {2, {1, 2}, {3, {3, 4, 8}}},
      {4, {1, 2, 3, 4}, {3, {3, 11, 8}}},
      {6, {0, 0, 0, 0, 8, 8}, {3, {19, 4, 5}}}, /* channels: ResNet's shortcuts A */
      {2, {-1, -1}, {3, {3, 4, 3}}},
      {4, {-1, -2, -1, 0}, {3, {3, 3, 2}}},
      {4, {-1, 3, 2, -4}, {3, {3, 2, 7}}},
      {2, {-4, 0}, {3, {3, 4, 1}}},
      {2, {-5, 1}, {3, {3, 4, 1}}},
      {2, {-5, 0}, {0}},
      {2, {-3, -3}, {0}},
      {1, {1}, {0}},
      {2, {-6, 6}, {0}},
      {2, {6, -6}, {0}},
      {2, {2, -6}, {0}},
      {2, {-8, 4}, {0}},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct jc_shape out;
    struct jc_error error;
    char what[80];
    const enum jc_status status = shape_of_one(JC_LAYER_pad, pad(rows[i].count, rows[i].padding),
                                               SHAPE(3, 4, 5), &out, &error);
    (void)snprintf(what, sizeof(what), "row %zu: pad by %d, %d ... of 3x4x5", i, rows[i].padding[0],
                   rows[i].padding[1]);
    if (rows[i].out.rank == 0) {
      cr_assert_eq(status, JC_ERROR_INVALID, "%s", what);
      cr_assert_str_eq(error.path, "padding");
      continue;
    }
    cr_assert_eq(status, JC_OK, "%s: %s", what, error.text);
    assert_shape(&out, rows[i].out, what);
  }
}

/* More pairs than dimensions: PyTorch would pad the batch, which has no size here. */
Test(shapes, pad_leaves_the_batch_alone) {
  static const int32_t eight[] = {1, 1, 1, 1, 1, 1, 1, 1};
  struct jc_shape out;
  struct jc_error error;
  cr_assert_eq(shape_of_one(JC_LAYER_pad, pad(8, eight), SHAPE(3, 4, 5), &out, &error),
               JC_ERROR_INVALID);
  cr_assert_eq(shape_of_one(JC_LAYER_pad, pad(4, eight), SHAPE(9), &out, &error), JC_ERROR_INVALID);
  cr_assert_eq(shape_of_one(JC_LAYER_pad, pad(2, eight), SHAPE(9), &out, &error), JC_OK);
  assert_shape(&out, SHAPE(11), "pad of a vector");
}

Test(shapes, pad_cannot_leave_the_largest_dimension) {
  static const int32_t huge[] = {INT32_MAX, INT32_MAX};
  struct jc_shape out;
  struct jc_error error;
  cr_assert(shape_of_one(JC_LAYER_pad, pad(2, huge), SHAPE(3, 4, 5), &out, &error) < 0);
  cr_assert_str_eq(error.path, "padding");
}

/* Groups divide both channel counts; "in_channels" stands for the number of inputs. */
Test(shapes, conv2d_groups) {
  static const struct {
    uint32_t groups, out_channels;
    bool fits;
  } rows[] = {{1, 7, true},
              {2, 4, true},
              {3, 9, true},
              {6, 12, true},
              {JC_GROUPS_IN_CHANNELS, 6, true},
              {JC_GROUPS_IN_CHANNELS, 18, true},
              {4, 8, false},   /* does not divide 6 */
              {2, 7, false},   /* does not divide 7 */
              {12, 12, false}, /* more groups than channels */
              {JC_GROUPS_IN_CHANNELS, 8, false}};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct jc_shape out;
    struct jc_error error;
    const enum jc_status status =
        shape_of_one(JC_LAYER_conv2d, conv_groups(rows[i].out_channels, 3, 1, rows[i].groups),
                     SHAPE(6, 8, 8), &out, &error);
    cr_assert_eq(status, rows[i].fits ? JC_OK : JC_ERROR_INVALID, "groups %u, out %u",
                 rows[i].groups, rows[i].out_channels);
    if (rows[i].fits)
      assert_shape(&out, SHAPE(rows[i].out_channels, 8, 8), "grouped conv2d");
    else
      cr_assert_str_eq(error.path, "groups");
  }
}

/* torch.nn.Linear acts on the last dimension and keeps the others. */
Test(shapes, linear_keeps_leading_dimensions) {
  struct jc_shape out;
  struct jc_error error;
  cr_assert_eq(shape_of_one(JC_LAYER_linear, linear(10, true), SHAPE(784), &out, &error), JC_OK);
  assert_shape(&out, SHAPE(10), "vector");
  cr_assert_eq(shape_of_one(JC_LAYER_linear, linear(10, true), SHAPE(4, 49, 96), &out, &error),
               JC_OK);
  assert_shape(&out, SHAPE(4, 49, 10), "rank 3");
}

Test(shapes, flatten_and_adaptive) {
  struct jc_shape out;
  struct jc_error error;
  cr_assert_eq(shape_of_one(JC_LAYER_flatten, flatten_all(), SHAPE(512, 7, 7), &out, &error),
               JC_OK);
  assert_shape(&out, SHAPE(25088), "flatten");
  cr_assert_eq(shape_of_one(JC_LAYER_flatten, flatten_all(), SHAPE(65536, 65536), &out, &error),
               JC_ERROR_OVERFLOW);
  cr_assert_eq(
      shape_of_one(JC_LAYER_adaptive_avgpool2d, adaptive(1, 1), SHAPE(512, 9, 7), &out, &error),
      JC_OK);
  assert_shape(&out, SHAPE(512, 1, 1), "adaptive 1x1");
  /* PyTorch enlarges too: torch.nn.AdaptiveAvgPool2d(6) of 4x3 is 6x6. */
  cr_assert_eq(
      shape_of_one(JC_LAYER_adaptive_avgpool2d, adaptive(6, 6), SHAPE(256, 4, 3), &out, &error),
      JC_OK);
  assert_shape(&out, SHAPE(256, 6, 6), "adaptive 6x6");
}

Test(shapes, elementwise_kinds_keep_the_shape) {
  static const char *const kinds[] = {"relu", "relu6", "dropout"};
  for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
    struct jc_shape out;
    struct jc_error error;
    cr_assert_eq(shape_of_one(jc_kind_find(kinds[i]), no_fields(), SHAPE(2, 3, 4, 5), &out, &error),
                 JC_OK);
    assert_shape(&out, SHAPE(2, 3, 4, 5), kinds[i]);
  }
}

Test(shapes, softmax_needs_its_dimension) {
  struct jc_shape out;
  struct jc_error error;
  for (int32_t dim = -3; dim <= 3; dim += dim == -1 ? 2 : 1) {
    cr_assert_eq(shape_of_one(JC_LAYER_softmax, softmax(dim), SHAPE(2, 3, 4), &out, &error), JC_OK);
    assert_shape(&out, SHAPE(2, 3, 4), "softmax");
  }
  cr_assert_eq(shape_of_one(JC_LAYER_softmax, softmax(4), SHAPE(2, 3, 4), &out, &error),
               JC_ERROR_INVALID);
  cr_assert_str_eq(error.path, "dim");
}

/* torch.cat: all dimensions but DIM are equal; DIM counts the batch as 0. */
Test(shapes, concat) {
  const struct jc_shape a = SHAPE(3, 4, 5), b = SHAPE(7, 4, 5), c = SHAPE(3, 4, 9), d = SHAPE(3, 4);
  const struct jc_shape *channels[] = {&a, &b, &a}, *widths[] = {&a, &c}, *ranks[] = {&a, &d};
  const struct jc_shape *other_ranks[] = {&d, &a};
  struct jc_shape out;
  struct jc_error error;
  cr_assert_eq(shape_of(JC_LAYER_concat, concat(1), 3, channels, &out, &error), JC_OK);
  assert_shape(&out, SHAPE(13, 4, 5), "channels");
  cr_assert_eq(shape_of(JC_LAYER_concat, concat(3), 2, widths, &out, &error), JC_OK);
  assert_shape(&out, SHAPE(3, 4, 14), "widths");
  cr_assert_eq(shape_of(JC_LAYER_concat, concat(1), 1, widths, &out, &error), JC_OK);
  assert_shape(&out, a, "a single input");
  cr_assert_eq(shape_of(JC_LAYER_concat, concat(1), 2, widths, &out, &error), JC_ERROR_INVALID);
  cr_assert_str_eq(error.path, "inputs");
  cr_assert_eq(shape_of(JC_LAYER_concat, concat(1), 2, ranks, &out, &error), JC_ERROR_INVALID);
  cr_assert_eq(shape_of(JC_LAYER_concat, concat(1), 2, other_ranks, &out, &error),
               JC_ERROR_INVALID);
  cr_assert_eq(shape_of(JC_LAYER_concat, concat(4), 2, channels, &out, &error), JC_ERROR_INVALID);
  cr_assert_str_eq(error.path, "dim");
}

Test(shapes, concat_cannot_leave_the_largest_dimension) {
  const struct jc_shape a = SHAPE(INT32_MAX), b = SHAPE(1);
  const struct jc_shape *inputs[] = {&a, &b};
  struct jc_shape out;
  struct jc_error error;
  cr_assert_eq(shape_of(JC_LAYER_concat, concat(1), 2, inputs, &out, &error), JC_ERROR_OVERFLOW);
}

/* From the last dimension on, lengths are equal or one of them is 1. */
Test(shapes, add_broadcasts) {
  const struct jc_shape a = SHAPE(3, 4, 5), b = SHAPE(3, 1, 1), c = SHAPE(3, 4), d = SHAPE(1, 5);
  const struct jc_shape *equal[] = {&a, &a, &a}, *channels[] = {&a, &b}, *rank[] = {&a, &c};
  const struct jc_shape *both_ways[] = {&d, &b, &a};
  struct jc_shape out;
  struct jc_error error;
  cr_assert_eq(shape_of(JC_LAYER_add, no_fields(), 3, equal, &out, &error), JC_OK);
  assert_shape(&out, a, "add");
  cr_assert_eq(shape_of(JC_LAYER_add, no_fields(), 2, channels, &out, &error), JC_OK);
  assert_shape(&out, a, "a number for each channel");
  cr_assert_eq(shape_of(JC_LAYER_add, no_fields(), 2, both_ways, &out, &error), JC_OK);
  assert_shape(&out, SHAPE(3, 1, 5), "an outer sum");
  cr_assert_eq(shape_of(JC_LAYER_add, no_fields(), 3, both_ways, &out, &error), JC_OK);
  assert_shape(&out, a, "an outer sum and a third");
  cr_assert_eq(shape_of(JC_LAYER_add, no_fields(), 2, rank, &out, &error), JC_ERROR_INVALID);
  cr_assert_str_eq(error.path, "inputs");
}

Test(shapes, images_have_three_dimensions) {
  static const char *const kinds[] = {"conv2d", "batchnorm2d", "maxpool2d", "avgpool2d",
                                      "adaptive_avgpool2d"};
  const union jc_layer_fields fields[] = {conv(4, 3, 1, 1), batchnorm(true), maxpool(2, 2, 0),
                                          avgpool(2, 2, 0), adaptive(1, 1)};
  for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
    struct jc_shape out;
    struct jc_error error;
    cr_assert_eq(shape_of_one(jc_kind_find(kinds[i]), fields[i], SHAPE(128), &out, &error),
                 JC_ERROR_INVALID, "%s", kinds[i]);
    cr_assert_str_eq(error.path, "inputs");
    cr_assert_eq(shape_of_one(jc_kind_find(kinds[i]), fields[i], SHAPE(3, 3, 8, 8), &out, &error),
                 JC_ERROR_INVALID, "%s", kinds[i]);
  }
}

/* Largest numbers of the field tables: no wrap, no crash, an error. */
Test(shapes, extreme_windows) {
  struct jc_shape out;
  struct jc_error error;
  union jc_layer_fields fields = conv(INT32_MAX, INT32_MAX, 1, INT32_MAX);
  fields.conv2d.dilation = both(INT32_MAX);
  cr_assert_eq(shape_of_one(JC_LAYER_conv2d, fields, SHAPE(3, INT32_MAX, 1), &out, &error),
               JC_ERROR_INVALID);
  fields = conv(1, 1, 1, INT32_MAX);
  cr_assert_eq(shape_of_one(JC_LAYER_conv2d, fields, SHAPE(3, 8, 8), &out, &error),
               JC_ERROR_OVERFLOW);
  fields = conv(1, INT32_MAX, INT32_MAX, 0);
  cr_assert_eq(shape_of_one(JC_LAYER_conv2d, fields, SHAPE(3, 8, 8), &out, &error),
               JC_ERROR_INVALID);
}
