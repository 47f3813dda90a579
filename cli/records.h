/* records.h -- rows of values, once: a table, JSON, CSV, Markdown, HTML.
 *
 *   static const struct column columns[] = {
 *       {"name", "name", VALUE_TEXT, .shrinks = true},
 *       {"time_s", "time", VALUE_REAL, false, NULL, format_duration_like}};
 *   struct records records;
 *   records_start(&records, columns, COLUMN_COUNT(columns));
 *   record_text(&records, "conv1");
 *   record_real(&records, 0.25);
 *   records_print(&records, stdout);
 *   records_free(&records);
 *
 * Values are added row by row, in the columns' order, and copied. Running out of memory is
 * remembered and reported by records_check().
 */
#ifndef JC_CLI_RECORDS_H
#define JC_CLI_RECORDS_H

#include <stdio.h>

#include "estimator/json.h"
#include "estimator/layers.h"

enum value_type { VALUE_TEXT, VALUE_COUNT, VALUE_REAL, VALUE_BOOL, VALUE_SHAPE };

struct value {
  enum value_type type;
  bool absent; /* null, "-", an empty CSV cell */
  union {
    char *text;
    uint64_t count;
    double real;
    bool flag;
    struct jc_shape shape;
  };
};

struct column {
  const char *key;   /* in JSON and CSV; ends in the unit. NULL: in the table only */
  const char *title; /* above the table's column; NULL: in JSON and CSV only */
  enum value_type type;
  bool shrinks; /* texts lose their beginning where the table would be wider than 80 columns */
  /* Of numbers, for people; NULL: plain. */
  char *(*format)(double value, char *buffer, size_t size);
  /* Instead, where the whole column is to have one unit: that of LIKE, its largest value. */
  char *(*format_like)(double value, double like, char *buffer, size_t size);
};

#define COLUMN_COUNT(columns) (sizeof(columns) / sizeof((columns)[0]))

struct records {
  const struct column *columns; /* borrowed */
  size_t column_count;
  struct value *values; /* [rows * column_count] */
  size_t value_count, capacity;
  bool failed;
};

void records_start(struct records *records, const struct column *columns, size_t column_count);
void records_free(struct records *records);

/* The next value of the row. NULL and NAN are absent. */
void record_text(struct records *records, const char *text);
void record_count(struct records *records, uint64_t count);
void record_real(struct records *records, double real);
void record_flag(struct records *records, bool flag);
void record_shape(struct records *records, const struct jc_shape *shape);

/* JC_ERROR_STORAGE if a value could not be kept. */
enum jc_status records_check(const struct records *records, struct jc_error *error);

/* A table of at most 80 columns, if one column shrinks or the last one is a text, which wraps. */
void records_print(const struct records *records, FILE *out);
/* An array of objects, one on a line. */
void records_put(const struct records *records, struct jc_json_writer *writer, const char *key);
/* RFC 4180, keys in the first line. */
void records_print_csv(const struct records *records, FILE *out);
/* The titled columns, unshortened. HTML cells have their column's key as data-key and numbers in SI
 * units as data-value; the table has KEY (NULL: none). */
void records_print_markdown(const struct records *records, FILE *out);
void records_print_html(const struct records *records, const char *key, FILE *out);

/* TEXT on one line, with what Markdown would take for markup escaped. */
void markdown_text(FILE *out, const char *text);

/* One value in JSON, and for people: numbers by FORMAT, or plain if it is NULL. */
void value_put(const struct value *value, struct jc_json_writer *writer, const char *key);
char *value_format(const struct value *value,
                   char *(*format)(double value, char *buffer, size_t size), char *buffer,
                   size_t size);

#endif
