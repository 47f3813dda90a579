/* model_blocks.c -- the "blocks" of a model file as such, whatever uses them. */
#include <string.h>

#include "estimator/model_parts.h"

const char *const jc_item_keys[] = {"name", "block", "inputs", "type", "repeat", "layers", NULL};

static bool is_item_key(const char *key) {
  for (const char *const *k = jc_item_keys; *k; k++)
    if (strcmp(key, *k) == 0)
      return true;
  return false;
}

static enum jc_status check_object(const struct jc_expansion *x, const struct jc_json_node *object,
                                   uint32_t limit) {
  if (!object || jc_json_want(object, JC_JSON_OBJECT, x->error) != JC_OK)
    return x->error->status;
  if (jc_json_length(object) > limit) {
    return jc_json_fail_as(object, JC_ERROR_OVERFLOW, x->error, "expected at most %lu, got %lu",
                           (unsigned long)limit, (unsigned long)jc_json_length(object));
  }
  return JC_OK;
}

static enum jc_status check_block(const struct jc_expansion *x, const struct jc_json_node *block) {
  static const char *const keys[] = {"params", "layers"};
  const struct jc_json_node *params = jc_json_member(block, "params");
  jc_model_check_name(block, jc_json_key(block), x->error);
  jc_json_only_keys(block, keys, sizeof keys / sizeof keys[0], x->error);
  jc_json_need(block, "layers", x->error);
  if (check_object(x, params, JC_MAX_MODEL_PARAMS) != JC_OK)
    return x->error->status;
  for (const struct jc_json_node *p = params ? jc_json_first(params) : NULL; p;
       p = jc_json_next(p)) {
    if (jc_model_check_name(p, jc_json_key(p), x->error) != JC_OK)
      return x->error->status;
    if (is_item_key(jc_json_key(p)))
      return jc_json_fail(p, x->error, "expected another name: '%s' has a meaning of its own",
                          jc_json_key(p));
  }
  return x->error->status;
}

enum jc_status jc_blocks_check(const struct jc_expansion *x) {
  if (check_object(x, x->blocks, JC_MAX_MODEL_BLOCKS) != JC_OK)
    return x->error->status;
  for (const struct jc_json_node *b = x->blocks ? jc_json_first(x->blocks) : NULL; b;
       b = jc_json_next(b))
    if (check_block(x, b) != JC_OK)
      return x->error->status;
  return JC_OK;
}

enum jc_status jc_blocks_check_used(const struct jc_expansion *x) {
  for (const struct jc_json_node *p = x->top.params ? jc_json_first(x->top.params) : NULL; p;
       p = jc_json_next(p))
    if (!x->top.used[jc_json_index(p)])
      return jc_json_fail(p, x->error, "nothing in the layers uses this parameter");
  for (const struct jc_json_node *b = x->blocks ? jc_json_first(x->blocks) : NULL; b;
       b = jc_json_next(b)) {
    const struct jc_json_node *params = jc_json_member(b, "params");
    if (x->top.used[jc_json_index(b)] != JC_BLOCK_USED)
      return jc_json_fail(b, x->error, "nothing uses this block");
    for (const struct jc_json_node *p = params ? jc_json_first(params) : NULL; p;
         p = jc_json_next(p))
      if (!x->top.used[jc_json_index(p)])
        return jc_json_fail(p, x->error, "nothing in the block uses this parameter");
  }
  return JC_OK;
}
