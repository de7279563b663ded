/* Bandit-v0: k arms, each of which pays a random reward with a mean of its own (Robbins 1952; Sutton and Barto 2018,
 * chapter 2). There is one state, so that the observation is the constant 1. */
#include "env/envs/number_list.h"
#include "env/envs/settings.h"
#include "muster/env.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ARMS 1024
#define MAX_MEAN 1e6

static const muster_env_option bandit_options[] = {
    {"means", "0.1,0.5,0.9", "mean reward of each arm, with commas between them; their number is that of the arms"},
    {"rewards", "gaussian", "gaussian (normal around the mean) or bernoulli (1 with the mean as probability, else 0)"},
    {"deviation", "1", "standard deviation of gaussian rewards"},
    {"episode_length", "1", "pulls in an episode"},
    {NULL, NULL, NULL}};

/* what save_state() writes; it has no padding */
struct bandit_state {
  int32_t pulls;      /* of this episode */
  int32_t last_arm;   /* -1 before the first pull */
  double last_reward; /* 0 before the first pull */
};

struct bandit {
  double means[MAX_ARMS];
  bool bernoulli;
  double deviation;
  int32_t episode_length;
  int32_t arms[1]; /* the counts of the action space */
  struct bandit_state state;
};

static const float one[1] = {1.0f};

static int read_options(const muster_env_setting *settings, struct bandit *bandit, muster_env_error *error) {
  static const char *const kinds[] = {"gaussian", "bernoulli", NULL};
  int kind = 0;
  if (setting_choice(settings, "rewards", kinds, &kind, error) != 0) return 1;
  bandit->bernoulli = kind == 1;
  const double low = bandit->bernoulli ? 0.0 : -MAX_MEAN, high = bandit->bernoulli ? 1.0 : MAX_MEAN;
  if (setting_numbers(settings, "means", low, high, MAX_ARMS, bandit->means, &bandit->arms[0], error) != 0) return 1;
  if (setting_number(settings, "deviation", 0.0, MAX_MEAN, &bandit->deviation, error) != 0) return 1;
  return setting_integer(settings, "episode_length", 1, INT32_MAX, &bandit->episode_length, error);
}

static int bandit_create(const muster_env_setting *settings, void **env, muster_env_error *error) {
  struct bandit *bandit = calloc(1, sizeof *bandit);
  if (bandit == NULL) return muster_env_fail(error, "out of memory");
  if (read_options(settings, bandit, error) != 0) {
    free(bandit);
    return 1;
  }
  bandit->state.last_arm = -1;
  *env = bandit;
  return 0;
}

static void bandit_destroy(void *env) { free(env); }

static void bandit_describe(const void *env, muster_env_spec *spec) {
  const struct bandit *bandit = env;
  spec->observation = (muster_space){.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {1}, .low = one, .high = one};
  spec->action = (muster_space){.kind = MUSTER_SPACE_DISCRETE, .counts = bandit->arms};
  spec->agents = 1;
  spec->max_steps = 1;
  spec->reward_threshold = NAN;
  spec->masks_actions = false;
  spec->state_bytes = sizeof(struct bandit_state);
}

static int bandit_reset(void *env, muster_random *random, muster_env_result *result, muster_env_error *error) {
  (void)random;
  (void)error;
  ((struct bandit *)env)->state = (struct bandit_state){.last_arm = -1};
  memcpy(result->observation, one, sizeof one);
  return 0;
}

static int bandit_step(void *env, const void *action, muster_random *random, muster_env_result *result,
                       muster_env_error *error) {
  struct bandit *bandit = env;
  int32_t arm = *(const int32_t *)action;
  if (arm < 0 || arm >= bandit->arms[0])
    return muster_env_fail(error, "action %d is not an arm, 0 to %d", (int)arm, (int)bandit->arms[0] - 1);
  if (bandit->state.pulls >= bandit->episode_length)
    return muster_env_fail(error, "the episode has ended: reset comes first");

  double mean = bandit->means[arm];
  double reward = bandit->bernoulli ? (double)(muster_random_double(random) < mean)
                                    : mean + bandit->deviation * muster_random_normal(random);
  bandit->state = (struct bandit_state){bandit->state.pulls + 1, arm, reward};
  memcpy(result->observation, one, sizeof one);
  result->reward[0] = reward;
  result->terminated = bandit->state.pulls >= bandit->episode_length;
  return 0;
}

static void bandit_save_state(const void *env, void *bytes) {
  memcpy(bytes, &((const struct bandit *)env)->state, sizeof(struct bandit_state));
}

static int bandit_load_state(void *env, const void *bytes, muster_env_error *error) {
  struct bandit *bandit = env;
  struct bandit_state state;
  memcpy(&state, bytes, sizeof state);
  if (state.pulls < 0 || state.pulls > bandit->episode_length)
    return muster_env_fail(error, "%d pulls of an episode of %d", (int)state.pulls, (int)bandit->episode_length);
  if (state.last_arm < -1 || state.last_arm >= bandit->arms[0] || !isfinite(state.last_reward))
    return muster_env_fail(error, "arm %d of %d paid %g", (int)state.last_arm, (int)bandit->arms[0], state.last_reward);
  bandit->state = state;
  return 0;
}

/* the means, with the arm that was pulled last in brackets, and what it paid; a list too long for the buffer is cut */
static void bandit_render_text(const void *env, char *text, size_t size) {
  const struct bandit *bandit = env;
  const struct bandit_state *state = &bandit->state;
  size_t used = (size_t)snprintf(text, size, "pull %d of %d", (int)state->pulls, (int)bandit->episode_length);
  if (state->last_arm >= 0 && used < size)
    used += (size_t)snprintf(text + used, size - used, ": arm %d paid %.4g", (int)state->last_arm, state->last_reward);
  if (used < size) used += (size_t)snprintf(text + used, size - used, "\n");
  for (int32_t arm = 0; arm < bandit->arms[0] && used < size; arm++)
    used +=
        (size_t)snprintf(text + used, size - used, arm == state->last_arm ? "[%.4g]" : " %.4g ", bandit->means[arm]);
  if (used < size) snprintf(text + used, size - used, "\n");
}

const muster_env_type env_bandit = {
    .abi = MUSTER_ENV_ABI,
    .struct_size = sizeof(muster_env_type),
    .name = "Bandit-v0",
    .summary = "pull one of several arms that pay at random; one state, episodes of one pull unless told otherwise",
    .options = bandit_options,
    .create = bandit_create,
    .destroy = bandit_destroy,
    .describe = bandit_describe,
    .reset = bandit_reset,
    .step = bandit_step,
    .save_state = bandit_save_state,
    .load_state = bandit_load_state,
    .render_text = bandit_render_text,
};
