#include "interpreter.h"

#include <dlfcn.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* bridge.py, as CMake writes it; ends with a zero */
static const char bridge_text[] = {
#include "bridge.inc"
};

/* CPython has one interpreter in a process, so this is the state of the process */
static struct {
  char python[PATH_MAX]; /* the folder that it was started with */
  PyObject *bridge;      /* the module; NULL: not started */
} interpreter;

/* ---- starting ---- */

/* numpy's and other packages' compiled modules expect Python's symbols in the process, and muster loads plug-ins so
 * that theirs stay hidden */
static void show_symbols(void) {
  Dl_info info;
  if (dladdr((void *)&PyType_Type, &info) == 0) return;
  /* the handle is kept: the library stays as long as the process */
  if (dlopen(info.dli_fname, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD) == NULL) (void)dlerror();
}

/* libraries of packages would start a thread for each core in every rank */
static void limit_threads(void) {
  setenv("OPENBLAS_NUM_THREADS", "1", 0);
  setenv("OMP_NUM_THREADS", "1", 0);
}

/* whether a folder is a virtual environment of this version of Python */
static int check_folder(const char *python, muster_env_error *error) {
  char path[PATH_MAX + 64];
  struct stat info;
  snprintf(path, sizeof path, "%s/pyvenv.cfg", python);
  if (stat(path, &info) != 0)
    return muster_env_fail(error, "env.python: %.150s is no virtual environment: it has no file pyvenv.cfg", python);
  snprintf(path, sizeof path, "%s/lib/python%d.%d", python, PY_MAJOR_VERSION, PY_MINOR_VERSION);
  if (stat(path, &info) == 0) return 0;
  return muster_env_fail(error,
                         "env.python: %.100s is not of Python %d.%d, with which this muster was built: make one with "
                         "python%d.%d -m venv",
                         python, PY_MAJOR_VERSION, PY_MINOR_VERSION, PY_MAJOR_VERSION, PY_MINOR_VERSION);
}

static int fail_to_start(PyStatus status, muster_env_error *error) {
  return muster_env_fail(error, "Python cannot be started: %s",
                         status.err_msg != NULL ? status.err_msg : "no reason given");
}

/* Python's module of signals sets a handler of SIGINT when it is imported first, though none were to be installed: then
 * Ctrl-C would be a KeyboardInterrupt in the middle of a step. Imported here, it does so once, and muster's stays. */
static void keep_signals(void) {
  struct sigaction before;
  sigaction(SIGINT, NULL, &before);
  PyObject *module = PyImport_ImportModule("_signal");
  PyErr_Clear();
  Py_XDECREF(module);
  sigaction(SIGINT, &before, NULL);
}

/* signals, the locale and standard streams stay muster's. The interpreter is the one that libpython belongs to; the
 * packages of a virtual environment are added later, since its own interpreter may be another build of the version. */
static int initialize(muster_env_error *error) {
  PyPreConfig before;
  PyPreConfig_InitPythonConfig(&before);
  before.configure_locale = 0;
  before.utf8_mode = 1;
  PyStatus status = Py_PreInitialize(&before);
  if (PyStatus_Exception(status)) return fail_to_start(status, error);
  PyConfig config;
  PyConfig_InitPythonConfig(&config);
  config.install_signal_handlers = 0;
  config.parse_argv = 0;
  config.buffered_stdio = 0;
  status = PyConfig_SetBytesString(&config, &config.program_name, MUSTER_PYTHON_PROGRAM);
  if (!PyStatus_Exception(status)) status = Py_InitializeFromConfig(&config);
  PyConfig_Clear(&config);
  if (!PyStatus_Exception(status)) keep_signals();
  return PyStatus_Exception(status) ? fail_to_start(status, error) : 0;
}

static int load_bridge(muster_env_error *error) {
  static const char name[] = "muster_gymnasium_bridge";
  PyObject *code = Py_CompileString(bridge_text, name, Py_file_input);
  PyObject *module = code != NULL ? PyImport_ExecCodeModuleEx(name, code, name) : NULL;
  Py_XDECREF(code);
  if (module == NULL) {
    PyErr_Print();
    return muster_env_fail(error, "Python cannot load the plug-in's own module");
  }
  interpreter.bridge = module;
  return 0;
}

static int use_environment(const char *python, muster_env_error *error) {
  if (python[0] == '\0') return 0;
  PyObject *used = PyObject_CallFunction(interpreter_find("use_environment"), "s", python);
  if (used == NULL) return interpreter_fail(false, error);
  Py_DECREF(used);
  return 0;
}

int interpreter_start(const char *python, muster_env_error *error) {
  char folder[PATH_MAX] = "";
  const char *active = getenv("VIRTUAL_ENV"), *wanted = python[0] != '\0' ? python : active != NULL ? active : "";
  if (wanted[0] != '\0' && realpath(wanted, folder) == NULL)
    return muster_env_fail(error, "env.python: there is no folder %.200s", wanted);
  if (interpreter.bridge != NULL) {
    if (strcmp(folder, interpreter.python) == 0) return 0;
    return muster_env_fail(error, "env.python: %.80s cannot be used in a process that uses %.80s already", folder,
                           interpreter.python);
  }
  if (folder[0] != '\0' && check_folder(folder, error) != 0) return 1;
  show_symbols();
  limit_threads();
  if (!Py_IsInitialized() && initialize(error) != 0) return 1;
  strcpy(interpreter.python, folder);
  if (load_bridge(error) != 0) return 1;
  return use_environment(folder, error);
}

PyObject *interpreter_find(const char *name) {
  return PyDict_GetItemString(PyModule_GetDict(interpreter.bridge), name);
}

/* ---- errors ---- */

/* the exception that is pending, which is no longer pending then; owned by the caller */
static PyObject *take_exception(void) {
  PyObject *type, *value, *trace;
  PyErr_Fetch(&type, &value, &trace);
  PyErr_NormalizeException(&type, &value, &trace);
  if (value != NULL && trace != NULL) PyException_SetTraceback(value, trace);
  Py_XDECREF(type);
  Py_XDECREF(trace);
  return value;
}

static int fail(bool shows, bool *blames_option, muster_env_error *error) {
  PyObject *exception = take_exception();
  const int size = (int)sizeof error->text - 1;
  PyObject *told =
      exception == NULL ? NULL : PyObject_CallFunction(interpreter_find("describe"), "Oii", exception, size, shows);
  PyObject *text = told != NULL ? PyTuple_GetItem(told, 0) : NULL;
  const char *shown = text != NULL ? PyUnicode_AsUTF8(text) : NULL;
  *blames_option = told != NULL && PyObject_IsTrue(PyTuple_GetItem(told, 1)) == 1;
  muster_env_fail(error, "%s", shown != NULL ? shown : "a Python exception that cannot be shown");
  PyErr_Clear();
  Py_XDECREF(told);
  Py_XDECREF(exception);
  return 1;
}

int interpreter_fail(bool shows, muster_env_error *error) {
  bool blames_option;
  return fail(shows, &blames_option, error);
}

int interpreter_fail_blaming(bool *blames_option, muster_env_error *error) { return fail(false, blames_option, error); }
