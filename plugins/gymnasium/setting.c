#include "setting.h"

#include <string.h>

const char *setting_find(const muster_env_setting *settings, const char *key) {
  for (; settings->key != NULL; settings++)
    if (strcmp(settings->key, key) == 0) return settings->value;
  return "";
}

PyObject *setting_list(const muster_env_setting *settings) {
  PyObject *list = PyList_New(0);
  for (; list != NULL && settings->key != NULL; settings++) {
    if (strchr(settings->key, '.') != NULL) continue;
    PyObject *pair = Py_BuildValue("(ss)", settings->key, settings->value);
    if (pair == NULL || PyList_Append(list, pair) != 0) Py_CLEAR(list);
    Py_XDECREF(pair);
  }
  return list;
}

long long attribute_integer(PyObject *object, const char *name) {
  PyObject *value = PyObject_GetAttrString(object, name);
  long long number = value != NULL ? PyLong_AsLongLong(value) : -1;
  Py_XDECREF(value);
  return number;
}

double attribute_real(PyObject *object, const char *name) {
  PyObject *value = PyObject_GetAttrString(object, name);
  double number = value != NULL ? PyFloat_AsDouble(value) : -1;
  Py_XDECREF(value);
  return number;
}
