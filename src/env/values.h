/* Whether observations and actions are values of their space. */
#ifndef ENV_VALUES_H
#define ENV_VALUES_H

#include "muster/space.h"

#include <stdbool.h>
#include <stddef.h>

bool values_are_finite(const float *values, size_t n);

/* The index of the first wrong one of n elements, which make up whole values of the space one after another; n where
 * all are right. An element is wrong that is not finite, or not one of its choices. */
size_t space_find_wrong(const muster_space *space, const void *values, size_t n);

/* Writes what is wrong with element i: "nan, not a finite number", "7, not in 0 to 3". */
void space_describe_wrong(const muster_space *space, const void *values, size_t i, char *text, size_t size);

#endif
