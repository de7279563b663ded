/* Reads JSON files (summary.json) and finds values by their path. */
#ifndef STORE_JSON_READ_H
#define STORE_JSON_READ_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_value; /* a document, or a part of one, which is borrowed from it */

/* Errors: IO (missing, unreadable), FORMAT (not JSON, with the line). */
MUSTER_CHECKED muster_status json_read(const char *path, struct json_value **out);
void json_destroy(struct json_value **document); /* for whole documents only; does nothing where *document is NULL */

enum json_kind json_kind_of(const struct json_value *value);
/* The number, the text or the bool of a value; NAN, NULL and false for a value of another kind, and for NULL. */
double json_number_of(const struct json_value *value);
const char *json_string_of(const struct json_value *value);
bool json_bool_of(const struct json_value *value);

/* The value at a dotted path ("final_evaluation.mean_return") inside objects; NULL where there is none. */
const struct json_value *json_get(const struct json_value *value, const char *path);
/* The first item of an array or object, and the one after an item, in the order of the file; NULL at the end, and for
 * NULL. */
const struct json_value *json_first(const struct json_value *value);
const struct json_value *json_next(const struct json_value *item);
const char *json_key(const struct json_value *item); /* NULL outside objects */

#endif
