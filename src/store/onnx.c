#include "store/onnx.h"

#include "base/arena.h"
#include "muster/version.h"
#include "store/onnx.pb-c.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IR_VERSION = 8, OPSET = 17 };

/* a list of messages of one type, in memory that grows by doubling */
struct list {
  void **entry;
  size_t n, room;
};

struct onnx {
  struct arena *arena;  /* of all messages and texts */
  muster_status status; /* what broke it */
  struct list nodes, constants, inputs, outputs, metadata;
  int named; /* arrays that got a name */
};

muster_status onnx_create(struct onnx **out) {
  struct onnx *graph = calloc(1, sizeof *graph);
  if (graph == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory for a graph");
  muster_status status = arena_create(&graph->arena);
  if (status != MUSTER_OK)
    free(graph);
  else
    *out = graph;
  return status;
}

void onnx_destroy(struct onnx **graph) {
  if (*graph == NULL) return;
  arena_destroy(&(*graph)->arena);
  muster_status_clear(&(*graph)->status);
  free(*graph);
  *graph = NULL;
}

void onnx_fail(struct onnx *graph, muster_status status) {
  if (graph->status == MUSTER_OK)
    graph->status = status;
  else
    muster_status_clear(&status);
}

/* --- memory --- */

/* zeroed bytes that live as long as the graph; NULL where it is broken */
static void *take(struct onnx *graph, size_t bytes) {
  void *memory = NULL;
  if (graph->status == MUSTER_OK) graph->status = arena_take(graph->arena, bytes, 1, "a graph", &memory);
  return graph->status == MUSTER_OK ? memory : NULL;
}

static char *copy_bytes(struct onnx *graph, const void *bytes, size_t n) {
  char *copy = take(graph, n > 0 ? n : 1);
  if (copy != NULL && n > 0) memcpy(copy, bytes, n);
  return copy;
}

static char *copy_text(struct onnx *graph, const char *text) { return copy_bytes(graph, text, strlen(text) + 1); }

/* appends a message, NULL in a broken graph */
static void append(struct onnx *graph, struct list *list, void *message) {
  if (message == NULL) return;
  if (list->n == list->room) {
    const size_t room = list->room > 0 ? 2 * list->room : 16;
    void **entry = take(graph, room * sizeof *entry);
    if (entry == NULL) return;
    if (list->n > 0) memcpy(entry, list->entry, list->n * sizeof *entry);
    list->entry = entry;
    list->room = room;
  }
  list->entry[list->n++] = message;
}

/* a name that no other array has, which tells what made it */
static char *new_name(struct onnx *graph, const char *maker) {
  char name[64];
  snprintf(name, sizeof name, "%s_%d", maker, graph->named++);
  return copy_text(graph, name);
}

/* --- arrays --- */

static size_t type_bytes(enum onnx_type type) { return type == ONNX_INT64 ? 8 : type == ONNX_FLOAT ? 4 : 1; }

static Onnx__TensorShapeProto *make_shape(struct onnx *graph, const struct onnx_array *array) {
  struct {
    Onnx__TensorShapeProto shape;
    Onnx__TensorShapeProto__Dimension dimension[ONNX_MAX_RANK];
    Onnx__TensorShapeProto__Dimension *pointer[ONNX_MAX_RANK];
  } *made = take(graph, sizeof *made);
  if (made == NULL) return NULL;
  onnx__tensor_shape_proto__init(&made->shape);
  made->shape.dim = made->pointer;
  made->shape.n_dim = (size_t)array->rank;
  for (int i = 0; i < array->rank; i++) {
    Onnx__TensorShapeProto__Dimension *dimension = made->pointer[i] = &made->dimension[i];
    onnx__tensor_shape_proto__dimension__init(dimension);
    dimension->has_dim_value = array->shape[i] != ONNX_BATCH;
    dimension->dim_value = array->shape[i];
    if (array->shape[i] == ONNX_BATCH) dimension->dim_param = (char *)"batch";
  }
  return &made->shape;
}

/* an input or output of the graph */
static Onnx__ValueInfoProto *describe(struct onnx *graph, const struct onnx_array *array, const char *doc) {
  struct {
    Onnx__ValueInfoProto value;
    Onnx__TypeProto type;
    Onnx__TypeProto__Tensor tensor;
  } *made = take(graph, sizeof *made);
  if (made == NULL) return NULL;
  onnx__value_info_proto__init(&made->value);
  onnx__type_proto__init(&made->type);
  onnx__type_proto__tensor__init(&made->tensor);
  made->value.name = copy_text(graph, array->name);
  made->value.doc_string = copy_text(graph, doc);
  made->value.type = &made->type;
  made->type.tensor_type = &made->tensor;
  made->tensor.has_elem_type = 1;
  made->tensor.elem_type = (int32_t)array->type;
  made->tensor.shape = make_shape(graph, array);
  return &made->value;
}

const char *onnx_input(struct onnx *graph, const struct onnx_array *array, const char *doc) {
  Onnx__ValueInfoProto *input = describe(graph, array, doc);
  append(graph, &graph->inputs, input);
  return input != NULL ? input->name : "";
}

const char *onnx_constant(struct onnx *graph, const struct onnx_array *array, const void *data) {
  Onnx__TensorProto *tensor = take(graph, sizeof *tensor);
  if (tensor == NULL) return "";
  onnx__tensor_proto__init(tensor);
  size_t elements = 1;
  for (int i = 0; i < array->rank; i++) elements *= (size_t)array->shape[i];
  tensor->name = array->name != NULL ? copy_text(graph, array->name) : new_name(graph, "constant");
  tensor->n_dims = (size_t)array->rank;
  tensor->dims = (int64_t *)copy_bytes(graph, array->shape, (size_t)array->rank * sizeof *array->shape);
  tensor->has_data_type = 1;
  tensor->data_type = (int32_t)array->type;
  tensor->has_raw_data = 1;
  tensor->raw_data.len = elements * type_bytes(array->type);
  tensor->raw_data.data = (uint8_t *)copy_bytes(graph, data, tensor->raw_data.len);
  append(graph, &graph->constants, tensor);
  return tensor->name;
}

const char *onnx_optional_input(struct onnx *graph, const struct onnx_array *array, const char *doc,
                                const void *otherwise) {
  struct onnx_array one = *array;
  for (int i = 0; i < one.rank; i++)
    if (one.shape[i] == ONNX_BATCH) one.shape[i] = 1;
  onnx_constant(graph, &one, otherwise);
  return onnx_input(graph, array, doc);
}

const char *onnx_vector(struct onnx *graph, size_t n, const float *values) {
  return onnx_constant(graph, &(struct onnx_array){NULL, ONNX_FLOAT, 1, {(int64_t)n}}, values);
}

const char *onnx_number(struct onnx *graph, float value) {
  return onnx_constant(graph, &(struct onnx_array){NULL, ONNX_FLOAT, 0, {0}}, &value);
}

const char *onnx_integers(struct onnx *graph, size_t n, const int64_t *values) {
  return onnx_constant(graph, &(struct onnx_array){NULL, ONNX_INT64, 1, {(int64_t)n}}, values);
}

/* --- operators --- */

static void fill_attribute(struct onnx *graph, const struct onnx_attribute *from, Onnx__AttributeProto *to) {
  onnx__attribute_proto__init(to);
  to->name = copy_text(graph, from->name);
  to->has_type = 1;
  switch (from->kind) {
  case ONNX_INTEGER:
    to->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
    to->has_i = 1;
    to->i = from->integer;
    break;
  case ONNX_NUMBER:
    to->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
    to->has_f = 1;
    to->f = from->number;
    break;
  case ONNX_INTEGERS:
    to->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
    to->n_ints = from->n;
    to->ints = (int64_t *)copy_bytes(graph, from->integers, from->n * sizeof *from->integers);
    break;
  }
}

static void fill_attributes(struct onnx *graph, const struct onnx_attribute *attributes, Onnx__NodeProto *node) {
  size_t n = 0;
  while (attributes[n].name != NULL) n++;
  Onnx__AttributeProto *made = take(graph, (n + 1) * sizeof *made);
  node->attribute = take(graph, (n + 1) * sizeof *node->attribute);
  if (made == NULL || node->attribute == NULL) return;
  node->n_attribute = n;
  for (size_t i = 0; i < n; i++) {
    fill_attribute(graph, &attributes[i], &made[i]);
    node->attribute[i] = &made[i];
  }
}

/* an operator whose output has this name, NULL in a broken graph */
static void add_node(struct onnx *graph, const char *op, const char *const *inputs,
                     const struct onnx_attribute *attributes, char *output) {
  struct {
    Onnx__NodeProto node;
    char *output;
  } *made = take(graph, sizeof *made);
  if (made == NULL) return;
  onnx__node_proto__init(&made->node);
  size_t n = 0;
  while (inputs[n] != NULL) n++;
  made->output = output;
  made->node.op_type = copy_text(graph, op);
  made->node.name = made->output;
  made->node.n_input = n;
  made->node.input = (char **)copy_bytes(graph, inputs, n * sizeof *inputs);
  made->node.n_output = 1;
  made->node.output = &made->output;
  if (attributes != NULL) fill_attributes(graph, attributes, &made->node);
  append(graph, &graph->nodes, made);
}

const char *onnx_node(struct onnx *graph, const char *op, const char *const *inputs,
                      const struct onnx_attribute *attributes) {
  char *output = new_name(graph, op);
  add_node(graph, op, inputs, attributes, output);
  return output != NULL ? output : "";
}

void onnx_output(struct onnx *graph, const struct onnx_array *array, const char *doc, const char *value) {
  Onnx__ValueInfoProto *output = describe(graph, array, doc);
  append(graph, &graph->outputs, output);
  if (output != NULL) add_node(graph, "Identity", ONNX_LIST(value), NULL, output->name);
}

const char *onnx_shape(struct onnx *graph, const char *value, int rank, const int64_t *shape) {
  return onnx_node(graph, "Reshape", ONNX_LIST(value, onnx_integers(graph, (size_t)rank, shape)), NULL);
}

const char *onnx_columns(struct onnx *graph, const char *value, size_t first, size_t end) {
  const char *starts = onnx_integers(graph, 1, (int64_t[]){(int64_t)first});
  const char *ends = onnx_integers(graph, 1, (int64_t[]){(int64_t)end});
  return onnx_node(graph, "Slice", ONNX_LIST(value, starts, ends, onnx_integers(graph, 1, (int64_t[]){1})), NULL);
}

const char *onnx_cast(struct onnx *graph, const char *value, enum onnx_type type) {
  return onnx_node(graph, "Cast", ONNX_LIST(value), ONNX_ATTRIBUTES(ONNX_INT("to", type)));
}

const char *onnx_join(struct onnx *graph, size_t n, const char *const *values) {
  if (n == 1) return values[0];
  const char **list = take(graph, (n + 1) * sizeof *list);
  if (list == NULL) return "";
  memcpy(list, values, n * sizeof *list);
  return onnx_node(graph, "Concat", list, ONNX_ATTRIBUTES(ONNX_INT("axis", 1)));
}

/* --- the whole model --- */

void onnx_metadata(struct onnx *graph, const char *key, const char *value) {
  Onnx__StringStringEntryProto *entry = take(graph, sizeof *entry);
  if (entry == NULL) return;
  onnx__string_string_entry_proto__init(entry);
  entry->key = copy_text(graph, key);
  entry->value = copy_text(graph, value);
  append(graph, &graph->metadata, entry);
}

static muster_status pack_model(const Onnx__ModelProto *model, uint8_t **bytes, size_t *size) {
  *size = onnx__model_proto__get_packed_size(model);
  if (*size > INT_MAX)
    return status_error(MUSTER_ERROR_USAGE, "an ONNX file has at most 2 GB, and this one would have %zu bytes", *size);
  *bytes = malloc(*size);
  if (*bytes == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory for an ONNX file of %zu bytes", *size);
  onnx__model_proto__pack(model, *bytes);
  return MUSTER_OK;
}

muster_status onnx_pack(struct onnx *graph, const char *doc, uint8_t **bytes, size_t *size) {
  muster_status status = graph->status;
  graph->status = MUSTER_OK;
  MUSTER_TRY(status);
  Onnx__OperatorSetIdProto opset = ONNX__OPERATOR_SET_ID_PROTO__INIT;
  opset.domain = (char *)"";
  opset.has_version = 1;
  opset.version = OPSET;
  Onnx__GraphProto message = ONNX__GRAPH_PROTO__INIT;
  message.name = (char *)"policy";
  message.node = (Onnx__NodeProto **)graph->nodes.entry, message.n_node = graph->nodes.n;
  message.initializer = (Onnx__TensorProto **)graph->constants.entry, message.n_initializer = graph->constants.n;
  message.input = (Onnx__ValueInfoProto **)graph->inputs.entry, message.n_input = graph->inputs.n;
  message.output = (Onnx__ValueInfoProto **)graph->outputs.entry, message.n_output = graph->outputs.n;
  Onnx__ModelProto model = ONNX__MODEL_PROTO__INIT;
  model.has_ir_version = 1;
  model.ir_version = IR_VERSION;
  model.producer_name = (char *)"muster";
  model.producer_version = (char *)MUSTER_VERSION;
  model.doc_string = (char *)doc;
  model.graph = &message;
  model.n_opset_import = 1;
  model.opset_import = &(Onnx__OperatorSetIdProto *){&opset};
  model.metadata_props = (Onnx__StringStringEntryProto **)graph->metadata.entry;
  model.n_metadata_props = graph->metadata.n;
  return pack_model(&model, bytes, size);
}
