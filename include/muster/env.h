/* The environment interface: how a simulator becomes something that muster can train on.
 *
 * An environment is a table of functions, `muster_env_type`. The contract:
 *   - The caller owns all buffers. An environment writes its observation straight into the trajectory.
 *   - `terminated` (the task ended) and `truncated` (the episode was cut short) are separate. An environment need not
 *     count steps: muster truncates at `max_steps` itself. The last observation of an episode is what step() wrote;
 *     muster copies it before it calls reset().
 *   - The random numbers handed to reset() and step() are a stream of that environment and that episode alone; an
 *     environment uses no others. An episode depends on them and on its actions only: after reset() nothing is left of
 *     earlier episodes.
 *   - A function that can fail returns 0 when all is well. Otherwise it writes a text into `error` and returns 1, most
 *     easily with `return muster_env_fail(error, "...", ...)`. It never exits the process.
 *   - Calls on one environment never overlap; different environments may run on different ranks. No mutable globals.
 */
#ifndef MUSTER_ENV_H
#define MUSTER_ENV_H

#include "muster/canvas.h"
#include "muster/random.h"
#include "muster/space.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Increased when a field changes its meaning; fields added at the end of a table only change `struct_size`. */
#define MUSTER_ENV_ABI 1

/* Where a failing environment function writes its text. */
typedef struct muster_env_error {
  char text[256];
} muster_env_error;

/* Formats `error` and returns 1. A blank text is replaced by one that says that the environment gave no text. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static inline int
muster_env_fail(muster_env_error *error, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error->text, sizeof error->text, format, arguments);
  va_end(arguments);
  if (error->text[strspn(error->text, " \t\r\n")] == '\0')
    snprintf(error->text, sizeof error->text, "it failed without a text: muster_env_fail() wants one");
  return 1;
}

/* One option that an environment takes, for example {"gravity", "9.8", "m/s^2, pulls the pole down"}. */
typedef struct muster_env_option {
  const char *key, *default_value, *help;
} muster_env_option;

/* An option with this key says that the type takes any others, too. Its default_value is not used. */
#define MUSTER_ENV_ANY_OPTION "*"

/* A key and its value for create(), which gets one for every option that the type lists: the user's value or the
 * default; and, where it takes any, those that the user gave. */
typedef struct muster_env_setting {
  const char *key, *value;
} muster_env_setting;

/* What an environment looks like from outside. Filled by describe(); arrays are borrowed from the environment. */
typedef struct muster_env_spec {
  size_t struct_size; /* sizeof(muster_env_spec), set by the caller */
  muster_space observation, action;
  int32_t agents;          /* rows that one environment adds to the batch; 1 for most */
  int32_t max_steps;       /* muster truncates an episode after this many steps; 0: no limit */
  double reward_threshold; /* mean return at which the task counts as solved; NAN: none */
  bool masks_actions;      /* whether `action_mask` is written */
  size_t state_bytes;      /* bytes that save_state() writes; 0: the state can't be saved */
} muster_env_spec;

/* What reset() and step() hand back. The caller owns the buffers and has set every pointer. */
typedef struct muster_env_result {
  void *observation;    /* [agents, observation elements], float, uint8_t or int32_t, as the space says */
  double *reward;       /* [agents]; not written by reset() */
  uint8_t *action_mask; /* [agents, sum of action counts], 1 = allowed; NULL unless masks_actions. At least one choice
                           of each element must be allowed, except at the end of an episode, where nobody acts */
  bool terminated;      /* set to false by the caller before step() */
  bool truncated;       /* set to false by the caller before step() */
} muster_env_result;

/* What a block of environments of one type, stepped at once, hands back. Rows are environments; a stride is the
 * distance, in bytes, from one environment's row to the next. Within a row the agents follow each other, as in
 * muster_env_result. */
typedef struct muster_env_block_result {
  void *observation;
  size_t observation_stride;
  float *reward;
  size_t reward_stride;
  uint8_t *action_mask;
  size_t action_mask_stride;
  uint8_t *terminated, *truncated; /* [n], set to 0 by the caller before block_step() */
  int32_t failed_row; /* set to -1 by the caller; a block_step() that fails may say which row was at fault */
} muster_env_block_result;

/* What create() returns where it fails for another reason than its options: a package is missing, or a licence. */
#define MUSTER_ENV_NO_OPTION_TO_BLAME 2

typedef struct muster_env_type {
  uint32_t abi;       /* MUSTER_ENV_ABI */
  size_t struct_size; /* sizeof(muster_env_type) */
  const char *name, *summary;
  const muster_env_option *options; /* ends with a NULL key; NULL: no options */

  /* One environment. `settings` ends with a NULL key and is borrowed for the call. Where it fails, muster takes it that
   * an option has a wrong value, unless it returns MUSTER_ENV_NO_OPTION_TO_BLAME. */
  int (*create)(const muster_env_setting *settings, void **env, muster_env_error *error);
  void (*destroy)(void *env);
  void (*describe)(const void *env, muster_env_spec *spec);
  int (*reset)(void *env, muster_random *random, muster_env_result *result, muster_env_error *error);
  /* `action`: [agents, action elements], float or int32_t, as the space says. */
  int (*step)(void *env, const void *action, muster_random *random, muster_env_result *result, muster_env_error *error);

  /* Optional: exact copies of the state, spec.state_bytes long. The bytes that load_state() gets come from a file,
   * which may be damaged: load_state() checks them, and fails where they cannot be a state. */
  void (*save_state)(const void *env, void *bytes);
  int (*load_state)(void *env, const void *bytes, muster_env_error *error);

  /* Optional: the state as text for a terminal, zero-terminated, at most `size` bytes. */
  void (*render_text)(const void *env, char *text, size_t size);

  /* Optional, for speed: a block of n environments; a type has all of these functions or none. What holds for one
   * environment holds for each row of the block, and a row's numbers depend neither on n nor on the row's place.
   * block_step() steps all rows and resets none. `actions`: [n, agents, action elements]. `randoms`: one stream for
   * each row. */
  int (*block_create)(const muster_env_setting *settings, int32_t n, void **block, muster_env_error *error);
  void (*block_destroy)(void *block);
  void (*block_describe)(const void *block, muster_env_spec *spec);
  int (*block_reset)(void *block, int32_t row, muster_random *random, muster_env_result *result,
                     muster_env_error *error);
  int (*block_step)(void *block, const void *actions, muster_random *const *randoms, muster_env_block_result *result,
                    muster_env_error *error);
  void (*block_save_state)(const void *block, int32_t row, void *bytes);
  int (*block_load_state)(void *block, int32_t row, const void *bytes, muster_env_error *error);

  /* Optional: draws the state as a picture, and leaves the state as it is. */
  void (*render_picture)(const void *env, muster_canvas *canvas);

  /* How many steps a second look natural to somebody who watches, as Gymnasium's metadata["render_fps"]; 0: 10. */
  double render_fps;

  /* Optional, where observations are Discrete: a policy as text, such as a map with arrows, zero-terminated, at most
   * `size` bytes. `actions`: [choices of an observation] what it does at each; -1: it has no preference there. */
  void (*render_policy)(const void *env, const int32_t *actions, char *text, size_t size);

  /* Optional, where a state may turn out to be one that can't be saved: whether the last save_state() saved it. An
   * episode whose state was not saved starts afresh when a run is resumed. */
  bool (*has_saved)(const void *env);

  /* Optional: gives an option another value in the midst of a run (`env.schedules`). `key` is one that the type lists,
   * or, where it takes any, any other one. Called before the first reset, between steps, and again after each
   * load_state(). The next reset at the latest starts an episode as if the environment had been created with that
   * value; the running episode may take it up at once, or go on with the value before, which then is part of its saved
   * state. Spaces, limits and the length of the state stay as describe() has told. An option that is a whole number is
   * rounded to the nearest. Fails, and changes nothing, where the option cannot be set or the value is out of its
   * range. block_set_option() is for all rows of a block; where a type has block functions, it alone is called. */
  int (*set_option)(void *env, const char *key, double value, muster_env_error *error);
  int (*block_set_option)(void *block, const char *key, double value, muster_env_error *error);
} muster_env_type;

/* ---- plug-ins ----
 * A plug-in is a shared object with environments, which muster loads where a config says
 * `env: {plugin: ./libmyenv.so, name: MyEnv-v0}`. It is not linked against muster, and exports one function,
 * muster_env_types(), which returns its types, ended by NULL. One line at the end of a source file defines it:
 *
 *   MUSTER_ENV_PLUGIN(&my_env, &my_other_env)
 *
 * A plug-in that can make an environment of many names, for example of another language's registry, exports
 * muster_env_find(), too. It is called with a name that is not listed, and sets *type to a table of that name, or
 * returns 1 with a text. Then muster_env_types() may list none.
 *
 * `abi` must equal MUSTER_ENV_ABI of the muster that loads the plug-in. Fields that a table built with an older header
 * does not have count as NULL (`struct_size` tells). The table and all that it points to must stay valid while the
 * plug-in is loaded. */
#if defined(__GNUC__)
#define MUSTER_ENV_EXPORT __attribute__((visibility("default")))
#else
#define MUSTER_ENV_EXPORT
#endif

MUSTER_ENV_EXPORT const muster_env_type *const *muster_env_types(void);
MUSTER_ENV_EXPORT int muster_env_find(const char *name, const muster_env_type **type, muster_env_error *error);

#define MUSTER_ENV_PLUGIN(...)                                                                                         \
  MUSTER_ENV_EXPORT const muster_env_type *const *muster_env_types(void) {                                             \
    static const muster_env_type *const types[] = {__VA_ARGS__, NULL};                                                 \
    return types;                                                                                                      \
  }

#ifdef __cplusplus
}
#endif
#endif
