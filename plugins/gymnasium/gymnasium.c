/* muster-gymnasium.so: environments of Python's Gymnasium, stepped by an interpreter inside muster's process.
 *
 * Any id of Gymnasium's registry is an environment, so the plug-in lists none: muster_env_find() makes a type for the
 * name that is wanted. Its options are what gymnasium.make() passes on. So for vector environments, which step as
 * blocks. */
#include "environment.h"
#include "interpreter.h"
#include "setting.h"
#include "vector.h"

#include <stdlib.h>

/* a type for one name; it stays as long as the process, as the plug-in does */
struct named_type {
  muster_env_type type;
  muster_env_option options[5];
  struct named_type *next;
  char name[]; /* with the prefix */
};

/* the types that were made, so that each name has one */
static struct named_type *made;

static const muster_env_type single = {
    .abi = MUSTER_ENV_ABI,
    .struct_size = sizeof(muster_env_type),
    .summary = "an environment of Python's Gymnasium",
    .create = environment_create,
    .destroy = environment_destroy,
    .describe = environment_describe,
    .reset = environment_reset,
    .step = environment_step,
    .save_state = environment_save_state,
    .load_state = environment_load_state,
    .has_saved = environment_has_saved,
    .set_option = environment_set_option,
};

static const muster_env_type block = {
    .abi = MUSTER_ENV_ABI,
    .struct_size = sizeof(muster_env_type),
    .summary = "environments of Python that step at once",
    .create = vector_create,
    .destroy = vector_destroy,
    .describe = vector_describe,
    .reset = vector_reset,
    .step = vector_step,
    .save_state = vector_save_state,
    .load_state = vector_load_state,
    .block_create = vector_create_block,
    .block_destroy = vector_destroy,
    .block_describe = vector_describe,
    .block_reset = vector_reset_row,
    .block_step = vector_step_block,
    .block_save_state = vector_save_row,
    .block_load_state = vector_load_row,
};

/* the names that environments can have: "gymnasium:CartPole-v1" */
static const struct family {
  const char *name;
  const muster_env_type *template;
  const char *help;
} families[] = {
    {"gymnasium", &single, "what Gymnasium's registry calls it, or module:id"},
    {"gymnasium-vector", &block, "what gymnasium.make_vec() calls it, or module:id"},
    {"envpool", &block, "what envpool.make() calls it"},
};
#define FAMILIES (sizeof families / sizeof *families)

/* the family of a name, and what follows the colon; NULL: there is none */
static const struct family *find_family(const char *name, const char **id) {
  for (size_t i = 0; i < FAMILIES; i++) {
    const size_t length = strlen(families[i].name);
    if (strncmp(name, families[i].name, length) != 0 || name[length] != ':' || name[length + 1] == '\0') continue;
    *id = name + length + 1;
    return &families[i];
  }
  return NULL;
}

static const muster_env_type *make_type(const struct family *family, const char *name, const char *id,
                                        muster_env_error *error) {
  struct named_type *named = calloc(1, sizeof *named + strlen(name) + 1);
  if (named == NULL) return muster_env_fail(error, "out of memory"), NULL;
  strcpy(named->name, name);
  const muster_env_option options[] = {
      {SETTING_ID, named->name + (id - name), family->help},
      {SETTING_FAMILY, family->name, "who makes it"},
      {SETTING_PYTHON, "", "a virtual environment: what env.python says"},
      {MUSTER_ENV_ANY_OPTION, "", "what the function that makes it gets"},
      {NULL, NULL, NULL},
  };
  memcpy(named->options, options, sizeof options);
  named->type = *family->template;
  named->type.name = named->name;
  named->type.options = named->options;
  named->next = made;
  made = named;
  return &named->type;
}

const muster_env_type *const *muster_env_types(void) {
  static const muster_env_type *const none[] = {NULL};
  return none;
}

int muster_env_find(const char *name, const muster_env_type **type, muster_env_error *error) {
  const char *id;
  const struct family *family = find_family(name, &id);
  if (family == NULL)
    return muster_env_fail(error,
                           "expects gymnasium:, gymnasium-vector: or envpool:, and what it is called there, such "
                           "as gymnasium:CartPole-v1");
  for (const struct named_type *named = made; named != NULL; named = named->next) {
    if (strcmp(named->name, name) != 0) continue;
    *type = &named->type;
    return 0;
  }
  *type = make_type(family, name, id, error);
  return *type == NULL;
}
