/* estimate_one.c -- a user's program against the installed library: one epoch of a shipped model.
 */
#include "estimator/data_files.h"
#include "estimator/estimator.h"
#include "estimator/model_file.h"
#include <math.h>
#include <stdio.h>

int main(int argc, char **argv) {
  static JC_ANALYSIS_STORAGE(storage, 1000, 1);
  struct jc_analysis analysis;
  struct jc_hardware_table table = {0};
  const struct jc_hardware_row *row;
  struct jc_hardware hardware;
  struct jc_problem problem = {.analysis = &analysis, .hardware = &hardware, .interval = 0.9};
  struct jc_estimate estimate = {0};
  struct jc_error error = {0};
  struct jc_model *model = NULL;
  char text[1024];

  problem.run = (struct jc_run){.batch_size = 32, .epochs = 1, .samples = 3200, .threads = 1};
  problem.duration_s = NAN;
  if (argc == 3 && jc_model_read(argv[1], &model, &error) == JC_OK &&
      jc_network_analyze(jc_model_network(model), &storage, sizeof(storage), &analysis, &error) ==
          JC_OK &&
      jc_hardware_table_read(argv[2], &table, &error) == JC_OK &&
      jc_hardware_find(&table, "generic-server-core", &row, &error) == JC_OK) {
    jc_hardware_scale(row, 1, &hardware);
    if (jc_estimate_run(jc_method_find("roofline"), &problem, &estimate, &error) == JC_OK)
      printf("%llu MACs, %llu steps, %.0f J\n", (unsigned long long)analysis.totals.training_macs,
             (unsigned long long)estimate.steps.training, estimate.energy_j);
  }
  if (jc_error_is_set(&error))
    fprintf(stderr, "%s\n", jc_error_format(&error, text, sizeof(text)));
  jc_hardware_table_free(&table);
  jc_model_free(model);
  return estimate.energy_j > 0 ? 0 : 1;
}
