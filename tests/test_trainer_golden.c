/* test_trainer_golden.c -- ten steps of whole networks lose as much as in PyTorch, from the same
 * parameters and data (golden/losses.csv, made by golden/make_golden_losses.py). */
#include "tests/sanitized.h"
#include "tests/trainer_fixture.h"

/* The third step is the first whose loss comes of an update with momentum. */
static const unsigned last_step = UNLESS_SANITIZED(10, 3);

/* Relative tolerance from step 1 to step 10: rounding differs, and training amplifies it. */
static double tolerance(unsigned step) {
  return 1e-5 * pow(1e-3 / 1e-5, (step - 1) / 9.0);
}

enum { MAX_COLUMNS = 16, LINE_BYTES = 512 };

/* A line cut at its commas. */
struct cells {
  char line[LINE_BYTES];
  const char *cell[MAX_COLUMNS];
  unsigned count;
};

static bool read_cells(FILE *file, struct cells *cells) {
  cells->count = 0;
  if (fgets(cells->line, sizeof(cells->line), file) == NULL)
    return false;
  cells->line[strcspn(cells->line, "\n")] = '\0';
  for (char *at = cells->line; at != NULL && cells->count < MAX_COLUMNS;) {
    cells->cell[cells->count++] = at;
    at = strchr(at, ',');
    if (at != NULL)
      *at++ = '\0';
  }
  return true;
}

static const char *cell(const struct cells *header, const struct cells *row, const char *name) {
  for (unsigned i = 0; i < header->count && i < row->count; i++)
    if (strcmp(header->cell[i], name) == 0)
      return row->cell[i];
  cr_assert_fail("losses.csv has no column '%s'", name);
  return "";
}

/* One step of one network. */
struct row {
  char model[64], input[32];
  struct jc_trainer_options options;
  uint32_t classes; /* the labels drawn; the network may have more logits */
  unsigned step;
  double loss;
};

static enum jc_optimizer find_optimizer(const char *name) {
  int i = 0;
  while (i < JC_OPTIMIZER_COUNT &&
         strcmp(jc_optimizer_facts((enum jc_optimizer)i)->name, name) != 0)
    i++;
  cr_assert(i < JC_OPTIMIZER_COUNT, "no optimizer '%s'", name);
  return (enum jc_optimizer)i;
}

static bool read_row(FILE *file, const struct cells *header, struct row *row) {
  struct cells cells;
  if (!read_cells(file, &cells))
    return false;
  (void)snprintf(row->model, sizeof(row->model), "%s", cell(header, &cells, "model"));
  (void)snprintf(row->input, sizeof(row->input), "%s", cell(header, &cells, "input"));
  row->classes = (uint32_t)atoi(cell(header, &cells, "classes"));
  row->step = (unsigned)atoi(cell(header, &cells, "step"));
  row->loss = atof(cell(header, &cells, "loss"));
  row->options = (struct jc_trainer_options)JC_TRAINER_DEFAULTS;
  row->options.dropout_p = 0;
  row->options.batch_size = (uint32_t)atoi(cell(header, &cells, "batch_size"));
  row->options.learning_rate = atof(cell(header, &cells, "lr"));
  row->options.optimizer = find_optimizer(cell(header, &cells, "optimizer"));
  row->options.momentum = atof(cell(header, &cells, "momentum"));
  row->options.weight_decay = atof(cell(header, &cells, "weight_decay"));
  row->options.seed = strtoull(cell(header, &cells, "seed"), NULL, 10);
  return true;
}

static void open_network(struct fixture *f, const struct row *row, uint32_t threads) {
  char path[512];
  (void)snprintf(path, sizeof(path), TEST_SOURCE_DIR "/models/%s.json", row->model);
  struct jc_trainer_options options = row->options;
  options.threads = threads;
  fixture_read(f, path, row->input);
  fixture_train(f, &options);
  f->data.classes = row->classes;
}

Test(trainer_golden, losses_equal_pytorch, .timeout = 600) {
  REQUIRE_TRAINER();
  FILE *file = fopen(TEST_SOURCE_DIR "/tests/golden/losses.csv", "r");
  struct cells header;
  struct row row;
  struct fixture f = {0};
  unsigned networks = 0;
  cr_assert(file != NULL && read_cells(file, &header));
  while (read_row(file, &header, &row)) {
    if (row.step > last_step)
      continue;
    if (row.step == 1) {
      if (networks > 0)
        fixture_close(&f);
      open_network(&f, &row, 1 + networks++ % 2);
    }
    jc_synthetic_batch(&f.data, row.step - 1, jc_trainer_images(f.trainer),
                       jc_trainer_labels(f.trainer));
    const double loss = fixture_step(&f).loss;
    cr_expect(fabs(loss / row.loss - 1) <= tolerance(row.step),
              "%s, step %u: expected %.9g, got %.9g (%.1e apart)", row.model, row.step, row.loss,
              loss, fabs(loss / row.loss - 1));
  }
  cr_assert(networks >= 18, "only %u networks", networks);
  fixture_close(&f);
  (void)fclose(file);
}
