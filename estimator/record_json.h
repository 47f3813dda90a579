/* record_json.h -- what profile.json and the lines of runs.jsonl have in common: machine, runner,
 * meter, and numbers that may be unknown. For the files layer only; conventions as in json.h.
 */
#ifndef JC_ESTIMATOR_RECORD_JSON_H
#define JC_ESTIMATOR_RECORD_JSON_H

#include "estimator/estimator.h"
#include "estimator/json.h"

enum { JC_RUNNER_BYTES = 32, JC_METER_BYTES = 32, JC_DATE_BYTES = 32 };

/* Reads and parses the file at PATH ("-": standard input). The document belongs to the caller. */
enum jc_status jc_json_read_file(const char *path, struct jc_json **document,
                                 struct jc_error *error);

/* The member of this name, or NULL where it is absent or null: not known. */
const struct jc_json_node *jc_json_known(const struct jc_json_node *object, const char *name);

/* The first item of LIST, to be followed by jc_json_next(). NULL if LIST is NULL or empty, or no
 * array, or has more than MAXIMUM items, which are errors. */
const struct jc_json_node *jc_json_items(const struct jc_json_node *list, uint32_t maximum,
                                         struct jc_error *error);

/* As jc_json_get_real, but NAN where NODE is NULL or null. */
enum jc_status jc_json_get_real_or_nan(const struct jc_json_node *node, double minimum,
                                       double maximum, double *out, struct jc_error *error);

/* As jc_json_get_uint, for 32 bits. */
enum jc_status jc_json_get_uint32(const struct jc_json_node *node, uint32_t minimum,
                                  uint32_t maximum, uint32_t *out, struct jc_error *error);

/* {"cpu_model", "cpus", "memory_bytes", "isa"}. cpu_model is required; the others stay 0 or ""
 * where not known. */
enum jc_status jc_json_get_machine(const struct jc_json_node *node, struct jc_machine *machine,
                                   struct jc_error *error);
void jc_put_machine(struct jc_json_writer *writer, const char *key,
                    const struct jc_machine *machine);

/* {"name", "version"}. */
struct jc_runner_facts {
  char name[JC_RUNNER_BYTES];    /* "onednn" */
  char version[JC_RUNNER_BYTES]; /* "2.6.3"; "": not known */
};
enum jc_status jc_json_get_runner(const struct jc_json_node *node, struct jc_runner_facts *runner,
                                  struct jc_error *error);
void jc_put_runner(struct jc_json_writer *writer, const char *key,
                   const struct jc_runner_facts *runner);

/* {"name", "domain", "power_source": "measured" | "modelled"}. */
struct jc_meter_facts {
  char name[JC_METER_BYTES];   /* "powercap", "model" */
  char domain[JC_METER_BYTES]; /* "package", "package+dram", "board", "wall" */
  bool measured;               /* false: modelled */
};
enum jc_status jc_json_get_meter(const struct jc_json_node *node, struct jc_meter_facts *meter,
                                 struct jc_error *error);
void jc_put_meter(struct jc_json_writer *writer, const char *key,
                  const struct jc_meter_facts *meter);

/* {"priority": "fifo" | "nice" | "normal", "pinning": "one-cpu" | "bound" | "none"}: what the
 * process had while it was measured. */
struct jc_conditions_facts {
  char priority[8]; /* "": not known */
  char pinning[16];
};
enum jc_status jc_json_get_conditions(const struct jc_json_node *node,
                                      struct jc_conditions_facts *conditions,
                                      struct jc_error *error);
void jc_put_conditions(struct jc_json_writer *writer, const char *key,
                       const struct jc_conditions_facts *conditions);

/* "fp32", ... */
enum jc_status jc_json_get_precision(const struct jc_json_node *node, enum jc_precision *precision,
                                     struct jc_error *error);

#endif
