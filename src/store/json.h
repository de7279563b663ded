/* A small JSON writer for summaries and --json outputs: it escapes strings, writes NaN as null, and puts the commas. */
#ifndef STORE_JSON_H
#define STORE_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define JSON_MAX_DEPTH 16

/* The writer, which may live on the stack and owns no memory. It indents by two spaces. */
struct json {
  FILE *file;
  int depth;
  int line_depth; /* of the object that is written on one line; 0: none */
  bool has_items[JSON_MAX_DEPTH];
};

struct json json_begin(FILE *file);
/* `key` is NULL inside arrays and at the root. */
void json_open_object(struct json *json, const char *key);
/* An object that is written on one line, with all that it holds. */
void json_open_line(struct json *json, const char *key);
void json_close_object(struct json *json);
void json_open_array(struct json *json, const char *key);
void json_close_array(struct json *json);
void json_string(struct json *json, const char *key, const char *value);
void json_int(struct json *json, const char *key, int64_t value);
void json_number(struct json *json, const char *key, double value); /* shortest that reads back; NaN, inf -> null */
void json_bool(struct json *json, const char *key, bool value);

#endif
