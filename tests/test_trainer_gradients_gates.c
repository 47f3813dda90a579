/* test_trainer_gradients_gates.c -- gradients of gates and smooth activations, of channels cut,
 * dealt out and averaged, of samples dropped, and of several heads. */
#include "tests/trainer_gradients.h"

/* Channels that fill blocks of 16, that do not, and an image as it comes. */
#define BEHIND_CONV(name, channels, layers)                                                        \
  {                                                                                                \
    name " of " channels, "[3, 6, 5]", 3,                                                          \
        CONV("c", "\"out_channels\": " channels ", \"kernel_size\": 3, \"padding\": 1")            \
            layers FC(4),                                                                          \
        NULL                                                                                       \
  }
#define EVERYWHERE(name, layers)                                                                   \
  BEHIND_CONV(name, "16", layers), BEHIND_CONV(name, "17", layers),                                \
      {name " of images", "[5, 6, 5]", 3, layers FC(4), NULL}, {                                   \
    name " of features", "[40]", 3, WITH("l", "linear", "\"out_features\": 33") layers FC(4), NULL \
  }

Test(trainer_gradients_gates, activations) {
  REQUIRE_TRAINER();
  static const struct check_case cases[] = {
      EVERYWHERE("sigmoid", LAYER("a", "sigmoid")),
      EVERYWHERE("silu", LAYER("a", "silu")),
      EVERYWHERE("hardsigmoid", LAYER("a", "hardsigmoid")),
      EVERYWHERE("hardswish", LAYER("a", "hardswish")),
      EVERYWHERE("gelu", LAYER("a", "gelu")),
      EVERYWHERE("gelu by tanh", WITH("a", "gelu", "\"approximate\": \"tanh\"")),
      /* What follows sees the zeros that fill the last block up. */
      BEHIND_CONV("sigmoid and conv", "17",
                  LAYER("a", "sigmoid") CONV("d", "\"out_channels\": 5, \"kernel_size\": 3")),
      BEHIND_CONV("hardsigmoid and conv", "17",
                  LAYER("a", "hardsigmoid") CONV("d", "\"out_channels\": 5, \"kernel_size\": 3")),
  };
  CHECK_ALL(cases);
}

#define SQUEEZE(gate, order)                                                                       \
  WITH("pool", "adaptive_avgpool2d", "\"output_size\": 1")                                         \
  CONV("fc1", "\"out_channels\": 4, \"kernel_size\": 1")                                           \
  LAYER("silu", "silu")                                                                            \
  WITH("fc2", "conv2d", "\"kernel_size\": 1, \"out_channels\": " gate)                             \
  LAYER("gate", "sigmoid") WITH("scale", "mul", "\"inputs\": " order)

Test(trainer_gradients_gates, mul) {
  REQUIRE_TRAINER();
  static const struct check_case cases[] = {
      BEHIND_CONV("gate", "16", SQUEEZE("16", "[\"gate\", \"c\"]")),
      BEHIND_CONV("gate", "17", SQUEEZE("17", "[\"c\", \"gate\"]")),
      BEHIND_CONV("gate", "48", SQUEEZE("48", "[\"gate\", \"c\"]")),
      {"gate of images", "[5, 4, 6]", 2, SQUEEZE("5", "[\"input\", \"gate\"]") FC(4), NULL},
      {"gate in blocks of a plain tensor", "[16, 4, 6]", 2,
       WITH("x", "pad", "\"padding\": [1, 1]") WITH("s", "softmax", "\"dim\": 2")
           SQUEEZE("16", "[\"s\", \"gate\"]") FC(4),
       NULL},
      BEHIND_CONV("product with a tensor", "17",
                  LAYER("a", "sigmoid") WITH("m", "mul", "\"inputs\": [\"a\", \"c\"]")),
      BEHIND_CONV("product with a plain tensor", "3",
                  WITH("m", "mul", "\"inputs\": [\"input\", \"c\"]")),
      BEHIND_CONV("square", "16", WITH("m", "mul", "\"inputs\": [\"c\", \"c\"]")),
      {"product of features", "[9]", 3,
       WITH("a", "linear", "\"out_features\": 9") WITH("m", "mul", "\"inputs\": [\"a\", \"input\"]")
           FC(4),
       NULL},
      {"product of one gate with another", "[20, 5, 5]", 3,
       WITH("p", "adaptive_avgpool2d", "\"output_size\": 1")
           CONV("c", "\"out_channels\": 20, \"kernel_size\": 1") LAYER("a", "hardsigmoid")
               WITH("m", "mul", "\"inputs\": [\"a\", \"p\"]") FC(4),
       NULL},
  };
  CHECK_ALL(cases);
}

Test(trainer_gradients_gates, mean) {
  REQUIRE_TRAINER();
#define MEAN_OF(more) WITH("m", "mean", more)
  static const struct check_case cases[] = {
      BEHIND_CONV("mean", "16", MEAN_OF("\"dim\": [2, 3]")),
      BEHIND_CONV("mean", "17", MEAN_OF("\"dim\": [-1, -2]")),
      BEHIND_CONV("kept mean", "17", MEAN_OF("\"dim\": [3, 2], \"keepdim\": true")),
      BEHIND_CONV("kept mean as a gate", "17",
                  MEAN_OF("\"dim\": [2, 3], \"keepdim\": true")
                      WITH("s", "mul", "\"inputs\": [\"m\", \"c\"]")),
      {"mean of images", "[3, 6, 5]", 2, MEAN_OF("\"dim\": [2, 3]") FC(4), NULL},
      {"mean, then no flatten", "[3, 6, 5]", 2,
       CONV("c", "\"out_channels\": 17, \"kernel_size\": 3")
           MEAN_OF("\"dim\": [2, 3]") "{\"name\": \"l\", \"type\": \"linear\","
                                      " \"out_features\": 5}",
       NULL},
  };
  CHECK_ALL(cases);
}

Test(trainer_gradients_gates, channels_moved) {
  REQUIRE_TRAINER();
#define HALVES(dim, rest)                                                                          \
  WITH("a", "chunk", "\"inputs\": [\"c\"], \"chunks\": 2, \"index\": 0, \"dim\": " dim)            \
  WITH("b", "chunk", "\"inputs\": [\"c\"], \"chunks\": 2, \"index\": 1, \"dim\": " dim) rest
  static const struct check_case cases[] = {
      BEHIND_CONV("halves", "32",
                  HALVES("1", WITH("s", "silu", "\"inputs\": [\"b\"]")
                                  WITH("m", "mul", "\"inputs\": [\"a\", \"s\"]"))),
      BEHIND_CONV("halves", "34",
                  HALVES("1", CONV("d", "\"out_channels\": 17, \"kernel_size\": 1")
                                  WITH("m", "add", "\"inputs\": [\"a\", \"d\"]"))),
      BEHIND_CONV("halves, joined and dealt out", "36",
                  HALVES("1", LAYER("s", "silu") WITH("k", "concat", "\"inputs\": [\"a\", \"s\"]")
                                  WITH("x", "channel_shuffle", "\"groups\": 2"))),
      BEHIND_CONV("rows", "17", HALVES("2", WITH("m", "mul", "\"inputs\": [\"a\", \"b\"]"))),
      BEHIND_CONV("a third that is short", "17", WITH("a", "chunk", "\"chunks\": 3, \"index\": 2")),
      {"piece of images", "[5, 4, 4]", 2, WITH("a", "chunk", "\"chunks\": 2, \"index\": 1") FC(4),
       NULL},
      {"piece of features", "[9]", 3,
       WITH("l", "linear", "\"out_features\": 12")
           WITH("a", "chunk", "\"chunks\": 3, \"index\": 1, \"dim\": -1") FC(4),
       NULL},
      BEHIND_CONV("shuffle in 4", "32", WITH("x", "channel_shuffle", "\"groups\": 4")),
      BEHIND_CONV("shuffle in 3", "51", WITH("x", "channel_shuffle", "\"groups\": 3")),
      {"shuffle of images", "[6, 4, 4]", 2,
       WITH("x", "channel_shuffle", "\"groups\": 3")
           CONV("c", "\"out_channels\": 5, \"kernel_size\": 3") FC(4),
       NULL},
  };
  CHECK_ALL(cases);
}

Test(trainer_gradients_gates, stochastic_depth) {
  REQUIRE_TRAINER();
#define DEPTH(more) WITH("d", "stochastic_depth", more)
  static const struct check_case cases[] = {
      BEHIND_CONV("depth", "16",
                  DEPTH("\"p\": 0.4") WITH("a", "add", "\"inputs\": [\"d\", \"c\"]")),
      BEHIND_CONV("depth", "17", DEPTH("\"p\": 0.3")),
      BEHIND_CONV("depth of p 0", "17", DEPTH("\"p\": 0")),
      {"depth of the batch", "[5, 4, 4]", 3,
       DEPTH("\"p\": 0.1, \"mode\": \"batch\"") WITH("a", "add", "\"inputs\": [\"d\", \"input\"]")
           FC(4),
       NULL},
      {"depth of features", "[9]", 6,
       WITH("l", "linear", "\"out_features\": 12") DEPTH("\"p\": 0.4") FC(4), NULL},
  };
  CHECK_ALL(cases);
}

/* What a convolution's bias adds to a row, its normalisation takes away. */
Test(trainer_gradients_gates, layernorm) {
  REQUIRE_TRAINER();
#define ROWS(name, channels, layers)                                                               \
  {                                                                                                \
    name " of " channels, "[3, 6, 5]", 3,                                                          \
        CONV("c", "\"out_channels\": " channels ", \"kernel_size\": 3, \"padding\": 1")            \
            layers FC(4),                                                                          \
        "c"                                                                                        \
  }
  static const struct check_case cases[] = {
      ROWS("rows", "17", LAYER("n", "layernorm")),
      ROWS("no shift", "5", WITH("n", "layernorm", "\"bias\": false")),
      ROWS("no parameters", "16", WITH("n", "layernorm", "\"elementwise_affine\": false")),
      BEHIND_CONV("whole images", "16", WITH("n", "layernorm", "\"normalized_dims\": 3")),
      {"features", "[40]", 3,
       WITH("l", "linear", "\"out_features\": 33") LAYER("n", "layernorm") FC(4), NULL},
      {"of images", "[3, 6, 5]", 3, WITH("n", "layernorm", "\"eps\": 0.01") FC(4), NULL},
  };
  CHECK_ALL(cases);
}

/* Channels to the end and back, as ConvNeXt does, with learnt factors of the channels. */
Test(trainer_gradients_gates, permute_and_parameter) {
  REQUIRE_TRAINER();
#define TO_LAST  WITH("to_last", "permute", "\"dims\": [0, 2, 3, 1]")
#define TO_FIRST WITH("to_first", "permute", "\"dims\": [0, 3, 1, 2]")
#define SCALE(channels, of)                                                                        \
  WITH("p", "parameter", "\"shape\": [" channels ", 1, 1]")                                        \
  WITH("s", "mul", "\"inputs\": [\"p\", \"" of "\"]")
#define BLOCK(channels)                                                                            \
  BEHIND_CONV("block", channels,                                                                   \
              TO_LAST LAYER("n", "layernorm") WITH("l", "linear", "\"out_features\": " channels)   \
                  LAYER("g", "gelu") TO_FIRST SCALE(channels, "to_first")                          \
                      WITH("d", "stochastic_depth", "\"p\": 0.3")                                  \
                          WITH("a", "add", "\"inputs\": [\"d\", \"c\"]"))
  static const struct check_case cases[] = {
      BLOCK("16"),
      BLOCK("17"),
      BLOCK("3"),
      BEHIND_CONV("there and back", "17", TO_LAST TO_FIRST),
      BEHIND_CONV("rows to columns", "17", WITH("t", "permute", "\"dims\": [0, 1, 3, 2]")),
      BEHIND_CONV("rows to channels, then conv", "17",
                  WITH("t", "permute", "\"dims\": [0, 2, 1, 3]")
                      CONV("d", "\"out_channels\": 5, \"kernel_size\": 3")),
      BEHIND_CONV("scaled in blocks", "20", SCALE("20", "c")),
      BEHIND_CONV("scaled and pooled", "20",
                  TO_LAST TO_FIRST SCALE("20", "to_first")
                      WITH("m", "maxpool2d", "\"kernel_size\": 2") LAYER("b", "silu")),
      {"images to the end", "[3, 6, 5]", 3, TO_LAST LAYER("r", "silu") FC(4), NULL},
      {"images of the end to the front", "[6, 5, 3]", 3,
       TO_FIRST CONV("d", "\"out_channels\": 17, \"kernel_size\": 3") FC(4), NULL},
  };
  CHECK_ALL(cases);
}

/* Weights that are read by a head of their own, and by what several heads share. */
Test(trainer_gradients_gates, several_heads) {
  REQUIRE_TRAINER();
#define HEAD(name, from)                                                                           \
  WITH(name "f", "flatten", "\"inputs\": [\"" from "\"], \"when\": \"training\"")                  \
  WITH(name, "linear", "\"out_features\": 4, \"when\": \"training\"")
  static const struct check_case cases[] = {
      {"two heads", "[3, 6, 5], \"outputs\": [\"fc\", \"x\"]", 3,
       CONV("c", "\"out_channels\": 17, \"kernel_size\": 3") HEAD("x", "c")
           WITH("s", "silu", "\"inputs\": [\"c\"]")
               CONV("d", "\"out_channels\": 16, \"kernel_size\": 1") FC(4),
       NULL},
      {"three heads", "[3, 6, 5], \"outputs\": [\"fc\", \"y\", \"x\"]", 3,
       CONV("c", "\"out_channels\": 16, \"kernel_size\": 3") HEAD("x", "c")
           WITH("s", "silu", "\"inputs\": [\"c\"]") HEAD("y", "s")
               CONV("d", "\"inputs\": [\"s\"], \"out_channels\": 5, \"kernel_size\": 1") FC(4),
       NULL},
  };
  CHECK_ALL(cases);
}
