/* test_trainer_gradients.c -- gradients of products, normalisation, pools, and of what plain CNNs
 * are made of besides. */
#include "tests/trainer_gradients.h"

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
      {"conv depthwise 5x3 of 17, all uneven", "[17, 7, 9]", 3,
       CONV("c", "\"out_channels\": 17, \"kernel_size\": [5, 3], \"groups\": \"in_channels\", "
                 "\"stride\": [1, 2], \"dilation\": [1, 2], \"padding\": [2, 1]") FC(4),
       NULL},
      {"conv depthwise 5x5 on 2x2, no bias", "[16, 2, 2]", 2,
       CONV("c", "\"out_channels\": 16, \"kernel_size\": 5, \"groups\": \"in_channels\", "
                 "\"padding\": 2, \"bias\": false") FC(4),
       NULL},
      {"conv depthwise 3x3 on 2x2", "[32, 2, 2]", 2,
       CONV("c", "\"out_channels\": 32, \"kernel_size\": 3, \"groups\": \"in_channels\", "
                 "\"padding\": 1") FC(4),
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
