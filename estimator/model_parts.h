/* model_parts.h -- what the files of the model reader share; private to model_*.c.
 *
 *   model_file.c      the file's head, storage, and the public functions
 *   model_variants.c  the file's own parameters and variants, and what the caller sets
 *   model_expand.c    items to flat layers: repeats and uses of blocks
 *   model_blocks.c    the blocks as such
 *   model_scope.c     what names and "$parameters" mean where they stand
 *   model_fields.c    one layer's fields, in and out, along its kind's field table
 *   model_write.c     the expanded model as JSON
 */
#ifndef JC_ESTIMATOR_MODEL_PARTS_H
#define JC_ESTIMATOR_MODEL_PARTS_H

#include "estimator/model_file.h"

struct jc_model {
  struct jc_network network;
  struct jc_input *inputs; /* network.inputs */
  struct jc_model_expect expect;
  uint32_t params_line, forward_macs_line; /* of expect */
  const char *variant;                     /* the one that was read; NULL: none */
  const char **variants;                   /* names of all, [variant_count] */
  uint32_t variant_count;
  char file[256];
};

/* What of a file makes the model: its defaults, a variant, and what the caller sets. */
struct jc_choice {
  const struct jc_json_node *root;
  const struct jc_json_node *variant; /* NULL: none */
  struct jc_json *set;                /* an object with values of parameters; NULL: none */
};

/* The surroundings of a list of items: the network, one copy of a repeat, one use of a block. */
struct jc_scope {
  const struct jc_scope *parent; /* NULL: the network */
  uint32_t depth;
  const struct jc_json_node *items;    /* the list */
  bool has_params;                     /* the network and a block: "$name" means their parameters */
  const struct jc_json_node *params;   /* name: default; NULL: none */
  const struct jc_json_node *given[2]; /* objects with values for them, the first wins; or NULL */
  size_t prefix;                       /* bytes of the current name before the item's own */
  uint32_t input;                      /* tensor that "input" names; JC_NONE: none */
  uint32_t default_input;              /* of the first item; JC_NONE: none */
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
  const struct jc_json_node *body;     /* a repeat's items, a use's block */
  const char *place;                   /* jc_layer.where of a layer */
  bool hidden_counted, hidden_checked; /* of a repeat that was 0 somewhere */
};

struct jc_name_entry;

struct jc_expansion {
  const struct jc_json_node *blocks; /* NULL: none */
  struct jc_error *error;
  struct jc_expansion_size size;   /* counted first, then filled */
  struct jc_expansion_size hidden; /* room to check what repeats of 0 hide; not part of `size` */
  struct jc_scope top;
  uint32_t output; /* tensor of the last item, once filled */

  /* Where the filling goes; NULL while counting. */
  const struct jc_network *network;
  struct jc_layer *layer;
  uint32_t *edge;
  char *text; /* next free byte for names and places */

  char name[JC_MAX_LAYER_NAME + 1]; /* of the current item */
  struct jc_name_entry *names;      /* hash table, a power of two */
  uint32_t last_name;               /* slot of the last name defined, from 1; 0: none */
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

/* Says that the name just defined is that of a repeat of 0. */
void jc_expansion_mark_absent(struct jc_expansion *x);

/* Forgets all names defined since x->last_name was LAST_NAME. */
void jc_expansion_forget_names(struct jc_expansion *x, uint32_t last_name);

/* The tensor that NODE, a name written in SCOPE, means: in the innermost list of items first. */
enum jc_status jc_scope_resolve(const struct jc_expansion *x, const struct jc_json_node *node,
                                const struct jc_scope *scope, uint32_t *tensor);

/* The tensor that a "name" at the top of the file means. *absent: the name is a repeat of 0. */
enum jc_status jc_expansion_resolve(struct jc_expansion *x, const struct jc_json_node *node,
                                    uint32_t *tensor, bool *absent);

/* Fails at NODE unless NAME is of letters, digits, '_', '-' and '.', and not too long. */
enum jc_status jc_model_check_name(const struct jc_json_node *node, const char *name,
                                   struct jc_error *error);

/* ---- model_variants.c ---- */

/* Checks "params" and "variants" of ROOT, and finds what OPTIONS (NULL: nothing) choose of them.
 * Must be followed by jc_choice_end() in any case. */
enum jc_status jc_choice_begin(struct jc_choice *choice, const struct jc_json_node *root,
                               const struct jc_model_options *options, struct jc_error *error);

/* The member KEY of the file, or the variant's in its place; NULL if there is none. */
const struct jc_json_node *jc_choice_member(const struct jc_choice *choice, const char *key);

void jc_choice_end(struct jc_choice *choice);

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

/* ---- model_blocks.c ---- */

/* Marks of blocks in jc_scope.used; a parameter that is used is marked 1. */
enum { JC_BLOCK_USED = 1, JC_BLOCK_OPEN = 2 };

/* Keys that items have of their own, so that no block's parameter can be called so; ends with
 * NULL. */
extern const char *const jc_item_keys[];

/* The blocks have names, keys and parameters as they must. What is in them is checked at a use. */
enum jc_status jc_blocks_check(const struct jc_expansion *x);

/* Once all is filled: nothing checks the layers of an unused block, and a parameter without effect
 * is a mistake. */
enum jc_status jc_blocks_check_used(const struct jc_expansion *x);

/* ---- model_expand.c ---- */

/* Counts the layers of CHOICE into x->size and x->hidden. Must be followed by jc_expansion_end() in
 * any case. */
enum jc_status jc_expansion_begin(struct jc_expansion *x, const struct jc_choice *choice,
                                  struct jc_error *error);

/* Writes layers, edges and names; x->layer, edge, text and network (with inputs) are set, with room
 * for x->size and x->hidden together. */
enum jc_status jc_expansion_fill(struct jc_expansion *x);

void jc_expansion_end(struct jc_expansion *x);

#endif
