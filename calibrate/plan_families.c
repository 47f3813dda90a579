/* plan_families.c -- the families of sample networks: each draws one member at random. To add one:
 * a function and a line in the table at the end. */
#include "calibrate/plan_families.h"

#include "calibrate/plan_builder.h"

static void head_pooled(struct builder *b) {
  if (builder_chance(b, 0.15)) {
    layer_mean(b);
  } else {
    layer_global_pool(b, 1);
    layer_plain(b, "flatten");
  }
  if (builder_chance(b, 0.3))
    layer_dropout(b, 0.2);
  layer_classifier(b);
}

/* As VGG: 3x3 convolutions, with or without batchnorm, halved by pools. */
static void draw_plain(struct builder *b) {
  const bool norm = builder_chance(b, 0.5);
  const uint32_t stages = 1 + random_below(&b->random, 5);
  uint32_t width = builder_channels(b, 16, 96);
  for (uint32_t stage = 0; stage < stages; stage++, width = width < 512 ? 2 * width : width) {
    const uint32_t convs = 1 + random_below(&b->random, 3);
    for (uint32_t i = 0; i < convs; i++) {
      const struct conv_spec conv = {.out = width, .kernel = 3, .bias = true};
      if (norm) {
        layer_conv_norm(b, conv, "relu");
      } else {
        layer_conv(b, conv);
        layer_plain(b, "relu");
      }
    }
    if (b->side >= 4)
      layer_pool(b, builder_chance(b, 0.8) ? "maxpool2d" : "avgpool2d", 2, 2);
  }
  head_pooled(b);
}

static void shortcut_projected(struct builder *b, const struct tap *input, uint32_t in_side,
                               struct conv_spec conv) {
  const struct tap body = b->last;
  b->last = *input;
  b->side = in_side;
  layer_conv_norm(b, conv, NULL);
  layer_join(b, "add", &body);
}

/* Parameter-free shortcut of He et al.'s CIFAR networks: subsample, then zero channels. */
static void shortcut_padded(struct builder *b, const struct tap *input, uint32_t extra,
                            uint32_t stride) {
  const struct tap body = b->last;
  b->last = *input;
  layer_open(b, "avgpool2d", NULL, NULL);
  jc_put_uint(&b->writer, "kernel_size", 1);
  jc_put_uint(&b->writer, "stride", stride);
  layer_close(b);
  layer_open(b, "pad", NULL, NULL);
  jc_put_array(&b->writer, "padding");
  for (int i = 0; i < 4; i++)
    jc_put_uint(&b->writer, NULL, 0);
  jc_put_uint(&b->writer, NULL, extra / 2);
  jc_put_uint(&b->writer, NULL, extra - extra / 2);
  jc_put_end(&b->writer);
  layer_close(b);
  layer_join(b, "add", &body);
}

static void draw_residual(struct builder *b) {
  const bool padded = b->member % 2 == 0;
  const uint32_t stages =
      padded ? 2 + random_below(&b->random, 2) : 1 + random_below(&b->random, 4);
  uint32_t width = builder_channels(b, 16, 96);
  layer_conv_norm(b, (struct conv_spec){.out = width, .kernel = 3}, "relu");
  for (uint32_t stage = 0; stage < stages; stage++, width *= 2) {
    const uint32_t blocks = 1 + random_below(&b->random, 2);
    for (uint32_t i = 0; i < blocks; i++) {
      const struct tap input = b->last;
      const uint32_t in = b->channels, side = b->side;
      const uint32_t stride = i == 0 && stage > 0 && side >= 4 ? 2 : 1;
      layer_conv_norm(b, (struct conv_spec){.out = width, .kernel = 3, .stride = stride}, "relu");
      layer_conv_norm(b, (struct conv_spec){.out = width, .kernel = 3}, NULL);
      if (in == width && stride == 1)
        layer_join(b, "add", &input);
      else if (padded && width > in)
        shortcut_padded(b, &input, width - in, stride);
      else
        shortcut_projected(b, &input, side,
                           (struct conv_spec){.out = width, .kernel = 1, .stride = stride});
      layer_plain(b, "relu");
    }
  }
  head_pooled(b);
}

/* Squeeze and excitation: channels scaled by what their means say. */
static void gate_channels(struct builder *b, const char *gate) {
  const struct tap input = b->last;
  const uint32_t channels = b->channels, side = b->side;
  layer_global_pool(b, 1);
  layer_conv(
      b, (struct conv_spec){.out = channels >= 16 ? channels / 4 : 4, .kernel = 1, .bias = true});
  layer_plain(b, builder_chance(b, 0.5) ? "relu" : "silu");
  layer_conv(b, (struct conv_spec){.out = channels, .kernel = 1, .bias = true});
  layer_plain(b, gate);
  layer_join(b, "mul", &input);
  b->side = side;
}

struct bottleneck_spec {
  uint32_t width, groups; /* of the 3x3 convolutions of the first stage */
  uint32_t expansion;     /* of the 1x1 behind them */
  uint32_t stages;
  bool gated;
  bool wider_groups; /* later stages have wider groups, not more of them */
};

/* 1x1, 3x3, 1x1 around a shortcut. */
static void draw_bottlenecks(struct builder *b, struct bottleneck_spec spec) {
  for (uint32_t stage = 0; stage < spec.stages; stage++) {
    const uint32_t blocks = 1 + random_below(&b->random, 2);
    const uint32_t width = spec.width << stage, out = spec.expansion * width;
    const uint32_t groups = spec.wider_groups ? spec.groups : spec.groups << stage;
    for (uint32_t i = 0; i < blocks; i++) {
      const struct tap input = b->last;
      const uint32_t in = b->channels, side = b->side;
      const uint32_t stride = i == 0 && stage > 0 && side >= 4 ? 2 : 1;
      layer_conv_norm(b, (struct conv_spec){.out = width, .kernel = 1}, "relu");
      layer_conv_norm(
          b, (struct conv_spec){.out = width, .kernel = 3, .stride = stride, .groups = groups},
          "relu");
      if (spec.gated)
        gate_channels(b, "sigmoid");
      layer_conv_norm(b, (struct conv_spec){.out = out, .kernel = 1}, NULL);
      if (in == out && stride == 1)
        layer_join(b, "add", &input);
      else
        shortcut_projected(b, &input, side,
                           (struct conv_spec){.out = out, .kernel = 1, .stride = stride});
      layer_plain(b, "relu");
    }
  }
  head_pooled(b);
}

/* As ResNet-50, after a large first layer. */
static void draw_bottleneck(struct builder *b) {
  layer_conv_norm(b, (struct conv_spec){.out = 64, .kernel = 7, .stride = 2}, "relu");
  if (b->side >= 8)
    layer_pool(b, "maxpool2d", 3, 2);
  draw_bottlenecks(b, (struct bottleneck_spec){.width = 32u << random_below(&b->random, 4),
                                               .groups = 1,
                                               .expansion = 4,
                                               .stages = 1 + random_below(&b->random, 3),
                                               .wider_groups = true});
}

/* As ResNeXt and RegNet: 2 to 64 groups, taking turns, of 4 to 32 channels. */
static void draw_grouped(struct builder *b) {
  static const uint32_t channels[] = {4, 8, 16, 32, 4, 8, 16, 12, 24, 6};
  const uint32_t groups = 2u << b->member % 6, of_group = channels[random_below(&b->random, 10)];
  const uint32_t width = groups * (groups * of_group > 1024 ? 1024 / groups : of_group);
  const uint32_t expansion = width > 256 ? 1 : 1u << random_below(&b->random, 3);
  const bool large = b->side >= 48;
  layer_conv_norm(b,
                  (struct conv_spec){.out = builder_channels(b, 16, 64),
                                     .kernel = large && builder_chance(b, 0.5) ? 7 : 3,
                                     .stride = large ? 2 : 1},
                  "relu");
  if (large && builder_chance(b, 0.5))
    layer_pool(b, "maxpool2d", 3, 2);
  draw_bottlenecks(b, (struct bottleneck_spec){.width = width,
                                               .groups = groups,
                                               .expansion = expansion,
                                               .stages = width > 512 ? 1 : 2,
                                               .gated = builder_chance(b, 0.2),
                                               .wider_groups = builder_chance(b, 0.5)});
}

/* Inverted residuals: 1x1 expand, depthwise 3x3 or 5x5, perhaps a gate, 1x1 project. Members take
 * turns in being like MobileNetV2, EfficientNet and MobileNetV3, some blocks with relu as there. */
static void draw_mobile(struct builder *b) {
  static const struct {
    const char *activation, *gate;
  } styles[] = {{"relu6", NULL}, {"silu", "sigmoid"}, {"hardswish", "hardsigmoid"}};
  const char *usual = styles[b->member % 3].activation, *gate = styles[b->member % 3].gate;
  const bool dropped = builder_chance(b, 0.2);
  const uint32_t blocks = 2 + random_below(&b->random, 5);
  uint32_t width = builder_channels(b, 8, 48);
  layer_conv_norm(b, (struct conv_spec){.out = width, .kernel = 3, .stride = 2}, usual);
  for (uint32_t i = 0; i < blocks; i++) {
    const char *activation = builder_chance(b, 0.25) ? "relu" : usual;
    const struct tap input = b->last;
    const uint32_t in = b->channels, expand = in * (1 + random_below(&b->random, 6));
    const uint32_t stride = b->side >= 6 && builder_chance(b, 0.35) ? 2 : 1;
    const uint32_t out =
        stride == 1 && builder_chance(b, 0.6) ? in : builder_channels(b, in, 2 * in);
    if (expand > in)
      layer_conv_norm(b, (struct conv_spec){.out = expand, .kernel = 1}, activation);
    layer_conv_norm(b,
                    (struct conv_spec){.out = expand,
                                       .kernel = builder_chance(b, 0.8) ? 3 : 5,
                                       .stride = stride,
                                       .groups = expand},
                    activation);
    if (gate != NULL && (i == 0 || builder_chance(b, 0.6)))
      gate_channels(b, gate);
    layer_conv_norm(b, (struct conv_spec){.out = out, .kernel = 1}, NULL);
    if (dropped && stride == 1 && out == in)
      layer_stochastic_depth(b, 0.1);
    if (stride == 1 && out == in)
      layer_join(b, "add", &input);
  }
  layer_conv_norm(b, (struct conv_spec){.out = 4 * b->channels, .kernel = 1}, usual);
  head_pooled(b);
}

/* Half of the channels pass by, the other half goes through a depthwise block; then all are mixed.
 */
static void draw_shuffle(struct builder *b) {
  const uint32_t blocks = 2 + random_below(&b->random, 4);
  const uint32_t width = 2 * builder_channels(b, 16, 128);
  layer_conv_norm(b, (struct conv_spec){.out = width, .kernel = 3, .stride = 2}, "relu");
  for (uint32_t i = 0; i < blocks; i++) {
    const struct tap input = b->last;
    layer_half(b, &input, 0);
    const struct tap passed = b->last;
    layer_half(b, &input, 1);
    b->channels = width / 2;
    layer_conv_norm(b, (struct conv_spec){.out = width / 2, .kernel = 1}, "relu");
    layer_conv_norm(b, (struct conv_spec){.out = width / 2, .kernel = 3, .groups = width / 2},
                    NULL);
    layer_conv_norm(b, (struct conv_spec){.out = width / 2, .kernel = 1}, "relu");
    layer_join(b, "concat", &passed);
    b->channels = width;
    layer_shuffle(b, 2);
    if (b->side >= 6 && builder_chance(b, 0.3))
      layer_pool(b, "maxpool2d", 3, 2);
  }
  head_pooled(b);
}

/* Every layer appended to what was there, aligned growth or not. */
static void draw_dense(struct builder *b) {
  static const uint32_t growths[] = {12, 16, 20, 24, 32, 48};
  const uint32_t growth = growths[random_below(&b->random, 6)];
  const uint32_t stages = 1 + random_below(&b->random, 3);
  const uint32_t first = growth * (builder_chance(b, 0.3) ? 8 : 2);
  layer_conv_norm(b, (struct conv_spec){.out = first, .kernel = 3, .stride = 2}, "relu");
  for (uint32_t stage = 0; stage < stages; stage++) {
    const uint32_t layers = 2 + random_below(&b->random, stage > 0 ? 9 : 5);
    for (uint32_t i = 0; i < layers; i++) {
      const struct tap input = b->last;
      const uint32_t in = b->channels;
      layer_plain(b, "batchnorm2d");
      layer_plain(b, "relu");
      layer_conv_norm(b, (struct conv_spec){.out = 4 * growth, .kernel = 1}, "relu");
      layer_conv(b, (struct conv_spec){.out = growth, .kernel = 3});
      layer_join(b, "concat", &input);
      b->channels = in + growth;
    }
    if (b->side >= 4) {
      layer_conv(b, (struct conv_spec){.out = b->channels / 2, .kernel = 1});
      layer_pool(b, "avgpool2d", 2, 2);
    }
  }
  head_pooled(b);
}

/* Squeeze to few channels, expand by 1x1 and 3x3 side by side. */
static void draw_fire(struct builder *b) {
  const uint32_t blocks = 1 + random_below(&b->random, 4);
  uint32_t width = builder_channels(b, 16, 64);
  layer_conv(b, (struct conv_spec){.out = 64, .kernel = 3, .stride = 2, .bias = true});
  layer_plain(b, "relu");
  for (uint32_t i = 0; i < blocks; i++) {
    if (i % 2 == 0 && b->side >= 6)
      layer_pool(b, "maxpool2d", 3, 2);
    layer_conv(b, (struct conv_spec){.out = width, .kernel = 1, .bias = true});
    layer_plain(b, "relu");
    const struct tap squeezed = b->last;
    layer_conv(b, (struct conv_spec){.out = 4 * width, .kernel = 1, .bias = true});
    layer_plain(b, "relu");
    const struct tap left = b->last;
    b->last = squeezed;
    layer_conv(b, (struct conv_spec){.out = 4 * width, .kernel = 3, .bias = true});
    layer_plain(b, "relu");
    layer_join(b, "concat", &left);
    b->channels = 8 * width;
    width = builder_chance(b, 0.5) ? width + 16 : width;
  }
  layer_conv(b, (struct conv_spec){
                    .out = (uint32_t)builder_log_uniform(b, 10, 1000), .kernel = 1, .bias = true});
  layer_global_pool(b, 1);
  layer_plain(b, "flatten");
}

/* Linear layers that read linear layers, of one width or many, with one activation or, as
 * autoencoders, another; every other member has a softmax inside. */
static void draw_mlp(struct builder *b) {
  const uint32_t hidden = 1 + random_below(&b->random, 6);
  const bool narrow = builder_chance(b, 0.3), even = builder_chance(b, 0.5);
  const double low = narrow ? 32 : 256, high = narrow ? 256 : 4096;
  static const char *const activations[] = {"relu", "relu", "sigmoid", "relu", "gelu"};
  const char *activation = activations[random_below(&b->random, 5)];
  uint32_t width = builder_channels(b, low, high);
  layer_plain(b, "flatten");
  for (uint32_t i = 0; i < hidden; i++, width = even ? width : builder_channels(b, low, high)) {
    layer_linear(b, width);
    layer_plain(b, i == 0 && b->member % 2 == 1 ? "softmax" : activation);
    if (builder_chance(b, 0.3))
      layer_dropout(b, 0.5);
  }
  layer_classifier(b);
}

/* Small unaligned convolutions and a dense head. */
static void draw_small(struct builder *b) {
  const char *pool = builder_chance(b, 0.5) ? "maxpool2d" : "avgpool2d";
  const uint32_t convs = 1 + random_below(&b->random, 2);
  for (uint32_t i = 0; i < convs; i++) {
    layer_conv(b, (struct conv_spec){.out = (uint32_t)builder_log_uniform(b, 4, 32),
                                     .kernel = builder_chance(b, 0.6) ? 5 : 3,
                                     .bias = true});
    layer_plain(b, "relu");
    layer_pool(b, pool, 2, 2);
  }
  layer_plain(b, "flatten");
  layer_linear(b, builder_channels(b, 32, 256));
  layer_plain(b, "relu");
  layer_classifier(b);
}

/* A large first window, then a large dense head fed by a feature map; as large as VGG's in every
 * third member. */
static void draw_dense_head(struct builder *b) {
  const bool large = b->member % 3 == 0;
  const double least = large ? 2048 : 512;
  layer_conv(b, (struct conv_spec){.out = builder_channels(b, 32, 96),
                                   .kernel = builder_chance(b, 0.5) ? 11 : 7,
                                   .stride = 4,
                                   .bias = true});
  layer_plain(b, "relu");
  layer_pool(b, "maxpool2d", 3, 2);
  layer_conv(b, (struct conv_spec){.out = large ? builder_channels(b, 128, 512)
                                                : builder_channels(b, 64, 256),
                                   .kernel = 3,
                                   .bias = true});
  layer_plain(b, "relu");
  layer_global_pool(b, builder_chance(b, 0.5) ? 6 : 7);
  layer_plain(b, "flatten");
  layer_dropout(b, 0.5);
  layer_linear(b, builder_channels(b, least, 4096));
  layer_plain(b, "relu");
  if (builder_chance(b, 0.5)) {
    layer_linear(b, builder_channels(b, least, 4096));
    layer_plain(b, "relu");
  }
  layer_classifier(b);
}

/* As ConvMixer: patches, then depthwise convolutions of a large window around a shortcut and 1x1
 * between positions, all with gelu before the batchnorm. */
static void draw_mixer(struct builder *b) {
  const uint32_t blocks = 1 + random_below(&b->random, 4), kernel = 3 + 2 * (b->member % 4);
  const uint32_t width = builder_channels(b, 32, 384), patch = 2u << random_below(&b->random, 3);
  layer_conv(b, (struct conv_spec){
                    .out = width, .kernel = patch, .stride = patch, .bias = true, .patches = true});
  layer_plain(b, "gelu");
  layer_plain(b, "batchnorm2d");
  for (uint32_t i = 0; i < blocks; i++) {
    const struct tap input = b->last;
    layer_conv(b,
               (struct conv_spec){.out = width, .kernel = kernel, .groups = width, .bias = true});
    layer_plain(b, "gelu");
    layer_plain(b, "batchnorm2d");
    layer_join(b, "add", &input);
    layer_conv(b, (struct conv_spec){.out = width, .kernel = 1, .bias = true});
    layer_plain(b, "gelu");
    layer_plain(b, "batchnorm2d");
  }
  head_pooled(b);
}

/* Over the channels of each position. */
static void layer_norm_of_channels(struct builder *b) {
  layer_permute(b, true);
  layer_plain(b, "layernorm");
  layer_permute(b, false);
}

/* As ConvNeXt: depthwise 7x7, then linear layers over the channels of each position. */
static void draw_channels_last(struct builder *b) {
  const uint32_t stages = 1 + random_below(&b->random, 3), patch = b->side >= 32 ? 4 : 2;
  uint32_t width = builder_channels(b, 32, 160);
  layer_conv(b, (struct conv_spec){
                    .out = width, .kernel = patch, .stride = patch, .bias = true, .patches = true});
  layer_norm_of_channels(b);
  for (uint32_t stage = 0; stage < stages; stage++) {
    const uint32_t blocks = 1 + random_below(&b->random, 2);
    if (stage > 0 && b->side >= 4) {
      width *= 2;
      layer_norm_of_channels(b);
      layer_conv(b, (struct conv_spec){
                        .out = width, .kernel = 2, .stride = 2, .bias = true, .patches = true});
    }
    for (uint32_t i = 0; i < blocks; i++) {
      const struct tap input = b->last;
      layer_conv(b, (struct conv_spec){.out = width, .kernel = 7, .groups = width, .bias = true});
      layer_permute(b, true);
      layer_plain(b, "layernorm");
      layer_linear(b, 4 * width);
      layer_plain(b, "gelu");
      layer_linear(b, width);
      layer_permute(b, false);
      layer_channel_scale(b);
      layer_stochastic_depth(b, 0.1);
      layer_join(b, "add", &input);
    }
  }
  layer_global_pool(b, 1);
  layer_norm_of_channels(b);
  layer_plain(b, "flatten");
  layer_classifier(b);
}

/* As Kim 2014: windows over a few words, which are the rows, side by side; of each the largest
 * answer in the text. */
static void draw_word_windows(struct builder *b) {
  const struct tap words = b->last;
  const uint32_t count = b->side, windows = 1 + random_below(&b->random, 3);
  const uint32_t width = builder_channels(b, 16, 256), least = 2 + random_below(&b->random, 3);
  struct tap joined = words;
  for (uint32_t i = 0; i < windows; i++) {
    b->last = words;
    b->side = count;
    layer_conv_rows(b, width, least + i, count, false);
    layer_plain(b, "relu");
    layer_pool_rows(b, b->side);
    if (i > 0)
      layer_join(b, "concat", &joined);
    joined = b->last;
  }
}

/* As Zhang et al. 2015: the first window covers whole rows, further ones look along the text. */
static void draw_deep_text(struct builder *b) {
  const uint32_t convs = 1 + random_below(&b->random, 4),
                 rows = 3 + 2 * random_below(&b->random, 3);
  const uint32_t width = builder_channels(b, 32, 256), columns = b->side;
  for (uint32_t i = 0; i < convs; i++) {
    layer_conv_rows(b, width, i == 0 ? rows : 3, i == 0 ? columns : 1, i > 0);
    layer_plain(b, "relu");
    if (b->side >= 6)
      layer_pool_rows(b, builder_chance(b, 0.5) ? 3 : 2);
  }
}

/* Texts as images: a row for each word or character. Members take turns in being wide and deep. */
static void draw_text(struct builder *b) {
  if (b->member % 2 == 0)
    draw_word_windows(b);
  else
    draw_deep_text(b);
  layer_plain(b, "flatten");
  if (builder_chance(b, 0.5))
    layer_linear(b, builder_channels(b, 64, 1024));
  layer_dropout(b, 0.5);
  layer_classifier(b);
}

/* Smallest and largest side of the image, how often the family is drawn, its smallest batch, its
 * share of colour images. */
static const struct family families[] = {
    {"plain", draw_plain, 12, 128, 4, 1, 0.8},
    {"residual", draw_residual, 12, 96, 4, 1, 0.8},
    {"bottleneck", draw_bottleneck, 24, 128, 3, 1, 0.8},
    {"grouped", draw_grouped, 16, 128, 5, 1, 0.8},
    {"mobile", draw_mobile, 16, 128, 6, 1, 0.8},
    {"shuffle", draw_shuffle, 16, 96, 2, 1, 0.8},
    {"dense", draw_dense, 16, 96, 4, 1, 0.8},
    {"fire", draw_fire, 24, 128, 2, 1, 0.8},
    {"mixer", draw_mixer, 24, 96, 2, 1, 0.8},
    {"channels_last", draw_channels_last, 24, 128, 3, 1, 0.8},
    {"mlp", draw_mlp, 4, 48, 4, 8, 0.8},
    {"small", draw_small, 12, 48, 2, 1, 0.8},
    {"text", draw_text, 24, 256, 2, 1, 0},
    {"dense_head", draw_dense_head, 48, 160, 3, 1, 0.8},
};

const struct family *family_at(size_t index) {
  return index < sizeof(families) / sizeof(families[0]) ? &families[index] : NULL;
}
