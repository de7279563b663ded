/* Observations and actions between Python's objects and muster's arrays, as bridge.py lays them out. */
#ifndef GYMNASIUM_SPACE_H
#define GYMNASIUM_SPACE_H

#include "interpreter.h"

/* how a leaf of an observation is read; the numbers are those of bridge.py */
enum read { READ_NUMBERS, READ_CHOICES, READ_ONE_HOT };

/* A part of an observation that is neither a Dict nor a Tuple. */
struct leaf {
  PyObject *path; /* tuple of the keys and indices that lead to it */
  enum read read;
  Py_ssize_t elements;   /* numbers that Python's value has */
  const int64_t *starts; /* [elements] the least choice; for READ_CHOICES and READ_ONE_HOT */
  const int32_t *counts; /* [elements] choices */
};

struct observation {
  PyObject *layout; /* what bridge.py gave; owns what the space and the leaves point to */
  muster_space space;
  size_t n_leaves;
  struct leaf *leaves; /* [n_leaves] in Gymnasium's order */
  int64_t *choices;    /* scratch for the choices of a leaf */
};

/* how an action is made; the numbers are those of bridge.py */
enum make { MAKE_INT, MAKE_ARRAY, MAKE_COMPOSED };

struct action {
  PyObject *layout;
  muster_space space;
  size_t elements;
  enum make make;
  const int64_t *starts; /* [elements] the least choice */
  PyObject *array;       /* the numpy array that is handed to step() */
  Py_buffer view;        /* its memory */
  Py_ssize_t references; /* to the array while step() does not run: more mean that the environment keeps it */
  PyObject *compose;     /* function that makes a Dict or Tuple of the array */
};

/* Fills in what layouts of bridge.py say; takes the reference to `layout`. On failure a Python exception is pending
 * (-1), and what was filled in has to be released. */
int observation_open(struct observation *observation, PyObject *layout);
void observation_close(struct observation *observation);
int action_open(struct action *action, PyObject *layout);
void action_close(struct action *action);

/* Writes an observation as muster's space says: float, uint8_t or int32_t. -1: a Python exception is pending. */
int observation_read(const struct observation *observation, PyObject *value, void *out);

/* Where the numbers of a block's rows go. */
struct rows {
  size_t n;      /* rows */
  void *out;     /* the first row */
  size_t stride; /* bytes from row to row */
  void *scratch; /* [n] times what observation_scratch() says, and at least a float for each row */
};

/* Bytes of scratch that observation_read_rows() needs for a row. */
size_t observation_scratch(const struct observation *observation);

/* Writes the observations of a block, which Python gives as one batch: arrays with the rows as first dimension. -1: an
 * exception is pending; so for the functions that follow. */
int observation_read_rows(const struct observation *observation, PyObject *value, const struct rows *rows);

/* Writes a reward for each row, as float. */
int rewards_read_rows(PyObject *value, const struct rows *rows);

/* Writes a flag for each row: 0 or 1. */
int flags_read_rows(PyObject *value, size_t n, uint8_t *out);

/* Whether step() has returned a tuple of five. */
int step_check(PyObject *returned);

/* The object for step(): a new reference; NULL: an exception is pending. The array of the last step is used again
 * unless the environment keeps it. */
PyObject *action_make(struct action *action, const void *values);

/* Reads `n` numbers of a mask: 1 where an action is allowed. -1: an exception is pending. */
int mask_read(PyObject *value, size_t n, uint8_t *out);

#endif
