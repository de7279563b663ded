#include "store/json_read.h"

#include "base/file.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* a json_value is a value of the library, under another name so that users need not include its header */
static const cJSON *item_of(const struct json_value *value) { return (const cJSON *)value; }
static const struct json_value *value_of(const cJSON *item) { return (const struct json_value *)item; }

static muster_status parse(const char *path, const char *text, size_t length, struct json_value **out) {
  const char *end = text;
  cJSON *item = cJSON_ParseWithLengthOpts(text, length, &end, true);
  if (item == NULL) {
    size_t line = 1;
    for (const char *at = text; at < end && at < text + length; at++) line += *at == '\n';
    return status_error(MUSTER_ERROR_FORMAT, "%s:%zu: not JSON", path, line);
  }
  *out = (struct json_value *)item;
  return MUSTER_OK;
}

muster_status json_read(const char *path, struct json_value **out) {
  FILE *file;
  MUSTER_TRY(file_open_stream(path, "r", &file));
  char *text = NULL;
  size_t size = 0;
  // JSON has no zero byte, so this reads the whole file
  ssize_t length = getdelim(&text, &size, '\0', file);
  muster_status status = MUSTER_OK;
  if (length < 0 && ferror(file))
    status = status_errno(MUSTER_ERROR_IO, "cannot read '%s'", path);
  else if (length < 0)
    status = status_error(MUSTER_ERROR_FORMAT, "%s: the file is empty", path);
  else
    status = parse(path, text, (size_t)length + 1, out);
  free(text);
  fclose(file);
  return status;
}

void json_destroy(struct json_value **document) {
  cJSON_Delete((cJSON *)*document);
  *document = NULL;
}

enum json_kind json_kind_of(const struct json_value *value) {
  const cJSON *item = item_of(value);
  if (cJSON_IsObject(item)) return JSON_OBJECT;
  if (cJSON_IsArray(item)) return JSON_ARRAY;
  if (cJSON_IsString(item)) return JSON_STRING;
  if (cJSON_IsNumber(item)) return JSON_NUMBER;
  return cJSON_IsBool(item) ? JSON_BOOL : JSON_NULL;
}

double json_number_of(const struct json_value *value) { return cJSON_GetNumberValue(item_of(value)); }
const char *json_string_of(const struct json_value *value) { return cJSON_GetStringValue(item_of(value)); }
bool json_bool_of(const struct json_value *value) { return cJSON_IsTrue(item_of(value)); }

const struct json_value *json_get(const struct json_value *value, const char *path) {
  while (value != NULL) {
    size_t length = strcspn(path, ".");
    const struct json_value *item = json_kind_of(value) == JSON_OBJECT ? json_first(value) : NULL;
    while (item != NULL && (strlen(json_key(item)) != length || strncmp(json_key(item), path, length) != 0))
      item = json_next(item);
    value = item;
    if (path[length] == '\0') break;
    path += length + 1;
  }
  return value;
}

const struct json_value *json_first(const struct json_value *value) {
  return value != NULL ? value_of(item_of(value)->child) : NULL;
}
const struct json_value *json_next(const struct json_value *item) { return value_of(item_of(item)->next); }
const char *json_key(const struct json_value *item) { return item_of(item)->string; }
