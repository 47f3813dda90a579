/* test_convert_damage.c -- a damaged ONNX file never crashes and never passes with other counts;
 * a huge one takes no memory. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "convert/convert.h"
#include "estimator/model_file.h"
#include "tests/onnx_wire.h"

static const struct jc_convert_options defaults = {.batch_axis = -1};

struct outcome {
  bool accepted, noted;
  uint64_t params, forward_macs;
};

static struct outcome try_bytes(const struct wire *file) {
  struct jc_error error = {0};
  struct jc_converted converted;
  struct outcome outcome = {0};
  if (jc_convert_onnx_bytes(file->bytes, file->size, "t.onnx", &defaults, &converted, &error) !=
      JC_OK) {
    cr_assert(error.text[0] && strcmp(error.file, "t.onnx") == 0);
    return outcome;
  }
  struct jc_model *model;
  cr_assert_eq(jc_model_parse(converted.text, strlen(converted.text), "t.json", &model, &error),
               JC_OK);
  const struct jc_network *network = jc_model_network(model);
  size_t size = jc_analysis_storage_size(network->layer_count, network->input_count);
  void *storage = malloc(size);
  struct jc_analysis analysis;
  cr_assert_eq(jc_network_analyze(network, storage, size, &analysis, &error), JC_OK);
  outcome = (struct outcome){true, converted.notes[0] != '\0', analysis.totals.params,
                             analysis.totals.forward_macs};
  free(storage);
  jc_model_free(model);
  jc_converted_free(&converted);
  return outcome;
}

static struct wire small_file(void) {
  struct wire g = small_graph();
  return finish_model(&g, 17);
}

/* Cut anywhere, the file is refused: the graph's length says more than is there. */
Test(convert_damage, truncation_is_found) {
  struct wire file = small_file();
  size_t whole = file.size;
  for (file.size = 0; file.size < whole; file.size++)
    cr_assert_not(try_bytes(&file).accepted, "cut at %zu of %zu", file.size, whole);
  file.size = whole;
  cr_expect(try_bytes(&file).accepted);
  free(file.bytes);
}

static void check_outcome(struct outcome outcome, size_t at, int what) {
  if (outcome.accepted && !outcome.noted)
    cr_expect(outcome.params == SMALL_PARAMS && outcome.forward_macs == SMALL_MACS,
              "byte %zu, %d: accepted with %llu parameters, %llu MACs", at, what,
              (unsigned long long)outcome.params, (unsigned long long)outcome.forward_macs);
}

/* Every bit of the file, but for the weights themselves, where each byte is flipped once. */
Test(convert_damage, flipped_bits_never_change_a_count_in_silence) {
  struct wire file = small_file();
  size_t accepted = 0, tried = 0;
  for (size_t at = 0; at < file.size; at++)
    for (int bit = 0; bit < 8; bit++) {
      bool weights = at > 8 && at + 8 < file.size && !file.bytes[at - 8] && !file.bytes[at] &&
                     !file.bytes[at + 8];
      if (weights && bit > 0)
        continue;
      file.bytes[at] ^= (uint8_t)(1 << bit);
      struct outcome outcome = try_bytes(&file);
      file.bytes[at] ^= (uint8_t)(1 << bit);
      check_outcome(outcome, at, bit);
      accepted += outcome.accepted;
      tried++;
    }
  cr_expect(tried > 5000 && accepted < tried, "%zu of %zu accepted", accepted, tried);
  free(file.bytes);
}

/* Bytes taken out, doubled, and replaced, at random places. */
Test(convert_damage, random_damage_never_changes_a_count_in_silence) {
  struct wire file = small_file();
  uint64_t state = 12345;
  for (int i = 0; i < 4000; i++) {
    struct wire copy = {0};
    put_bytes(&copy, file.bytes, file.size);
    state = state * 6364136223846793005u + 1442695040888963407u;
    size_t at = (size_t)(state >> 33) % file.size;
    size_t length = 1 + (size_t)(state >> 20 & 7);
    if (at + length > file.size)
      length = file.size - at;
    if (i % 3 == 0) {
      memmove(copy.bytes + at, copy.bytes + at + length, file.size - at - length);
      copy.size -= length;
    } else if (i % 3 == 1) {
      put_bytes(&copy, file.bytes, length);
      memmove(copy.bytes + at + length, copy.bytes + at, file.size - at);
    } else {
      memset(copy.bytes + at, (int)(state >> 40 & 0xff), length);
    }
    check_outcome(try_bytes(&copy), at, i);
    free(copy.bytes);
  }
  free(file.bytes);
}

/* 2^59 floats in no bytes: their length in bits is 0 in 64 bits. */
Test(convert_damage, a_length_that_wraps_is_not_an_empty_one) {
  static const int64_t types[] = {1, 10, 11, 15};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    struct wire g = {0}, t = {0};
    put_number(&t, 1, INT64_C(1) << 30);
    put_number(&t, 1, INT64_C(1) << (types[i] == 15 ? 30 : 29));
    put_number(&t, 2, types[i]);
    put_text(&t, 8, "w");
    put_block(&t, 9, "", 0);
    put_message(&g, 5, &t);
    put_value(&g, 11, "x", "batch", DIMS(INT64_C(1) << 30));
    put_node(&g, "MatMul", "x,w", "y");
    struct wire file = finish_model(&g, 17);
    cr_expect_not(try_bytes(&file).accepted, "type %d", (int)types[i]);
    free(file.bytes);
  }
}

/* ---- 2 GiB ---- */

/* Writes a file whose last tensor has ELEMENTS floats, of which none is stored: a sparse file. */
static void write_sparse(const char *path, uint64_t elements) {
  struct wire tensor = {0}, graph = {0}, model = {0}, head = {0}, import = {0};
  put_number(&import, 2, 17);
  put_message(&model, 8, &import);
  put_value(&graph, 11, "x", "batch", DIMS(1024));
  put_node(&graph, "MatMul", "x,w", "y");
  put_value(&graph, 12, "y", "batch", DIMS((int64_t)(elements / 1024)));
  put_number(&tensor, 1, 1024);
  put_number(&tensor, 1, (int64_t)(elements / 1024));
  put_number(&tensor, 2, 1);
  put_text(&tensor, 8, "w");
  put_tag(&tensor, 9, 2);
  put_varint(&tensor, elements * 4);
  put_tag(&head, 5, 2);
  put_varint(&head, tensor.size + elements * 4);
  put_tag(&model, 7, 2);
  put_varint(&model, graph.size + head.size + tensor.size + elements * 4);
  put_bytes(&model, graph.bytes, graph.size);
  put_bytes(&model, head.bytes, head.size);
  put_bytes(&model, tensor.bytes, tensor.size);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  cr_assert(fd >= 0 && write(fd, model.bytes, model.size) == (ssize_t)model.size &&
            ftruncate(fd, (off_t)(model.size + elements * 4)) == 0);
  close(fd);
  free(model.bytes);
  free(graph.bytes);
  free(head.bytes);
  free(tensor.bytes);
}

Test(convert_damage, a_huge_file_takes_little_memory) {
  char path[] = "/tmp/joulecast-test-XXXXXX";
  const uint64_t elements = UINT64_C(600) << 20; /* 2.3 GiB of floats */
  struct jc_converted converted;
  struct jc_error error = {0};
  struct rusage before, after;
  close(mkstemp(path));
  write_sparse(path, elements);
  getrusage(RUSAGE_SELF, &before);
  (void)jc_convert_onnx(path, &defaults, &converted, &error);
  getrusage(RUSAGE_SELF, &after);
  unlink(path);
  cr_assert_eq(error.status, JC_OK, "%s", error.text);
  cr_expect(strstr(converted.text, "\"params\": 629145600"), "%s", converted.text);
  long grown_kib = after.ru_maxrss - before.ru_maxrss;
  cr_expect(grown_kib < 8 * 1024, "grew by %ld KiB", grown_kib);
  jc_converted_free(&converted);
}
