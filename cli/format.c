/* format.c -- numbers for people. */
#include "cli/format.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Puts a comma between every three digits of the whole part. */
static void group_digits(const char *digits, char *buffer, size_t size) {
  const char *start = digits + (digits[0] == '-');
  size_t whole = strspn(start, "0123456789"), length = 0;
  const size_t end = strlen(digits);
  for (size_t i = 0; i < end && length + 2 < size; i++) {
    const size_t place = i - (size_t)(start - digits);
    if (i > (size_t)(start - digits) && place < whole && (whole - place) % 3 == 0)
      buffer[length++] = ',';
    buffer[length++] = digits[i];
  }
  buffer[length] = '\0';
}

/* Decimals that show three digits of VALUE: 9.996 is 10.0, not 10.00. */
static int decimals_of(double value) {
  const double magnitude = fabs(value);
  return magnitude >= 99.95 ? 0 : magnitude >= 9.995 ? 1 : magnitude >= 0.9995 ? 2 : 3;
}

static char *print_number(double value, int decimals, const char *unit, char *buffer, size_t size) {
  char digits[FORMAT_SIZE], grouped[FORMAT_SIZE];
  snprintf(digits, sizeof(digits), "%.*f", decimals, value);
  group_digits(digits, grouped, sizeof(grouped));
  snprintf(buffer, size, "%s%s%s", grouped, unit[0] != '\0' ? " " : "", unit);
  return buffer;
}

/* VALUE with three digits, and a unit. */
static char *with_unit(double value, const char *unit, char *buffer, size_t size) {
  const double magnitude = fabs(value);
  if (magnitude < 1e15 && (value == 0 || magnitude >= 0.01))
    return print_number(value, value == 0 ? 0 : decimals_of(value), unit, buffer, size);
  snprintf(buffer, size, "%.2e%s%s", value, unit[0] != '\0' ? " " : "", unit);
  return buffer;
}

/* Units in falling order. */
struct unit {
  double least, value;
  const char *name;
};

/* The first unit that VALUE reaches, else the last; of zero the plain one. */
static const struct unit *choose(double value, const struct unit *units, size_t count) {
  size_t i = 0;
  while (i + 1 < count && fabs(value) < 0.9995 * units[i].least &&
         !(value == 0 && units[i].value == 1))
    i++;
  return &units[i];
}

static char *scale(double value, const struct unit *units, size_t count, char *buffer,
                   size_t size) {
  if (isnan(value)) {
    snprintf(buffer, size, "-");
    return buffer;
  }
  const struct unit *unit = choose(value, units, count);
  return with_unit(value / unit->value, unit->name, buffer, size);
}

#define SCALE(value, units, buffer, size)                                                          \
  scale(value, units, sizeof(units) / sizeof((units)[0]), buffer, size)

char *format_energy(double energy_j, char *buffer, size_t size) {
  static const struct unit units[] = {{3.6e9, 3.6e9, "MWh"}, {3.6e5, 3.6e6, "kWh"},
                                      {1e3, 1e3, "kJ"},      {1, 1, "J"},
                                      {1e-3, 1e-3, "mJ"},    {1e-6, 1e-6, "uJ"}};
  return SCALE(energy_j, units, buffer, size);
}

char *format_duration(double time_s, char *buffer, size_t size) {
  static const struct unit units[] = {
      {7200, 3600, "h"}, {120, 60, "min"}, {1, 1, "s"}, {1e-3, 1e-3, "ms"}, {1e-6, 1e-6, "us"}};
  return SCALE(time_s, units, buffer, size);
}

char *format_power(double power_w, char *buffer, size_t size) {
  static const struct unit units[] = {{1e3, 1e3, "kW"}, {1, 1, "W"}, {1e-3, 1e-3, "mW"}};
  return SCALE(power_w, units, buffer, size);
}

char *format_mass(double mass_g, char *buffer, size_t size) {
  static const struct unit units[] = {
      {1e6, 1e6, "t"}, {1e3, 1e3, "kg"}, {1, 1, "g"}, {1e-3, 1e-3, "mg"}, {1e-6, 1e-6, "ug"}};
  return SCALE(mass_g, units, buffer, size);
}

char *format_bytes(double bytes, char *buffer, size_t size) {
  static const struct unit units[] = {{0x1p40, 0x1p40, "TiB"},
                                      {0x1p30, 0x1p30, "GiB"},
                                      {0x1p20, 0x1p20, "MiB"},
                                      {0x1p10, 0x1p10, "KiB"},
                                      {1, 1, "B"}};
  return SCALE(bytes, units, buffer, size);
}

char *format_si(double value, char *buffer, size_t size) {
  static const struct unit units[] = {{1e18, 1e18, "E"}, {1e15, 1e15, "P"}, {1e12, 1e12, "T"},
                                      {1e9, 1e9, "G"},   {1e6, 1e6, "M"},   {1e3, 1e3, "k"},
                                      {1, 1, ""}};
  return SCALE(value, units, buffer, size);
}

char *format_count(double count, char *buffer, size_t size) {
  char digits[FORMAT_SIZE];
  if (isnan(count)) {
    snprintf(buffer, size, "-");
    return buffer;
  }
  snprintf(digits, sizeof(digits), "%.0f", count);
  group_digits(digits, buffer, size);
  return buffer;
}

char *format_year(double year, char *buffer, size_t size) {
  snprintf(buffer, size, "%.0f", year);
  return buffer;
}

char *format_percent(double share, char *buffer, size_t size) {
  if (isnan(share))
    snprintf(buffer, size, "-");
  else
    snprintf(buffer, size, "%.1f %%", 100 * share);
  return buffer;
}

char *format_number(double value, char *buffer, size_t size) {
  if (isnan(value)) {
    snprintf(buffer, size, "-");
    return buffer;
  }
  return with_unit(value, "", buffer, size);
}

static char *scale_like(double value, double like, const struct unit *units, size_t count,
                        char *buffer, size_t size) {
  if (isnan(value)) {
    snprintf(buffer, size, "-");
    return buffer;
  }
  const struct unit *unit = choose(like, units, count);
  return print_number(value / unit->value, decimals_of(like / unit->value), unit->name, buffer,
                      size);
}

char *format_energy_like(double energy_j, double like_j, char *buffer, size_t size) {
  static const struct unit units[] = {{3.6e9, 3.6e9, "MWh"}, {3.6e6, 3.6e6, "kWh"},
                                      {1e3, 1e3, "kJ"},      {1, 1, "J"},
                                      {1e-3, 1e-3, "mJ"},    {1e-6, 1e-6, "uJ"}};
  return scale_like(energy_j, like_j, units, sizeof(units) / sizeof(units[0]), buffer, size);
}

char *format_duration_like(double time_s, double like_s, char *buffer, size_t size) {
  static const struct unit units[] = {
      {7200, 3600, "h"}, {120, 60, "min"}, {1, 1, "s"}, {1e-3, 1e-3, "ms"}, {1e-6, 1e-6, "us"}};
  return scale_like(time_s, like_s, units, sizeof(units) / sizeof(units[0]), buffer, size);
}

char *format_span(double low, double high, char *(*format)(double value, char *buffer, size_t size),
                  char *buffer, size_t size) {
  char from[FORMAT_SIZE], to[FORMAT_SIZE];
  if (isnan(low) || isnan(high)) {
    snprintf(buffer, size, "-");
    return buffer;
  }
  format(low, from, sizeof(from));
  format(high, to, sizeof(to));
  char *unit = strchr(from, ' ');
  const char *same = strchr(to, ' ');
  if (unit != NULL && same != NULL && strcmp(unit, same) == 0)
    *unit = '\0';
  snprintf(buffer, size, "%s to %s", from, to);
  return buffer;
}
