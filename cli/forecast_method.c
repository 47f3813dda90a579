/* forecast_method.c -- which method a forecast is made by, and which options it looks at. */
#include <string.h>

#include "calibrate/run_methods.h"
#include "cli/forecast.h"

const char *forecast_method_name(size_t index) {
  size_t count = 0;
  for (; jc_method_at(count) != NULL; count++) {
    if (count == index)
      return jc_method_at(count)->name;
  }
  const struct jc_run_method *of_runs = jc_run_method_only_at(index - count);
  return of_runs != NULL ? of_runs->name : NULL;
}

const struct jc_method *forecast_find_method(const char *name, struct jc_error *error) {
  const char *names[32];
  size_t count = 0;
  if (name == NULL)
    return jc_method_at(0);
  const struct jc_method *method = jc_method_find(name);
  if (method != NULL)
    return method;
  if (jc_run_method_find(name) != NULL) {
    (void)jc_run_method_lacks(jc_run_method_find(name), error);
    return NULL;
  }
  for (; count < sizeof(names) / sizeof(names[0]) && forecast_method_name(count) != NULL; count++)
    names[count] = forecast_method_name(count);
  const char *close = jc_closest_name(name, names, count);
  if (close != NULL)
    (void)jc_fail(error, JC_ERROR_USAGE, 0, "--method",
                  "unknown method '%.40s'; did you mean '%s'?", name, close);
  else
    (void)jc_fail(error, JC_ERROR_USAGE, 0, "--method",
                  "unknown method '%.40s'; see `joulecast list methods`", name);
  return NULL;
}

bool forecast_names_hardware(const struct machine_options *options) {
  return options->hardware != NULL && strcmp(options->hardware, "auto") != 0;
}

bool forecast_gives_hardware(const struct machine_options *options) {
  return options->hardware != NULL || options->tdp_w.given || options->idle_w.given;
}

/* The options that only some methods look at, as they stand in OPTIONS. */
static const struct {
  size_t offset; /* of what is zeroed to take it out; its first member says whether it is given */
  size_t size;
  unsigned used_by;
  const char *option;
} method_inputs[] = {
#define INPUT(member, used_by, option)                                                             \
  {                                                                                                \
    offsetof(struct forecast_options, member), sizeof(((struct forecast_options *)NULL)->member),  \
        used_by, option                                                                            \
  }
    INPUT(machine.hardware, HARDWARE_NEEDS, "--hardware"),
    INPUT(machine.tdp_w, HARDWARE_NEEDS, "--tdp-w"),
    INPUT(machine.idle_w, HARDWARE_NEEDS, "--idle-w"),
    INPUT(machine.profile, PROFILE_NEEDS, "--profile"),
    INPUT(method.hours, JC_NEED_DURATION, "--hours"),
    INPUT(memory.memory_gb, JC_NEED_MEMORY, "--memory-gb"),
    INPUT(memory.usage, JC_NEED_MEMORY, "--usage"),
#undef INPUT
};

enum { METHOD_INPUTS = sizeof(method_inputs) / sizeof(method_inputs[0]) };

/* Options not given are zero throughout. */
static bool is_given(const struct forecast_options *options, size_t index) {
  const unsigned char *at = (const unsigned char *)options + method_inputs[index].offset;
  bool given = false;
  for (size_t i = 0; i < method_inputs[index].size; i++)
    given |= at[i] != 0;
  return given;
}

static bool takes_one_of_both(const struct forecast_options *options,
                              const struct jc_method *method) {
  return (method->needs & JC_NEED_PROFILE_OR_HARDWARE) != 0 && options->machine.profile != NULL &&
         forecast_gives_hardware(&options->machine);
}

/* Hours that were given have the waiting in them. */
static bool times_data_twice(const struct forecast_options *options,
                             const struct jc_method *method) {
  return (method->needs & JC_NEED_DURATION) != 0 && options->method.hours.given &&
         options->data_wait.s_per_sample.given;
}

enum jc_status forecast_check_options(const struct forecast_options *options,
                                      const struct jc_method *method, struct jc_error *error) {
  for (size_t i = 0; i < METHOD_INPUTS; i++) {
    if (is_given(options, i) && (method->needs & method_inputs[i].used_by) == 0)
      return jc_fail(error, JC_ERROR_USAGE, 0, method_inputs[i].option,
                     "method '%s' does not use it; choose another with --method", method->name);
  }
  if (takes_one_of_both(options, method))
    return jc_fail(error, JC_ERROR_USAGE, 0, NULL,
                   "method '%s' takes --profile or a data row (--hardware, --tdp-w, --idle-w), not "
                   "both",
                   method->name);
  if (times_data_twice(options, method))
    return jc_fail(error, JC_ERROR_USAGE, 0, "--data-s-per-sample",
                   "does not go with --hours, which have that time in them");
  return JC_OK;
}

void forecast_drop_unused(struct forecast_options *options, const struct jc_method *method) {
  const bool drop_hardware = takes_one_of_both(options, method);
  if (times_data_twice(options, method))
    options->data_wait = (struct data_wait_options){{false, 0}};
  for (size_t i = 0; i < METHOD_INPUTS; i++) {
    const bool of_row = method_inputs[i].used_by == HARDWARE_NEEDS;
    if ((method->needs & method_inputs[i].used_by) == 0 || (of_row && drop_hardware))
      memset((unsigned char *)options + method_inputs[i].offset, 0, method_inputs[i].size);
  }
}
