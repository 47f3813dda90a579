/* records.c -- rows of values as table, JSON, CSV, Markdown and HTML. */
#include "cli/records.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/document.h"
#include "cli/format.h"
#include "cli/options.h"

enum {
  MAX_COLUMNS = 32,
  CELL_SIZE = 512,
  GAP = 2,
  WIDTH = 80,
  LAST_COLUMN_MIN = 24,
  SHRUNK_MIN = 8
};

void records_start(struct records *records, const struct column *columns, size_t column_count) {
  *records = (struct records){.columns = columns, .column_count = column_count};
}

void records_free(struct records *records) {
  for (size_t i = 0; i < records->value_count; i++) {
    if (records->values[i].type == VALUE_TEXT)
      free(records->values[i].text);
  }
  free(records->values);
  records_start(records, NULL, 0);
}

/* ---- adding ---- */

static struct value *next(struct records *records, enum value_type type) {
  if (records->value_count == records->capacity) {
    const size_t capacity = records->capacity == 0 ? 256 : 2 * records->capacity;
    struct value *values = realloc(records->values, capacity * sizeof(*values));
    if (values == NULL) {
      records->failed = true;
      return NULL;
    }
    records->values = values;
    records->capacity = capacity;
  }
  struct value *value = &records->values[records->value_count++];
  *value = (struct value){.type = type};
  return value;
}

void record_text(struct records *records, const char *text) {
  struct value *value = next(records, VALUE_TEXT);
  if (value == NULL)
    return;
  value->absent = text == NULL;
  value->text = text != NULL ? strdup(text) : NULL;
  if (text != NULL && value->text == NULL) {
    value->absent = true;
    records->failed = true;
  }
}

void record_count(struct records *records, uint64_t count) {
  struct value *value = next(records, VALUE_COUNT);
  if (value != NULL)
    value->count = count;
}

void record_real(struct records *records, double real) {
  struct value *value = next(records, VALUE_REAL);
  if (value != NULL) {
    value->real = real;
    value->absent = isnan(real);
  }
}

void record_flag(struct records *records, bool flag) {
  struct value *value = next(records, VALUE_BOOL);
  if (value != NULL)
    value->flag = flag;
}

void record_shape(struct records *records, const struct jc_shape *shape) {
  struct value *value = next(records, VALUE_SHAPE);
  if (value != NULL)
    value->shape = *shape;
}

enum jc_status records_check(const struct records *records, struct jc_error *error) {
  return records->failed ? jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory") : JC_OK;
}

/* ---- one value ---- */

char *value_format(const struct value *value,
                   char *(*format)(double value, char *buffer, size_t size), char *buffer,
                   size_t size) {
  if (value->absent) {
    snprintf(buffer, size, "-");
    return buffer;
  }
  switch (value->type) {
  case VALUE_TEXT:
    snprintf(buffer, size, "%s", value->text);
    return buffer;
  case VALUE_COUNT:
    return (format != NULL ? format : format_count)((double)value->count, buffer, size);
  case VALUE_REAL:
    return (format != NULL ? format : format_number)(value->real, buffer, size);
  case VALUE_BOOL:
    snprintf(buffer, size, "%s", value->flag ? "yes" : "no");
    return buffer;
  case VALUE_SHAPE:
    return jc_shape_format(&value->shape, buffer, size);
  }
  return buffer;
}

void value_put(const struct value *value, struct jc_json_writer *writer, const char *key) {
  if (value->absent) {
    jc_put_null(writer, key);
    return;
  }
  switch (value->type) {
  case VALUE_TEXT:
    jc_put_string(writer, key, value->text);
    break;
  case VALUE_COUNT:
    jc_put_uint(writer, key, value->count);
    break;
  case VALUE_REAL:
    jc_put_real(writer, key, value->real);
    break;
  case VALUE_BOOL:
    jc_put_bool(writer, key, value->flag);
    break;
  case VALUE_SHAPE:
    jc_put_inline_array(writer, key);
    for (uint32_t i = 0; i < value->shape.rank; i++)
      jc_put_uint(writer, NULL, value->shape.dim[i]);
    jc_put_end(writer);
    break;
  }
}

/* ---- the table ---- */

static size_t row_count(const struct records *records) {
  return records->column_count == 0 ? 0 : records->value_count / records->column_count;
}

static const struct value *cell(const struct records *records, size_t row, size_t column) {
  return &records->values[row * records->column_count + column];
}

static bool is_text(const struct column *column) {
  return column->type == VALUE_TEXT || column->type == VALUE_SHAPE || column->type == VALUE_BOOL;
}

/* What the columns of a printed table need to know of all their rows. */
struct layout {
  size_t last;                 /* column that is shown */
  int widths[MAX_COLUMNS];     /* limits, while natural widths are measured */
  double largest[MAX_COLUMNS]; /* of columns with one unit */
};

static double find_largest(const struct records *records, size_t column) {
  double most = 0;
  for (size_t row = 0; row < row_count(records); row++) {
    const struct value *value = cell(records, row, column);
    if (!value->absent && fabs(value->real) > most)
      most = fabs(value->real);
  }
  return most;
}

/* The cell for people. */
static const char *formatted(const struct records *records, size_t row, size_t column,
                             const struct layout *layout, char buffer[CELL_SIZE]) {
  const struct column *c = &records->columns[column];
  const struct value *value = cell(records, row, column);
  if (c->format_like != NULL && !value->absent)
    return c->format_like(value->real, layout->largest[column], buffer, CELL_SIZE);
  return value_format(value, c->format, buffer, CELL_SIZE);
}

/* The same in its width: the end of a name tells layers apart, not its front. */
static const char *shown(const struct records *records, size_t row, size_t column,
                         const struct layout *layout, char buffer[CELL_SIZE]) {
  const struct column *c = &records->columns[column];
  (void)formatted(records, row, column, layout, buffer);
  const size_t length = strlen(buffer), width = (size_t)layout->widths[column];
  if (!c->shrinks || length <= width)
    return buffer;
  char *tail = buffer + length - width;
  tail[0] = tail[1] = '.';
  return tail;
}

static int natural_width(const struct records *records, size_t column,
                         const struct layout *layout) {
  char buffer[CELL_SIZE];
  int width = (int)strlen(records->columns[column].title);
  for (size_t row = 0; row < row_count(records); row++) {
    const int length = (int)strlen(shown(records, row, column, layout, buffer));
    width = length > width ? length : width;
  }
  return width;
}

/* Natural widths, then as much less for the column that shrinks as the table is too wide. */
static void measure(const struct records *records, struct layout *layout) {
  int total = -GAP;
  layout->last = 0;
  for (size_t c = 0; c < records->column_count; c++) {
    if (records->columns[c].title == NULL)
      continue;
    layout->last = c;
    layout->widths[c] = CELL_SIZE;
    layout->largest[c] = records->columns[c].format_like != NULL ? find_largest(records, c) : 0;
    layout->widths[c] = natural_width(records, c, layout);
    total += layout->widths[c] + GAP;
  }
  /* A text that wraps takes what is left. */
  const int wrapped = layout->widths[layout->last] - LAST_COLUMN_MIN;
  if (is_text(&records->columns[layout->last]) && wrapped > 0)
    total -= wrapped;
  for (size_t c = 0; c <= layout->last; c++) {
    const int room = layout->widths[c] - (total - WIDTH);
    if (records->columns[c].shrinks && total > WIDTH)
      layout->widths[c] = room > SHRUNK_MIN ? room : SHRUNK_MIN;
  }
}

/* Prints one cell behind COLUMN characters and returns the new position. */
static int print_cell(FILE *out, const struct column *column, const char *text, int width, int at,
                      bool last) {
  const int indent = at == 0 ? 0 : GAP;
  fprintf(out, "%*s", indent, "");
  at += indent;
  if (!is_text(column)) {
    fprintf(out, "%*s", width, text);
  } else if (!last) {
    fprintf(out, "%-*s", width, text);
  } else if (at + LAST_COLUMN_MIN <= WIDTH) {
    print_wrapped(out, text, at, at);
    return at;
  } else {
    fputs(text, out);
  }
  if (last)
    fputc('\n', out);
  return at + width;
}

void records_print(const struct records *records, FILE *out) {
  struct layout layout = {0};
  char buffer[CELL_SIZE];
  measure(records, &layout);
  for (size_t line = 0; line <= row_count(records); line++) {
    int at = 0;
    for (size_t c = 0; c <= layout.last; c++) {
      const struct column *column = &records->columns[c];
      if (column->title == NULL)
        continue;
      const char *text = line == 0 ? column->title : shown(records, line - 1, c, &layout, buffer);
      at = print_cell(out, column, text, layout.widths[c], at, c == layout.last);
    }
  }
}

/* ---- JSON and CSV ---- */

void records_put(const struct records *records, struct jc_json_writer *writer, const char *key) {
  jc_put_array(writer, key);
  for (size_t row = 0; row < row_count(records); row++) {
    jc_put_inline_object(writer, NULL);
    for (size_t c = 0; c < records->column_count; c++) {
      if (records->columns[c].key != NULL)
        value_put(cell(records, row, c), writer, records->columns[c].key);
    }
    jc_put_end(writer);
  }
  jc_put_end(writer);
}

static void print_quoted(const char *text, FILE *out) {
  if (text[strcspn(text, ",\"\r\n")] == '\0') {
    fputs(text, out);
    return;
  }
  fputc('"', out);
  for (; *text != '\0'; text++)
    fprintf(out, *text == '"' ? "\"\"" : "%c", *text);
  fputc('"', out);
}

static void print_csv_value(const struct value *value, FILE *out) {
  char shape[80];
  if (value->absent)
    return;
  switch (value->type) {
  case VALUE_TEXT:
    print_quoted(value->text, out);
    break;
  case VALUE_COUNT:
    fprintf(out, "%llu", (unsigned long long)value->count);
    break;
  case VALUE_REAL:
    fprintf(out, "%.15g", value->real);
    break;
  case VALUE_BOOL:
    fputs(value->flag ? "true" : "false", out);
    break;
  case VALUE_SHAPE:
    fputs(jc_shape_format(&value->shape, shape, sizeof(shape)), out);
    break;
  }
}

/* The first column has a key. */
void records_print_csv(const struct records *records, FILE *out) {
  for (size_t line = 0; line <= row_count(records); line++) {
    for (size_t c = 0; c < records->column_count; c++) {
      const char *key = records->columns[c].key;
      if (key == NULL)
        continue;
      fputs(c == 0 ? "" : ",", out);
      if (line == 0)
        fputs(key, out);
      else
        print_csv_value(cell(records, line - 1, c), out);
    }
    fputc('\n', out);
  }
}

/* ---- Markdown and HTML ---- */

void markdown_text(FILE *out, const char *text) {
  for (; *text != '\0'; text++) {
    if (strchr("\\|<>*_`[]", *text) != NULL)
      fputc('\\', out);
    fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
  }
}

static void find_largest_of_all(const struct records *records, struct layout *layout) {
  for (size_t c = 0; c < records->column_count; c++)
    layout->largest[c] = records->columns[c].format_like != NULL ? find_largest(records, c) : 0;
}

void records_print_markdown(const struct records *records, FILE *out) {
  struct layout layout = {0};
  char buffer[CELL_SIZE];
  find_largest_of_all(records, &layout);
  fputc('|', out);
  for (size_t c = 0; c < records->column_count; c++) {
    if (records->columns[c].title != NULL)
      fprintf(out, " %s |", records->columns[c].title);
  }
  fputs("\n|", out);
  for (size_t c = 0; c < records->column_count; c++) {
    if (records->columns[c].title != NULL)
      fputs(is_text(&records->columns[c]) ? "---|" : "---:|", out);
  }
  fputc('\n', out);
  for (size_t row = 0; row < row_count(records); row++) {
    fputc('|', out);
    for (size_t c = 0; c < records->column_count; c++) {
      if (records->columns[c].title == NULL)
        continue;
      fputc(' ', out);
      markdown_text(out, formatted(records, row, c, &layout, buffer));
      fputs(" |", out);
    }
    fputc('\n', out);
  }
}

static void print_html_cell(const struct records *records, size_t row, size_t column,
                            const struct layout *layout, FILE *out) {
  const struct column *c = &records->columns[column];
  const struct value *value = cell(records, row, column);
  char buffer[CELL_SIZE];
  fputs(is_text(c) ? "<td" : "<td class=\"n\"", out);
  if (c->key != NULL)
    fprintf(out, " data-key=\"%s\"", c->key);
  if (!value->absent && value->type == VALUE_COUNT)
    fprintf(out, " data-value=\"%llu\"", (unsigned long long)value->count);
  else if (!value->absent && value->type == VALUE_REAL)
    fprintf(out, " data-value=\"%.17g\"", value->real);
  fputc('>', out);
  html_prose(out, formatted(records, row, column, layout, buffer));
  fputs("</td>", out);
}

void records_print_html(const struct records *records, const char *key, FILE *out) {
  struct layout layout = {0};
  find_largest_of_all(records, &layout);
  fputs("<div class=\"scroll\" tabindex=\"0\"><table", out);
  if (key != NULL)
    fprintf(out, " data-key=\"%s\"", key);
  fputs(">\n<thead><tr>", out);
  for (size_t c = 0; c < records->column_count; c++) {
    if (records->columns[c].title != NULL)
      fprintf(out, "<th scope=\"col\"%s>%s</th>",
              is_text(&records->columns[c]) ? "" : " class=\"n\"", records->columns[c].title);
  }
  fputs("</tr></thead>\n<tbody>\n", out);
  for (size_t row = 0; row < row_count(records); row++) {
    fputs("<tr>", out);
    for (size_t c = 0; c < records->column_count; c++) {
      if (records->columns[c].title != NULL)
        print_html_cell(records, row, c, &layout, out);
    }
    fputs("</tr>\n", out);
  }
  fputs("</tbody></table></div>\n", out);
}
