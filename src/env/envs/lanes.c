#include "env/envs/lanes.h"

#include <math.h>
#include <stdlib.h>

int lanes_create(int32_t n, int32_t variables, double parameter, lanes_advance *advance, void **out,
                 muster_env_error *error) {
  size_t padded = ((size_t)n + LANES_GROUP - 1) / LANES_GROUP * LANES_GROUP;
  size_t bytes = (size_t)variables * padded * sizeof(double);
  struct lanes *lanes = malloc(sizeof *lanes);
  double *values = aligned_alloc(64, bytes);
  if (lanes == NULL || values == NULL) {
    free(lanes);
    free(values);
    return muster_env_fail(error, "out of memory for %d environments", (int)n);
  }
  memset(values, 0, bytes);
  *lanes = (struct lanes){.n = n, .variables = variables, .parameter = parameter, .advance = advance};
  for (int32_t i = 0; i < variables; i++) lanes->values[i] = values + (size_t)i * padded;
  *out = lanes;
  return 0;
}

void lanes_destroy(void *self) {
  struct lanes *lanes = self;
  if (lanes == NULL) return;
  free(lanes->values[0]);
  free(lanes);
}

void lanes_save_state(const void *self, int32_t row, void *bytes) {
  const struct lanes *lanes = self;
  double state[LANES_MAX_VARIABLES];
  for (int32_t i = 0; i < lanes->variables; i++) state[i] = lanes->values[i][row];
  memcpy(bytes, state, (size_t)lanes->variables * sizeof *state);
}

void lanes_set_row(struct lanes *lanes, int32_t row, const double *state) {
  for (int32_t i = 0; i < lanes->variables; i++) lanes->values[i][row] = state[i];
}

int32_t lanes_wrong_choice(int32_t n, const int32_t *actions, int32_t choices) {
  uint32_t wrong = 0;
  for (int32_t i = 0; i < n; i++) wrong |= (uint32_t)actions[i] >= (uint32_t)choices;
  for (int32_t i = 0; wrong && i < n; i++)
    if ((uint32_t)actions[i] >= (uint32_t)choices) return i;
  return -1;
}

int32_t lanes_wrong_number(int32_t n, const float *actions) {
  uint32_t wrong = 0;
  for (int32_t i = 0; i < n; i++) wrong |= !isfinite(actions[i]);
  for (int32_t i = 0; wrong && i < n; i++)
    if (!isfinite(actions[i])) return i;
  return -1;
}
