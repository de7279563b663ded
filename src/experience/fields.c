#include "experience/fields.h"

#include "env/block.h"
#include "env/pool.h"

#include <string.h>

enum tensor_type field_space_type(const muster_space *space) {
  if (space->kind == MUSTER_SPACE_BOX) return TENSOR_F32;
  return space->kind == MUSTER_SPACE_BOX_U8 ? TENSOR_U8 : TENSOR_I32;
}

void fields_resolve(const struct field *lines, int count, struct field *fields) {
  for (int i = 0; i < count; i++) {
    fields[i] = lines[i];
    fields[i].bytes = fields[i].elements * tensor_bytes(&(struct tensor){.type = fields[i].type});
  }
}

static size_t choices(const muster_env_spec *env) { return env->masks_actions ? env_block_choices(&env->action) : 0; }

void step_fields_list(const muster_env_spec *env, size_t n_steps, struct field fields[STEP_FIELD_COUNT]) {
  const struct field lines[] = {STEP_FIELDS(FIELD_LINE)};
  fields_resolve(lines, STEP_FIELD_COUNT, fields);
}

void final_fields_list(const muster_env_spec *env, size_t n_steps, struct field fields[FINAL_FIELD_COUNT]) {
  const struct field lines[] = {FINAL_FIELDS(FIELD_LINE)};
  fields_resolve(lines, FINAL_FIELD_COUNT, fields);
}

struct tensor field_tensor(const struct field *field, const char *name, void *array, size_t rows, size_t n_steps) {
  struct tensor tensor = {.name = name, .type = field->type, .data = array, .range = field->range};
  tensor.shape[tensor.rank++] = rows;
  if (field->steps != FIELD_ONCE) tensor.shape[tensor.rank++] = field_entries(field, n_steps);
  if (!field->is_number) tensor.shape[tensor.rank++] = field->elements;
  return tensor;
}

struct tensor field_row_tensor(const struct field *field, const struct tensor *tensor) {
  struct tensor flat = *tensor;
  for (; flat.rank > 2; flat.rank--) flat.shape[1] *= flat.shape[flat.rank - 1];
  if (field->space == NULL) return flat;
  flat.shape[1] *= field->bytes / field->elements;
  flat.type = TENSOR_U8;
  return flat;
}
