/* test_json.c -- strict JSON in and out. The grammar's refusals are in tests/corpus/model, too. */
#include <criterion/criterion.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "estimator/json.h"

static struct jc_json *parse(const char *text) {
  struct jc_error error = {0};
  struct jc_json *document;
  char message[1024];
  /* Exactly as long as the text, so that a sanitizer sees a step beyond it. */
  size_t length = strlen(text);
  char *exact = malloc(length + !length);
  memcpy(exact, text, length);
  jc_json_parse(exact, length, "t.json", 1, &document, &error);
  free(exact);
  cr_assert_eq(error.status, JC_OK, "%s: %s", text,
               jc_error_format(&error, message, sizeof message));
  return document;
}

/* The message for a text that must be refused. */
static const char *refused(const char *text, size_t length) {
  static char message[1024];
  struct jc_error error = {0};
  struct jc_json *document;
  char *exact = malloc(length + !length);
  memcpy(exact, text, length);
  cr_assert_lt(jc_json_parse(exact, length, "t.json", 1, &document, &error), 0, "%s", text);
  cr_assert_null(document);
  free(exact);
  return jc_error_format(&error, message, sizeof message);
}

/* ---- grammar ---- */

Test(json, accepts_what_is_json) {
  static const char *const texts[] = {"0",
                                      "-0",
                                      "-0.0e-0",
                                      "1e5",
                                      "1E+5",
                                      "0.1",
                                      "123.456e-78",
                                      "true",
                                      "false",
                                      "null",
                                      "\"\"",
                                      " [ ] ",
                                      "{}",
                                      "\t\r\n[1 , 2,\n{ } ]\n",
                                      "[[[[]]]]",
                                      "{\"\":0}",
                                      "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
                                      "\"\\u00e9\\uD83D\\ude00\"",
                                      "\"\x7f\xc2\x80\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\"",
                                      "1.7976931348623157e308",
                                      "4.9e-324",
                                      "0e999",
                                      "-0e-999",
                                      "{\"a\":1,\"A\":2,\"b\":{\"a\":3}}"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    jc_json_free(parse(texts[i]));
}

Test(json, refuses_what_is_not) {
  static const char *const texts[] = {"",
                                      " ",
                                      "[",
                                      "]",
                                      "{",
                                      "}",
                                      "[1",
                                      "[1,",
                                      "[,1]",
                                      "[1,]",
                                      "{,}",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "{\"a\":1,}",
                                      "{a:1}",
                                      "{1:1}",
                                      "{\"a\" 1}",
                                      "[1 2]",
                                      "1 2",
                                      "-",
                                      "+1",
                                      ".5",
                                      "1.",
                                      "01",
                                      "-01",
                                      "1e",
                                      "1e+",
                                      "1.e5",
                                      "0x10",
                                      "1_000",
                                      "Infinity",
                                      "NaN",
                                      "-Infinity",
                                      "nul",
                                      "nulll",
                                      "True",
                                      "tru",
                                      "\"",
                                      "\"a",
                                      "'a'",
                                      "\"\\",
                                      "\"\\a\"",
                                      "\"\\u\"",
                                      "\"\\u123\"",
                                      "\"\\uD800\"",
                                      "\"\\uDC00\"",
                                      "\"\\uD800\\u0041\"",
                                      "\"\\uD800\\",
                                      "\"\\u0000\"",
                                      "\"\n\"",
                                      "\"\t\"",
                                      "\"\x1f\"",
                                      "\"\x80\"",
                                      "\"\xc3\"",
                                      "\"\xc0\x80\"",
                                      "\"\xc1\xbf\"",
                                      "\"\xe0\x9f\xbf\"",
                                      "\"\xed\xa0\x80\"",
                                      "\"\xf0\x8f\xbf\xbf\"",
                                      "\"\xf4\x90\x80\x80\"",
                                      "\"\xf5\x80\x80\x80\"",
                                      "\"\xe2\x82\"",
                                      "\xc2\xa0[]",
                                      "\xef\xbb\xbf[]",
                                      "\f1",
                                      "1\v",
                                      "1//",
                                      "/**/1",
                                      "1e999",
                                      "-1e400",
                                      "1e-400",
                                      "[1]]",
                                      "{}}",
                                      "{\"a\":1,\"a\":2}",
                                      "{\"a\":1,\"b\":0,\"\\u0061\":2}",
                                      "[1}",
                                      "{\"a\":1]"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    refused(texts[i], strlen(texts[i]));
  refused("1\0", 2);
  refused("\"a\0b\"", 5);
}

Test(json, messages_of_the_grammar) {
  cr_expect_str_eq(refused("", 0), "t.json:1: expected a JSON value, got nothing");
  cr_expect_str_eq(refused("{\n\n\"a\" 1}", 9), "t.json:3: expected ':', got '1'");
  cr_expect_str_eq(refused("[1,\n2\n}", 7), "t.json:3: expected ',' or ']', got '}'");
  cr_expect_str_eq(refused("\x01", 1), "t.json:1: expected a value, got byte 0x01");
  cr_expect_str_eq(refused("[{},{\"a\":{\"b\":[0,\n1e999]}}]", 27),
                   "t.json:2: [1].a.b[1]: expected a finite number, got 1e999");
}

Test(json, nesting_limit) {
  char text[2 * JC_JSON_MAX_DEPTH + 3];
  memset(text, '[', JC_JSON_MAX_DEPTH);
  memset(text + JC_JSON_MAX_DEPTH, ']', JC_JSON_MAX_DEPTH);
  text[2 * JC_JSON_MAX_DEPTH] = '\0';
  jc_json_free(parse(text));
  memset(text, '[', JC_JSON_MAX_DEPTH + 1);
  memset(text + JC_JSON_MAX_DEPTH + 1, ']', JC_JSON_MAX_DEPTH + 1);
  cr_expect_str_eq(refused(text, 2 * JC_JSON_MAX_DEPTH + 2),
                   "t.json:1: expected at most 64 objects and arrays inside each other");
}

Test(json, line_numbers_start_where_told) {
  struct jc_error error = {0};
  struct jc_json *document;
  cr_assert_eq(jc_json_parse("[1,\n2x", 6, "runs.jsonl", 41, &document, &error), JC_ERROR_INVALID);
  cr_expect_eq(error.line, 42);
  cr_expect_str_eq(error.file, "runs.jsonl");
}

/* ---- walking ---- */

Test(json, nodes_know_their_place) {
  struct jc_json *document = parse("{\"a\": [1,\n {\"b\": \"x\"}],\n \"\\u0063\": null}");
  const struct jc_json_node *root = jc_json_root(document), *a = jc_json_member(root, "a");
  const struct jc_json_node *second = jc_json_next(jc_json_first(a));
  const struct jc_json_node *b = jc_json_member(second, "b");
  char path[64];
  cr_expect_eq(jc_json_count(document), 6);
  cr_expect_eq(jc_json_index(root), 0);
  cr_expect_eq(jc_json_index(b), 4);
  cr_expect_eq(jc_json_document(b), document);
  cr_expect_eq(jc_json_length(a), 2);
  cr_expect_eq(jc_json_line(a), 1);
  cr_expect_eq(jc_json_line(b), 2);
  cr_expect_eq(jc_json_line(jc_json_member(root, "c")), 3);
  cr_expect_str_eq(jc_json_path(b, path, sizeof path), "a[1].b");
  cr_expect_str_eq(jc_json_path(root, path, sizeof path), "");
  cr_expect_str_eq(jc_json_path(b, path, 3), "a[");
  cr_expect_str_eq(jc_json_key(b), "b");
  cr_expect_null(jc_json_key(second));
  cr_expect_null(jc_json_next(second));
  cr_expect_null(jc_json_first(b));
  cr_expect_null(jc_json_member(root, "A"));
  cr_expect_null(jc_json_member(a, "a"));
  cr_expect_null(jc_json_member(NULL, "a"));
  cr_expect_str_eq(jc_json_string(b), "x");
  cr_expect_null(jc_json_string(a));
  cr_expect_eq(jc_json_type(jc_json_member(root, "c")), JC_JSON_NULL);
  jc_json_free(document);
}

Test(json, strings_are_decoded) {
  struct jc_json *document = parse("\"\\u00e9 \\ud83d\\ude00 \\\\ \\/ \\n\"");
  cr_expect_str_eq(jc_json_string(jc_json_root(document)), "\xc3\xa9 \xf0\x9f\x98\x80 \\ / \n");
  jc_json_free(document);
}

/* Keys are compared decoded, in objects of any size, without comparing each with each. */
Test(json, many_keys) {
  enum { COUNT = 200000 };
  char *text = malloc(COUNT * 16 + 64);
  size_t used = (size_t)sprintf(text, "{");
  for (int i = 0; i < COUNT; i++)
    used += (size_t)sprintf(text + used, "\"k%d\":1,\n", i);
  sprintf(text + used, "\"k\\u0037\":2}");
  cr_expect_str_eq(refused(text, strlen(text)),
                   "t.json:200001: k7: the key is repeated: first given in line 8");
  free(text);
}

/* ---- getters ---- */

/* What jc_json_get_uint(1..MAXIMUM) says of TEXT; "" and the value if it is accepted. */
static const char *get_uint(const char *text, uint64_t minimum, uint64_t maximum, uint64_t *value) {
  static char message[1024];
  struct jc_error error = {0};
  struct jc_json *document = parse(text);
  jc_json_get_uint(jc_json_root(document), minimum, maximum, value, &error);
  jc_json_free(document);
  return strcpy(message, error.text);
}

Test(json, whole_numbers_are_exact) {
  static const struct {
    const char *text;
    uint64_t value;
  } cases[] = {{"0", 0},
               {"-0", 0},
               {"0.000e5", 0},
               {"0e99999999999999999999", 0},
               {"1", 1},
               {"1e3", 1000},
               {"1.5e1", 15},
               {"100e-2", 1},
               {"12.00", 12},
               {"0.0001e4", 1},
               {"9007199254740993", 9007199254740993u},
               {"18446744073709551615", UINT64_MAX},
               {"18446744073709551615.000", UINT64_MAX},
               {"1844674407370955161.5e1", UINT64_MAX},
               {"10000000000000000000", 10000000000000000000u},
               {"1000000000000000000000e-20", 10}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    uint64_t value = 77;
    cr_expect_str_eq(get_uint(cases[i].text, 0, UINT64_MAX, &value), "");
    cr_expect_eq(value, cases[i].value, "%s", cases[i].text);
  }
}

Test(json, messages_about_whole_numbers) {
  static const struct {
    const char *text;
    uint64_t minimum, maximum;
    const char *message;
  } cases[] = {
      {"-1", 1, 9, "expected a positive integer, got -1"},
      {"-1", 0, 9, "expected a non-negative integer, got -1"},
      {"0", 1, 9, "expected a positive integer, got 0"},
      {"1.5", 1, 9, "expected a positive integer, got 1.5"},
      {"0.99999999999999999999", 1, 9, "expected a positive integer, got 0.99999999999999999999"},
      {"9007199254740992.5", 1, UINT64_MAX, "expected a positive integer, got 9007199254740992.5"},
      {"1e-1", 1, 9, "expected a positive integer, got 1e-1"},
      {"10", 1, 9, "expected a positive integer up to 9, got 10"},
      {"1e300", 1, 9, "expected a positive integer up to 9, got 1e300"},
      {"18446744073709551616", 0, UINT64_MAX,
       "expected a non-negative integer up to 18446744073709551615, got 18446744073709551616"},
      {"1", 5, 9, "expected an integer of at least 5, got 1"},
      {"10", 5, 9, "expected an integer of at least 5 up to 9, got 10"},
      {"true", 1, 9, "expected a positive integer, got true"},
      {"null", 1, 9, "expected a positive integer, got null"},
      {"[1]", 1, 9, "expected a positive integer, got an array"},
      {"{}", 1, 9, "expected a positive integer, got an object"},
      {"\"1\"", 1, 9, "expected a positive integer, got \"1\""},
      {"\"a\\u001b[2J\\u0085\"", 1, 9, "expected a positive integer, got \"a?[2J??\""},
      {"\"\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9"
       "0123456789012345678901234567890\"",
       1, 9,
       "expected a positive integer, got "
       "\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
       "012345678901234567890123456789...\""}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    uint64_t value = 77;
    cr_expect_str_eq(get_uint(cases[i].text, cases[i].minimum, cases[i].maximum, &value),
                     cases[i].message);
    cr_expect_eq(value, 77);
  }
}

Test(json, signed_whole_numbers) {
  struct jc_json *document =
      parse("[-9223372036854775808, 9223372036854775807, 0, -0, -9223372036854775809, 9e99]");
  const struct jc_json_node *n = jc_json_first(jc_json_root(document));
  static const int64_t values[] = {INT64_MIN, INT64_MAX, 0, 0};
  for (size_t i = 0; i < 4; i++, n = jc_json_next(n)) {
    struct jc_error error = {0};
    int64_t value = 77;
    cr_expect_eq(jc_json_get_int(n, INT64_MIN, INT64_MAX, &value, &error), JC_OK);
    cr_expect_eq(value, values[i]);
  }
  for (; n; n = jc_json_next(n)) {
    struct jc_error error = {0};
    int64_t value = 77;
    cr_expect_eq(jc_json_get_int(n, INT64_MIN, INT64_MAX, &value, &error), JC_ERROR_INVALID);
    cr_expect_eq(value, 77);
  }
  jc_json_free(document);
}

static const char *get_real(const char *text, double minimum, double maximum, double *value) {
  static char message[1024];
  struct jc_error error = {0};
  struct jc_json *document = parse(text);
  jc_json_get_real(jc_json_root(document), minimum, maximum, value, &error);
  jc_json_free(document);
  return strcpy(message, error.text);
}

Test(json, reals) {
  double value = 0;
  cr_expect_str_eq(get_real("0.1", 0, 1, &value), "");
  cr_expect_eq(value, 0.1);
  cr_expect_str_eq(get_real("-2", 0, 1, &value), "expected a number from 0 to 1, got -2");
  cr_expect_str_eq(get_real("-2", 0, INFINITY, &value), "expected a number of at least 0, got -2");
  cr_expect_str_eq(get_real("3", -INFINITY, 2.5, &value),
                   "expected a number of at most 2.5, got 3");
  cr_expect_str_eq(get_real("0", JC_JSON_POSITIVE, INFINITY, &value),
                   "expected a positive number, got 0");
  cr_expect_str_eq(get_real("9", JC_JSON_POSITIVE, 8, &value),
                   "expected a positive number up to 8, got 9");
  cr_expect_str_eq(get_real("\"9\"", -INFINITY, INFINITY, &value), "expected a number, got \"9\"");
  cr_expect_eq(value, 0.1);
}

/* The manual's example: a reader is a list of lines and one check at its end. */
static enum jc_status read_grid(const struct jc_json_node *root, double *grid, uint64_t *year,
                                char name[8], struct jc_error *error) {
  static const char *const keys[] = {"schema", "name", "grid_g_per_kwh", "year", "kind", "real"};
  static const char *const kinds[] = {"mean", "marginal", "other"};
  size_t kind = 0;
  bool real = false;
  jc_json_only_keys(root, keys, 6, error);
  jc_json_check_schema(root, "joulecast.grid/1", error);
  jc_json_copy_string(jc_json_need(root, "name", error), name, 8, error);
  jc_json_get_real(jc_json_need(root, "grid_g_per_kwh", error), 0, 5000, grid, error);
  jc_json_get_uint(jc_json_member(root, "year"), 1990, 2100, year, error);
  jc_json_get_bool(jc_json_member(root, "real"), &real, error);
  jc_json_get_choice(jc_json_member(root, "kind"), kinds, 3, &kind, error);
  return error->status;
}

Test(json, a_reader) {
  static const struct {
    const char *text, *message;
    enum jc_status status;
  } cases[] = {
      {"\"schema\": \"joulecast.grid/1\", \"name\": \"DE\", \"grid_g_per_kwh\": 380", "", JC_OK},
      {"\"schema\": \"joulecast.grid/2\", \"name\": 3",
       "t.json:1: schema: expected \"joulecast.grid/1\", got \"joulecast.grid/2\"",
       JC_ERROR_MISMATCH},
      {"\"name\": \"DE\"", "t.json:1: 'schema' is missing", JC_ERROR_INVALID},
      {"\"schema\": \"joulecast.grid/1\", \"name\": \"Germany!\"",
       "t.json:1: name: expected a string of at most 7 bytes, got \"Germany!\"", JC_ERROR_INVALID},
      {"\"schema\": \"joulecast.grid/1\", \"name\": \"DE\"",
       "t.json:1: 'grid_g_per_kwh' is missing", JC_ERROR_INVALID},
      {"\"schema\": \"joulecast.grid/1\", \"name\": \"DE\", \"grid_g_per_kwh\": \"high\"",
       "t.json:1: grid_g_per_kwh: expected a number from 0 to 5000, got \"high\"",
       JC_ERROR_INVALID},
      {"\"schema\": \"joulecast.grid/1\",\n\"yaer\": 2020",
       "t.json:2: yaer: unknown key, did you mean 'year'?", JC_ERROR_INVALID},
      {"\"schema\": \"joulecast.grid/1\", \"name\": \"DE\", \"grid_g_per_kwh\": 1, \"kind\": \"x\"",
       "t.json:1: kind: expected \"mean\", \"marginal\" or \"other\", got \"x\"", JC_ERROR_INVALID},
      {"\"schema\": \"joulecast.grid/1\", \"name\": \"DE\", \"grid_g_per_kwh\": 1, \"real\": 1",
       "t.json:1: real: expected true or false, got 1", JC_ERROR_INVALID},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[400], message[1024], name[8] = "";
    struct jc_error error = {0};
    double grid = 0;
    uint64_t year = 1999;
    snprintf(text, sizeof text, "{%s}", cases[i].text);
    struct jc_json *document = parse(text);
    cr_expect_eq(read_grid(jc_json_root(document), &grid, &year, name, &error), cases[i].status);
    cr_expect_str_eq(jc_error_format(&error, message, sizeof message), cases[i].message);
    cr_expect_eq(year, 1999);
    jc_json_free(document);
  }
}

Test(json, errors_are_sticky) {
  struct jc_json *document = parse("[1, \"a\"]");
  const struct jc_json_node *one = jc_json_first(jc_json_root(document));
  struct jc_error error = {0};
  uint64_t value = 5;
  jc_json_get_uint(jc_json_next(one), 0, 9, &value, &error);
  cr_expect_eq(jc_json_get_uint(one, 0, 9, &value, &error), JC_ERROR_INVALID);
  cr_expect_eq(jc_json_get_uint(NULL, 0, 9, &value, &error), JC_ERROR_INVALID);
  cr_expect_null(jc_json_need(jc_json_root(document), "x", &error));
  cr_expect_eq(value, 5);
  cr_expect_str_eq(error.path, "[1]");
  jc_json_free(document);
}

/* ---- writing ---- */

static void put_sample(struct jc_json_writer *writer) {
  jc_put_object(writer, NULL);
  jc_put_string(writer, "text", "a\"\\/\b\f\n\r\t\x01\x7f\xc3\xa9\xff\xed\xa0\x80");
  jc_put_string(writer, "absent", NULL);
  jc_put_uint(writer, "most", UINT64_MAX);
  jc_put_int(writer, "least", INT64_MIN);
  jc_put_bool(writer, "yes", true);
  jc_put_array(writer, "empty");
  jc_put_end(writer);
  jc_put_array(writer, "list");
  jc_put_real(writer, NULL, 0.1);
  jc_put_inline_object(writer, NULL);
  jc_put_array(writer, "shape");
  jc_put_uint(writer, NULL, 3);
  jc_put_uint(writer, NULL, 4);
  jc_put_end(writer);
  jc_put_null(writer, "none");
  jc_put_end(writer);
  jc_put_end(writer);
  jc_put_object(writer, "nothing");
  jc_put_end(writer);
  jc_put_end(writer);
}

#define SAMPLE_TEXT                                                                                \
  "\"a\\\"\\\\/"                                                                                   \
  "\\b\\f\\n\\r\\t\\u0001\x7f\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""

Test(json, compact_and_pretty) {
  struct jc_json_writer writer;
  struct jc_error error = {0};
  char *text;
  size_t length;
  jc_put_start(&writer, JC_JSON_COMPACT);
  put_sample(&writer);
  cr_assert_eq(jc_put_finish(&writer, &text, &length, &error), JC_OK);
  cr_expect_str_eq(text, "{\"text\":" SAMPLE_TEXT ",\"absent\":null,\"most\":18446744073709551615,"
                         "\"least\":-9223372036854775808,\"yes\":true,\"empty\":[],"
                         "\"list\":[0.1,{\"shape\":[3,4],\"none\":null}],\"nothing\":{}}");
  cr_expect_eq(length, strlen(text));
  free(text);
  jc_put_start(&writer, JC_JSON_PRETTY);
  put_sample(&writer);
  cr_assert_eq(jc_put_finish(&writer, &text, NULL, &error), JC_OK);
  cr_expect_str_eq(text, "{\n  \"text\": " SAMPLE_TEXT ",\n  \"absent\": null,\n"
                         "  \"most\": 18446744073709551615,\n"
                         "  \"least\": -9223372036854775808,\n  \"yes\": true,\n  \"empty\": [],\n"
                         "  \"list\": [\n    0.1,\n    {\"shape\": [3, 4], \"none\": null}\n  ],\n"
                         "  \"nothing\": {}\n}\n");
  free(text);
}

static char *put_one_real(double value) {
  struct jc_json_writer writer;
  struct jc_error error = {0};
  char *text;
  jc_put_start(&writer, JC_JSON_COMPACT);
  jc_put_real(&writer, NULL, value);
  cr_assert_eq(jc_put_finish(&writer, &text, NULL, &error), JC_OK);
  return text;
}

Test(json, reals_come_back_bit_for_bit) {
  static const struct {
    double value;
    const char *text;
  } cases[] = {{0, "0"},
               {-0.0, "-0"},
               {0.1, "0.1"},
               {1e22, "1e+22"},
               {1.0 / 3, "0.3333333333333333"},
               {0.1 + 0.2, "0.30000000000000004"},
               {DBL_MAX, "1.7976931348623157e+308"},
               {5e-324, "4.94065645841247e-324"},
               {NAN, "null"},
               {INFINITY, "null"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char *text = put_one_real(cases[i].value);
    cr_expect_str_eq(text, cases[i].text);
    free(text);
  }
  uint64_t state = 1;
  for (int i = 0; i < 20000; i++) {
    double value, back = 0;
    state = state * 6364136223846793005u + 1442695040888963407u;
    memcpy(&value, &state, sizeof value);
    if (!isfinite(value))
      continue;
    char *text = put_one_real(value);
    cr_expect_str_eq(get_real(text, -INFINITY, INFINITY, &back), "");
    cr_expect_eq(memcmp(&back, &value, sizeof value), 0, "%s", text);
    free(text);
  }
}

Test(json, a_locale_with_a_comma_changes_nothing) {
  if (!setlocale(LC_NUMERIC, "de_DE.UTF-8"))
    cr_skip_test("no locale with a decimal comma is installed");
  double value = 0;
  char *text = put_one_real(0.5);
  cr_expect_str_eq(text, "0.5");
  cr_expect_str_eq(get_real("2.25", 0, 9, &value), "");
  cr_expect_eq(value, 2.25);
  free(text);
}

Test(json, copies_of_nodes) {
  static const char *const texts[] = {
      "7",
      "\"a\\nb\"",
      "[]",
      "{}",
      "[[],{},[{}]]",
      "{\"a\":[1,2.50,-0,1e5,18446744073709551615],\"b\":{\"c\":{\"d\":null}},\"e\":[[1],2]}"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    struct jc_json_writer writer;
    struct jc_error error = {0};
    char outer[300], *text;
    snprintf(outer, sizeof outer, "{\"x\": 1, \"copy\": %s, \"y\": 2}", texts[i]);
    struct jc_json *document = parse(outer);
    jc_put_start(&writer, JC_JSON_COMPACT);
    jc_put_array(&writer, NULL);
    jc_put_node(&writer, NULL, jc_json_member(jc_json_root(document), "copy"));
    jc_put_end(&writer);
    cr_assert_eq(jc_put_finish(&writer, &text, NULL, &error), JC_OK);
    cr_expect_eq(strncmp(text + 1, texts[i], strlen(texts[i])), 0, "%s", text);
    cr_expect_eq(strlen(text), strlen(texts[i]) + 2);
    free(text);
    jc_json_free(document);
  }
}

Test(json, discarded_text) {
  struct jc_json_writer writer;
  jc_put_start(&writer, JC_JSON_PRETTY);
  jc_put_object(&writer, NULL);
  jc_put_discard(&writer);
  cr_expect_null(writer.text);
}
