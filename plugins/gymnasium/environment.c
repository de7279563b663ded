#include "environment.h"

#include "setting.h"
#include "space.h"

#include <math.h>
#include <stdlib.h>

/* where action masks come from; the numbers are those of bridge.py */
enum masks { MASKS_NONE, MASKS_IN_INFO, MASKS_METHOD };

struct environment {
  PyObject *bridge; /* the Environment of bridge.py */
  PyObject *step, *reset, *mask_call;
  PyObject *seed_names; /* ("seed",) */
  PyObject *mask_key;   /* "action_mask" */
  struct observation observation;
  struct action action;
  enum masks masks;
  size_t choices; /* of all elements of an action */
  int32_t max_steps;
  double threshold;
  size_t state_bytes;
  bool has_saved; /* whether the last save_state() saved one */
};

/* ---- creation ---- */

/* makes the environment in Python */
static int make(struct environment *env, const muster_env_setting *settings) {
  PyObject *options = setting_list(settings);
  if (options == NULL) return -1;
  env->bridge =
      PyObject_CallFunction(interpreter_find("Environment"), "sO", setting_find(settings, SETTING_ID), options);
  Py_DECREF(options);
  return env->bridge == NULL ? -1 : 0;
}

/* takes over what bridge.py found out about it */
static int take_over(struct environment *env) {
  PyObject *bridge = env->bridge, *layout;
  if ((env->step = PyObject_GetAttrString(bridge, "step")) == NULL) return -1;
  if ((env->reset = PyObject_GetAttrString(bridge, "reset")) == NULL) return -1;
  if ((env->mask_call = PyObject_GetAttrString(bridge, "mask_call")) == NULL) return -1;
  if ((env->seed_names = Py_BuildValue("(s)", "seed")) == NULL) return -1;
  if ((env->mask_key = PyUnicode_InternFromString("action_mask")) == NULL) return -1;
  if ((layout = PyObject_GetAttrString(bridge, "observation")) == NULL) return -1;
  if (observation_open(&env->observation, layout) != 0) return -1;
  if ((layout = PyObject_GetAttrString(bridge, "action")) == NULL) return -1;
  if (action_open(&env->action, layout) != 0) return -1;
  env->masks = (enum masks)attribute_integer(bridge, "masks");
  env->max_steps = (int32_t)attribute_integer(bridge, "max_steps");
  env->threshold = attribute_real(bridge, "threshold");
  env->state_bytes = (size_t)attribute_integer(bridge, "state_bytes");
  for (size_t i = 0; env->masks != MASKS_NONE && i < env->action.elements; i++)
    env->choices += (size_t)env->action.space.counts[i];
  return PyErr_Occurred() != NULL ? -1 : 0;
}

int environment_create(const muster_env_setting *settings, void **out, muster_env_error *error) {
  if (interpreter_start(setting_find(settings, SETTING_PYTHON), error) != 0) return MUSTER_ENV_NO_OPTION_TO_BLAME;
  struct environment *env = calloc(1, sizeof *env);
  if (env == NULL) return muster_env_fail(error, "out of memory");
  if (make(env, settings) == 0 && take_over(env) == 0) {
    *out = env;
    return 0;
  }
  bool blames_option;
  interpreter_fail_blaming(&blames_option, error);
  environment_destroy(env);
  return blames_option ? 1 : MUSTER_ENV_NO_OPTION_TO_BLAME;
}

void environment_destroy(void *handle) {
  struct environment *env = handle;
  PyObject *closed = env->bridge != NULL ? PyObject_CallMethod(env->bridge, "close", NULL) : NULL;
  PyErr_Clear(); /* nobody is left to whom it matters */
  Py_XDECREF(closed);
  action_close(&env->action);
  observation_close(&env->observation);
  Py_XDECREF(env->step);
  Py_XDECREF(env->reset);
  Py_XDECREF(env->mask_call);
  Py_XDECREF(env->seed_names);
  Py_XDECREF(env->mask_key);
  Py_XDECREF(env->bridge);
  free(env);
}

void environment_describe(const void *handle, muster_env_spec *spec) {
  const struct environment *env = handle;
  spec->observation = env->observation.space;
  spec->action = env->action.space;
  spec->agents = 1;
  spec->max_steps = env->max_steps;
  spec->reward_threshold = env->threshold;
  spec->masks_actions = env->masks != MASKS_NONE;
  spec->state_bytes = env->state_bytes;
}

/* ---- reset and step ---- */

/* the mask of the current state; where the environment gives none, everything is allowed */
static int read_mask(const struct environment *env, PyObject *info, uint8_t *out) {
  if (env->masks == MASKS_NONE) return 0;
  PyObject *mask = NULL;
  if (env->masks == MASKS_METHOD)
    mask = PyObject_CallNoArgs(env->mask_call);
  else if (PyDict_Check(info))
    mask = Py_XNewRef(PyDict_GetItemWithError(info, env->mask_key));
  if (mask == NULL && PyErr_Occurred() != NULL) return -1;
  if (mask == NULL) {
    memset(out, 1, env->choices);
    return 0;
  }
  int failed = mask_read(mask, env->choices, out);
  Py_DECREF(mask);
  return failed;
}

/* reads (observation, info) */
static int read_start(const struct environment *env, PyObject *returned, const muster_env_result *result) {
  if (!PyTuple_Check(returned) || PyTuple_GET_SIZE(returned) != 2) {
    PyErr_SetString(PyExc_TypeError, "reset() has to return (observation, info)");
    return -1;
  }
  if (observation_read(&env->observation, PyTuple_GET_ITEM(returned, 0), result->observation) != 0) return -1;
  return read_mask(env, PyTuple_GET_ITEM(returned, 1), result->action_mask);
}

int environment_reset(void *handle, muster_random *random, muster_env_result *result, muster_env_error *error) {
  struct environment *env = handle;
  /* some environments take no more than 31 bits */
  PyObject *seed = PyLong_FromUnsignedLong(random->next(random) >> 1);
  PyObject *arguments[] = {NULL, seed};
  PyObject *returned =
      seed != NULL ? PyObject_Vectorcall(env->reset, arguments + 1, PY_VECTORCALL_ARGUMENTS_OFFSET, env->seed_names)
                   : NULL;
  int failed = returned == NULL || read_start(env, returned, result) != 0;
  Py_XDECREF(returned);
  Py_XDECREF(seed);
  return failed ? interpreter_fail(true, error) : 0;
}

static int read_flag(PyObject *value, bool *flag) {
  int is_true = value == Py_True ? 1 : value == Py_False ? 0 : PyObject_IsTrue(value);
  *flag = is_true == 1;
  return is_true < 0 ? -1 : 0;
}

/* reads (observation, reward, terminated, truncated, info) */
static int read_step(const struct environment *env, PyObject *returned, muster_env_result *result) {
  if (step_check(returned) != 0) return -1;
  if (observation_read(&env->observation, PyTuple_GET_ITEM(returned, 0), result->observation) != 0) return -1;
  result->reward[0] = PyFloat_AsDouble(PyTuple_GET_ITEM(returned, 1));
  if (result->reward[0] == -1.0 && PyErr_Occurred() != NULL) return -1;
  if (read_flag(PyTuple_GET_ITEM(returned, 2), &result->terminated) != 0) return -1;
  if (read_flag(PyTuple_GET_ITEM(returned, 3), &result->truncated) != 0) return -1;
  return read_mask(env, PyTuple_GET_ITEM(returned, 4), result->action_mask);
}

int environment_step(void *handle, const void *action, muster_random *random, muster_env_result *result,
                     muster_env_error *error) {
  (void)random; /* the environment has its own stream, which reset() has seeded */
  struct environment *env = handle;
  PyObject *value = action_make(&env->action, action);
  PyObject *arguments[] = {NULL, value};
  PyObject *returned =
      value != NULL ? PyObject_Vectorcall(env->step, arguments + 1, 1 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL) : NULL;
  int failed = returned == NULL || read_step(env, returned, result) != 0;
  Py_XDECREF(returned);
  Py_XDECREF(value);
  return failed ? interpreter_fail(true, error) : 0;
}

/* ---- states ---- */

/* the length of the state, in the host's byte order, then its bytes; length 0: it could not be saved */
void environment_save_state(const void *handle, void *bytes) {
  /* that the last state was saved is no part of the environment's own state */
  struct environment *env = (struct environment *)handle;
  uint64_t length = 0;
  PyObject *saved = PyObject_CallMethod(env->bridge, "save", NULL);
  if (saved != NULL && PyBytes_Check(saved)) length = (uint64_t)PyBytes_GET_SIZE(saved);
  env->has_saved = length > 0 && length <= env->state_bytes - sizeof length;
  if (!env->has_saved) length = 0;
  memset(bytes, 0, env->state_bytes);
  memcpy(bytes, &length, sizeof length);
  if (length > 0) memcpy((char *)bytes + sizeof length, PyBytes_AS_STRING(saved), length);
  Py_XDECREF(saved);
  PyErr_Clear();
}

bool environment_has_saved(const void *handle) { return ((const struct environment *)handle)->has_saved; }

int environment_load_state(void *handle, const void *bytes, muster_env_error *error) {
  struct environment *env = handle;
  uint64_t length;
  memcpy(&length, bytes, sizeof length);
  if (length == 0 || length > env->state_bytes - sizeof length)
    return muster_env_fail(error, "a state of %llu bytes is not one of the %zu that it may have",
                           (unsigned long long)length, env->state_bytes - sizeof length);
  PyObject *loaded =
      PyObject_CallMethod(env->bridge, "load", "y#", (const char *)bytes + sizeof length, (Py_ssize_t)length);
  if (loaded == NULL) return interpreter_fail(false, error);
  Py_DECREF(loaded);
  return 0;
}

/* ---- options ---- */

int environment_set_option(void *handle, const char *key, double value, muster_env_error *error) {
  struct environment *env = handle;
  PyObject *set = PyObject_CallMethod(env->bridge, "set_option", "sd", key, value);
  if (set == NULL) return interpreter_fail(false, error);
  Py_DECREF(set);
  return 0;
}
