/* cmd_doctor.c -- `joulecast doctor`: which energy sources work here, and the fix for the others.
 */
#include "cli/forecast.h"
#include "cli/output.h"

#include <string.h>

#include "calibrate/doctor.h"
#include "estimator/environment.h"

struct doctor_options {
  const char *root;
  struct machine_options machine;
  struct output_options output;
};

static const struct option_row rows[] = {
    {"root", 0, OPTION_AT(struct doctor_options, root), "DIR",
     "look for /sys and /proc below this folder", NULL, OPTION_FREE},
};
static const struct option_table table = {"Machine", rows, OPTION_COUNT(rows)};
static const struct option_group groups[] = {
    {&table_powercap, offsetof(struct doctor_options, machine)},
    {&table_power, offsetof(struct doctor_options, machine)},
    {&table, 0},
    {&table_format, offsetof(struct doctor_options, output)},
    {&table_output, offsetof(struct doctor_options, output)},
    {&table_quiet, offsetof(struct doctor_options, output)},
};

static bool works(const struct jc_doctor_finding *finding) {
  return finding->measured && finding->state == JC_METER_OK;
}

static void print_remedy(const char *remedy, FILE *out) {
  while (*remedy != '\0') {
    const size_t length = strcspn(remedy, "\n");
    fprintf(out, "    %.*s\n", (int)length, remedy);
    remedy += length + (remedy[length] == '\n');
  }
}

static void print_findings(const struct jc_doctor_finding *findings, uint32_t count,
                           bool measurable, FILE *out) {
  for (uint32_t i = 0; i < count; i++) {
    const struct jc_doctor_finding *f = &findings[i];
    fprintf(out, "%s: %s (%s)\n  ", f->source, jc_meter_state_name(f->state),
            f->measured ? "measures" : "modelled, not measured");
    print_wrapped(out, f->detail, 2, 2);
    print_remedy(f->remedy, out);
  }
  fprintf(out, "\n%s\n",
          measurable ? "Energy can be measured here."
                     : "Energy cannot be measured here; power can be modelled (meter `model`).");
}

static void put_findings(const struct jc_doctor_finding *findings, uint32_t count, bool measurable,
                         struct jc_json_writer *writer) {
  jc_put_start(writer, JC_JSON_PRETTY);
  jc_put_object(writer, NULL);
  jc_put_string(writer, "schema", "joulecast.doctor/1");
  jc_put_bool(writer, "measurable", measurable);
  jc_put_array(writer, "sources");
  for (uint32_t i = 0; i < count; i++) {
    jc_put_object(writer, NULL);
    jc_put_string(writer, "name", findings[i].source);
    jc_put_string(writer, "state", jc_meter_state_name(findings[i].state));
    jc_put_bool(writer, "measured", findings[i].measured);
    jc_put_string(writer, "detail", findings[i].detail);
    jc_put_string(writer, "remedy", findings[i].remedy[0] != '\0' ? findings[i].remedy : NULL);
    jc_put_end(writer);
  }
  jc_put_end(writer);
  jc_put_end(writer);
}

static enum jc_status fill_findings(const struct jc_doctor_finding *findings, uint32_t count,
                                    struct records *records, struct jc_error *error) {
  static const struct column columns[] = {
      {"name", "source", VALUE_TEXT, false, NULL, NULL},
      {"state", "state", VALUE_TEXT, false, NULL, NULL},
      {"measured", "measures", VALUE_BOOL, false, NULL, NULL},
      {"detail", "detail", VALUE_TEXT, false, NULL, NULL},
      {"remedy", "remedy", VALUE_TEXT, false, NULL, NULL},
  };
  records_start(records, columns, COLUMN_COUNT(columns));
  for (uint32_t i = 0; i < count; i++) {
    record_text(records, findings[i].source);
    record_text(records, jc_meter_state_name(findings[i].state));
    record_flag(records, findings[i].measured);
    record_text(records, findings[i].detail);
    record_text(records, findings[i].remedy[0] != '\0' ? findings[i].remedy : NULL);
  }
  return records_check(records, error);
}

static int run(const void *options, const struct text_list *operands, struct jc_error *error) {
  const struct doctor_options *o = options;
  struct jc_doctor_options doctor = {.root = o->root};
  struct jc_doctor_finding findings[JC_DOCTOR_MAX_FINDINGS];
  struct jc_machine machine;
  struct inputs inputs = {0};
  struct output output;
  struct records records = {0};
  (void)operands;
  if (jc_environment_probe(o->root, &machine, error) != JC_OK ||
      resolve_meter(&o->machine, &machine, &inputs, &doctor.meter, error) != JC_OK)
    return exit_code_of_input(error);
  if (output_open(&output, o->output.output, error) != JC_OK)
    return exit_code_of(error);

  const uint32_t count = jc_doctor_examine(&doctor, findings);
  bool measurable = false;
  for (uint32_t i = 0; i < count; i++)
    measurable = measurable || works(&findings[i]);
  if (output_format(&o->output) == FORMAT_JSON) {
    struct jc_json_writer writer;
    put_findings(findings, count, measurable, &writer);
    (void)output_json(&output, &writer, error);
  } else if (fill_findings(findings, count, &records, error) == JC_OK &&
             !output_rows(&records, output_format(&o->output), output.stream)) {
    print_findings(findings, count, measurable, output.stream);
  }
  records_free(&records);
  if (output_close(&output, error) != JC_OK)
    return exit_code_of(error);
  return measurable ? EXIT_OK : EXIT_CANNOT_MEASURE;
}

const struct command command_doctor = {
    .name = "doctor",
    .summary = "which energy sources work here, and how to mend the others",
    .spec = {.command = "doctor",
             .description = "Examine every energy source of this machine: which work, why the "
                            "others do not, and the exact fix. Exit status 4 if none measures.",
             .examples = "  joulecast doctor\n"
                         "  joulecast doctor --format json -o sources.json\n",
             .groups = groups,
             .group_count = OPTION_COUNT(groups)},
    .options_size = sizeof(struct doctor_options),
    .run = run,
};
