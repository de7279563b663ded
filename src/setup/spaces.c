#include "setup/spaces.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD (2 + MUSTER_SPACE_MAX_RANK)

static size_t counts_of(const muster_space *space) {
  bool discrete = space->kind == MUSTER_SPACE_DISCRETE || space->kind == MUSTER_SPACE_MULTI_DISCRETE;
  return discrete ? muster_space_elements(space) : 0;
}

/* the bounds of a Box, under the names that begin with the space's own */
struct bounds_names {
  char low[64], high[64];
};

static struct bounds_names name_bounds(const char *name) {
  struct bounds_names names;
  snprintf(names.low, sizeof names.low, "%s_low", name);
  snprintf(names.high, sizeof names.high, "%s_high", name);
  return names;
}

static muster_status write_bounds(struct checkpoint_writer *writer, const char *name, const float *bounds,
                                  size_t elements) {
  if (bounds == NULL) return MUSTER_OK;
  struct tensor tensor = {name, TENSOR_F32, 1, {elements}, (void *)bounds, RANGE_NONE};
  return checkpoint_write_tensor(writer, &tensor);
}

static muster_status read_bounds(struct checkpoint_reader *reader, const char *name, size_t elements,
                                 struct arena *arena, const float **bounds) {
  if (!checkpoint_has(reader, name)) return MUSTER_OK;
  /* as many as the file has: a corrupt space may claim to have more than memory can hold */
  struct tensor stored = {.name = name};
  MUSTER_TRY(checkpoint_describe_tensor(reader, &stored));
  if (stored.rank != 1 || stored.shape[0] != elements)
    return status_error(MUSTER_ERROR_FORMAT, "%s are not the bounds of %zu elements", name, elements);
  float *values;
  MUSTER_TRY(ARENA_TAKE(arena, elements, "bounds", &values));
  struct tensor tensor = {name, TENSOR_F32, 1, {elements}, values, RANGE(-INFINITY, INFINITY)};
  MUSTER_TRY(checkpoint_restore_tensor(reader, &tensor));
  *bounds = values;
  return MUSTER_OK;
}

/* kind, rank, shape and counts */
static muster_status write_code(struct checkpoint_writer *writer, const char *name, const muster_space *space) {
  const size_t counts = counts_of(space);
  int32_t *code = calloc(HEAD + counts, sizeof *code);
  if (code == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: a space of %zu elements", counts);
  code[0] = (int32_t)space->kind;
  code[1] = space->rank;
  memcpy(code + 2, space->shape, sizeof space->shape);
  if (counts > 0) memcpy(code + HEAD, space->counts, counts * sizeof *code);
  const struct tensor tensor = {name, TENSOR_I32, 1, {HEAD + counts}, code, RANGE_NONE};
  muster_status status = checkpoint_write_tensor(writer, &tensor);
  free(code);
  return status;
}

muster_status spaces_write(struct checkpoint_writer *writer, const char *name, const muster_space *space) {
  MUSTER_TRY(write_code(writer, name, space));
  if (space->kind != MUSTER_SPACE_BOX) return MUSTER_OK;
  struct bounds_names names = name_bounds(name);
  MUSTER_TRY(write_bounds(writer, names.low, space->low, muster_space_elements(space)));
  return write_bounds(writer, names.high, space->high, muster_space_elements(space));
}

/* Whether what was read is a space: known kind, positive sizes, as many counts as elements. The networks have a row or
 * a column of weights for each choice, so there are at most as many choices as the file can hold weights for:
 * `most`. */
static bool is_space(const muster_space *space, size_t counts, size_t most) {
  if (space->kind < MUSTER_SPACE_BOX || space->kind > MUSTER_SPACE_MULTI_DISCRETE) return false;
  if (space->rank < 0 || space->rank > MUSTER_SPACE_MAX_RANK) return false;
  int64_t elements = 1;
  for (int32_t i = 0; i < space->rank; i++) {
    if (space->shape[i] < 1) return false;
    elements *= space->shape[i];
    if (elements > INT32_MAX) return false;
  }
  if (counts != counts_of(space)) return false;
  size_t choices = 0;
  for (size_t i = 0; i < counts; i++) {
    if (space->counts[i] < 1) return false;
    choices += (size_t)space->counts[i];
  }
  return choices <= most;
}

muster_status spaces_read(struct checkpoint_reader *reader, const char *name, struct arena *arena,
                          muster_space *space) {
  struct tensor tensor = {.name = name};
  MUSTER_TRY(checkpoint_describe_tensor(reader, &tensor));
  if (tensor.type != TENSOR_I32 || tensor.rank != 1 || tensor.shape[0] < HEAD)
    return status_error(MUSTER_ERROR_FORMAT, "%s is not a space", name);
  int32_t *code;
  MUSTER_TRY(ARENA_TAKE(arena, tensor.shape[0], "space", &code));
  tensor.data = code;
  MUSTER_TRY(checkpoint_read_tensor(reader, &tensor));
  *space = (muster_space){.kind = (muster_space_kind)code[0], .rank = code[1], .counts = code + HEAD};
  memcpy(space->shape, code + 2, sizeof space->shape);
  if (!is_space(space, tensor.shape[0] - HEAD, checkpoint_size(reader) / sizeof(float)))
    return status_error(MUSTER_ERROR_FORMAT, "%s is not a space", name);
  if (space->kind != MUSTER_SPACE_BOX) return MUSTER_OK;
  struct bounds_names names = name_bounds(name);
  MUSTER_TRY(read_bounds(reader, names.low, muster_space_elements(space), arena, &space->low));
  return read_bounds(reader, names.high, muster_space_elements(space), arena, &space->high);
}
