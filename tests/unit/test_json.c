/* The JSON writer: the exact text for each kind of value. */
#include "store/json.h"
#include "support/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* checks that `fill` writes the expected text */
static void check_json(void (*fill)(struct json *json), const char *expected) {
  char *text = NULL;
  size_t size = 0;
  FILE *file = open_memstream(&text, &size);
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  struct json json = json_begin(file);
  fill(&json);
  fclose(file);
  if (strcmp(text, expected) != 0) printf("\n    got: %s\n", text);
  CU_ASSERT_STRING_EQUAL(text, expected);
  free(text);
}

static void fill_nested(struct json *json) {
  json_open_object(json, NULL);
  json_string(json, "env", "CartPole-v1");
  json_int(json, "steps", INT64_MIN);
  json_bool(json, "solved", true);
  json_open_array(json, "shape");
  json_int(json, NULL, 3);
  json_bool(json, NULL, false);
  json_open_object(json, NULL);
  json_number(json, "mean", 499.5);
  json_close_object(json);
  json_close_array(json);
  json_open_object(json, "empty");
  json_close_object(json);
  json_open_array(json, "none");
  json_close_array(json);
  json_close_object(json);
}

static void test_nested(void) {
  check_json(fill_nested, "{\n"
                          "  \"env\": \"CartPole-v1\",\n"
                          "  \"steps\": -9223372036854775808,\n"
                          "  \"solved\": true,\n"
                          "  \"shape\": [\n"
                          "    3,\n"
                          "    false,\n"
                          "    {\n"
                          "      \"mean\": 499.5\n"
                          "    }\n"
                          "  ],\n"
                          "  \"empty\": {},\n"
                          "  \"none\": []\n"
                          "}\n");
}

static void fill_line(struct json *json) {
  json_open_object(json, NULL);
  json_open_array(json, "rows");
  for (int row = 0; row < 2; row++) {
    json_open_line(json, NULL);
    json_int(json, "a", row);
    json_open_object(json, "inner");
    json_bool(json, "b", true);
    json_open_line(json, "line");
    json_close_object(json);
    json_close_object(json);
    json_open_array(json, "c");
    json_int(json, NULL, 1);
    json_int(json, NULL, 2);
    json_close_array(json);
    json_close_object(json);
  }
  json_close_array(json);
  json_int(json, "after", 3);
  json_close_object(json);
}

/* an object on one line, inside objects that are not */
static void test_line(void) {
  check_json(fill_line, "{\n"
                        "  \"rows\": [\n"
                        "    {\"a\": 0, \"inner\": {\"b\": true, \"line\": {}}, \"c\": [1, 2]},\n"
                        "    {\"a\": 1, \"inner\": {\"b\": true, \"line\": {}}, \"c\": [1, 2]}\n"
                        "  ],\n"
                        "  \"after\": 3\n"
                        "}\n");
}

static void fill_numbers(struct json *json) {
  static const double values[] = {0.1, -0.0, 1e300, 100000, 1.0 / 3.0, 5e-324, NAN, INFINITY, -INFINITY};
  json_open_array(json, NULL);
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) json_number(json, NULL, values[i]);
  json_close_array(json);
}

static void test_numbers(void) {
  check_json(fill_numbers, "[\n  0.1,\n  -0,\n  1e+300,\n  100000,\n  0.3333333333333333,\n  5e-324,\n"
                           "  null,\n  null,\n  null\n]\n");
}

static void fill_escapes(struct json *json) {
  json_open_object(json, NULL);
  json_string(json, "quote\"", "C:\\dir \"x\"");
  json_string(json, "control", "a\nb\tc\rd\x01\x1f\x7f\xc2\x9b\xe2\x80\xae\xc2\xa0");
  json_string(json, "utf8",
              "Gr\xc3\xb6\xc3\x9f"
              "e \xe2\x82\xac \xf0\x9f\x98\x80");
  json_string(json, "empty", "");
  json_close_object(json);
}

static void test_escapes(void) {
  check_json(fill_escapes, "{\n"
                           "  \"quote\\\"\": \"C:\\\\dir \\\"x\\\"\",\n"
                           "  \"control\": \"a\\nb\\tc\\u000dd\\u0001\\u001f\\u007f\\u009b\\u202e\xc2\xa0\",\n"
                           "  \"utf8\": \"Gr\xc3\xb6\xc3\x9f"
                           "e \xe2\x82\xac \xf0\x9f\x98\x80\",\n"
                           "  \"empty\": \"\"\n"
                           "}\n");
}

/* bytes that are not UTF-8: alone, cut short, overlong, a surrogate, beyond U+10FFFF; each becomes U+FFFD */
static void fill_broken(struct json *json) {
  json_open_array(json, NULL);
  json_string(json, NULL, "a\x80z");
  json_string(json, NULL, "\xe2\x82");
  json_string(json, NULL, "\xc0\xaf");
  json_string(json, NULL, "\xed\xa0\x80");
  json_string(json, NULL, "\xf4\x90\x80\x80");
  json_string(json, NULL, "\xff");
  json_close_array(json);
}

static void test_broken_utf8(void) {
#define R "\\ufffd"
  check_json(fill_broken, "[\n  \"a" R "z\",\n  \"" R R "\",\n  \"" R R "\",\n  \"" R R R "\",\n  \"" R R R R
                          "\",\n  \"" R "\"\n]\n");
#undef R
}

static void fill_string(struct json *json) { json_string(json, NULL, "alone"); }

static void test_single_value(void) { check_json(fill_string, "\"alone\"\n"); }

static const struct check_case cases[] = {
    {"nested objects and arrays", test_nested},
    {"numbers", test_numbers},
    {"escapes", test_escapes},
    {"broken UTF-8", test_broken_utf8},
    {"a value at the root", test_single_value},
    {"an object on one line", test_line},
};

CHECK_MAIN("json", cases)
