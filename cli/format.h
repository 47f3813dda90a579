/* format.h -- numbers for people: 2.41 kWh, 81.3 h, 25,557,032. JSON and CSV keep SI units.
 *
 * Every function writes into BUFFER of SIZE bytes (FORMAT_SIZE suffices) and returns it. NAN is
 * "-". Three significant digits, unless the name says otherwise. ASCII only. */
#ifndef JC_CLI_FORMAT_H
#define JC_CLI_FORMAT_H

#include <stddef.h>
#include <stdint.h>

enum { FORMAT_SIZE = 48 };

/* uJ to kJ below 0.1 kWh, kWh and MWh from there on. */
char *format_energy(double energy_j, char *buffer, size_t size);

/* us, ms, s below 2 minutes, min below 2 hours, then h. */
char *format_duration(double time_s, char *buffer, size_t size);

char *format_power(double power_w, char *buffer, size_t size);

/* mg, g, kg, t. */
char *format_mass(double mass_g, char *buffer, size_t size);

/* KiB, MiB, GiB. */
char *format_bytes(double bytes, char *buffer, size_t size);

/* "4.09 G". */
char *format_si(double value, char *buffer, size_t size);

/* "25,557,032"; beyond 2^53 the nearest double. */
char *format_count(double count, char *buffer, size_t size);

/* "2024": digits without commas. */
char *format_year(double year, char *buffer, size_t size);

/* A share of 1 as "6.1 %". */
char *format_percent(double share, char *buffer, size_t size);

/* Three digits and no unit: "0.0123", "81.3", "12,300". */
char *format_number(double value, char *buffer, size_t size);

/* "171 to 294 kJ", "0.9 to 1.3 h", "970 J to 1.20 kJ": both ends by FORMAT, their unit once. */
char *format_span(double low, double high, char *(*format)(double value, char *buffer, size_t size),
                  char *buffer, size_t size);

/* A table's column in one unit: the unit and the decimals that suit LIKE, its largest value. */
char *format_energy_like(double energy_j, double like_j, char *buffer, size_t size);
char *format_duration_like(double time_s, double like_s, char *buffer, size_t size);

#endif
