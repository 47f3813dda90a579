/* data_files.h -- the tables of data/ (hardware, grid, PUE), the user's own rows, and the shipped
 * models: find and read.
 *
 * The folders `data` and `models` are looked for in this order:
 *   1. $JOULECAST_DATA, $JOULECAST_MODELS: the folder itself; if set, nothing else is tried
 *   2. beside the program: ../share/joulecast/NAME, then ../NAME and ../../NAME (a build tree)
 *   3. JOULECAST_DATADIR/NAME, given at compile time (PREFIX/share/joulecast)
 *
 * hardware.json, grid.json and pue.json in $XDG_CONFIG_HOME/joulecast (~/.config/joulecast where
 * that is unset or not absolute) are the user's: files of the same format, which need not be there.
 * Their rows are added to the shipped ones and take the place of those whose names they have.
 *
 * A row without `source` and `year`, a second row of the same name in one file and a figure out of
 * range are errors of the file (JC_ERROR_INVALID). Tables own their rows and strings.
 */
#ifndef JC_ESTIMATOR_DATA_FILES_H
#define JC_ESTIMATOR_DATA_FILES_H

#include "estimator/estimator.h"

struct jc_json;

enum { JC_DATA_MAX_FILES = 2 }; /* of one table: the shipped file and the user's */

/* Path of a file of the data folder: "hardware.json". JC_ERROR_MISSING if there is no data folder,
 * JC_ERROR_STORAGE if SIZE is too small. */
enum jc_status jc_data_find(const char *name, char *path, size_t size, struct jc_error *error);

/* ---- hardware.json ---- */

enum { JC_MAX_MODEL_MATCHES = 16 };

struct jc_hardware_row {
  /* As the file has them: of the whole part, or of one core where `per_core`. A missing idle_w is
   * filled from the table's default share of the TDP; `source` may be cut. */
  struct jc_hardware figures;
  bool per_core;        /* figures are to be multiplied by the cores in use */
  bool idle_is_default; /* idle_w is the default share, not the part's own */
  bool from_user;       /* from the user's file */
  const char *source;
  const char *notes;           /* NULL: none */
  const char *peak_flops_from; /* how the peak was derived; NULL: it was read */
  uint32_t model_match_count;  /* substrings of the model name the machine reports */
  const char *model_match[JC_MAX_MODEL_MATCHES]; /* one that ends in '$' is its end */
};

/* A single figure that stands in where a row is silent. */
struct jc_data_default {
  double value;
  const char *source;
  uint32_t year;
};

struct jc_hardware_table {
  struct jc_hardware_row *rows;
  uint32_t count;
  struct jc_data_default idle_share_of_tdp;     /* CPUs */
  struct jc_data_default gpu_idle_share_of_tdp; /* GPUs */
  struct jc_data_default memory_w_per_gb;
  struct jc_json *documents[JC_DATA_MAX_FILES]; /* private */
};

/* Reads PATH, or if that is NULL the shipped hardware.json and the user's, which may leave out the
 * `defaults`. Free with jc_hardware_table_free(), after a failure
 * too. */
enum jc_status jc_hardware_table_read(const char *path, struct jc_hardware_table *table,
                                      struct jc_error *error);
void jc_hardware_table_free(struct jc_hardware_table *table);

/* The row of this name. JC_ERROR_USAGE if there is none, with the nearest name. */
enum jc_status jc_hardware_find(const struct jc_hardware_table *table, const char *name,
                                const struct jc_hardware_row **row, struct jc_error *error);

/* The row for a part by the model name that the machine or its driver reports; DEVICE "cpu" or
 * "gpu". Case, (R), (TM) and repeated blanks do not count. Of the rows that match, a specific one
 * wins over the generic one, then one of the user's, then the longest match; NULL if none matches.
 */
const struct jc_hardware_row *jc_hardware_match(const struct jc_hardware_table *table,
                                                const char *device, const char *model);

/* The same for MACHINE's CPU. JC_ERROR_MISSING if none matches: the text tells of the nearest rows,
 * --hardware and --tdp-w. The row's figures.generic says that it merely stands for a hidden model.
 */
enum jc_status jc_hardware_for_machine(const struct jc_hardware_table *table,
                                       const struct jc_machine *machine,
                                       const struct jc_hardware_row **row, struct jc_error *error);

/* ROW's figures for CORES cores: a per-core row times CORES; a CPU with more cores than that, its
 * share (a virtual machine has a part of the chip; so has its bandwidth); otherwise, and for 0
 * cores, as they stand. */
void jc_hardware_scale(const struct jc_hardware_row *row, uint32_t cores,
                       struct jc_hardware *hardware);

/* Puts the user's power figures into HARDWARE (NAN: not given), and the table's of memory. With a
 * TDP but no idle power, an idle power that ROW does not have itself becomes the default share of
 * the new TDP. ROW may be NULL: none is known. */
void jc_hardware_set_power(const struct jc_hardware_table *table, const struct jc_hardware_row *row,
                           double tdp_w, double idle_w, struct jc_hardware *hardware);

/* ---- grid.json, pue.json ---- */

struct jc_data_row {
  const char *name;   /* "DE", "WORLD"; "average" */
  const char *region; /* "Germany"; NULL in pue.json */
  double value;       /* g CO2e per kWh; PUE */
  const char *source;
  const char *notes; /* NULL: none */
  uint32_t year;
  bool from_user; /* from the user's file */
};

struct jc_data_table {
  struct jc_data_row *rows;
  uint32_t count;
  struct jc_json *documents[JC_DATA_MAX_FILES]; /* private */
};

/* Read PATH, or if that is NULL the shipped file and the user's. Free with jc_data_table_free(),
 * after a failure too. */
enum jc_status jc_grid_read(const char *path, struct jc_data_table *table, struct jc_error *error);
enum jc_status jc_pue_read(const char *path, struct jc_data_table *table, struct jc_error *error);
void jc_data_table_free(struct jc_data_table *table);

/* What `--grid TEXT` and `--pue TEXT` mean: a number (0..5000 g/kWh; 1..10), then *row is NULL, or
 * a row's name, case ignored. JC_ERROR_USAGE for anything else, with the nearest name. */
enum jc_status jc_grid_find(const struct jc_data_table *table, const char *text,
                            double *grid_g_per_kwh, const struct jc_data_row **row,
                            struct jc_error *error);
enum jc_status jc_pue_find(const struct jc_data_table *table, const char *text, double *pue,
                           const struct jc_data_row **row, struct jc_error *error);

/* ---- models ---- */

struct jc_name_list {
  char **names; /* sorted */
  size_t count;
};

/* Names of the shipped models, without ".json". Free with jc_name_list_free(). */
enum jc_status jc_models_list(struct jc_name_list *list, struct jc_error *error);
void jc_name_list_free(struct jc_name_list *list);

/* The file that MODEL means, and *variant what stands behind the last colon, inside MODEL; NULL:
 * nothing. A MODEL that has a '/', ends in ".json" or is "-" (standard input) is a path (not looked
 * at here), anything else the name of a shipped model; a file that exists with the colon in its
 * name is that file. JC_ERROR_MISSING if there is no such model, with the nearest name. */
enum jc_status jc_models_find(const char *model, char *path, size_t size, const char **variant,
                              struct jc_error *error);

/* Whether MODEL is such a name by its form, and no path. */
bool jc_models_is_name(const char *model);

#endif
