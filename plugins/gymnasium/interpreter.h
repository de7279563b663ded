/* The CPython interpreter of this process, and what bridge.py offers. One interpreter serves all environments;
 * isolation gives each child process its own. The thread that starts it keeps Python's lock. */
#ifndef GYMNASIUM_INTERPRETER_H
#define GYMNASIUM_INTERPRETER_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "muster/env.h"

/* Functions return 0, or 1 with a text in `error`, as those of muster/env.h do. */

/* Starts the interpreter, with the packages of the virtual environment in folder `python` ("": the one that is
 * activated, else those of the interpreter that muster was built with), and loads bridge.py. Does nothing where it runs
 * already; fails where it runs with another folder. */
int interpreter_start(const char *python, muster_env_error *error);

/* A function or class of bridge.py; borrowed. */
PyObject *interpreter_find(const char *name);

/* Takes the exception that is pending, and puts its text and its traceback's last lines into `error`. Returns 1.
 * `shows`: the whole traceback is written to standard error, too. */
int interpreter_fail(bool shows, muster_env_error *error);

/* The same, and tells whether the exception blames an option. */
int interpreter_fail_blaming(bool *blames_option, muster_env_error *error);

#endif
