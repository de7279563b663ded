/* Plug-ins for tests: a sound one, and those that are wrong in one way each, chosen by VARIANT_ when compiled. */
#include "muster/env.h"

#include <stdlib.h>

static const int32_t counts[] = {2};
static const muster_env_option options[] = {{"start", "1", "first observation"}, {NULL, NULL, NULL}};

static int create(const muster_env_setting *settings, void **env, muster_env_error *error) {
  float *start = malloc(sizeof *start);
  if (start == NULL) return muster_env_fail(error, "out of memory");
  *start = strtof(settings[0].value, NULL);
  *env = start;
  return 0;
}

static void destroy(void *env) { free(env); }

static void describe(const void *env, muster_env_spec *spec) {
  (void)env;
  spec->observation = (muster_space){.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {1}};
  spec->action = (muster_space){.kind = MUSTER_SPACE_DISCRETE, .counts = counts};
  spec->agents = 1;
  spec->max_steps = 5;
}

static int reset(void *env, muster_random *random, muster_env_result *result, muster_env_error *error) {
  (void)random;
  (void)error;
  *(float *)result->observation = *(float *)env;
  return 0;
}

static int step(void *env, const void *action, muster_random *random, muster_env_result *result,
                muster_env_error *error) {
  (void)random;
  (void)error;
  *(float *)result->observation = *(float *)env;
  result->reward[0] = *(const int32_t *)action;
  return 0;
}

#define FUNCTIONS                                                                                                      \
  .options = options, .create = create, .destroy = destroy, .describe = describe, .reset = reset, .step = step
#define TABLE(type_name) .abi = MUSTER_ENV_ABI, .struct_size = sizeof(muster_env_type), .name = type_name, FUNCTIONS

#if defined(VARIANT_sound)
static const muster_env_type one = {TABLE("Plug-v0"), .summary = "a plug-in"}, two = {TABLE("Other-v3")};
MUSTER_ENV_PLUGIN(&one, &two)
#elif defined(VARIANT_abi)
static const muster_env_type one = {
    .abi = MUSTER_ENV_ABI + 41, .struct_size = sizeof(muster_env_type), .name = "Plug-v0", FUNCTIONS};
MUSTER_ENV_PLUGIN(&one)
#elif defined(VARIANT_empty)
const muster_env_type *const *muster_env_types(void) {
  static const muster_env_type *const types[] = {NULL};
  return types;
}
#elif defined(VARIANT_nameless)
static const muster_env_type one = {TABLE(NULL)};
MUSTER_ENV_PLUGIN(&one)
#elif defined(VARIANT_unsized)
static const muster_env_type one = {.abi = MUSTER_ENV_ABI, .struct_size = 0, .name = "Plug-v0", FUNCTIONS};
MUSTER_ENV_PLUGIN(&one)
#elif defined(VARIANT_older)
/* a header without render_text and all that follows: what stands there is not the table's */
static void not_yours(const void *env, char *text, size_t size) {
  (void)env;
  (void)text;
  (void)size;
  abort();
}
static const muster_env_type one = {.abi = MUSTER_ENV_ABI,
                                    .struct_size = offsetof(muster_env_type, render_text),
                                    .name = "Plug-v0",
                                    FUNCTIONS,
                                    .render_text = not_yours};
MUSTER_ENV_PLUGIN(&one)
#elif defined(VARIANT_dies)
/* resets that end the process, the fourth one in its life */
static int deadly_reset(void *env, muster_random *random, muster_env_result *result, muster_env_error *error) {
  static int resets;
  if (++resets == 4) abort();
  return reset(env, random, result, error);
}
static const muster_env_type one = {.abi = MUSTER_ENV_ABI,
                                    .struct_size = sizeof(muster_env_type),
                                    .name = "Plug-v0",
                                    .options = options,
                                    .create = create,
                                    .destroy = destroy,
                                    .describe = describe,
                                    .reset = deadly_reset,
                                    .step = step};
MUSTER_ENV_PLUGIN(&one)
#elif defined(VARIANT_newer)
/* a header with more fields at the end */
static const struct {
  muster_env_type table;
  void *more[8];
} one = {.table = {.abi = MUSTER_ENV_ABI, .struct_size = sizeof one, .name = "Plug-v0", FUNCTIONS}};
MUSTER_ENV_PLUGIN(&one.table)
#else
int no_such_function(void);
int no_such_function(void) { return 0; }
#endif
