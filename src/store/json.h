/* A small JSON writer for summaries and --json outputs: correct escapes, NaN as null, commas by itself. */
#ifndef STORE_JSON_H
#define STORE_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define JSON_MAX_DEPTH 16

/* A value that its holder keeps on the stack; owns nothing. Indented by two spaces. */
struct json {
  FILE *file;
  int depth;
  int line_depth; /* of the object that is written on one line; 0: none */
  bool has_items[JSON_MAX_DEPTH];
};

struct json json_begin(FILE *file);
/* `key` is NULL inside arrays and at the root. */
void json_open_object(struct json *json, const char *key);
/* The object with all that it holds stands on one line. */
void json_open_line(struct json *json, const char *key);
void json_close_object(struct json *json);
void json_open_array(struct json *json, const char *key);
void json_close_array(struct json *json);
void json_string(struct json *json, const char *key, const char *value);
void json_int(struct json *json, const char *key, int64_t value);
void json_number(struct json *json, const char *key, double value); /* shortest that reads back; NaN, inf -> null */
void json_bool(struct json *json, const char *key, bool value);

#endif
