/* JSON read back: what the writer wrote, values by path, and files that are not JSON. */
#include "store/json.h"
#include "store/json_read.h"
#include "support/check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define PATH_SIZE 2048

static char path[PATH_SIZE];

static FILE *open_file(void) {
  CU_ASSERT_FATAL(snprintf(path, sizeof path, "%s/file.json", check_folder("json_read")) < PATH_SIZE);
  FILE *file = fopen(path, "w");
  CU_ASSERT_FATAL(file != NULL);
  return file;
}

static const char *write_file(const char *text) {
  FILE *file = open_file();
  CU_ASSERT_FATAL(fputs(text, file) >= 0 && fclose(file) == 0);
  return path;
}

static void test_written(void) {
  FILE *file = open_file();
  struct json json = json_begin(file);
  json_open_object(&json, NULL);
  json_string(&json, "text", "a \"b\"\n\xc3\xa9");
  json_number(&json, "none", NAN);
  json_bool(&json, "yes", true);
  json_open_object(&json, "inner");
  json_number(&json, "third", 1.0 / 3.0);
  json_open_array(&json, "list");
  json_int(&json, NULL, 7);
  json_int(&json, NULL, -8);
  json_close_array(&json);
  json_close_object(&json);
  json_close_object(&json);
  CU_ASSERT_FATAL(fclose(file) == 0);

  struct json_value *root = NULL;
  CHECK_OK_FATAL(json_read(path, &root));
  CU_ASSERT_EQUAL(json_kind_of(root), JSON_OBJECT);
  CU_ASSERT_STRING_EQUAL(json_string_of(json_get(root, "text")), "a \"b\"\n\xc3\xa9");
  CU_ASSERT_EQUAL(json_kind_of(json_get(root, "none")), JSON_NULL);
  CU_ASSERT_TRUE(isnan(json_number_of(json_get(root, "none"))));
  CU_ASSERT_TRUE(json_bool_of(json_get(root, "yes")));
  CU_ASSERT_EQUAL(json_number_of(json_get(root, "inner.third")), 1.0 / 3.0);
  const struct json_value *item = json_first(json_get(root, "inner.list"));
  CU_ASSERT_EQUAL(json_number_of(item), 7);
  CU_ASSERT_PTR_NULL(json_key(item));
  CU_ASSERT_EQUAL(json_number_of(json_next(item)), -8);
  CU_ASSERT_PTR_NULL(json_next(json_next(item)));

  /* items are in the order of the file; what is missing, or of another kind, is no value */
  CU_ASSERT_STRING_EQUAL(json_key(json_first(root)), "text");
  CU_ASSERT_STRING_EQUAL(json_key(json_next(json_first(root))), "none");
  CU_ASSERT_PTR_NULL(json_get(root, "inner.fourth"));
  CU_ASSERT_PTR_NULL(json_get(root, "inne"));
  CU_ASSERT_PTR_NULL(json_get(root, "text.more"));
  CU_ASSERT_TRUE(isnan(json_number_of(json_get(root, "text"))));
  CU_ASSERT_TRUE(isnan(json_number_of(NULL)));
  CU_ASSERT_PTR_NULL(json_first(NULL));
  CU_ASSERT_PTR_NULL(json_get(NULL, "text"));
  CU_ASSERT_PTR_NULL(json_string_of(json_get(root, "yes")));
  CU_ASSERT_FALSE(json_bool_of(NULL));
  json_destroy(&root);
  CU_ASSERT_PTR_NULL(root);
  json_destroy(&root);
}

static void test_not_json(void) {
  struct json_value *root = NULL;
  CHECK_FAILS(json_read(write_file(""), &root), MUSTER_ERROR_FORMAT, "the file is empty");
  CHECK_FAILS(json_read(write_file("{\n\"a\": 1,\n"), &root), MUSTER_ERROR_FORMAT, "file.json:");
  CHECK_FAILS(json_read(write_file("{\n\"a\": x\n}\n"), &root), MUSTER_ERROR_FORMAT, "file.json:2: not JSON");
  CHECK_FAILS(json_read(write_file("{} {}"), &root), MUSTER_ERROR_FORMAT, "file.json:1: not JSON");
  CHECK_FAILS(json_read("/nowhere/a.json", &root), MUSTER_ERROR_IO, "/nowhere/a.json");
  CU_ASSERT_PTR_NULL(root);
}

static const struct check_case cases[] = {
    {"what the writer wrote comes back", test_written},
    {"a file that is not JSON is named", test_not_json},
};

CHECK_MAIN("json_read", cases)
