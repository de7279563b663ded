#include "store/json.h"

#include "base/shown.h"
#include "store/number.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>

/* writes a quoted string; characters that should not be shown, such as control characters, are written as their number;
 * a byte that is not UTF-8 becomes the replacement character */
static void print_quoted(FILE *file, const char *value) {
  fputc('"', file);
  while (*value != '\0') {
    uint32_t code;
    size_t length = utf8_decode(value, &code);
    if (length == 0) {
      fputs("\\ufffd", file);
    } else if (*value == '"' || *value == '\\') {
      fprintf(file, "\\%c", *value);
    } else if (*value == '\n') {
      fputs("\\n", file);
    } else if (*value == '\t') {
      fputs("\\t", file);
    } else if (shown_length(value) == 0) {
      fprintf(file, "\\u%04" PRIx32, code); // all such characters are below 0x10000
    } else {
      fwrite(value, 1, length, file);
    }
    value += length == 0 ? 1 : length;
  }
  fputc('"', file);
}

static bool is_on_line(const struct json *json) { return json->line_depth > 0 && json->depth >= json->line_depth; }

static void start_line(const struct json *json) { fprintf(json->file, "\n%*s", 2 * json->depth, ""); }

/* writes what comes before each value: comma, line and indent, key */
static void start_value(struct json *json, const char *key) {
  bool has_items = json->has_items[json->depth];
  if (has_items) fputs(is_on_line(json) ? ", " : ",", json->file);
  if (json->depth > 0 && !is_on_line(json)) start_line(json);
  json->has_items[json->depth] = true;
  if (key == NULL) return;
  print_quoted(json->file, key);
  fputs(": ", json->file);
}

/* writes what comes after each value: the end of the line after the outermost one */
static void end_value(struct json *json) {
  if (json->depth == 0) fputc('\n', json->file);
}

static void open_bracket(struct json *json, const char *key, char bracket) {
  start_value(json, key);
  fputc(bracket, json->file);
  assert(json->depth + 1 < JSON_MAX_DEPTH);
  json->has_items[++json->depth] = false;
}

static void close_bracket(struct json *json, char bracket) {
  assert(json->depth > 0);
  bool starts_line = json->has_items[json->depth] && !is_on_line(json);
  if (json->depth-- == json->line_depth) json->line_depth = 0;
  if (starts_line) start_line(json);
  fputc(bracket, json->file);
  end_value(json);
}

struct json json_begin(FILE *file) {
  return (struct json){.file = file};
}

void json_open_object(struct json *json, const char *key) { open_bracket(json, key, '{'); }
void json_open_line(struct json *json, const char *key) {
  open_bracket(json, key, '{');
  if (json->line_depth == 0) json->line_depth = json->depth;
}
void json_close_object(struct json *json) { close_bracket(json, '}'); }
void json_open_array(struct json *json, const char *key) { open_bracket(json, key, '['); }
void json_close_array(struct json *json) { close_bracket(json, ']'); }

void json_string(struct json *json, const char *key, const char *value) {
  start_value(json, key);
  print_quoted(json->file, value);
  end_value(json);
}

void json_int(struct json *json, const char *key, int64_t value) {
  start_value(json, key);
  fprintf(json->file, "%" PRId64, value);
  end_value(json);
}

void json_number(struct json *json, const char *key, double value) {
  char text[NUMBER_SIZE] = "null";
  if (isfinite(value)) number_print(value, text);
  start_value(json, key);
  fputs(text, json->file);
  end_value(json);
}

void json_bool(struct json *json, const char *key, bool value) {
  start_value(json, key);
  fputs(value ? "true" : "false", json->file);
  end_value(json);
}
