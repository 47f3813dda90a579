/* roff.h -- text with a little Markdown as roff with the man macros.
 *
 * Understood are `code`, **bold**, [links](of which the text is kept), paragraphs, lists of one
 * level, tables, blocks of code and headings. What the project's README files do not use is not.
 */
#ifndef JC_CLI_ROFF_H
#define JC_CLI_ROFF_H

#include <stdio.h>

/* TEXT, of any number of lines, in running text. */
void roff_text(FILE *out, const char *text);

/* LINES of Markdown, ended by NULL. Headings of two marks are sections, of three subsections. */
void roff_markdown(FILE *out, const char *const *lines);

/* Commands to be typed, a line each; blanks in front of them go. */
void roff_code(FILE *out, const char *text);

void roff_section(FILE *out, const char *title);

#endif
