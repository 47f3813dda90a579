/* roff.c -- Markdown to roff. The macros are those of man(7), groff and mandoc alike. */
#include "cli/roff.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum { MAX_CELLS = 8, CELL_BYTES = 2048 };

/* What is open between one line of a paragraph and the next. */
struct inline_state {
  bool code, bold;
};

static bool begins(const char *line, const char *beginning) {
  return strncmp(line, beginning, strlen(beginning)) == 0;
}

static const char *without_blanks(const char *line) {
  return line + strspn(line, " ");
}

/* A link's length up to the parenthesis that closes it, and of the text in it; 0: TEXT is none. */
static size_t link_length(const char *text, size_t *text_length) {
  const char *close = text[0] == '[' ? strchr(text, ']') : NULL;
  const char *end = close != NULL && close[1] == '(' ? strchr(close, ')') : NULL;
  if (end == NULL)
    return 0;
  *text_length = (size_t)(close - text) - 1;
  return (size_t)(end - text) + 1;
}

static void put_character(FILE *out, char c, const struct inline_state *state) {
  if (c == '\\')
    fputs("\\e", out);
  else if (c == '-' && state->code)
    fputs("\\-", out);
  else if (c == '~' || c == '^')
    fputs(c == '~' ? "\\(ti" : "\\(ha", out);
  else
    fputc(c, out);
}

/* LENGTH bytes of TEXT; a dot or quote at the beginning of a line would be a macro. */
static void put_inline(FILE *out, const char *text, size_t length, struct inline_state *state) {
  bool line_begins = true;
  for (size_t i = 0; i < length;) {
    size_t label = 0;
    const size_t link = state->code ? 0 : link_length(text + i, &label);
    if (line_begins && (text[i] == '.' || text[i] == '\''))
      fputs("\\&", out);
    line_begins = text[i] == '\n';
    if (text[i] == '`') {
      state->code = !state->code;
      fputs(state->code ? "\\fB" : "\\fR", out);
      i++;
    } else if (!state->code && begins(text + i, "**")) {
      state->bold = !state->bold;
      fputs(state->bold ? "\\fB" : "\\fR", out);
      i += 2;
    } else if (link > 0 && i + link <= length) {
      put_inline(out, text + i + 1, label, state);
      i += link;
    } else {
      put_character(out, text[i++], state);
    }
  }
}

void roff_text(FILE *out, const char *text) {
  struct inline_state state = {0};
  put_inline(out, text, strlen(text), &state);
  fputc('\n', out);
}

void roff_section(FILE *out, const char *title) {
  fputs(".SH ", out);
  for (; *title != '\0'; title++)
    if (*title != '`')
      fputc(toupper((unsigned char)*title), out);
  fputc('\n', out);
}

static void put_code_line(FILE *out, const char *line, size_t length) {
  const struct inline_state code = {.code = true};
  if (length > 0 && (line[0] == '.' || line[0] == '\''))
    fputs("\\&", out);
  for (size_t i = 0; i < length; i++)
    put_character(out, line[i], &code);
  fputc('\n', out);
}

void roff_code(FILE *out, const char *text) {
  fputs(".nf\n", out);
  while (*text != '\0') {
    text = without_blanks(text);
    const size_t length = strcspn(text, "\n");
    put_code_line(out, text, length);
    text += length + (text[length] == '\n');
  }
  fputs(".fi\n", out);
}

/* ---- tables: the first column names, the others say ---- */

static size_t split_cells(const char *line, char cells[MAX_CELLS][CELL_BYTES]) {
  size_t count = 0;
  bool code = false;
  const char *at = line + 1;
  while (*at != '\0' && count < MAX_CELLS) {
    size_t length = 0;
    at = without_blanks(at);
    while (at[length] != '\0' && (at[length] != '|' || code)) {
      code = code != (at[length] == '`');
      length++;
    }
    size_t kept = length;
    while (kept > 0 && at[kept - 1] == ' ')
      kept--;
    snprintf(cells[count++], CELL_BYTES, "%.*s", (int)kept, at);
    at += length + (at[length] == '|');
  }
  return count;
}

static void put_row(FILE *out, char cells[MAX_CELLS][CELL_BYTES], size_t count, bool has_unit) {
  const char *separator = "";
  fputs(".TP\n", out);
  roff_text(out, cells[0]);
  for (size_t i = 1; i < count; i++) {
    if (cells[i][0] == '\0')
      continue;
    const bool unit = has_unit && i == 1;
    fputs(separator, out);
    fputs(unit ? "(" : "", out);
    struct inline_state state = {0};
    put_inline(out, cells[i], strlen(cells[i]), &state);
    fputs(unit ? ")" : "", out);
    separator = unit ? " " : "; ";
  }
  fputc('\n', out);
}

/* The table that begins at LINES; returns the line behind it. */
static const char *const *put_table(FILE *out, const char *const *lines) {
  char cells[MAX_CELLS][CELL_BYTES];
  (void)split_cells(*lines, cells);
  const bool has_unit = strcmp(cells[1], "unit") == 0;
  for (lines += 2; *lines != NULL && begins(*lines, "|"); lines++)
    put_row(out, cells, split_cells(*lines, cells), has_unit);
  return lines;
}

/* ---- blocks ---- */

static const char *const *put_fence(FILE *out, const char *const *lines) {
  fputs(".nf\n", out);
  for (lines++; *lines != NULL && !begins(*lines, "```"); lines++)
    put_code_line(out, *lines, strlen(*lines));
  fputs(".fi\n", out);
  return *lines != NULL ? lines + 1 : lines;
}

static bool ends_paragraph(const char *line) {
  return line == NULL || line[0] == '\0' || begins(line, "|") || begins(line, "#") ||
         begins(line, "```") || begins(line, "- ") || begins(line, "<!--");
}

/* A paragraph or an item of a list. */
static const char *const *put_paragraph(FILE *out, const char *const *lines) {
  struct inline_state state = {0};
  const bool item = begins(*lines, "- ");
  const char *text = *lines + (item ? 2 : 0);
  if (item)
    fputs(".IP \\(bu 2\n", out);
  do {
    text = without_blanks(text);
    put_inline(out, text, strlen(text), &state);
    fputc('\n', out);
    text = *++lines;
  } while (!ends_paragraph(text));
  return lines;
}

static bool put_heading(FILE *out, const char *line) {
  if (begins(line, "### "))
    fprintf(out, ".SS %s\n", line + 4);
  else if (begins(line, "## "))
    roff_section(out, line + 3);
  return begins(line, "#");
}

void roff_markdown(FILE *out, const char *const *lines) {
  bool headed = true;
  while (*lines != NULL) {
    const char *line = *lines;
    if (line[0] == '\0' || begins(line, "<!--")) {
      lines++;
      continue;
    }
    if (put_heading(out, line)) {
      headed = true;
      lines++;
      continue;
    }
    /* Rows and items have a macro of their own; behind a heading none is wanted. */
    const bool own_macro = begins(line, "|") || begins(line, "- ");
    if (!headed && !own_macro)
      fputs(".PP\n", out);
    headed = false;
    if (begins(line, "```"))
      lines = put_fence(out, lines);
    else if (begins(line, "|"))
      lines = put_table(out, lines);
    else
      lines = put_paragraph(out, lines);
  }
}
