#include "store/json.h"

#include "store/number.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>

/* length of the valid UTF-8 sequence at the start of a text: 1 to 4; 0 when there is none (Unicode 15, table 3-7) */
static size_t utf8_length(const unsigned char *text) {
  unsigned char first = text[0];
  if (first < 0x80) return 1;
  size_t length = first >= 0xc2 && first <= 0xdf   ? 2
                  : (first & 0xf0) == 0xe0         ? 3
                  : first >= 0xf0 && first <= 0xf4 ? 4
                                                   : 0;
  for (size_t i = 1; i < length; i++)
    if ((text[i] & 0xc0) != 0x80) return 0;

  // overlong forms, surrogates, and what is beyond U+10FFFF
  if ((first == 0xe0 && text[1] < 0xa0) || (first == 0xed && text[1] > 0x9f)) return 0;
  if ((first == 0xf0 && text[1] < 0x90) || (first == 0xf4 && text[1] > 0x8f)) return 0;
  return length;
}

/* writes a quoted string; a byte that is not UTF-8 becomes the replacement character */
static void print_quoted(FILE *file, const char *value) {
  fputc('"', file);
  for (const unsigned char *at = (const unsigned char *)value; *at != '\0';) {
    size_t length = utf8_length(at);
    if (length == 0) {
      fputs("\\ufffd", file);
    } else if (*at == '"' || *at == '\\') {
      fprintf(file, "\\%c", *at);
    } else if (*at == '\n') {
      fputs("\\n", file);
    } else if (*at == '\t') {
      fputs("\\t", file);
    } else if (*at < 0x20) {
      fprintf(file, "\\u%04x", *at);
    } else {
      fwrite(at, 1, length, file);
    }
    at += length == 0 ? 1 : length;
  }
  fputc('"', file);
}

static bool is_on_line(const struct json *json) { return json->line_depth > 0 && json->depth >= json->line_depth; }

static void start_line(const struct json *json) { fprintf(json->file, "\n%*s", 2 * json->depth, ""); }

/* what comes before each value: comma, line and indent, key */
static void start_value(struct json *json, const char *key) {
  bool has_items = json->has_items[json->depth];
  if (has_items) fputs(is_on_line(json) ? ", " : ",", json->file);
  if (json->depth > 0 && !is_on_line(json)) start_line(json);
  json->has_items[json->depth] = true;
  if (key == NULL) return;
  print_quoted(json->file, key);
  fputs(": ", json->file);
}

/* what comes after each value: the line's end behind the outermost */
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
