/* Probe-v0: an environment for tests and measurements. The task is trivial: the observation is a one-hot vector, and
 * the action that names the hot element earns 1, any other 0. Options make it slow, or make it fail in all the ways in
 * which somebody's simulator can. */
#include "muster/env.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const muster_env_option probe_options[] = {
    {"obs_dim", "4", "elements of the observation, and number of actions"},
    {"episode_length", "16", "steps of an episode"},
    {"truncates", "0", "1: episodes end by truncation, 0: by termination"},
    {"sleep_us", "0", "microseconds that a step sleeps"},
    {"fail_at_step", "0", "step, counted over the environment's life from 1, that returns an error; 0: never"},
    {"nan_at_step", "0", "step whose observation is NaN; 0: never"},
    {"nan_reward_at_step", "0", "step whose reward is NaN; 0: never"},
    {"crash_at_step", "0", "step that aborts the process; 0: never"},
    {"hang_at_step", "0", "step that never returns; 0: never"},
    {"faulty_percent", "100", "how likely an environment is to have these faults at all; its first reset draws it"},
    {NULL, NULL, NULL}};

/* what save_state() keeps; without padding, so that equal states are equal bytes */
struct probe_state {
  int64_t steps;        /* over the environment's life */
  int32_t episode_step; /* steps of this episode */
  int32_t target;       /* the hot element */
  int32_t started;      /* 1 after the first reset */
  int32_t faulty;       /* 1 when the faults apply to this environment */
};

struct probe {
  int64_t obs_dim, episode_length, truncates, sleep_us;
  int64_t fail_at_step, nan_at_step, nan_reward_at_step, crash_at_step, hang_at_step, faulty_percent;
  int32_t action_counts[1];
  struct probe_state state;
};

/* reads the integer setting `key`, from min to max; 0 or 1 as the environment's functions */
static int read_setting(const muster_env_setting *settings, const char *key, int64_t min, int64_t max, int64_t *out,
                        muster_env_error *error) {
  while (strcmp(settings->key, key) != 0) settings++;
  char *end;
  errno = 0;
  long long value = strtoll(settings->value, &end, 10);
  if (end == settings->value || *end != '\0' || errno != 0 || value < min || value > max)
    return muster_env_fail(error, "option %s: expects an integer from %" PRId64 " to %" PRId64 ", got \"%s\"", key, min,
                           max, settings->value);
  *out = value;
  return 0;
}

static int probe_create(const muster_env_setting *settings, void **env, muster_env_error *error) {
  struct probe probe = {0};
  const struct {
    const char *key;
    int64_t min, max, *out;
  } fields[] = {{"obs_dim", 1, 1 << 20, &probe.obs_dim},
                {"episode_length", 1, INT32_MAX, &probe.episode_length},
                {"truncates", 0, 1, &probe.truncates},
                {"sleep_us", 0, 1000000000, &probe.sleep_us},
                {"fail_at_step", 0, INT64_MAX, &probe.fail_at_step},
                {"nan_at_step", 0, INT64_MAX, &probe.nan_at_step},
                {"nan_reward_at_step", 0, INT64_MAX, &probe.nan_reward_at_step},
                {"crash_at_step", 0, INT64_MAX, &probe.crash_at_step},
                {"hang_at_step", 0, INT64_MAX, &probe.hang_at_step},
                {"faulty_percent", 0, 100, &probe.faulty_percent}};
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
    if (read_setting(settings, fields[i].key, fields[i].min, fields[i].max, fields[i].out, error) != 0) return 1;
  probe.action_counts[0] = (int32_t)probe.obs_dim;

  struct probe *copy = malloc(sizeof *copy);
  if (copy == NULL) return muster_env_fail(error, "out of memory");
  *copy = probe;
  *env = copy;
  return 0;
}

static void probe_destroy(void *env) { free(env); }

static void probe_describe(const void *env, muster_env_spec *spec) {
  const struct probe *probe = env;
  spec->observation = (muster_space){.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {(int32_t)probe->obs_dim}};
  spec->action = (muster_space){.kind = MUSTER_SPACE_DISCRETE, .counts = probe->action_counts};
  spec->agents = 1;
  spec->max_steps = 0;
  spec->reward_threshold = 0.9 * (double)probe->episode_length;
  spec->masks_actions = false;
  spec->state_bytes = sizeof(struct probe_state);
}

static void show_next_target(struct probe *probe, muster_random *random, float *observation) {
  probe->state.target = (int32_t)muster_random_below(random, (uint32_t)probe->obs_dim);
  memset(observation, 0, (size_t)probe->obs_dim * sizeof *observation);
  observation[probe->state.target] = 1.0f;
}

static int probe_reset(void *env, muster_random *random, muster_env_result *result, muster_env_error *error) {
  (void)error;
  struct probe *probe = env;
  if (!probe->state.started) {
    probe->state.faulty = muster_random_below(random, 100) < (uint32_t)probe->faulty_percent;
    probe->state.started = 1;
  }
  probe->state.episode_step = 0;
  show_next_target(probe, random, result->observation);
  return 0;
}

static int probe_step(void *env, const void *action, muster_random *random, muster_env_result *result,
                      muster_env_error *error) {
  struct probe *probe = env;
  int32_t choice = *(const int32_t *)action;
  if (choice < 0 || choice >= probe->obs_dim)
    return muster_env_fail(error, "action %d is not in 0 to %d", (int)choice, (int)probe->obs_dim - 1);
  if (probe->sleep_us > 0)
    nanosleep(&(struct timespec){probe->sleep_us / 1000000, probe->sleep_us % 1000000 * 1000}, NULL);

  result->reward[0] = choice == probe->state.target ? 1.0 : 0.0;
  float *observation = result->observation;
  show_next_target(probe, random, observation);
  probe->state.steps++;
  bool ended = ++probe->state.episode_step >= probe->episode_length;
  result->terminated = ended && !probe->truncates;
  result->truncated = ended && probe->truncates;

  /* the faults that it was told to have */
  int64_t now = probe->state.faulty ? probe->state.steps : -1;
  if (now == probe->crash_at_step) abort();
  while (now == probe->hang_at_step) pause();
  if (now == probe->nan_at_step) observation[0] = NAN;
  if (now == probe->nan_reward_at_step) result->reward[0] = NAN;
  if (now == probe->fail_at_step) return muster_env_fail(error, "told to fail at step %" PRId64 " of its life", now);
  return 0;
}

static void probe_save_state(const void *env, void *bytes) {
  memcpy(bytes, &((const struct probe *)env)->state, sizeof(struct probe_state));
}

static int probe_load_state(void *env, const void *bytes, muster_env_error *error) {
  struct probe *probe = env;
  struct probe_state state;
  memcpy(&state, bytes, sizeof state);
  if (state.target < 0 || state.target >= probe->obs_dim)
    return muster_env_fail(error, "target %d is not in 0 to %d", (int)state.target, (int)probe->obs_dim - 1);
  probe->state = state;
  return 0;
}

const muster_env_type env_probe = {
    .abi = MUSTER_ENV_ABI,
    .struct_size = sizeof(muster_env_type),
    .name = "Probe-v0",
    .summary = "name the hot element of a one-hot observation; for tests: can be slow, fail, crash or hang",
    .options = probe_options,
    .create = probe_create,
    .destroy = probe_destroy,
    .describe = probe_describe,
    .reset = probe_reset,
    .step = probe_step,
    .save_state = probe_save_state,
    .load_state = probe_load_state,
};
