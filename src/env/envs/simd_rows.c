#include "env/envs/simd_rows.h"

#include <math.h>
#include <stdlib.h>

int simd_rows_create(int32_t n, int32_t variables, double parameter, simd_rows_advance *advance, void **out,
                     muster_env_error *error) {
  size_t padded = ((size_t)n + SIMD_ROWS_GROUP - 1) / SIMD_ROWS_GROUP * SIMD_ROWS_GROUP;
  size_t bytes = (size_t)variables * padded * sizeof(double);
  struct simd_rows *block = malloc(sizeof *block);
  double *values = aligned_alloc(64, bytes);
  if (block == NULL || values == NULL) {
    free(block);
    free(values);
    return muster_env_fail(error, "out of memory for %d environments", (int)n);
  }
  memset(values, 0, bytes);
  *block = (struct simd_rows){.n = n, .variables = variables, .parameter = parameter, .advance = advance};
  for (int32_t i = 0; i < variables; i++) block->values[i] = values + (size_t)i * padded;
  *out = block;
  return 0;
}

void simd_rows_destroy(void *self) {
  struct simd_rows *block = self;
  if (block == NULL) return;
  free(block->values[0]);
  free(block);
}

void simd_rows_save_state(const void *self, int32_t row, void *bytes) {
  const struct simd_rows *block = self;
  double state[SIMD_ROWS_MAX_VARIABLES];
  for (int32_t i = 0; i < block->variables; i++) state[i] = block->values[i][row];
  memcpy(bytes, state, (size_t)block->variables * sizeof *state);
}

void simd_rows_set_row(struct simd_rows *block, int32_t row, const double *state) {
  for (int32_t i = 0; i < block->variables; i++) block->values[i][row] = state[i];
}

int32_t simd_rows_wrong_choice(int32_t n, const int32_t *actions, int32_t choices) {
  uint32_t wrong = 0;
  for (int32_t i = 0; i < n; i++) wrong |= (uint32_t)actions[i] >= (uint32_t)choices;
  for (int32_t i = 0; wrong && i < n; i++)
    if ((uint32_t)actions[i] >= (uint32_t)choices) return i;
  return -1;
}

int32_t simd_rows_wrong_number(int32_t n, const float *actions) {
  uint32_t wrong = 0;
  for (int32_t i = 0; i < n; i++) wrong |= !isfinite(actions[i]);
  for (int32_t i = 0; wrong && i < n; i++)
    if (!isfinite(actions[i])) return i;
  return -1;
}
