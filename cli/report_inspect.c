/* report_inspect.c -- counts of a network, layer by layer and in total. */
#include "cli/report_inspect.h"

#include <math.h>

#include "cli/format.h"

static void fill_layers(const struct loaded_model *model, struct records *records) {
  static const struct column columns[] = {
      {"name", "layer", VALUE_TEXT, true, NULL, NULL},
      {"type", "type", VALUE_TEXT, false, NULL, NULL},
      {"out_shape", "output", VALUE_SHAPE, false, NULL, NULL},
      {"params", "params", VALUE_COUNT, false, NULL, NULL},
      {"forward_macs", "fwd MACs", VALUE_COUNT, false, format_si, NULL},
      {"training_macs", "train MACs", VALUE_COUNT, false, format_si, NULL},
      {"trainable_params", NULL, VALUE_COUNT, false, NULL, NULL},
      {"elementwise_ops", NULL, VALUE_COUNT, false, NULL, NULL},
  };
  records_start(records, columns, COLUMN_COUNT(columns));
  for (uint32_t i = 0; i < model->network->layer_count; i++) {
    const struct jc_cost *cost = &model->analysis.layers[i];
    record_layer(records, model, i);
    record_count(records, cost->trainable_params);
    record_count(records, cost->elementwise_ops);
  }
}

/* One total: its key in JSON, and the unit in which people see it. */
struct total {
  const char *key, *title;
  uint64_t value;
  bool bytes;
};

enum { MAX_TOTALS = 20 };

static size_t fill_totals(const struct loaded_model *model, uint64_t memory_bytes,
                          struct total totals[MAX_TOTALS]) {
  const struct jc_totals *t = &model->analysis.totals;
  const struct total rows[] = {
      {"params", "parameters", t->params, false},
      {"trainable_params", "trainable", t->trainable_params, false},
      {"buffers", "buffers (running statistics)", t->buffers, false},
      {"forward_macs", "forward MACs", t->forward_macs, false},
      {"forward_elementwise_ops", "forward elementwise operations", t->forward_elementwise_ops,
       false},
      {"forward_flops", "forward FLOPs", t->forward_flops, false},
      {"backward_data_macs", "backward MACs, data", t->backward_data_macs, false},
      {"backward_weights_macs", "backward MACs, weights", t->backward_weights_macs, false},
      {"training_macs", "training MACs, forward and backward", t->training_macs, false},
      {"training_flops", "training FLOPs", t->training_flops, false},
      {"weight_bytes", "weights", t->weight_bytes, true},
      {"activation_bytes", "layer outputs of a sample", t->activation_bytes, true},
      {"saved_activation_bytes", "of them kept for backward", t->saved_activation_bytes, true},
      {"memory_bytes", "peak memory of training", memory_bytes, true},
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

static void put_report(const struct loaded_model *model, const struct jc_run *run,
                       const struct total *totals, size_t total_count, const struct records *layers,
                       struct jc_json_writer *w) {
  jc_put_start(w, JC_JSON_PRETTY);
  jc_put_object(w, NULL);
  jc_put_string(w, "schema", "joulecast.inspect/1");
  jc_put_string(w, "model", model->network->name);
  jc_put_string(w, "source", model->network->source);
  put_inputs(model->network, w);
  jc_put_string(w, "convention", jc_convention());
  for (size_t i = 0; i < total_count; i++)
    jc_put_uint(w, totals[i].key, totals[i].value);
  jc_put_inline_object(w, "memory_of");
  jc_put_uint(w, "batch_size", run->batch_size);
  jc_put_string(w, "optimizer", optimizer_name(run->optimizer));
  jc_put_string(w, "precision", jc_precision_name(JC_PRECISION_FP32));
  jc_put_end(w);
  records_put(layers, w, "layers");
  jc_put_end(w);
}

static void print_inputs(const struct jc_network *network, FILE *out) {
  char shape[80];
  for (uint32_t i = 0; i < network->input_count; i++)
    fprintf(out, "%s%s %s", i == 0 ? "" : ", ", network->inputs[i].name,
            jc_shape_format(&network->inputs[i].shape, shape, sizeof(shape)));
}

static void print_report(const struct loaded_model *model, const struct jc_run *run,
                         const struct total *totals, size_t total_count,
                         const struct records *layers, FILE *out) {
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
    fprintf(out, "%-36s %16s\n", totals[i].title,
            totals[i].bytes ? format_bytes(value, text, sizeof(text))
                            : format_count(value, text, sizeof(text)));
  }
  fprintf(out, "\nCounts are of one sample; memory is for batch %s, %s, fp32.\n",
          format_count((double)run->batch_size, text, sizeof(text)),
          optimizer_name(run->optimizer));
  print_wrapped(out, jc_convention(), 0, 0);
}

enum jc_status report_inspect(const struct loaded_model *model, const struct jc_run *run,
                              enum format format, bool with_layers, struct output *output,
                              struct jc_error *error) {
  struct total totals[MAX_TOTALS];
  struct records layers;
  struct jc_json_writer writer;
  const uint64_t memory_bytes =
      jc_training_memory_bytes(&model->analysis.totals, run->batch_size, run->optimizer);
  const size_t count = fill_totals(model, memory_bytes, totals);
  fill_layers(model, &layers);
  if (records_check(&layers, error) == JC_OK) {
    if (format == FORMAT_JSON) {
      put_report(model, run, totals, count, &layers, &writer);
      (void)output_json(output, &writer, error);
    } else if (format == FORMAT_CSV) {
      records_print_csv(&layers, output->stream);
    } else {
      print_report(model, run, totals, count, with_layers ? &layers : NULL, output->stream);
    }
  }
  records_free(&layers);
  return error->status;
}
