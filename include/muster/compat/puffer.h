/* Environments written to PufferLib's convention for C, as environments of muster: one line and a few small functions.
 *
 * The convention: a struct with the pointers `observations`, `actions`, `rewards` and `terminals`, one row for each
 * agent, and the functions c_reset(env) and c_step(env) that work on it, often c_close(env) too. Include the header of
 * the environment, then this one, and write
 *
 *   static int chase_setup(Chase *env, const muster_env_setting *settings, muster_puffer_spec *spec,
 *                          muster_env_error *error);   // fills the fields that do not change, and gives the spaces
 *   MUSTER_PUFFER_ENV(chase, Chase, "Chase-v0", "what it is", options, .setup = chase_setup, ...)
 *   MUSTER_ENV_PLUGIN(&chase)
 *
 * The hooks behind `options` (a table of muster_env_option, or NULL):
 *   .setup     required. `settings` are the options. Allocates what the environment needs, except the four buffers.
 *   .close     frees what .setup allocated. It may be c_close, if that frees neither the struct nor the four buffers.
 *   .random    hands the stream of random numbers to the environment; called before each c_reset() and c_step(), and
 *              with NULL before the state is copied. Without it, an environment that calls rand() is not reproducible.
 *              If you don't want to change such an environment, call srand(random->next(random)) here.
 *   .truncated tells, after a c_step() that set the terminals, whether the episode was cut short, not ended.
 *   .plain     true when the struct holds no pointers but the four and what .random sets: then its state can be saved.
 *
 * What the convention cannot say, and what that leads to:
 *   - c_step() starts the next episode itself when one ends. So it overwrites the last observation of the episode with
 *     the first one of the next. Where the task ended that does no harm: nothing follows a terminal state. muster then
 *     starts the next episode with c_reset(), on the new episode's own random numbers.
 *   - It has no truncation. A limit on steps inside c_step() looks like the end of the task, and the values learned for
 *     states near it are wrong. It is better to take the limit out and to set spec->max_steps: muster then truncates by
 *     itself and has the true last observation. Where the limit must stay, .truncated tells when it ended an episode;
 *     then the value of the first observation of the next episode is taken for that of the lost one.
 *   - Each agent has a terminal. For muster an episode ends when the terminals of all agents are set at once; an agent
 *     that ends and starts anew alone looks to muster as if it went on.
 *   - Actions are `int` or `float`, observations `float`, `unsigned char` or `int`, rewards `float`. */
#ifndef MUSTER_COMPAT_PUFFER_H
#define MUSTER_COMPAT_PUFFER_H

#include "muster/env.h"

#include <stdlib.h>
#include <string.h>

/* What .setup fills in. The arrays that the spaces point to must live as long as the environment. */
typedef struct muster_puffer_spec {
  muster_space observation, action;
  int32_t agents;          /* 1, unless .setup sets more: num_agents */
  int32_t max_steps;       /* muster truncates an episode after this many steps; 0: never */
  double reward_threshold; /* NAN, unless .setup sets it */
} muster_puffer_spec;

/* The buffers of one environment, as the adapter holds them. */
typedef struct muster_puffer_buffers {
  void *observations, *actions;
  float *rewards;
  unsigned char *terminals;
  size_t observation_bytes, action_bytes; /* of all agents */
  int32_t agents;
} muster_puffer_buffers;

static inline int muster_puffer_allocate(const muster_puffer_spec *spec, muster_puffer_buffers *buffers,
                                         muster_env_error *error) {
  size_t agents = (size_t)spec->agents;
  buffers->agents = spec->agents;
  buffers->observation_bytes = agents * muster_space_bytes(&spec->observation);
  buffers->action_bytes = agents * muster_space_bytes(&spec->action);
  buffers->observations = calloc(1, buffers->observation_bytes);
  buffers->actions = calloc(1, buffers->action_bytes);
  buffers->rewards = (float *)calloc(agents, sizeof(float));
  buffers->terminals = (unsigned char *)calloc(agents, 1);
  if (buffers->observations == NULL || buffers->actions == NULL || buffers->rewards == NULL ||
      buffers->terminals == NULL)
    return muster_env_fail(error, "out of memory");
  return 0;
}

static inline void muster_puffer_free(muster_puffer_buffers *buffers) {
  free(buffers->observations);
  free(buffers->actions);
  free(buffers->rewards);
  free(buffers->terminals);
}

/* copies the rewards to muster; returns whether the terminals of all agents are set */
static inline bool muster_puffer_outcome(const muster_puffer_buffers *buffers, double *reward) {
  int32_t ended = 0;
  for (int32_t agent = 0; agent < buffers->agents; agent++) {
    reward[agent] = (double)buffers->rewards[agent];
    ended += buffers->terminals[agent] != 0;
  }
  return ended == buffers->agents;
}

/* Defines `static const muster_env_type symbol` for the environments of type Struct. */
#define MUSTER_PUFFER_ENV(symbol, Struct, env_name, env_summary, env_options, ...)                                     \
  typedef struct symbol##_hooks {                                                                                      \
    int (*setup)(Struct * env, const muster_env_setting *settings, muster_puffer_spec *spec, muster_env_error *error); \
    void (*close)(Struct * env);                                                                                       \
    void (*random)(Struct * env, muster_random *random);                                                               \
    bool (*truncated)(const Struct *env);                                                                              \
    bool plain;                                                                                                        \
  } symbol##_hooks;                                                                                                    \
  static const symbol##_hooks symbol##_given = {__VA_ARGS__};                                                          \
                                                                                                                       \
  typedef struct symbol##_box {                                                                                        \
    Struct env;                                                                                                        \
    muster_puffer_spec spec;                                                                                           \
    muster_puffer_buffers buffers;                                                                                     \
    bool is_set_up;                                                                                                    \
  } symbol##_box;                                                                                                      \
                                                                                                                       \
  static void symbol##_connect(symbol##_box *box) {                                                                    \
    box->env.observations = box->buffers.observations;                                                                 \
    box->env.actions = box->buffers.actions;                                                                           \
    box->env.rewards = box->buffers.rewards;                                                                           \
    box->env.terminals = box->buffers.terminals;                                                                       \
  }                                                                                                                    \
                                                                                                                       \
  static void symbol##_destroy(void *env) {                                                                            \
    symbol##_box *box = (symbol##_box *)env;                                                                           \
    if (box->is_set_up && symbol##_given.close != NULL) symbol##_given.close(&box->env);                               \
    muster_puffer_free(&box->buffers);                                                                                 \
    free(box);                                                                                                         \
  }                                                                                                                    \
                                                                                                                       \
  static int symbol##_create(const muster_env_setting *settings, void **env, muster_env_error *error) {                \
    symbol##_box *box = (symbol##_box *)calloc(1, sizeof *box);                                                        \
    if (box == NULL) return muster_env_fail(error, "out of memory");                                                   \
    box->spec.agents = 1;                                                                                              \
    box->spec.reward_threshold = NAN;                                                                                  \
    int failed = symbol##_given.setup(&box->env, settings, &box->spec, error);                                         \
    box->is_set_up = !failed;                                                                                          \
    if (!failed) failed = muster_puffer_allocate(&box->spec, &box->buffers, error);                                    \
    if (failed) {                                                                                                      \
      symbol##_destroy(box);                                                                                           \
      return 1;                                                                                                        \
    }                                                                                                                  \
    symbol##_connect(box);                                                                                             \
    *env = box;                                                                                                        \
    return 0;                                                                                                          \
  }                                                                                                                    \
                                                                                                                       \
  static void symbol##_describe(const void *env, muster_env_spec *spec) {                                              \
    const symbol##_box *box = (const symbol##_box *)env;                                                               \
    spec->observation = box->spec.observation;                                                                         \
    spec->action = box->spec.action;                                                                                   \
    spec->agents = box->spec.agents;                                                                                   \
    spec->max_steps = box->spec.max_steps;                                                                             \
    spec->reward_threshold = box->spec.reward_threshold;                                                               \
    spec->masks_actions = false;                                                                                       \
    spec->state_bytes = symbol##_given.plain ? sizeof(Struct) : 0;                                                     \
  }                                                                                                                    \
                                                                                                                       \
  static int symbol##_reset(void *env, muster_random *random, muster_env_result *result, muster_env_error *error) {    \
    symbol##_box *box = (symbol##_box *)env;                                                                           \
    (void)error;                                                                                                       \
    if (symbol##_given.random != NULL) symbol##_given.random(&box->env, random);                                       \
    c_reset(&box->env);                                                                                                \
    memcpy(result->observation, box->buffers.observations, box->buffers.observation_bytes);                            \
    return 0;                                                                                                          \
  }                                                                                                                    \
                                                                                                                       \
  static int symbol##_step(void *env, const void *action, muster_random *random, muster_env_result *result,            \
                           muster_env_error *error) {                                                                  \
    symbol##_box *box = (symbol##_box *)env;                                                                           \
    (void)error;                                                                                                       \
    memcpy(box->buffers.actions, action, box->buffers.action_bytes);                                                   \
    memset(box->buffers.rewards, 0, (size_t)box->buffers.agents * sizeof(float));                                      \
    memset(box->buffers.terminals, 0, (size_t)box->buffers.agents);                                                    \
    if (symbol##_given.random != NULL) symbol##_given.random(&box->env, random);                                       \
    c_step(&box->env);                                                                                                 \
    bool ended = muster_puffer_outcome(&box->buffers, result->reward);                                                 \
    bool cut = ended && symbol##_given.truncated != NULL && symbol##_given.truncated(&box->env);                       \
    result->terminated = ended && !cut;                                                                                \
    result->truncated = cut;                                                                                           \
    memcpy(result->observation, box->buffers.observations, box->buffers.observation_bytes);                            \
    return 0;                                                                                                          \
  }                                                                                                                    \
                                                                                                                       \
  static void symbol##_save_state(const void *env, void *bytes) {                                                      \
    Struct copy;                                                                                                       \
    memcpy(&copy, &((const symbol##_box *)env)->env, sizeof copy);                                                     \
    copy.observations = NULL;                                                                                          \
    copy.actions = NULL;                                                                                               \
    copy.rewards = NULL;                                                                                               \
    copy.terminals = NULL;                                                                                             \
    if (symbol##_given.random != NULL) symbol##_given.random(&copy, NULL);                                             \
    memcpy(bytes, &copy, sizeof copy);                                                                                 \
  }                                                                                                                    \
                                                                                                                       \
  static int symbol##_load_state(void *env, const void *bytes, muster_env_error *error) {                              \
    symbol##_box *box = (symbol##_box *)env;                                                                           \
    (void)error;                                                                                                       \
    memcpy(&box->env, bytes, sizeof box->env);                                                                         \
    symbol##_connect(box);                                                                                             \
    return 0;                                                                                                          \
  }                                                                                                                    \
                                                                                                                       \
  static const muster_env_type symbol = {                                                                              \
      .abi = MUSTER_ENV_ABI,                                                                                           \
      .struct_size = sizeof(muster_env_type),                                                                          \
      .name = env_name,                                                                                                \
      .summary = env_summary,                                                                                          \
      .options = env_options,                                                                                          \
      .create = symbol##_create,                                                                                       \
      .destroy = symbol##_destroy,                                                                                     \
      .describe = symbol##_describe,                                                                                   \
      .reset = symbol##_reset,                                                                                         \
      .step = symbol##_step,                                                                                           \
      .save_state = symbol##_save_state,                                                                               \
      .load_state = symbol##_load_state,                                                                               \
  };

#endif
