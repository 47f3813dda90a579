/* model_parts.h -- what the files of the model reader share; private to model_*.c.
 *
 *   model_file.c    the file's head, storage, and the public functions
 *   model_expand.c  items to flat layers: repeats and blocks
 *   model_scope.c   what names and "$parameters" mean where they stand
 *   model_fields.c  one layer's fields, in and out, along its kind's field table
 */
#ifndef JC_ESTIMATOR_MODEL_PARTS_H
#define JC_ESTIMATOR_MODEL_PARTS_H

#include "estimator/model_file.h"

struct jc_model {
  struct jc_network network;
  struct jc_input *inputs; /* network.inputs */
  struct jc_model_expect expect;
  uint32_t params_line, forward_macs_line; /* of expect */
  char file[256];
};

/* The surroundings of a list of items: the network, one copy of a repeat, one use of a block. */
struct jc_scope {
  const struct jc_scope *parent; /* NULL: the network */
  uint32_t depth;
  const struct jc_json_node *items;       /* the list */
  const struct jc_json_node *block, *use; /* of a block's layers, otherwise NULL */
  size_t prefix;                          /* bytes of the current name before the item's own */
  uint32_t input;                         /* tensor that "input" names; JC_NONE: none */
  uint32_t default_input;                 /* of the first item; JC_NONE: none */
  unsigned char *used; /* marks of parameters and blocks that something uses, by node index */
};

/* What an expansion needs room for. */
struct jc_expansion_size {
  uint64_t layers, edges;
  uint64_t names, name_bytes; /* of layers, repeats and uses */
  uint64_t place_bytes;       /* of jc_layer.where */
};

enum jc_item_type { JC_ITEM_NEW, JC_ITEM_LAYER, JC_ITEM_REPEAT, JC_ITEM_USE };

/* What is the same for all copies of an item, found out at its first. */
struct jc_item {
  enum jc_item_type type;
  enum jc_layer_kind kind; /* of a layer */
  const char *name;
  const struct jc_json_node *body; /* a repeat's items, a use's block */
  const char *place;               /* jc_layer.where of a layer */
};

struct jc_name_entry;

struct jc_expansion {
  const struct jc_json_node *blocks; /* NULL: none */
  struct jc_error *error;
  struct jc_expansion_size size; /* counted first, then filled */
  struct jc_scope top;

  /* Where the filling goes; NULL while counting. */
  const struct jc_network *network;
  struct jc_layer *layer;
  uint32_t *edge;
  char *text; /* next free byte for names and places */

  char name[JC_MAX_LAYER_NAME + 1]; /* of the current item */
  struct jc_name_entry *names;      /* hash table, a power of two */
  size_t name_mask;
  struct jc_item *items; /* by node index */
  bool blamed;           /* the error names its block already */
};

/* ---- model_scope.c ---- */

/* Replaces *NODE, if it is a "$name", by the parameter's value, which stands in *SCOPE. */
enum jc_status jc_scope_substitute(const struct jc_json_node **node, const struct jc_scope **scope,
                                   struct jc_error *error);

/* Moves an error about a value, which may be a block's parameter far away, to NODE, which stands in
 * the layer. Returns the error's status. */
enum jc_status jc_scope_stay(const struct jc_json_node *node, struct jc_error *error);

/* As jc_json_get_uint() of NODE after substitution; errors stay at NODE. */
enum jc_status jc_scope_get_uint(const struct jc_scope *scope, const struct jc_json_node *node,
                                 uint64_t minimum, uint64_t maximum, uint64_t *out,
                                 struct jc_error *error);
enum jc_status jc_scope_get_bool(const struct jc_scope *scope, const struct jc_json_node *node,
                                 bool *out, struct jc_error *error);

/* Makes room for the names, and enters those of the network's inputs. */
enum jc_status jc_expansion_open_names(struct jc_expansion *x);

/* Copies TEXT to the model. */
const char *jc_expansion_keep(struct jc_expansion *x, const char *text);

/* Gives the current name to TENSOR; NODE is its item. *name: the model's copy. */
enum jc_status jc_expansion_define(struct jc_expansion *x, const struct jc_json_node *node,
                                   uint32_t tensor, const char **name);

/* The tensor that NODE, a name written in SCOPE, means: in the innermost list of items first. */
enum jc_status jc_scope_resolve(const struct jc_expansion *x, const struct jc_json_node *node,
                                const struct jc_scope *scope, uint32_t *tensor);

/* The tensor that a "name" at the top of the file means. */
enum jc_status jc_expansion_resolve(struct jc_expansion *x, const struct jc_json_node *node,
                                    uint32_t *tensor);

/* Fails at NODE unless NAME is of letters, digits, '_', '-' and '.', and not too long. */
enum jc_status jc_model_check_name(const struct jc_json_node *node, const char *name,
                                   struct jc_error *error);

/* ---- model_fields.c ---- */

/* Fails if LAYER has keys that are neither KIND's nor every layer's. */
enum jc_status jc_fields_check_keys(const struct jc_kind *kind, const struct jc_json_node *layer,
                                    struct jc_error *error);

/* Reads LAYER's members along the field table of KIND. FIELDS is zeroed. */
enum jc_status jc_fields_read(const struct jc_kind *kind, const struct jc_json_node *layer,
                              const struct jc_scope *scope, union jc_layer_fields *fields,
                              struct jc_error *error);

/* Puts the fields that differ from their defaults into an object. */
void jc_fields_write(struct jc_json_writer *writer, const struct jc_kind *kind,
                     const union jc_layer_fields *fields);

/* ---- model_expand.c ---- */

/* Counts the layers under ROOT, which is a model's object, into x->size. Must be followed by
 * jc_expansion_end() in any case. */
enum jc_status jc_expansion_begin(struct jc_expansion *x, const struct jc_json_node *root,
                                  struct jc_error *error);

/* Writes layers, edges and names; x->layer, edge, text and network (with inputs) are set. */
enum jc_status jc_expansion_fill(struct jc_expansion *x);

void jc_expansion_end(struct jc_expansion *x);

#endif
