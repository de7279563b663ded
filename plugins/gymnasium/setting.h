/* The settings of an environment, and what bridge.py says of it. */
#ifndef GYMNASIUM_SETTING_H
#define GYMNASIUM_SETTING_H

#include "interpreter.h"

/* settings that are not for the environment itself; no argument in Python can have a dot in its name */
#define SETTING_ID "gymnasium.id"
#define SETTING_FAMILY "gymnasium.family"
#define SETTING_PYTHON "env.python"

/* The value of a setting, borrowed; "" where there is none. */
const char *setting_find(const muster_env_setting *settings, const char *key);

/* A new list of (key, value): the settings that are for the environment itself. NULL: a Python exception is pending. */
PyObject *setting_list(const muster_env_setting *settings);

/* An attribute of an object as a number. Where it is none, a Python exception is pending. */
long long attribute_integer(PyObject *object, const char *name);
double attribute_real(PyObject *object, const char *name);

#endif
