/* document.c -- reports as Markdown and as HTML. */
#include "cli/document.h"

#include <math.h>
#include <string.h>

#include "cli/citations.h"
#include "cli/format.h"
#include "cli/html_style.h"

/* ---- texts ---- */

static void put_character(FILE *out, char character) {
  static const struct {
    char from;
    const char *to;
  } entities[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
  size_t i = 0;
  while (i < sizeof(entities) / sizeof(entities[0]) && entities[i].from != character)
    i++;
  if (i < sizeof(entities) / sizeof(entities[0]))
    fputs(entities[i].to, out);
  else if ((unsigned char)character >= ' ' || character == '\n')
    fputc(character, out);
}

void html_text(FILE *out, const char *text) {
  for (; *text != '\0'; text++)
    put_character(out, *text);
}

void html_prose(FILE *out, const char *text) {
  size_t ticks = 0;
  for (const char *c = text; *c != '\0'; c++)
    ticks += *c == '`';
  bool inside = false;
  for (; *text != '\0'; text++) {
    if (*text != '`' || ticks % 2 != 0) {
      put_character(out, *text);
      continue;
    }
    inside = !inside;
    fputs(inside ? "<code>" : "</code>", out);
  }
}

/* One line of TEXT; in Markdown with what would begin markup escaped. */
static void put_text(const struct document *document, const char *text) {
  if (document->html)
    html_prose(document->out, text);
  else
    markdown_text(document->out, text);
}

/* TEXT between what stands around it in either form. */
static void put_block(const struct document *document, const char *html_before,
                      const char *html_after, const char *markdown_before, const char *text) {
  fputs(document->html ? html_before : markdown_before, document->out);
  put_text(document, text);
  fputs(document->html ? html_after : "\n\n", document->out);
}

void document_begin(struct document *document, FILE *out, enum format format, const char *title,
                    const char *lead) {
  *document = (struct document){.out = out, .html = format == FORMAT_HTML};
  if (document->html) {
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
          "'unsafe-inline'; script-src 'unsafe-inline'\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
          out);
    html_text(out, title);
    fprintf(out, " - joulecast</title>\n<style>\n%s</style>\n</head>\n<body>\n<h1>", html_style);
    html_text(out, title);
    fputs("</h1>\n", out);
  } else {
    put_block(document, "", "", "# ", title);
  }
  put_block(document, "<p class=\"dim\">", "</p>\n", "", lead);
}

void document_end(struct document *document) {
  if (document->html)
    fprintf(document->out,
            "<p class=\"dim\">joulecast %s</p>\n<script>\n%s</script>\n</body>\n</html>\n",
            JOULECAST_VERSION, html_script);
  else
    fprintf(document->out, "joulecast %s\n", JOULECAST_VERSION);
}

void document_heading(struct document *document, const char *text) {
  put_block(document, "<h2>", "</h2>\n", "## ", text);
}

void document_text(struct document *document, const char *text) {
  put_block(document, "<p>", "</p>\n", "", text);
}

void document_code(struct document *document, const char *text) {
  fputs(document->html ? "<pre>" : "```\n", document->out);
  if (document->html)
    html_text(document->out, text);
  else
    fputs(text, document->out);
  fputs(document->html ? "</pre>\n" : "```\n\n", document->out);
}

void document_warning(struct document *document, const char *text) {
  put_block(document, "<p class=\"warning\">", "</p>\n", "> ", text);
}

/* ---- figures ---- */

static void put_tile(FILE *out, const struct document_figure *figure, const char *value) {
  fputs("<div><dt>", out);
  html_text(out, figure->title);
  fputs("</dt><dd><b", out);
  if (figure->key != NULL)
    fprintf(out, " data-key=\"%s\" data-value=\"%.17g\"", figure->key, figure->value);
  fputc('>', out);
  html_text(out, value);
  fputs("</b><small>", out);
  html_text(out, figure->remark);
  fputs("</small></dd></div>\n", out);
}

void document_figures(struct document *document, const struct document_figure *figures,
                      size_t count) {
  FILE *out = document->out;
  char value[FORMAT_SIZE];
  fputs(document->html ? "<dl class=\"tiles\">\n" : "| figure | value | remark |\n|---|---:|---|\n",
        out);
  for (size_t i = 0; i < count; i++) {
    const struct document_figure *f = &figures[i];
    if (isnan(f->value))
      continue;
    f->format(f->value, value, sizeof(value));
    if (document->html) {
      put_tile(out, f, value);
    } else {
      fprintf(out, "| %s | %s | ", f->title, value);
      markdown_text(out, f->remark);
      fputs(" |\n", out);
    }
  }
  fputs(document->html ? "</dl>\n" : "\n", out);
}

/* ---- tables and lists ---- */

void document_table(struct document *document, const struct records *records, const char *key) {
  if (document->html)
    records_print_html(records, key, document->out);
  else
    records_print_markdown(records, document->out);
  fputc('\n', document->out);
}

void document_list_begin(struct document *document) {
  fputs(document->html ? "<ul>\n" : "", document->out);
}

void document_list_item(struct document *document, const char *text) {
  fputs(document->html ? "<li>" : "- ", document->out);
  put_text(document, text);
  fputs(document->html ? "</li>\n" : "\n", document->out);
}

void document_list_end(struct document *document) {
  fputs(document->html ? "</ul>\n" : "\n", document->out);
}

void document_inputs(struct document *document, const struct inputs *inputs) {
  struct records records;
  inputs_record(inputs, &records);
  document_heading(document, "Inputs, and where they came from");
  document_table(document, &records, NULL);
  records_free(&records);
}

void document_notes(struct document *document, const struct inputs *inputs) {
  if (inputs->note_count == 0)
    return;
  document_heading(document, "Notes");
  document_list_begin(document);
  for (size_t i = 0; i < inputs->note_count; i++)
    document_list_item(document, inputs->notes[i]);
  document_list_end(document);
}

/* ---- methods ---- */

/* Whether the first COUNT methods have the BibTeX of TOLD: some share it. */
static bool is_told(const char *const *names, size_t count, const struct citation *told) {
  for (size_t i = 0; i < count; i++) {
    const struct citation *citation = citation_find(names[i]);
    if (citation != NULL && citation->bibtex != NULL && told->bibtex != NULL &&
        strcmp(citation->bibtex, told->bibtex) == 0)
      return true;
  }
  return false;
}

static bool is_named(const char *const *names, size_t count, const char *name) {
  size_t i = 0;
  while (i < count && strcmp(names[i], name) != 0)
    i++;
  return i < count;
}

void document_methods(struct document *document, const char *const *names, size_t count) {
  document_heading(document, "Methods, and what to cite");
  for (size_t i = 0; i < count; i++) {
    const struct citation *citation = citation_find(names[i]);
    char line[400];
    if (citation == NULL || is_named(names, i, names[i]))
      continue;
    (void)snprintf(line, sizeof(line), "%s: %s", citation->method, citation->sentence);
    document_text(document, line);
    if (citation->bibtex == NULL || is_told(names, i, citation))
      continue;
    document_code(document, citation->bibtex);
  }
}
