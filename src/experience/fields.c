#include "experience/fields.h"

#include "env/block.h"

#include <string.h>

static enum tensor_type type_of(const muster_space *space) {
  if (space->kind == MUSTER_SPACE_BOX) return TENSOR_F32;
  return space->kind == MUSTER_SPACE_BOX_U8 ? TENSOR_U8 : TENSOR_I32;
}

static size_t choices(const muster_env_spec *env) { return env->masks_actions ? env_block_choices(&env->action) : 0; }

/* what the lines of the table say of an entry */
#define OF_SPACE(of) .type = type_of(of), .elements = muster_space_elements(of), .space = (of)
#define NUMBER(of) .type = TENSOR_##of, .elements = 1, .is_number = true
#define NUMBERS(of, count) .type = TENSOR_##of, .elements = (count)

#define LIST(c_type, id, text, entry, of, at, for_uses, within)                                                        \
  {.name = #id, .what = (text), entry, .rows = FIELD_OF_##of, .steps = FIELD_##at, .uses = (for_uses), .range = within},

static void find_bytes(struct field *fields, int count) {
  for (int i = 0; i < count; i++)
    fields[i].bytes = tensor_bytes(&(struct tensor){.type = fields[i].type, .rank = 1, .shape = {fields[i].elements}});
}

void step_fields_list(const muster_env_spec *env, size_t n_steps, struct field fields[STEP_FIELD_COUNT]) {
  const struct field all[] = {STEP_FIELDS(LIST)};
  memcpy(fields, all, sizeof all);
  find_bytes(fields, STEP_FIELD_COUNT);
}

void final_fields_list(const muster_env_spec *env, size_t n_steps, struct field fields[FINAL_FIELD_COUNT]) {
  const struct field all[] = {FINAL_FIELDS(LIST)};
  memcpy(fields, all, sizeof all);
  find_bytes(fields, FINAL_FIELD_COUNT);
}
