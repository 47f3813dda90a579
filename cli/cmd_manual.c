/* cmd_manual.c -- `joulecast manual`: one page of the manual, or all of them as files. */
#include <limits.h>
#include <stddef.h>
#include <string.h>

#include "cli/common.h"
#include "cli/manual.h"
#include "cli/output.h"
#include "estimator/file_io.h"

struct manual_options {
  const char *directory, *output;
};

static const struct option_row rows[] = {
    {"directory", 0, OPTION_AT(struct manual_options, directory), "DIR",
     "write every page, to man1 and man5 below DIR", NULL, OPTION_FREE},
    {"output", 'o', OPTION_AT(struct manual_options, output), "FILE", "write the page to FILE",
     "standard output", OPTION_FREE},
};
static const struct option_table table = {"Output", rows, OPTION_COUNT(rows)};
static const struct option_group groups[] = {{&table, 0}};

static enum jc_status write_page(const struct manual_page *page, const char *path,
                                 struct jc_error *error) {
  struct output output;
  if (output_open(&output, path, error) != JC_OK)
    return error->status;
  manual_print(page, output.stream);
  return output_close(&output, error);
}

static enum jc_status write_all(const char *directory, struct jc_error *error) {
  struct manual_page page;
  char path[PATH_MAX];
  for (size_t i = 0; manual_page_at(i, &page) && !jc_error_is_set(error); i++) {
    const int length = snprintf(path, sizeof(path), "%s/man%d/%s.%d", directory, page.section,
                                page.name, page.section);
    if (length < 0 || (size_t)length >= sizeof(path))
      return jc_fail(error, JC_ERROR_USAGE, 0, "--directory", "the name is too long");
    if (jc_file_make_parents(path, error) == JC_OK)
      (void)write_page(&page, path, error);
  }
  return error->status;
}

/* "calibrate fit" is joulecast-calibrate-fit, nothing joulecast, "model" joulecast-model(5). */
static enum jc_status find_page(const struct text_list *words, struct manual_page *page,
                                struct jc_error *error) {
  char name[MANUAL_NAME] = "joulecast";
  for (size_t i = 0; i < words->count; i++) {
    const size_t length = strlen(name);
    snprintf(name + length, sizeof(name) - length, "-%s", words->value[i]);
  }
  for (size_t i = 0; manual_page_at(i, page); i++)
    if (strcmp(page->name, name) == 0)
      return JC_OK;
  return jc_fail(error, JC_ERROR_USAGE, 0, NULL,
                 "manual: no page '%.60s'; `joulecast manual` names all", name);
}

static int run(const void *options, const struct text_list *operands, struct jc_error *error) {
  const struct manual_options *o = options;
  struct manual_page page;
  if (o->directory != NULL && (operands->count > 0 || o->output != NULL))
    (void)jc_fail(error, JC_ERROR_USAGE, 0, "--directory", "takes all pages; name none beside it");
  else if (o->directory != NULL)
    (void)write_all(o->directory, error);
  else if (find_page(operands, &page, error) == JC_OK)
    (void)write_page(&page, o->output, error);
  return exit_code_of(error);
}

const struct command command_manual = {
    .name = "manual",
    .summary = "print a page of the manual, for man",
    .spec = {.command = "manual",
             .operands = "[COMMAND [STEP] | model | run | profile]",
             .description = "Print the manual page of COMMAND or of a format of files as roff, "
                            "which man shows; without either, that of joulecast, which names all "
                            "others.",
             .examples = "  joulecast manual estimate | man -l -\n"
                         "  joulecast manual --directory ~/.local/share/man\n",
             .operands_max = 2,
             .groups = groups,
             .group_count = OPTION_COUNT(groups)},
    .options_size = sizeof(struct manual_options),
    .run = run,
};
