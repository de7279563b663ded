#include "space.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- layouts ---- */

/* the bytes of a layout's item as an array; NULL where it is None */
static const void *array_of(PyObject *item) { return item == Py_None ? NULL : PyBytes_AsString(item); }

/* the first five items of a layout: kind, shape, low, high, counts */
static int read_space(PyObject *layout, muster_space *space) {
  PyObject *shape = PyTuple_GetItem(layout, 1);
  space->kind = (muster_space_kind)PyLong_AsLong(PyTuple_GetItem(layout, 0));
  space->rank = (int32_t)PyTuple_Size(shape);
  for (int32_t i = 0; i < space->rank; i++) space->shape[i] = (int32_t)PyLong_AsLong(PyTuple_GetItem(shape, i));
  space->low = array_of(PyTuple_GetItem(layout, 2));
  space->high = array_of(PyTuple_GetItem(layout, 3));
  space->counts = array_of(PyTuple_GetItem(layout, 4));
  return PyErr_Occurred() != NULL ? -1 : 0;
}

static void read_leaf(PyObject *item, struct leaf *leaf) {
  leaf->path = PyTuple_GetItem(item, 0);
  leaf->read = (enum read)PyLong_AsLong(PyTuple_GetItem(item, 1));
  leaf->elements = PyLong_AsSsize_t(PyTuple_GetItem(item, 2));
  leaf->starts = array_of(PyTuple_GetItem(item, 3));
  leaf->counts = array_of(PyTuple_GetItem(item, 4));
}

int observation_open(struct observation *observation, PyObject *layout) {
  *observation = (struct observation){.layout = layout};
  if (read_space(layout, &observation->space) != 0) return -1;
  PyObject *leaves = PyTuple_GetItem(layout, 5);
  observation->n_leaves = (size_t)PyList_Size(leaves);
  observation->leaves = calloc(observation->n_leaves, sizeof *observation->leaves);
  if (observation->leaves == NULL) return PyErr_NoMemory(), -1;
  Py_ssize_t most = 1;
  for (size_t i = 0; i < observation->n_leaves; i++) {
    struct leaf *leaf = &observation->leaves[i];
    read_leaf(PyList_GetItem(leaves, (Py_ssize_t)i), leaf);
    if (leaf->read != READ_NUMBERS && leaf->elements > most) most = leaf->elements;
  }
  observation->choices = calloc((size_t)most, sizeof *observation->choices);
  if (observation->choices == NULL) PyErr_NoMemory();
  return PyErr_Occurred() != NULL ? -1 : 0;
}

void observation_close(struct observation *observation) {
  free(observation->leaves);
  free(observation->choices);
  Py_XDECREF(observation->layout);
  *observation = (struct observation){0};
}

int action_open(struct action *action, PyObject *layout) {
  *action = (struct action){.layout = layout};
  if (read_space(layout, &action->space) != 0) return -1;
  action->elements = muster_space_elements(&action->space);
  action->starts = array_of(PyTuple_GetItem(layout, 5));
  action->make = (enum make)PyLong_AsLong(PyTuple_GetItem(layout, 6));
  if (PyErr_Occurred() != NULL) return -1;
  if (action->make == MAKE_INT) return 0;
  action->array = Py_NewRef(PyTuple_GetItem(layout, 7));
  action->compose = PyTuple_GetItem(layout, 8);
  if (PyObject_GetBuffer(action->array, &action->view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | PyBUF_WRITABLE) != 0)
    return -1;
  action->references = Py_REFCNT(action->array);
  return 0;
}

void action_close(struct action *action) {
  if (action->view.obj != NULL) PyBuffer_Release(&action->view);
  Py_XDECREF(action->array);
  Py_XDECREF(action->layout);
  *action = (struct action){0};
}

/* ---- reading arrays ---- */

#define READ_AS(type)                                                                                                  \
  do {                                                                                                                 \
    const type *from = view->buf;                                                                                      \
    for (size_t i = 0; i < n; i++) CONVERT(from[i]);                                                                   \
  } while (0);                                                                                                         \
  break

/* one case for each element type of numpy that C has, by the letters of Python's struct module */
#define READ_BY_TYPE(letter)                                                                                           \
  switch (letter) {                                                                                                    \
  case 'f': READ_AS(float);                                                                                            \
  case 'd': READ_AS(double);                                                                                           \
  case '?':                                                                                                            \
  case 'B': READ_AS(unsigned char);                                                                                    \
  case 'b': READ_AS(signed char);                                                                                      \
  case 'H': READ_AS(unsigned short);                                                                                   \
  case 'h': READ_AS(short);                                                                                            \
  case 'I': READ_AS(unsigned);                                                                                         \
  case 'i': READ_AS(int);                                                                                              \
  case 'L': READ_AS(unsigned long);                                                                                    \
  case 'l': READ_AS(long);                                                                                             \
  case 'Q': READ_AS(unsigned long long);                                                                               \
  case 'q': READ_AS(long long);                                                                                        \
  default: return false;                                                                                               \
  }

/* false: the type is none of these */
static bool convert_to_floats(const Py_buffer *view, size_t n, float *out) {
  const char letter = view->format[0];
#define CONVERT(value) out[i] = (float)(value)
  READ_BY_TYPE(letter)
#undef CONVERT
  return true;
}

static bool convert_to_integers(const Py_buffer *view, size_t n, int64_t *out) {
  const char letter = view->format[0];
  if (letter == 'f' || letter == 'd') return false;
#define CONVERT(value) out[i] = (int64_t)(value)
  READ_BY_TYPE(letter)
#undef CONVERT
  return true;
}

static bool convert_to_bytes(const Py_buffer *view, size_t n, uint8_t *out) {
  if (strchr("Bb?", view->format[0]) == NULL) return false;
  memcpy(out, view->buf, n);
  return true;
}

enum element { ELEMENT_FLOAT, ELEMENT_INTEGER, ELEMENT_BYTE };

static bool convert(const Py_buffer *view, size_t n, enum element element, void *out) {
  if (view->format == NULL || view->format[0] == '\0' || view->format[1] != '\0') return false;
  switch (element) {
  case ELEMENT_FLOAT: return convert_to_floats(view, n, out);
  case ELEMENT_INTEGER: return convert_to_integers(view, n, out);
  default: return convert_to_bytes(view, n, out);
  }
}

/* reads an object that offers its memory; 1: it does not, or not as something that can be read here */
static int read_buffer(PyObject *value, Py_ssize_t n, enum element element, void *out) {
  Py_buffer view;
  if (PyObject_GetBuffer(value, &view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) != 0) {
    PyErr_Clear();
    return 1;
  }
  const Py_ssize_t found = view.itemsize > 0 ? view.len / view.itemsize : 0;
  int outcome = 0;
  if (view.format != NULL && view.format[0] == 'O') {
    outcome = 1; /* references to objects, not numbers */
  } else if (found != n) {
    PyErr_Format(PyExc_ValueError, "a value has %zd numbers, but its space says %zd", found, n);
    outcome = -1;
  } else if (!convert(&view, (size_t)n, element, out)) {
    outcome = 1;
  }
  PyBuffer_Release(&view);
  return outcome;
}

/* reads numbers of whatever Python object; -1: an exception is pending */
static int read_array(PyObject *value, Py_ssize_t n, enum element element, void *out) {
  int outcome = read_buffer(value, n, element, out);
  if (outcome <= 0) return outcome;
  const bool is_whole = element != ELEMENT_FLOAT;
  PyObject *array = PyObject_CallFunction(interpreter_find("as_array"), "Oi", value, is_whole);
  if (array == NULL) return -1;
  int64_t *scratch = NULL;
  if (element == ELEMENT_BYTE) scratch = malloc((size_t)n * sizeof *scratch);
  outcome = read_buffer(array, n, is_whole ? ELEMENT_INTEGER : ELEMENT_FLOAT, scratch != NULL ? (void *)scratch : out);
  for (Py_ssize_t i = 0; outcome == 0 && scratch != NULL && i < n; i++) ((uint8_t *)out)[i] = (uint8_t)scratch[i];
  if (outcome > 0) PyErr_SetString(PyExc_TypeError, "a value is no array of numbers");
  free(scratch);
  Py_DECREF(array);
  return outcome == 0 ? 0 : -1;
}

/* ---- observations ---- */

static PyObject *follow(PyObject *value, PyObject *path) {
  Py_INCREF(value);
  for (Py_ssize_t i = 0; value != NULL && i < PyTuple_GET_SIZE(path); i++) {
    PyObject *inner = PyObject_GetItem(value, PyTuple_GET_ITEM(path, i));
    Py_DECREF(value);
    value = inner;
  }
  return value;
}

/* counts the choices of one leaf from 0 */
static int count_choices(const struct leaf *leaf, int64_t *choices) {
  for (Py_ssize_t i = 0; i < leaf->elements; i++) {
    const int64_t choice = choices[i] - leaf->starts[i];
    if (choice < 0 || choice >= leaf->counts[i]) {
      PyErr_Format(PyExc_ValueError, "an observation has choice %lld, which its space does not have: %lld to %lld",
                   (long long)choices[i], (long long)leaf->starts[i], (long long)leaf->starts[i] + leaf->counts[i] - 1);
      return -1;
    }
    choices[i] = choice;
  }
  return 0;
}

/* reads choices, counted from 0 */
static int read_choices(const struct leaf *leaf, PyObject *value, int64_t *choices) {
  if (leaf->elements == 1 && PyIndex_Check(value)) {
    choices[0] = PyNumber_AsSsize_t(value, PyExc_OverflowError);
    if (choices[0] == -1 && PyErr_Occurred() != NULL) return -1;
  } else if (read_array(value, leaf->elements, ELEMENT_INTEGER, choices) != 0) {
    return -1;
  }
  return count_choices(leaf, choices);
}

/* reads a leaf of a composed observation, and moves *out behind it */
static int read_composed(const struct observation *observation, const struct leaf *leaf, PyObject *value, float **out) {
  if (leaf->read == READ_NUMBERS) {
    if (read_array(value, leaf->elements, ELEMENT_FLOAT, *out) != 0) return -1;
    *out += leaf->elements;
    return 0;
  }
  if (read_choices(leaf, value, observation->choices) != 0) return -1;
  for (Py_ssize_t i = 0; i < leaf->elements; i++) {
    for (int64_t k = 0; k < leaf->counts[i]; k++) (*out)[k] = k == observation->choices[i] ? 1.0f : 0.0f;
    *out += leaf->counts[i];
  }
  return 0;
}

static int read_discrete(const struct observation *observation, PyObject *value, int32_t *out) {
  const struct leaf *leaf = &observation->leaves[0];
  if (read_choices(leaf, value, observation->choices) != 0) return -1;
  for (Py_ssize_t i = 0; i < leaf->elements; i++) out[i] = (int32_t)observation->choices[i];
  return 0;
}

int observation_read(const struct observation *observation, PyObject *value, void *out) {
  const struct leaf *first = &observation->leaves[0];
  if (observation->space.kind == MUSTER_SPACE_BOX_U8) return read_array(value, first->elements, ELEMENT_BYTE, out);
  if (first->read == READ_CHOICES) return read_discrete(observation, value, out);
  if (observation->n_leaves == 1 && PyTuple_GET_SIZE(first->path) == 0)
    return read_array(value, first->elements, ELEMENT_FLOAT, out);
  float *next = out;
  for (size_t i = 0; i < observation->n_leaves; i++) {
    PyObject *part = follow(value, observation->leaves[i].path);
    if (part == NULL) return -1;
    int failed = read_composed(observation, &observation->leaves[i], part, &next);
    Py_DECREF(part);
    if (failed) return -1;
  }
  return 0;
}

/* ---- observations of a block ---- */

/* writes one leaf of one row, which was read as `from`, behind `at` numbers of the row */
static int put_leaf(const struct observation *observation, const struct leaf *leaf, void *from, size_t at, void *row) {
  const size_t n = (size_t)leaf->elements;
  if (leaf->read == READ_NUMBERS) {
    const size_t bytes = observation->space.kind == MUSTER_SPACE_BOX_U8 ? sizeof(uint8_t) : sizeof(float);
    memcpy((char *)row + at * bytes, from, n * bytes);
    return 0;
  }
  int64_t *choices = from;
  if (count_choices(leaf, choices) != 0) return -1;
  float *out = (float *)row + at;
  for (size_t i = 0; i < n; i++) {
    if (leaf->read == READ_CHOICES) {
      ((int32_t *)row)[i] = (int32_t)choices[i];
      continue;
    }
    for (int64_t k = 0; k < leaf->counts[i]; k++) out[k] = k == choices[i] ? 1.0f : 0.0f;
    out += leaf->counts[i];
  }
  return 0;
}

/* how many numbers of a row a leaf takes */
static size_t leaf_width(const struct leaf *leaf) {
  size_t width = 0;
  if (leaf->read != READ_ONE_HOT) return (size_t)leaf->elements;
  for (Py_ssize_t i = 0; i < leaf->elements; i++) width += (size_t)leaf->counts[i];
  return width;
}

/* reads one leaf of n rows, and writes it into each */
static int read_leaf_of_rows(const struct observation *observation, const struct leaf *leaf, PyObject *value, size_t at,
                             const struct rows *rows) {
  const bool is_bytes = observation->space.kind == MUSTER_SPACE_BOX_U8, is_number = leaf->read == READ_NUMBERS;
  const enum element element = is_bytes ? ELEMENT_BYTE : is_number ? ELEMENT_FLOAT : ELEMENT_INTEGER;
  const size_t bytes = is_bytes ? sizeof(uint8_t) : is_number ? sizeof(float) : sizeof(int64_t);
  const size_t one = (size_t)leaf->elements * bytes;
  /* the whole memory at once, where the rows lie in it as they are wanted */
  const bool is_direct = observation->n_leaves == 1 && is_number && rows->stride == one;
  char *from = is_direct ? rows->out : rows->scratch;
  if (read_array(value, (Py_ssize_t)rows->n * leaf->elements, element, from) != 0) return -1;
  for (size_t i = 0; !is_direct && i < rows->n; i++)
    if (put_leaf(observation, leaf, from + i * one, at, (char *)rows->out + i * rows->stride) != 0) return -1;
  return 0;
}

size_t observation_scratch(const struct observation *observation) {
  size_t most = 1;
  for (size_t i = 0; i < observation->n_leaves; i++)
    if ((size_t)observation->leaves[i].elements > most) most = (size_t)observation->leaves[i].elements;
  return most * sizeof(int64_t);
}

int observation_read_rows(const struct observation *observation, PyObject *value, const struct rows *rows) {
  size_t at = 0;
  for (size_t i = 0; i < observation->n_leaves; i++) {
    const struct leaf *leaf = &observation->leaves[i];
    PyObject *part = follow(value, leaf->path);
    int failed = part == NULL || read_leaf_of_rows(observation, leaf, part, at, rows) != 0;
    Py_XDECREF(part);
    if (failed) return -1;
    at += leaf_width(leaf);
  }
  return 0;
}

int rewards_read_rows(PyObject *value, const struct rows *rows) {
  if (read_array(value, (Py_ssize_t)rows->n, ELEMENT_FLOAT, rows->scratch) != 0) return -1;
  for (size_t i = 0; i < rows->n; i++)
    memcpy((char *)rows->out + i * rows->stride, (float *)rows->scratch + i, sizeof(float));
  return 0;
}

int flags_read_rows(PyObject *value, size_t n, uint8_t *out) {
  if (read_array(value, (Py_ssize_t)n, ELEMENT_BYTE, out) != 0) return -1;
  for (size_t i = 0; i < n; i++) out[i] = out[i] != 0;
  return 0;
}

int step_check(PyObject *returned) {
  if (!PyTuple_Check(returned)) {
    PyErr_Format(PyExc_TypeError, "step() returned %s, not a tuple of 5", Py_TYPE(returned)->tp_name);
    return -1;
  }
  const Py_ssize_t values = PyTuple_GET_SIZE(returned);
  if (values == 5) return 0;
  PyErr_Format(PyExc_TypeError,
               "step() returned %zd values%s: Gymnasium wants observation, reward, terminated, truncated, info", values,
               values == 4 ? ", as the older gym did" : "");
  return -1;
}

/* ---- actions ---- */

/* gives the environment a new array where it has kept the last one, as some do to compare actions */
static int renew_array(struct action *action) {
  if (Py_REFCNT(action->array) <= action->references) return 0;
  PyObject *fresh = PyObject_CallMethod(action->array, "copy", NULL);
  if (fresh == NULL) return -1;
  PyBuffer_Release(&action->view);
  Py_SETREF(action->array, fresh);
  if (PyObject_GetBuffer(fresh, &action->view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | PyBUF_WRITABLE) != 0) return -1;
  action->references = Py_REFCNT(fresh);
  return 0;
}

#define WRITE_AS(type, value)                                                                                          \
  do {                                                                                                                 \
    type *to = action->view.buf;                                                                                       \
    for (size_t i = 0; i < action->elements; i++) to[i] = (type)(value);                                               \
  } while (0);                                                                                                         \
  break

/* the numbers in the array's own type; whole numbers are rounded */
static int write_floats(struct action *action, const float *from) {
  switch (action->view.format[0]) {
  case 'f': memcpy(action->view.buf, from, action->elements * sizeof *from); break;
  case 'd': WRITE_AS(double, from[i]);
  case 'B': WRITE_AS(unsigned char, lrintf(from[i]));
  case 'b': WRITE_AS(signed char, lrintf(from[i]));
  case 'H': WRITE_AS(unsigned short, lrintf(from[i]));
  case 'h': WRITE_AS(short, lrintf(from[i]));
  case 'I': WRITE_AS(unsigned, lrintf(from[i]));
  case 'i': WRITE_AS(int, lrintf(from[i]));
  case 'l':
  case 'q': WRITE_AS(long long, lrintf(from[i]));
  default: PyErr_Format(PyExc_TypeError, "actions of type '%s' cannot be made", action->view.format); return -1;
  }
  return 0;
}

static int write_choices(struct action *action, const int32_t *from) {
  switch (action->view.itemsize) {
  case 1: WRITE_AS(int8_t, from[i] + action->starts[i]);
  case 2: WRITE_AS(int16_t, from[i] + action->starts[i]);
  case 4: WRITE_AS(int32_t, from[i] + action->starts[i]);
  default: WRITE_AS(int64_t, from[i] + action->starts[i]);
  }
  return 0;
}

PyObject *action_make(struct action *action, const void *values) {
  if (action->make == MAKE_INT) return PyLong_FromLongLong(*(const int32_t *)values + action->starts[0]);
  if (renew_array(action) != 0) return NULL;
  const bool is_box = action->space.kind == MUSTER_SPACE_BOX;
  if ((is_box ? write_floats(action, values) : write_choices(action, values)) != 0) return NULL;
  if (action->make == MAKE_ARRAY) return Py_NewRef(action->array);
  return PyObject_CallOneArg(action->compose, action->array);
}

/* ---- masks ---- */

int mask_read(PyObject *value, size_t n, uint8_t *out) {
  PyObject *joined = NULL;
  int outcome = PyTuple_Check(value) || PyList_Check(value) ? 1 : read_buffer(value, (Py_ssize_t)n, ELEMENT_BYTE, out);
  if (outcome > 0) {
    joined = PyObject_CallOneArg(interpreter_find("join_mask"), value);
    outcome = joined != NULL ? read_buffer(joined, (Py_ssize_t)n, ELEMENT_BYTE, out) : -1;
    Py_XDECREF(joined);
  }
  for (size_t i = 0; outcome == 0 && i < n; i++) out[i] = out[i] != 0;
  return outcome == 0 ? 0 : -1;
}
