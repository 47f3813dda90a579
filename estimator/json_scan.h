/* json_scan.h -- the strict JSON grammar; private to json*.c.
 *
 * The scanner sees raw text only. It refuses what RFC 8259 refuses and, beyond it, byte order
 * marks, \u0000, lone surrogates, numbers of more than 63 characters, and depths and sizes beyond
 * the limits in json.h. Repeated keys are found later, when the strings are decoded.
 */
#ifndef JC_ESTIMATOR_JSON_SCAN_H
#define JC_ESTIMATOR_JSON_SCAN_H

#include "estimator/json.h"

struct cJSON;

/* One value of a document; all of them stand in one array in the order of the text, so that the
 * first child of node i is node i + 1. */
struct jc_json_node {
  const struct jc_json *document; /* set by json.c */
  const struct cJSON *item;       /* set by json.c */
  enum jc_json_type type;
  uint32_t line;           /* where the value starts */
  uint32_t offset, length; /* its text */
  uint32_t parent;         /* index; 0 for the root too */
  uint32_t next;           /* index of the next sibling; 0: none */
  uint32_t position;       /* among its siblings */
  uint32_t child_count;
};

struct jc_json_nodes {
  struct jc_json_node *node; /* malloc'ed */
  uint32_t count;
};

/* Scans TEXT, whose first line has the number FIRST_LINE. On failure NODES is empty. */
enum jc_status jc_json_scan(const char *text, size_t length, uint32_t first_line,
                            struct jc_json_nodes *nodes, struct jc_error *error);

/* The text of NODE, `length` bytes. */
const char *jc_json_text(const struct jc_json_node *node);

/* Bytes of the UTF-8 sequence at TEXT, of which SIZE bytes may be read; 0 if it is malformed. */
size_t jc_utf8_length(const char *text, size_t size);

#endif
