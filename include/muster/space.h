/* Spaces: what observations and actions look like. Arrays are row-major. */
#ifndef MUSTER_SPACE_H
#define MUSTER_SPACE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MUSTER_SPACE_MAX_RANK 4

typedef enum muster_space_kind {
  MUSTER_SPACE_BOX = 1,           /* float32 [shape...], between low and high */
  MUSTER_SPACE_BOX_U8 = 2,        /* uint8 [shape...], 0 to 255 (images) */
  MUSTER_SPACE_DISCRETE = 3,      /* one int32 in {0, ..., counts[0] - 1} */
  MUSTER_SPACE_MULTI_DISCRETE = 4 /* int32 [shape[0]], the i-th in {0, ..., counts[i] - 1} */
} muster_space_kind;

/* The arrays belong to whoever filled in the space, and live as long as its environment. */
typedef struct muster_space {
  muster_space_kind kind;
  int32_t rank;                         /* number of dimensions in use; 0 for DISCRETE */
  int32_t shape[MUSTER_SPACE_MAX_RANK]; /* elements along each dimension */
  const float *low, *high;              /* BOX: bounds of each element, [elements]; NULL: unbounded */
  const int32_t *counts;                /* DISCRETE, MULTI_DISCRETE: choices, [elements] */
} muster_space;

/* Number of elements of one value of the space (1 for DISCRETE). */
static inline size_t muster_space_elements(const muster_space *space) {
  size_t elements = 1;
  for (int32_t i = 0; i < space->rank; i++) elements *= (size_t)space->shape[i];
  return elements;
}

/* Bytes of one value of the space. */
static inline size_t muster_space_bytes(const muster_space *space) {
  return muster_space_elements(space) * (space->kind == MUSTER_SPACE_BOX_U8 ? 1 : 4);
}

#ifdef __cplusplus
}
#endif
#endif
