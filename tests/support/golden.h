/* Reads reference data from tests/golden/. If something is missing, the running case fails with a message that names
 * it. */
#ifndef SUPPORT_GOLDEN_H
#define SUPPORT_GOLDEN_H

#include <stddef.h>

#define GOLDEN_MAX_RANK 4

/* A dataset as doubles, row-major. */
struct golden {
  size_t rank; /* 0 for a scalar */
  size_t shape[GOLDEN_MAX_RANK];
  size_t n;       /* elements */
  double *values; /* [n], owned: golden_free() */
};

/* Reads a dataset of numbers of any type; `file` is relative to tests/golden/, `dataset` a path such as "ctl/state". */
struct golden golden_read(const char *file, const char *dataset);
void golden_free(struct golden *golden); /* accepts a zeroed one */

/* A dataset as floats, for the caller to free; `n`: how many, or NULL. And the size of one of its dimensions. */
float *golden_floats(const char *file, const char *dataset, size_t *n);
size_t golden_size(const char *file, const char *dataset, size_t dimension);

/* A scalar attribute of a group ("/" for the file's own) or of a dataset. */
double golden_attribute(const char *file, const char *object, const char *name);

/* The same for a text of fixed length (numpy.bytes_), copied into text[size]. */
void golden_text(const char *file, const char *object, const char *name, char *text, size_t size);

#endif
