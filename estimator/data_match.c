/* data_match.c -- the hardware row for the model name that a machine reports, and rows near it. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "estimator/data_files.h"

enum { MODEL_NAME_BYTES = 256 };

/* Lower case, without (R), (TM) and repeated blanks. */
static void normalize(const char *text, char out[MODEL_NAME_BYTES]) {
  size_t used = 0;
  while (*text != '\0' && used + 1 < MODEL_NAME_BYTES) {
    if (strncasecmp(text, "(r)", 3) == 0) {
      text += 3;
    } else if (strncasecmp(text, "(tm)", 4) == 0) {
      text += 4;
    } else {
      const bool blank = isspace((unsigned char)*text);
      if (!blank || (used > 0 && out[used - 1] != ' '))
        out[used++] = (char)(blank ? ' ' : tolower((unsigned char)*text));
      text++;
    }
  }
  out[used] = '\0';
}

/* ---- the row ---- */

struct match {
  const struct jc_hardware_row *row; /* NULL: none */
  size_t length;
};

/* Whether PART stands in MODEL; one that ends in '$' at its end. */
static bool stands_in(const char *part, const char *model) {
  const size_t length = strlen(part), rest = strlen(model);
  if (length == 0 || part[length - 1] != '$')
    return strstr(model, part) != NULL;
  return rest >= length - 1 && memcmp(model + rest - (length - 1), part, length - 1) == 0;
}

/* Specific rows before the generic one, then the user's, then the longest. */
static bool beats(const struct match *a, const struct match *b) {
  if (b->row == NULL)
    return true;
  if (a->row->figures.generic != b->row->figures.generic)
    return b->row->figures.generic;
  if (a->row->from_user != b->row->from_user)
    return a->row->from_user;
  return a->length > b->length;
}

const struct jc_hardware_row *jc_hardware_match(const struct jc_hardware_table *table,
                                                const char *device, const char *model) {
  struct match best = {NULL, 0};
  char wanted[MODEL_NAME_BYTES], part[MODEL_NAME_BYTES];
  normalize(model, wanted);
  for (uint32_t i = 0; i < table->count; i++) {
    const struct jc_hardware_row *row = &table->rows[i];
    if (strcmp(row->figures.device, device) != 0)
      continue;
    for (uint32_t m = 0; m < row->model_match_count; m++) {
      normalize(row->model_match[m], part);
      const struct match match = {row, strlen(part)};
      if (stands_in(part, wanted) && beats(&match, &best))
        best = match;
    }
  }
  return best.row;
}

/* ---- rows near a model that has none ---- */

enum { MAX_NEAREST = 3, LEAST_IN_COMMON = 6 };

/* Length of the longest piece that A and B have in common: "xeon gold 62" of a 6248R and a 6230. */
static size_t common_length(const char *a, const char *b) {
  size_t longest = 0;
  for (; *a != '\0'; a++) {
    for (const char *start = b; *start != '\0'; start++) {
      size_t length = 0;
      while (a[length] != '\0' && a[length] == start[length])
        length++;
      longest = length > longest ? length : longest;
    }
  }
  return longest;
}

static size_t nearness(const struct jc_hardware_row *row, const char *wanted) {
  char part[MODEL_NAME_BYTES];
  size_t nearest = 0;
  for (uint32_t m = 0; m < row->model_match_count; m++) {
    normalize(row->model_match[m], part);
    const size_t length = common_length(wanted, part);
    nearest = length > nearest ? length : nearest;
  }
  return nearest;
}

/* The specific CPU rows nearest to MODEL, the nearest first; their number. */
static uint32_t find_nearest(const struct jc_hardware_table *table, const char *model,
                             struct match nearest[MAX_NEAREST]) {
  char wanted[MODEL_NAME_BYTES];
  uint32_t count = 0;
  normalize(model, wanted);
  for (uint32_t i = 0; i < table->count; i++) {
    struct match match = {&table->rows[i], 0};
    if (match.row->figures.generic || strcmp(match.row->figures.device, "cpu") != 0)
      continue;
    match.length = nearness(match.row, wanted);
    if (match.length < LEAST_IN_COMMON)
      continue;
    uint32_t place = count;
    while (place > 0 && nearest[place - 1].length < match.length)
      place--;
    if (place == MAX_NEAREST)
      continue;
    count += count < MAX_NEAREST;
    memmove(&nearest[place + 1], &nearest[place], (count - 1 - place) * sizeof(*nearest));
    nearest[place] = match;
  }
  return count;
}

enum jc_status jc_hardware_for_machine(const struct jc_hardware_table *table,
                                       const struct jc_machine *machine,
                                       const struct jc_hardware_row **row, struct jc_error *error) {
  struct match nearest[MAX_NEAREST];
  char names[256] = "";
  *row = jc_hardware_match(table, "cpu", machine->cpu_model);
  if (*row != NULL)
    return JC_OK;
  const uint32_t count = find_nearest(table, machine->cpu_model, nearest);
  for (uint32_t i = 0, used = 0; i < count; i++)
    used += (uint32_t)snprintf(names + used, sizeof(names) - used, "%s'%s'",
                               i == 0 ? "; nearest: " : ", ", nearest[i].row->figures.name);
  return jc_fail(error, JC_ERROR_MISSING, 0, NULL,
                 "no data row for the CPU '%s'%s; name one with --hardware (`joulecast list "
                 "hardware`), or give --tdp-w",
                 machine->cpu_model, names);
}
