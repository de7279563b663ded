/* muster-gymnasium.so: environments of Python's Gymnasium, stepped by an interpreter inside muster's process.
 *
 * Any id of Gymnasium's registry is an environment, so the plug-in lists none: muster_env_find() makes a type for the
 * name that is wanted. Its options are what gymnasium.make() passes on. */
#include "environment.h"
#include "interpreter.h"

#include <stdlib.h>

#define PREFIX "gymnasium:"

/* a type for one name; it stays as long as the process, as the plug-in does */
struct named_type {
  muster_env_type type;
  muster_env_option options[4];
  struct named_type *next;
  char name[]; /* with the prefix */
};

/* the types that were made, so that each name has one */
static struct named_type *made;

static const muster_env_type template = {
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
};

static const muster_env_type *make_type(const char *name, muster_env_error *error) {
  struct named_type *named = calloc(1, sizeof *named + strlen(name) + 1);
  if (named == NULL) return muster_env_fail(error, "out of memory"), NULL;
  strcpy(named->name, name);
  const muster_env_option options[] = {
      {SETTING_ID, named->name + strlen(PREFIX), "what Gymnasium's registry calls it, or module:id"},
      {SETTING_PYTHON, "", "a virtual environment: what env.python says"},
      {MUSTER_ENV_ANY_OPTION, "", "what gymnasium.make() passes to the environment"},
      {NULL, NULL, NULL},
  };
  memcpy(named->options, options, sizeof options);
  named->type = template;
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
  if (strncmp(name, PREFIX, strlen(PREFIX)) != 0 || name[strlen(PREFIX)] == '\0')
    return muster_env_fail(error, "expects " PREFIX " and what Gymnasium calls the environment: " PREFIX "CartPole-v1");
  for (const struct named_type *named = made; named != NULL; named = named->next) {
    if (strcmp(named->name, name) != 0) continue;
    *type = &named->type;
    return 0;
  }
  *type = make_type(name, error);
  return *type == NULL;
}
