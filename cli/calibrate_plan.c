/* calibrate_plan.c -- `joulecast calibrate plan`: the networks a calibration would train. */
#include "calibrate/plan.h"

#include <string.h>

#include "calibrate/calibrate.h"
#include "cli/calibrate_steps.h"
#include "cli/format.h"
#include "cli/output.h"
#include "estimator/environment.h"

struct plan_step_options {
  struct plan_options plan;
  struct output_options output;
};

#define PLAN(member) OPTION_AT(struct plan_options, member)
static const struct option_row rows_plan[] = {
    {"quick", 0, PLAN(quick), NULL, "about a minute: fewer and smaller networks", NULL,
     OPTION_FREE},
    {"seed", 0, PLAN(seed), "N", "of the plan: another seed trains other networks", "1",
     OPTION_RANGE(0, OPTION_ANY_COUNT)},
    {"networks", 0, PLAN(networks), "N", "sample networks to train", "80 or 160",
     OPTION_RANGE(1, 100000)},
};
const struct option_table table_plan = {"Plan", rows_plan, OPTION_COUNT(rows_plan)};

#define IN(member) offsetof(struct plan_step_options, member)
static const struct option_group groups[] = {
    {&table_plan, IN(plan)},
    {&table_format, IN(output)},
    {&table_output, IN(output)},
};

/* Sums of the plan. */
struct plan_totals {
  double flops; /* one step of each */
  uint32_t families;
};

static enum jc_status record_entry(const struct jc_plan_entry *entry, uint32_t order,
                                   struct records *records, struct plan_totals *totals,
                                   struct jc_error *error) {
  static const struct run_options as_drawn = {0};
  struct loaded_model model = {0};
  struct jc_model *drawn = NULL;
  if (jc_model_parse(entry->model_json, strlen(entry->model_json), entry->id, &drawn, error) !=
      JC_OK)
    return error->status;
  if (reload_model(&model, drawn, &as_drawn, error) == JC_OK) {
    const struct jc_totals *counts = &model.analysis.totals;
    const double flops = jc_step_flops(counts, entry->batch_size);
    record_count(records, order);
    record_text(records, entry->id);
    record_text(records, entry->family);
    record_count(records, entry->batch_size);
    record_shape(records, &model.network->inputs[0].shape);
    record_count(records, model.network->layer_count);
    record_count(records, counts->params);
    record_real(records, flops);
    record_real(records, jc_step_bytes(counts, entry->batch_size));
    totals->flops += flops;
  }
  unload_model(&model);
  return error->status;
}

static enum jc_status fill(const struct jc_plan *plan, struct records *records,
                           struct plan_totals *totals, struct jc_error *error) {
  static const struct column columns[] = {
      {"order", "order", VALUE_COUNT, false, NULL, NULL},
      {"id", "id", VALUE_TEXT, false, NULL, NULL},
      {"family", "family", VALUE_TEXT, false, NULL, NULL},
      {"batch_size", "batch", VALUE_COUNT, false, NULL, NULL},
      {"input", "input", VALUE_SHAPE, false, NULL, NULL},
      {"layers", "layers", VALUE_COUNT, false, NULL, NULL},
      {"params", "params", VALUE_COUNT, false, format_si, NULL},
      {"flops", "FLOPs", VALUE_REAL, false, format_si, NULL},
      {"bytes", "bytes", VALUE_REAL, false, format_bytes, NULL},
  };
  records_start(records, columns, COLUMN_COUNT(columns));
  for (uint32_t i = 0; i < plan->count; i++) {
    if (record_entry(&plan->entries[i], i + 1, records, totals, error) != JC_OK)
      return error->status;
  }
  for (size_t f = 0; jc_plan_family(f) != NULL; f++) {
    uint32_t i = 0;
    while (i < plan->count && strcmp(plan->entries[i].family, jc_plan_family(f)) != 0)
      i++;
    totals->families += i < plan->count;
  }
  return records_check(records, error);
}

static void print_table(const struct jc_plan *plan, const struct plan_totals *totals,
                        const struct records *records, FILE *out) {
  char flops[FORMAT_SIZE];
  records_print(records, out);
  fprintf(out, "\n%u networks of %u families, %sFLOPs for one step of each\n", plan->count,
          totals->families, format_si(totals->flops, flops, sizeof(flops)));
}

static enum jc_status put_json(const struct jc_calibrate_options *options,
                               const struct records *records, struct output *output,
                               struct jc_error *error) {
  struct jc_json_writer w;
  jc_put_start(&w, JC_JSON_PRETTY);
  jc_put_object(&w, NULL);
  jc_put_string(&w, "schema", "joulecast.plan/1");
  jc_put_bool(&w, "quick", options->quick);
  jc_put_uint(&w, "seed", options->seed);
  records_put(records, &w, "networks");
  jc_put_end(&w);
  return output_json(output, &w, error);
}

static enum jc_status show(const struct plan_step_options *o,
                           const struct jc_calibrate_options *options, const struct jc_plan *plan,
                           struct jc_error *error) {
  struct plan_totals totals = {0};
  struct records records;
  struct output output;
  if (fill(plan, &records, &totals, error) == JC_OK &&
      output_open(&output, o->output.output, error) == JC_OK) {
    if (output_format(&o->output) == FORMAT_JSON)
      (void)put_json(options, &records, &output, error);
    else if (!output_rows(&records, output_format(&o->output), output.stream))
      print_table(plan, &totals, &records, output.stream);
    (void)output_close(&output, error);
  }
  records_free(&records);
  return error->status;
}

static int run(const void *chosen, const struct text_list *operands, struct jc_error *error) {
  const struct plan_step_options *o = chosen;
  const struct jc_calibrate_options options = {
      .quick = o->plan.quick,
      .seed = o->plan.seed.given ? o->plan.seed.value : DEFAULT_SEED,
      .networks = (uint32_t)o->plan.networks.value,
  };
  struct jc_machine machine;
  struct jc_plan plan = {0};
  (void)operands;
  if (jc_environment_probe(NULL, &machine, error) == JC_OK &&
      jc_calibrate_plan(&options, &machine, &plan, error) == JC_OK)
    (void)show(o, &options, &plan, error);
  jc_plan_free(&plan);
  return exit_code_of(error);
}

const struct command step_plan = {
    .name = "plan",
    .summary = "the networks a calibration would train",
    .spec = {.command = "calibrate plan",
             .description =
                 "List the sample networks that a calibration with these options trains on this "
                 "machine, in their order, with the FLOPs and the bytes of activations that one "
                 "training step takes. Nothing is trained. A time limit may end a calibration "
                 "before the end of the list.",
             .examples = "  joulecast calibrate plan --quick\n"
                         "  joulecast calibrate plan --seed 2 --format json -o plan.json\n",
             .groups = groups,
             .group_count = OPTION_COUNT(groups)},
    .options_size = sizeof(struct plan_step_options),
    .run = run,
};
