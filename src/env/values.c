#include "env/values.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>

bool values_are_finite(const float *values, size_t n) {
  size_t finite = 0;
  for (size_t i = 0; i < n; i++) finite += fabsf(values[i]) <= FLT_MAX;
  return finite == n;
}

static size_t find_not_finite(const float *values, size_t n) {
  if (values_are_finite(values, n)) return n;
  size_t i = 0;
  while (isfinite(values[i])) i++;
  return i;
}

size_t space_find_wrong(const muster_space *space, const void *values, size_t n) {
  if (space->kind == MUSTER_SPACE_BOX_U8) return n;
  if (space->kind == MUSTER_SPACE_BOX) return find_not_finite(values, n);
  const int32_t *choices = values;
  const size_t elements = muster_space_elements(space);
  for (size_t i = 0; i < n; i++)
    if (choices[i] < 0 || choices[i] >= space->counts[i % elements]) return i;
  return n;
}

void space_describe_wrong(const muster_space *space, const void *values, size_t i, char *text, size_t size) {
  if (space->kind == MUSTER_SPACE_BOX)
    snprintf(text, size, "%g, not a finite number", (double)((const float *)values)[i]);
  else
    snprintf(text, size, "%d, not in 0 to %d", (int)((const int32_t *)values)[i],
             (int)space->counts[i % muster_space_elements(space)] - 1);
}
