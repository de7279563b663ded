#include "vector.h"

#include "setting.h"
#include "space.h"

#include <stdlib.h>

struct vector {
  PyObject *bridge; /* the Vector of bridge.py */
  PyObject *step, *reset_row;
  PyObject *mask_key; /* "action_mask" */
  struct observation observation;
  struct action action;  /* of one row */
  struct action actions; /* of all rows, in one array */
  size_t rows;
  size_t choices;    /* of a row's mask; 0: actions are not masked */
  bool is_same_step; /* rows that end come back reset, and the last observation is in info */
  int32_t max_steps;
  double threshold;
  void *scratch; /* as struct rows wants it, and masks of all rows */
};

/* ---- creation ---- */

static int make(struct vector *vector, const muster_env_setting *settings) {
  PyObject *options = setting_list(settings);
  if (options == NULL) return -1;
  vector->bridge = PyObject_CallFunction(interpreter_find("Vector"), "ssOn", setting_find(settings, SETTING_FAMILY),
                                         setting_find(settings, SETTING_ID), options, (Py_ssize_t)vector->rows);
  Py_DECREF(options);
  return vector->bridge == NULL ? -1 : 0;
}

static int take_layouts(struct vector *vector) {
  PyObject *layout;
  if ((layout = PyObject_GetAttrString(vector->bridge, "observation")) == NULL) return -1;
  if (observation_open(&vector->observation, layout) != 0) return -1;
  if ((layout = PyObject_GetAttrString(vector->bridge, "action")) == NULL) return -1;
  if (action_open(&vector->action, layout) != 0) return -1;
  if ((layout = PyObject_GetAttrString(vector->bridge, "actions")) == NULL) return -1;
  return action_open(&vector->actions, layout);
}

static int take_scratch(struct vector *vector) {
  size_t bytes = observation_scratch(&vector->observation);
  if (vector->choices > bytes) bytes = vector->choices;
  vector->scratch = calloc(vector->rows, bytes);
  return vector->scratch == NULL ? PyErr_NoMemory(), -1 : 0;
}

/* takes over what bridge.py found out about it */
static int take_over(struct vector *vector) {
  PyObject *bridge = vector->bridge;
  if ((vector->step = PyObject_GetAttrString(bridge, "step")) == NULL) return -1;
  if ((vector->reset_row = PyObject_GetAttrString(bridge, "reset_row")) == NULL) return -1;
  if ((vector->mask_key = PyUnicode_InternFromString("action_mask")) == NULL) return -1;
  if (take_layouts(vector) != 0) return -1;
  vector->is_same_step = attribute_integer(bridge, "is_same_step") == 1;
  vector->max_steps = (int32_t)attribute_integer(bridge, "max_steps");
  vector->threshold = attribute_real(bridge, "threshold");
  const bool has_masks = attribute_integer(bridge, "masks") > 0;
  for (size_t i = 0; has_masks && i < vector->action.elements; i++)
    vector->choices += (size_t)vector->action.space.counts[i];
  if (PyErr_Occurred() != NULL) return -1;
  return take_scratch(vector);
}

int vector_create_block(const muster_env_setting *settings, int32_t n, void **out, muster_env_error *error) {
  if (interpreter_start(setting_find(settings, SETTING_PYTHON), error) != 0) return MUSTER_ENV_NO_OPTION_TO_BLAME;
  struct vector *vector = calloc(1, sizeof *vector);
  if (vector == NULL) return muster_env_fail(error, "out of memory");
  vector->rows = (size_t)n;
  if (make(vector, settings) == 0 && take_over(vector) == 0) {
    *out = vector;
    return 0;
  }
  bool blames_option;
  interpreter_fail_blaming(&blames_option, error);
  vector_destroy(vector);
  return blames_option ? 1 : MUSTER_ENV_NO_OPTION_TO_BLAME;
}

int vector_create(const muster_env_setting *settings, void **env, muster_env_error *error) {
  return vector_create_block(settings, 1, env, error);
}

void vector_destroy(void *block) {
  struct vector *vector = block;
  PyObject *closed = vector->bridge != NULL ? PyObject_CallMethod(vector->bridge, "close", NULL) : NULL;
  PyErr_Clear(); /* nobody is left to whom it matters */
  Py_XDECREF(closed);
  action_close(&vector->actions);
  action_close(&vector->action);
  observation_close(&vector->observation);
  Py_XDECREF(vector->step);
  Py_XDECREF(vector->reset_row);
  Py_XDECREF(vector->mask_key);
  Py_XDECREF(vector->bridge);
  free(vector->scratch);
  free(vector);
}

void vector_describe(const void *block, muster_env_spec *spec) {
  const struct vector *vector = block;
  spec->observation = vector->observation.space;
  spec->action = vector->action.space;
  spec->agents = 1;
  spec->max_steps = vector->max_steps;
  spec->reward_threshold = vector->threshold;
  spec->masks_actions = vector->choices > 0;
  spec->state_bytes = 0;
}

/* ---- reset ---- */

/* the masks of `rows` rows from info, `stride` bytes apart; where it has none, everything is allowed */
static int read_masks(const struct vector *vector, PyObject *info, size_t rows, uint8_t *out, size_t stride) {
  if (vector->choices == 0) return 0;
  PyObject *mask = PyDict_Check(info) ? PyDict_GetItemWithError(info, vector->mask_key) : NULL;
  if (mask == NULL && PyErr_Occurred() != NULL) return -1;
  uint8_t *read = vector->scratch;
  if (mask == NULL)
    memset(read, 1, rows * vector->choices);
  else if (mask_read(mask, rows * vector->choices, read) != 0)
    return -1;
  for (size_t i = 0; i < rows; i++) memcpy(out + i * stride, read + i * vector->choices, vector->choices);
  return 0;
}

int vector_reset_row(void *block, int32_t row, muster_random *random, muster_env_result *result,
                     muster_env_error *error) {
  struct vector *vector = block;
  /* as for single environments: 31 bits */
  PyObject *returned = PyObject_CallFunction(vector->reset_row, "ik", row, (unsigned long)(random->next(random) >> 1));
  int failed = returned == NULL ||
               observation_read(&vector->observation, PyTuple_GET_ITEM(returned, 0), result->observation) != 0 ||
               read_masks(vector, PyTuple_GET_ITEM(returned, 1), 1, result->action_mask, 0) != 0;
  Py_XDECREF(returned);
  return failed ? interpreter_fail(true, error) : 0;
}

int vector_reset(void *env, muster_random *random, muster_env_result *result, muster_env_error *error) {
  return vector_reset_row(env, 0, random, result, error);
}

/* ---- step ---- */

/* puts the last observations of rows that ended in the place of those that the reset in the same step gave */
static int read_finals(const struct vector *vector, PyObject *info, const muster_env_block_result *result) {
  for (size_t i = 0; i < vector->rows; i++) {
    if (!result->terminated[i] && !result->truncated[i]) continue;
    PyObject *final = PyObject_CallMethod(vector->bridge, "final", "On", info, (Py_ssize_t)i);
    char *out = (char *)result->observation + i * result->observation_stride;
    int failed = final == NULL || observation_read(&vector->observation, final, out) != 0;
    Py_XDECREF(final);
    if (failed) return -1;
  }
  return 0;
}

/* reads (observations, rewards, terminated, truncated, info) */
static int read_step(const struct vector *vector, PyObject *returned, const muster_env_block_result *result) {
  if (step_check(returned) != 0) return -1;
  struct rows rows = {.n = vector->rows, .scratch = vector->scratch};
  rows.out = result->observation;
  rows.stride = result->observation_stride;
  if (observation_read_rows(&vector->observation, PyTuple_GET_ITEM(returned, 0), &rows) != 0) return -1;
  rows.out = result->reward;
  rows.stride = result->reward_stride;
  if (rewards_read_rows(PyTuple_GET_ITEM(returned, 1), &rows) != 0) return -1;
  if (flags_read_rows(PyTuple_GET_ITEM(returned, 2), vector->rows, result->terminated) != 0) return -1;
  if (flags_read_rows(PyTuple_GET_ITEM(returned, 3), vector->rows, result->truncated) != 0) return -1;
  PyObject *info = PyTuple_GET_ITEM(returned, 4);
  if (vector->is_same_step && read_finals(vector, info, result) != 0) return -1;
  return read_masks(vector, info, vector->rows, result->action_mask, result->action_mask_stride);
}

int vector_step_block(void *block, const void *actions, muster_random *const *randoms, muster_env_block_result *result,
                      muster_env_error *error) {
  (void)randoms; /* rows have their own streams, which resets have seeded */
  struct vector *vector = block;
  PyObject *value = action_make(&vector->actions, actions);
  PyObject *returned = value != NULL ? PyObject_CallOneArg(vector->step, value) : NULL;
  int failed = returned == NULL || read_step(vector, returned, result) != 0;
  Py_XDECREF(returned);
  Py_XDECREF(value);
  return failed ? interpreter_fail(true, error) : 0;
}

int vector_step(void *env, const void *action, muster_random *random, muster_env_result *result,
                muster_env_error *error) {
  float reward = 0.0f;
  uint8_t terminated = 0, truncated = 0;
  muster_env_block_result one = {.observation = result->observation,
                                 .reward = &reward,
                                 .action_mask = result->action_mask,
                                 .terminated = &terminated,
                                 .truncated = &truncated,
                                 .failed_row = -1};
  if (vector_step_block(env, action, &random, &one, error) != 0) return 1;
  result->reward[0] = (double)reward;
  result->terminated = terminated != 0;
  result->truncated = truncated != 0;
  return 0;
}

/* ---- states ---- */

void vector_save_state(const void *env, void *bytes) { vector_save_row(env, 0, bytes); }

int vector_load_state(void *env, const void *bytes, muster_env_error *error) {
  return vector_load_row(env, 0, bytes, error);
}

void vector_save_row(const void *block, int32_t row, void *bytes) {
  (void)block, (void)row, (void)bytes; /* state_bytes is 0: there is nothing to write */
}

int vector_load_row(void *block, int32_t row, const void *bytes, muster_env_error *error) {
  (void)block, (void)bytes;
  return muster_env_fail(error, "row %d of a vector environment cannot take a state", (int)row);
}
