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
#elif defined(VARIANT_finds)
/* it lists nothing and makes environments of any name that begins with "Any", which take any option */
static const muster_env_option any_options[] = {
    {"start", "1", "first observation"}, {MUSTER_ENV_ANY_OPTION, "", "whatever"}, {NULL, NULL, NULL}};
static int create_any(const muster_env_setting *settings, void **env, muster_env_error *error) {
  for (const muster_env_setting *setting = settings; setting->key != NULL; setting++)
    if (strcmp(setting->key, "licence") == 0) {
      muster_env_fail(error, "no licence of %s is left", setting->value);
      return MUSTER_ENV_NO_OPTION_TO_BLAME;
    }
  return create(settings, env, error);
}
static const muster_env_type one = {.abi = MUSTER_ENV_ABI,
                                    .struct_size = sizeof(muster_env_type),
                                    .name = "Any",
                                    .options = any_options,
                                    .create = create_any,
                                    .destroy = destroy,
                                    .describe = describe,
                                    .reset = reset,
                                    .step = step};
const muster_env_type *const *muster_env_types(void) {
  static const muster_env_type *const types[] = {NULL};
  return types;
}
int muster_env_find(const char *name, const muster_env_type **type, muster_env_error *error) {
  if (strncmp(name, "Any", 3) != 0) return muster_env_fail(error, "names here begin with Any");
  *type = &one;
  return 0;
}
#elif defined(VARIANT_nameless)
static const muster_env_type one = {TABLE(NULL)};
MUSTER_ENV_PLUGIN(&one)
#elif defined(VARIANT_unsized)
static const muster_env_type one = {.abi = MUSTER_ENV_ABI, .struct_size = 0, .name = "Plug-v0", FUNCTIONS};
MUSTER_ENV_PLUGIN(&one)
#elif defined(VARIANT_older)
/* an environment from a header without render_text and all that follows: what is in memory after it does not belong to
 * the table */
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
/* resets; the fourth one of a process ends it */
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
#elif defined(VARIANT_unusable)
/* environments that nobody can use: one for each fault that is found before a run */
static int create_nothing(const muster_env_setting *settings, void **env, muster_env_error *error) {
  (void)settings;
  (void)env;
  (void)error;
  return 0;
}
static int create_without_a_word(const muster_env_setting *settings, void **env, muster_env_error *error) {
  (void)settings;
  (void)env;
  (void)error;
  return 1;
}
static void describe_wrapping(const void *env, muster_env_spec *spec) {
  describe(env, spec);
  spec->observation.rank = 4;
  for (int i = 0; i < 4; i++) spec->observation.shape[i] = 65536;
}
static void describe_reversed(const void *env, muster_env_spec *spec) {
  static const float low[] = {1.0f}, high[] = {-1.0f};
  describe(env, spec);
  spec->observation.low = low;
  spec->observation.high = high;
}
static void describe_huge(const void *env, muster_env_spec *spec) {
  describe(env, spec);
  spec->observation.shape[0] = 2147483647;
  spec->agents = 100000;
}
#define UNUSABLE(type_name, create_it, describe_it)                                                                    \
  {                                                                                                                    \
    .abi = MUSTER_ENV_ABI, .struct_size = sizeof(muster_env_type), .name = type_name, .options = options,              \
    .create = create_it, .destroy = destroy, .describe = describe_it, .reset = reset, .step = step                     \
  }
static const muster_env_type nothing = UNUSABLE("Nothing-v0", create_nothing, describe),
                             wordless = UNUSABLE("Wordless-v0", create_without_a_word, describe),
                             wraps = UNUSABLE("Wraps-v0", create, describe_wrapping),
                             reversed = UNUSABLE("Reversed-v0", create, describe_reversed),
                             huge = UNUSABLE("Huge-v0", create, describe_huge);
MUSTER_ENV_PLUGIN(&nothing, &wordless, &wraps, &reversed, &huge)
#elif defined(VARIANT_wide)
/* more elements than most simulators have */
enum { ELEMENTS = 5000 };
static int32_t pairs[ELEMENTS];
static void describe_wide(const void *env, muster_env_spec *spec) {
  describe(env, spec);
  for (int i = 0; i < ELEMENTS; i++) pairs[i] = 2 + i % 3;
  spec->action = (muster_space){.kind = MUSTER_SPACE_MULTI_DISCRETE, .rank = 1, .shape = {ELEMENTS}, .counts = pairs};
}
static const muster_env_type one = {.abi = MUSTER_ENV_ABI,
                                    .struct_size = sizeof(muster_env_type),
                                    .name = "Wide-v0",
                                    .options = options,
                                    .create = create,
                                    .destroy = destroy,
                                    .describe = describe_wide,
                                    .reset = reset,
                                    .step = step};
MUSTER_ENV_PLUGIN(&one)
#elif defined(VARIANT_fails)
/* prints all the time, and fails in the third step */
static int talking_step(void *env, const void *action, muster_random *random, muster_env_result *result,
                        muster_env_error *error) {
  static int steps;
  printf("{\"step\": %d}\n", ++steps);
  if (steps >= 3) return muster_env_fail(error, "%d steps are enough", steps);
  return step(env, action, random, result, error);
}
static const muster_env_type one = {.abi = MUSTER_ENV_ABI,
                                    .struct_size = sizeof(muster_env_type),
                                    .name = "Fails-v0",
                                    .options = options,
                                    .create = create,
                                    .destroy = destroy,
                                    .describe = describe,
                                    .reset = reset,
                                    .step = talking_step};
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
