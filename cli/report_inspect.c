/* report_inspect.c -- counts of a network, layer by layer and in total. */
#include "cli/report_inspect.h"

#include <math.h>
#include <string.h>

#include "cli/format.h"

/* Another tool's count of the network. */
struct other_count {
  enum jc_convention_kind convention;
  const struct jc_convention_info *info; /* NULL: none is wanted */
  struct jc_convention_count total;
};

static enum jc_status count_otherwise(const struct loaded_model *model,
                                      enum jc_convention_kind convention, struct other_count *other,
                                      struct jc_error *error) {
  *other = (struct other_count){.convention = convention};
  if (convention == JC_CONVENTION_COUNT)
    return JC_OK;
  other->info = jc_convention_info(convention);
  return jc_convention_total(&model->analysis, convention, &other->total, error);
}

enum { MAX_COLUMNS = 10 };

/* COLUMNS hold what RECORDS borrow. The total of OTHER is known, so none of its layers fails. */
static void fill_layers(const struct loaded_model *model, const struct other_count *other,
                        struct column columns[MAX_COLUMNS], struct records *records) {
  static const struct column own[] = {
      {"name", "layer", VALUE_TEXT, true, NULL, NULL},
      {"type", "type", VALUE_TEXT, false, NULL, NULL},
      {"out_shape", "output", VALUE_SHAPE, false, NULL, NULL},
      {"params", "params", VALUE_COUNT, false, NULL, NULL},
      {"forward_macs", "fwd MACs", VALUE_COUNT, false, format_si, NULL},
      {"training_macs", "train MACs", VALUE_COUNT, false, format_si, NULL},
      {"trainable_params", NULL, VALUE_COUNT, false, NULL, NULL},
      {"elementwise_ops", NULL, VALUE_COUNT, false, NULL, NULL},
      {"per_step", NULL, VALUE_BOOL, false, NULL, NULL},
  };
  memcpy(columns, own, sizeof(own));
  if (other->info != NULL)
    columns[COLUMN_COUNT(own)] =
        (struct column){"convention_count", other->info->name, VALUE_COUNT, false, format_si, NULL};
  records_start(records, columns, COLUMN_COUNT(own) + (other->info != NULL));
  for (uint32_t i = 0; i < model->network->layer_count; i++) {
    const struct jc_cost *cost = &model->analysis.layers[i];
    record_layer(records, model, i);
    record_count(records, cost->trainable_params);
    record_count(records, cost->elementwise_ops);
    record_flag(records, cost->per_step);
    if (other->info != NULL) {
      struct jc_convention_count count;
      struct jc_error unused = {0};
      (void)jc_convention_layer(&model->analysis, i, other->convention, &count, &unused);
      record_count(records, count.value);
    }
  }
}

/* One total: its key in JSON, and the unit in which people see it. */
struct total {
  const char *key, *title;
  uint64_t value;
  enum { TOTAL_COUNT, TOTAL_BYTES, TOTAL_RARE /* a count; people see it if it is not 0 */ } form;
};

enum { MAX_TOTALS = 32 };

static size_t fill_totals(const struct loaded_model *model, const struct jc_memory_plan *plan,
                          struct total totals[MAX_TOTALS]) {
  const struct jc_totals *t = &model->analysis.totals;
  const struct jc_optimizer_facts *optimizer = jc_optimizer_facts(plan->optimizer);
  const struct jc_training_memory m = jc_training_memory(&model->analysis, plan);
  const struct total rows[] = {
      {"params", "parameters", t->params, TOTAL_COUNT},
      {"trainable_params", "trainable", t->trainable_params, TOTAL_COUNT},
      {"buffers", "buffers (running statistics)", t->buffers, TOTAL_COUNT},
      {"forward_macs", "forward MACs", t->forward_macs, TOTAL_COUNT},
      {"forward_elementwise_ops", "forward elementwise operations", t->forward_elementwise_ops,
       TOTAL_COUNT},
      {"forward_flops", "forward FLOPs", t->forward_flops, TOTAL_COUNT},
      {"backward_data_macs", "backward MACs, data", t->backward_data_macs, TOTAL_COUNT},
      {"backward_weights_macs", "backward MACs, weights", t->backward_weights_macs, TOTAL_COUNT},
      {"training_macs", "training MACs, forward and backward", t->training_macs, TOTAL_COUNT},
      {"training_flops", "training FLOPs", t->training_flops, TOTAL_COUNT},
      {"recompute_macs", "MACs computed again (checkpointing)", m.recompute_macs, TOTAL_RARE},
      {"per_step_forward_macs", "of forward MACs, once a step", t->per_step_forward_macs,
       TOTAL_RARE},
      {"per_step_training_macs", "of training MACs, once a step", t->per_step_training_macs,
       TOTAL_RARE},
      {"optimizer_elementwise_ops", "optimiser operations, once a step",
       optimizer->elementwise_ops * t->trainable_params, TOTAL_COUNT},
      {"weight_bytes", "weights", t->weight_bytes, TOTAL_BYTES},
      {"activation_bytes", "layer outputs of a sample", t->activation_bytes, TOTAL_BYTES},
      {"saved_activation_bytes", "kept for backward", t->saved_activation_bytes, TOTAL_BYTES},
      {"memory_weights_bytes", "memory: weights", m.weights_bytes, TOTAL_BYTES},
      {"memory_gradients_bytes", "memory: their gradients", m.gradients_bytes, TOTAL_BYTES},
      {"memory_optimizer_bytes", "memory: state of the optimiser", m.optimizer_bytes, TOTAL_BYTES},
      {"memory_buffers_bytes", "memory: buffers", m.buffers_bytes, TOTAL_BYTES},
      {"memory_activations_bytes", "memory: activations at the peak", m.activations_bytes,
       TOTAL_BYTES},
      {"memory_bytes", "peak memory of training", m.total_bytes, TOTAL_BYTES},
  };
  const size_t count = sizeof(rows) / sizeof(rows[0]);
  for (size_t i = 0; i < count; i++)
    totals[i] = rows[i];
  return count;
}

static void put_inputs(const struct jc_network *network, struct jc_json_writer *w) {
  jc_put_object(w, "input");
  for (uint32_t i = 0; i < network->input_count; i++) {
    const struct value shape = {.type = VALUE_SHAPE, .shape = network->inputs[i].shape};
    value_put(&shape, w, network->inputs[i].name);
  }
  jc_put_end(w);
}

static void put_other(const struct other_count *other, struct jc_json_writer *w) {
  if (other->info == NULL)
    return;
  jc_put_string(w, "convention_name", other->info->name);
  jc_put_string(w, "convention_version", other->info->version);
  jc_put_string(w, "convention_unit", other->info->unit);
  jc_put_string(w, "convention_identity", other->info->identity);
  jc_put_uint(w, "convention_count", other->total.value);
  jc_put_bool(w, "convention_approximate", other->total.approximate);
}

/* All but the layers. */
static void put_members(const struct loaded_model *model, const struct jc_memory_plan *plan,
                        const struct other_count *other, const struct total *totals,
                        size_t total_count, struct jc_json_writer *w) {
  jc_put_string(w, "schema", "joulecast.inspect/1");
  jc_put_string(w, "model", model->network->name);
  jc_put_string(w, "source", model->network->source);
  put_inputs(model->network, w);
  jc_put_string(w, "convention", jc_convention());
  for (size_t i = 0; i < total_count; i++)
    jc_put_uint(w, totals[i].key, totals[i].value);
  jc_put_inline_object(w, "memory_of");
  jc_put_uint(w, "batch_size", plan->batch_size);
  jc_put_string(w, "optimizer", optimizer_name(plan->optimizer));
  jc_put_string(w, "precision", jc_precision_name(plan->precision));
  jc_put_bool(w, "checkpointing", plan->checkpointing);
  jc_put_end(w);
  put_other(other, w);
}

static void put_report(const struct loaded_model *model, const struct jc_memory_plan *plan,
                       const struct other_count *other, const struct total *totals,
                       size_t total_count, const struct records *layers, struct jc_json_writer *w) {
  jc_put_start(w, JC_JSON_PRETTY);
  jc_put_object(w, NULL);
  put_members(model, plan, other, totals, total_count, w);
  records_put(layers, w, "layers");
  jc_put_end(w);
}

enum jc_status report_inspect_put(const struct loaded_model *model,
                                  const struct jc_memory_plan *plan,
                                  enum jc_convention_kind convention, struct jc_json_writer *writer,
                                  struct jc_error *error) {
  struct total totals[MAX_TOTALS];
  struct other_count other;
  if (count_otherwise(model, convention, &other, error) == JC_OK)
    put_members(model, plan, &other, totals, fill_totals(model, plan, totals), writer);
  return error->status;
}

static void print_inputs(const struct jc_network *network, FILE *out) {
  char shape[80];
  for (uint32_t i = 0; i < network->input_count; i++)
    fprintf(out, "%s%s %s", i == 0 ? "" : ", ", network->inputs[i].name,
            jc_shape_format(&network->inputs[i].shape, shape, sizeof(shape)));
}

static void print_other(const struct other_count *other, FILE *out) {
  char text[FORMAT_SIZE], sentence[640];
  if (other->info == NULL)
    return;
  fprintf(out, "\n%-36s %16s%s\n", other->info->name,
          format_count((double)other->total.value, text, sizeof(text)),
          other->total.approximate ? ", approximately" : "");
  (void)snprintf(sentence, sizeof(sentence), "%s %s counts %s: %s%s", other->info->name,
                 other->info->version, other->info->unit, other->info->identity,
                 other->total.approximate
                     ? "; its own number may differ: it depends on how the layers are written"
                     : "");
  print_wrapped(out, sentence, 0, 0);
}

static void print_report(const struct loaded_model *model, const struct jc_memory_plan *plan,
                         const struct other_count *other, const struct total *totals,
                         size_t total_count, const struct records *layers, FILE *out) {
  char text[FORMAT_SIZE];
  fprintf(out, "%s: ", model->network->name);
  print_inputs(model->network, out);
  fprintf(out, ", %s layers\n", format_count(model->network->layer_count, text, sizeof(text)));
  if (model->network->source != NULL)
    print_wrapped(out, model->network->source, 0, 0);
  if (layers != NULL) {
    fputc('\n', out);
    records_print(layers, out);
  }
  fputc('\n', out);
  for (size_t i = 0; i < total_count; i++) {
    const double value = (double)totals[i].value;
    if (totals[i].form == TOTAL_RARE && totals[i].value == 0)
      continue;
    fprintf(out, "%-36s %16s\n", totals[i].title,
            totals[i].form == TOTAL_BYTES ? format_bytes(value, text, sizeof(text))
                                          : format_count(value, text, sizeof(text)));
  }
  fprintf(out, "\nCounts are of one sample; memory is for batch %s, %s, %s%s.\n",
          format_count((double)plan->batch_size, text, sizeof(text)),
          optimizer_name(plan->optimizer), jc_precision_name(plan->precision),
          plan->checkpointing ? ", checkpointing" : "");
  print_wrapped(out, jc_convention(), 0, 0);
  print_other(other, out);
}

enum jc_status report_inspect(const struct loaded_model *model, const struct jc_memory_plan *plan,
                              enum jc_convention_kind convention, enum format format,
                              bool with_layers, struct output *output, struct jc_error *error) {
  struct total totals[MAX_TOTALS];
  struct other_count other;
  struct column columns[MAX_COLUMNS];
  struct records layers;
  struct jc_json_writer writer;
  if (count_otherwise(model, convention, &other, error) != JC_OK)
    return error->status;
  const size_t count = fill_totals(model, plan, totals);
  fill_layers(model, &other, columns, &layers);
  if (records_check(&layers, error) == JC_OK) {
    if (format == FORMAT_JSON) {
      put_report(model, plan, &other, totals, count, &layers, &writer);
      (void)output_json(output, &writer, error);
    } else if (!output_rows(&layers, format, output->stream)) {
      print_report(model, plan, &other, totals, count, with_layers ? &layers : NULL,
                   output->stream);
    }
  }
  records_free(&layers);
  return error->status;
}
