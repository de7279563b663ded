/* Graphs of operators in the Open Neural Network Exchange format, opset 17 and IR 8, which onnxruntime reads
 * since 1.13. This module knows nothing of networks: it writes what it is given.
 *
 *   struct onnx *graph;
 *   MUSTER_TRY(onnx_create(&graph));
 *   const char *x = onnx_input(graph, &(struct onnx_array){"x", ONNX_FLOAT, 2, {ONNX_BATCH, 4}}, "what it is");
 *   const char *y = onnx_node(graph, "Tanh", ONNX_LIST(x), NULL);
 *   onnx_output(graph, &(struct onnx_array){"y", ONNX_FLOAT, 2, {ONNX_BATCH, 4}}, "what it is", y);
 *   status = onnx_pack(graph, "about it", &bytes, &size);
 *   onnx_destroy(&graph);
 *
 * An array is called by its name, a text that belongs to the graph. Calls that add to a graph return no status: where
 * one fails the graph is broken, the calls after it do nothing, and onnx_pack() returns the error. */
#ifndef STORE_ONNX_H
#define STORE_ONNX_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ONNX_MAX_RANK 5
#define ONNX_BATCH (-1) /* as a dimension: that of the batch, which may be of any size */

/* the format's own numbers */
enum onnx_type { ONNX_FLOAT = 1, ONNX_UINT8 = 2, ONNX_INT64 = 7, ONNX_BOOL = 9 };

struct onnx_array {
  const char *name; /* borrowed until the call returns */
  enum onnx_type type;
  int rank;
  int64_t shape[ONNX_MAX_RANK];
};

/* An attribute of an operator, of one of three types. In a list, one without a name comes last. */
struct onnx_attribute {
  const char *name; /* borrowed until the call returns, as integers is */
  enum { ONNX_INTEGER, ONNX_INTEGERS, ONNX_NUMBER } kind;
  int64_t integer;
  float number;
  const int64_t *integers; /* [n] */
  size_t n;
};

/* lists of names and of attributes for onnx_node() */
#define ONNX_LIST(...) ((const char *const[]){__VA_ARGS__, NULL})
#define ONNX_ATTRIBUTES(...) ((const struct onnx_attribute[]){__VA_ARGS__, {.name = NULL}})
#define ONNX_INT(key, value)                                                                                           \
  { .name = (key), .kind = ONNX_INTEGER, .integer = (value) }
#define ONNX_FLOAT_NUMBER(key, value)                                                                                  \
  { .name = (key), .kind = ONNX_NUMBER, .number = (value) }
#define ONNX_INTS(key, values, count)                                                                                  \
  { .name = (key), .kind = ONNX_INTEGERS, .integers = (values), .n = (count) }

struct onnx;

MUSTER_CHECKED muster_status onnx_create(struct onnx **out);
void onnx_destroy(struct onnx **graph); /* accepts NULL inside */

/* Breaks the graph; takes the status. For what cannot be expressed in it. */
void onnx_fail(struct onnx *graph, muster_status status);

/* Adds an input of the graph with a line about it; returns its name. */
const char *onnx_input(struct onnx *graph, const struct onnx_array *array, const char *doc);

/* The same for an input that may be left out: then it is `otherwise`, whose batch has the size 1. */
const char *onnx_optional_input(struct onnx *graph, const struct onnx_array *array, const char *doc,
                                const void *otherwise);

/* Adds an output of the graph, which is this value. */
void onnx_output(struct onnx *graph, const struct onnx_array *array, const char *doc, const char *value);

/* Adds an operator to the graph and returns the name of its one output. `inputs` ends with NULL; `attributes` may be
 * NULL. */
const char *onnx_node(struct onnx *graph, const char *op, const char *const *inputs,
                      const struct onnx_attribute *attributes);

/* Adds constants; they copy. The name of onnx_constant()'s array becomes that of the constant; NULL: it gets one. */
const char *onnx_constant(struct onnx *graph, const struct onnx_array *array, const void *data);
const char *onnx_vector(struct onnx *graph, size_t n, const float *values);
const char *onnx_number(struct onnx *graph, float value);                                      /* a scalar */
const char *onnx_integers(struct onnx *graph, size_t n, const int64_t *values);                /* [n] */
const char *onnx_shape(struct onnx *graph, const char *value, int rank, const int64_t *shape); /* a Reshape */

/* Columns first to end - 1 of a matrix. */
const char *onnx_columns(struct onnx *graph, const char *value, size_t first, size_t end);

/* The same value in another type. */
const char *onnx_cast(struct onnx *graph, const char *value, enum onnx_type type);

/* Joins n matrices side by side. */
const char *onnx_join(struct onnx *graph, size_t n, const char *const *values);

/* Adds a line about the model, by which a program that reads the file finds it. Copies. */
void onnx_metadata(struct onnx *graph, const char *key, const char *value);

/* Writes the model, with a text about it and this program's version. `*bytes` is allocated; the caller frees it.
 * Errors: that which broke the graph; USAGE, where a file would be larger than 2 GB, which the format does not allow.
 */
MUSTER_CHECKED muster_status onnx_pack(struct onnx *graph, const char *doc, uint8_t **bytes, size_t *size);

#endif
