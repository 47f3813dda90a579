/* test_model_damage.c -- damaged model files: never a crash, never a count that the file's own
 * `expect` contradicts.
 *
 * Every shipped model is damaged in thousands of seeded ways: cut short, bits flipped, characters
 * overwritten, lines deleted, keys and words misspelt, numbers and values
 * replaced by others of the same and of another type. What is accepted nevertheless is counted once
 * more here, from its layers, and must be what the damaged file expects.
 *
 * Not caught, since `expect` is two sums: damage that keeps parameters and forward MACs (about one
 * damage in fourteen of those here changes the network so). That is another activation or pool, a
 * dropout's rate, a layer's name, an input of the same shape, a lost `trainable` or `when` of a
 * layer without products; and the loss of `expect` itself.
 */
#include <criterion/criterion.h>
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>

#include "calibrate/random.h"
#include "tests/model_property.h"
#include "tests/sanitized.h"

enum { DAMAGES_PER_MODEL = UNLESS_SANITIZED(400, 100), MAX_TEXT = 1 << 20, ROOM = 64 };

struct text {
  size_t length;
  char bytes[MAX_TEXT + ROOM];
};

static size_t draw(struct random_stream *random, size_t count) {
  return (size_t)(random_bits(random) % count);
}

/* Replaces LENGTH bytes at START by REPLACEMENT. */
static void replace(struct text *t, size_t start, size_t length, const char *replacement) {
  const size_t added = strlen(replacement);
  if (added > length + ROOM || t->length - length + added > MAX_TEXT)
    return;
  memmove(t->bytes + start + added, t->bytes + start + length, t->length - start - length);
  memcpy(t->bytes + start, replacement, added);
  t->length = t->length - length + added;
}

/* The run of characters that BELONGS accepts, at or behind a random place; false: none. */
static bool find_run(const struct text *t, struct random_stream *random, int (*belongs)(int),
                     size_t *start, size_t *length) {
  size_t i = draw(random, t->length);
  while (i > 0 && belongs((unsigned char)t->bytes[i - 1]))
    i--;
  while (i < t->length && !belongs((unsigned char)t->bytes[i]))
    i++;
  *start = i;
  while (i < t->length && belongs((unsigned char)t->bytes[i]))
    i++;
  *length = i - *start;
  return *length > 0;
}

static void cut_short(struct text *t, struct random_stream *random) {
  t->length = draw(random, t->length);
}

static void flip_a_bit(struct text *t, struct random_stream *random) {
  t->bytes[draw(random, t->length)] ^= (char)(1 << draw(random, 8));
}

static void overwrite(struct text *t, struct random_stream *random) {
  static const char characters[] = "{}[]\",:0123456789-+.eE\\ \n\t/nulltrue$";
  t->bytes[draw(random, t->length)] = characters[draw(random, sizeof(characters) - 1)];
}

static int is_of_line(int c) {
  return c != '\n';
}

static void delete_a_line(struct text *t, struct random_stream *random) {
  size_t start, length;
  if (find_run(t, random, is_of_line, &start, &length))
    replace(t, start, length, "");
}

static void replace_a_number(struct text *t, struct random_stream *random) {
  static const char *const others[] = {"0",          "1",    "3",        "-1",   "2.5",    "1e9",
                                       "4294967296", "true", "\"same\"", "null", "[2, 2]", "{}"};
  size_t start, length;
  if (find_run(t, random, isdigit, &start, &length))
    replace(t, start, length, others[draw(random, sizeof(others) / sizeof(others[0]))]);
}

static void misspell(struct text *t, struct random_stream *random) {
  size_t start, length;
  if (find_run(t, random, isalpha, &start, &length))
    t->bytes[start + draw(random, length)] = (char)('a' + draw(random, 26));
}

/* A word by another of the file: a kind, a field, a layer's name. */
static void exchange_words(struct text *t, struct random_stream *random) {
  size_t start, length, from, from_length;
  char word[ROOM];
  if (!find_run(t, random, isalpha, &start, &length) ||
      !find_run(t, random, isalpha, &from, &from_length) || from_length >= sizeof(word))
    return;
  memcpy(word, t->bytes + from, from_length);
  word[from_length] = '\0';
  replace(t, start, length, word);
}

typedef void damage(struct text *text, struct random_stream *random);

static damage *const damages[] = {cut_short,        flip_a_bit, overwrite,     delete_a_line,
                                  replace_a_number, misspell,   exchange_words};
enum { DAMAGES = sizeof(damages) / sizeof(damages[0]) };

static void read_text(const char *path, struct text *text) {
  FILE *file = fopen(path, "rb");
  cr_assert(file != NULL, "%s", path);
  text->length = fread(text->bytes, 1, MAX_TEXT, file);
  cr_assert(text->length > 0 && text->length < MAX_TEXT, "%s", path);
  (void)fclose(file);
}

/* What a file's `expect` speaks of, added up here from the layers. */
struct recount {
  uint64_t params, forward_macs;
};

static struct recount recount_layers(const struct jc_analysis *analysis) {
  const struct jc_network *network = analysis->network;
  struct recount sum = {0};
  for (uint32_t i = 0; i < network->layer_count; i++) {
    const struct jc_layer *layer = &network->layers[i];
    sum.params += layer->weight_from == JC_NONE ? analysis->layers[i].params : 0;
    sum.forward_macs += layer->training_only ? 0 : analysis->layers[i].macs;
  }
  return sum;
}

/* Reads and recounts TEXT or its variant, without the reader's own check of `expect`. The model
 * belongs to the caller; NULL: not accepted. */
static struct jc_model *recount(const struct text *text, const char *variant,
                                struct recount *counts) {
  const struct jc_model_options options = {.variant = variant};
  struct jc_error error = {0};
  struct jc_model *model = NULL;
  struct jc_analysis analysis;
  if (jc_model_parse_as(text->bytes, text->length, "damaged.json", &options, &model, &error) !=
      JC_OK)
    return NULL;
  const struct jc_network *network = jc_model_network(model);
  const size_t size = jc_analysis_storage_size(network->layer_count, network->input_count);
  void *storage = malloc(size);
  cr_assert(storage != NULL, "%zu bytes for %u layers", size, network->layer_count);
  if (jc_network_analyze(network, storage, size, &analysis, &error) == JC_OK) {
    *counts = recount_layers(&analysis);
  } else {
    jc_model_free(model);
    model = NULL;
  }
  free(storage);
  return model;
}

/* A text that was accepted, as a whole and with VARIANT, has the counts that it expects. Returns
 * the model, the caller's. */
static struct jc_model *check_claim(const struct text *text, const char *variant) {
  struct recount counts = {0};
  struct jc_model *model = recount(text, variant, &counts);
  cr_assert(model != NULL, "accepted, and then not:\n%.*s", (int)text->length, text->bytes);
  const struct jc_model_expect *expect = jc_model_expect(model);
  cr_assert((!expect->has_params || counts.params == expect->params) &&
                (!expect->has_forward_macs || counts.forward_macs == expect->forward_macs),
            "other counts than expected were accepted:\n%.*s", (int)text->length, text->bytes);
  return model;
}

struct tally {
  unsigned total, refused;
};

static void check_accepted(const struct text *text) {
  struct jc_model *model = check_claim(text, NULL);
  for (uint32_t i = 0; i < jc_model_variant_count(model) && i < PROPERTY_MAX_VARIANTS; i++)
    jc_model_free(check_claim(text, jc_model_variant(model, i)));
  jc_model_free(model);
}

static void damage_once(const struct text *whole, struct text *damaged,
                        struct random_stream *random, struct tally tally[DAMAGES]) {
  const size_t kind = draw(random, DAMAGES);
  struct jc_error error = {0};
  const char *wrong;
  memcpy(damaged->bytes, whole->bytes, whole->length);
  damaged->length = whole->length;
  damages[kind](damaged, random);
  const bool refused =
      check_model(damaged->bytes, damaged->length, "damaged.json", &wrong, &error) != JC_OK;
  cr_assert_null(wrong, "%s:\n%.*s", wrong, (int)damaged->length, damaged->bytes);
  tally[kind].total++;
  tally[kind].refused += refused;
  if (!refused)
    check_accepted(damaged);
}

Test(model_damage, thousands_of_damaged_files) {
  static struct text whole, damaged;
  struct tally tally[DAMAGES] = {{0}};
  struct random_stream random = {20261121};
  char path[1024];
  DIR *folder = opendir(TEST_SOURCE_DIR "/models");
  cr_assert(folder != NULL);
  for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    const char *suffix = strrchr(entry->d_name, '.');
    if (suffix == NULL || strcmp(suffix, ".json") != 0 || strstr(entry->d_name, "schema") != NULL)
      continue;
    (void)snprintf(path, sizeof(path), "%s/models/%s", TEST_SOURCE_DIR, entry->d_name);
    read_text(path, &whole);
    check_accepted(&whole);
    for (int i = 0; i < DAMAGES_PER_MODEL; i++)
      damage_once(&whole, &damaged, &random, tally);
  }
  (void)closedir(folder);
  /* The damage must bite: most changed numbers, words and cuts are seen. */
  for (int kind = 0; kind < DAMAGES; kind++)
    cr_assert(tally[kind].total > 500 && tally[kind].refused > tally[kind].total / 2,
              "damage %d: %u of %u refused", kind, tally[kind].refused, tally[kind].total);
}
