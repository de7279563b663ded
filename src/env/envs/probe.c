/* Probe-v0: an environment for tests and measurements. The task is trivial: the observation shows one of obs_dim
 * targets, and the action that names it earns 1. Options choose the kinds of observation and action, the number of
 * agents, and masks; they can make it slow, or make it fail in all the ways in which a simulator can.
 *
 *   action_space    what earns 1
 *   discrete        the target
 *   multi_discrete  half for the target, half for the last target minus it
 *   box             in [-2, 2], the target's place on a scale from -2 to 2, less a quarter of the distance to it
 *
 * With masks, the right choice and about half of the others are allowed. A masked choice, or a Box action beyond its
 * bounds, is an error: muster must not send such actions. */
#include "base/random.h"
#include "muster/env.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_AGENTS 8
#define MAX_STEPS (INT64_C(1) << 62) /* of all episodes of an environment */

/* the longest time of a step, as a multiple of the mean; and from which number on the draws of an episode are for
 * times */
#define CUT 100.0
#define TAIL_COUNTER 0x80000000u

static const muster_env_option probe_options[] = {
    {"obs_dim", "4", "number of targets: elements of a Box observation, choices of a discrete action"},
    {"observation", "box", "kind of observation: box (one-hot), discrete, or image (one-hot, uint8)"},
    {"action_space", "discrete", "kind of action: discrete, multi_discrete (two elements) or box (one element)"},
    {"agents", "1", "agents, each with a target of its own; at most 8"},
    {"masks", "0", "1: discrete actions are masked"},
    {"episode_length", "16", "steps of an episode"},
    {"truncates", "0", "1: episodes end by truncation, 0: by termination"},
    {"sleep_us", "0", "microseconds that a step sleeps"},
    {"step_seconds", "0", "further seconds that a step sleeps, on the average"},
    {"step_tail", "0",
     "0: as long each step; else exponent of the Pareto distribution of step_seconds, above 1: heavy tail"},
    {"slow_envs", "0", "index from which on environments are slower by slow_factor"},
    {"slow_factor", "1", "how many times as long as step_seconds the steps of these take"},
    {"fail_at_step", "0", "step, counted over the environment's life from 1, that returns an error; 0: never"},
    {"nan_at_step", "0", "step whose observation is NaN; 0: never"},
    {"nan_reward_at_step", "0", "step whose reward is NaN; 0: never"},
    {"crash_at_step", "0", "step that aborts the process; 0: never"},
    {"hang_at_step", "0", "step that never returns; 0: never"},
    {"faulty_percent", "100", "how likely an environment is to have these faults at all; its first reset draws it"},
    {NULL, NULL, NULL}};

/* what save_state() writes; it has no padding, so that equal states are equal bytes */
struct probe_state {
  int64_t steps;                /* steps of all episodes */
  int32_t episode_step;         /* steps of this episode */
  int32_t started;              /* 1 after the first reset */
  int32_t faulty;               /* 1 when the faults apply to this environment */
  int32_t unused;               /* 0 */
  int32_t target[MAX_AGENTS];   /* the targets that are shown */
  uint32_t allowed[MAX_AGENTS]; /* random bits that tell which wrong choices are allowed */
};

struct probe {
  int64_t obs_dim, agents, masks, episode_length, truncates, sleep_us;
  int64_t fail_at_step, nan_at_step, nan_reward_at_step, crash_at_step, hang_at_step, faulty_percent;
  double step_seconds, step_tail, slow_factor;
  int64_t slow_envs;
  int32_t observation, action_space; /* index into their kinds */
  int32_t counts[2];
  struct probe_state state;
};

enum { OBSERVATION_BOX, OBSERVATION_DISCRETE, OBSERVATION_IMAGE };
static const char *const observation_kinds[] = {"box", "discrete", "image", NULL};

enum { ACTION_DISCRETE, ACTION_MULTI_DISCRETE, ACTION_BOX };
static const char *const action_kinds[] = {"discrete", "multi_discrete", "box", NULL};

static const float action_low[] = {-2.0f}, action_high[] = {2.0f};

/* reads the integer setting `key`, from min to max; returns 0 or 1 as the environment's functions do */
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

/* the same for a number with decimals */
static int read_number(const muster_env_setting *settings, const char *key, double min, double max, double *out,
                       muster_env_error *error) {
  while (strcmp(settings->key, key) != 0) settings++;
  char *end;
  double value = strtod(settings->value, &end);
  if (end == settings->value || *end != '\0' || !(value >= min && value <= max))
    return muster_env_fail(error, "option %s: expects a number from %g to %g, got \"%s\"", key, min, max,
                           settings->value);
  *out = value;
  return 0;
}

/* reads the setting `key`, one of `kinds` (ended by NULL), as its index */
static int read_kind(const muster_env_setting *settings, const char *key, const char *const *kinds, int32_t *out,
                     muster_env_error *error) {
  while (strcmp(settings->key, key) != 0) settings++;
  for (int32_t i = 0; kinds[i] != NULL; i++) {
    if (strcmp(settings->value, kinds[i]) != 0) continue;
    *out = i;
    return 0;
  }
  return muster_env_fail(error, "option %s: expects %s, %s or %s, got \"%s\"", key, kinds[0], kinds[1], kinds[2],
                         settings->value);
}

static int probe_create(const muster_env_setting *settings, void **env, muster_env_error *error) {
  struct probe probe = {0};
  const struct {
    const char *key;
    int64_t min, max, *out;
  } fields[] = {{"obs_dim", 1, 1 << 20, &probe.obs_dim},
                {"agents", 1, MAX_AGENTS, &probe.agents},
                {"masks", 0, 1, &probe.masks},
                {"episode_length", 1, INT32_MAX, &probe.episode_length},
                {"truncates", 0, 1, &probe.truncates},
                {"sleep_us", 0, 1000000000, &probe.sleep_us},
                {"slow_envs", 0, INT32_MAX, &probe.slow_envs},
                {"fail_at_step", 0, INT64_MAX, &probe.fail_at_step},
                {"nan_at_step", 0, INT64_MAX, &probe.nan_at_step},
                {"nan_reward_at_step", 0, INT64_MAX, &probe.nan_reward_at_step},
                {"crash_at_step", 0, INT64_MAX, &probe.crash_at_step},
                {"hang_at_step", 0, INT64_MAX, &probe.hang_at_step},
                {"faulty_percent", 0, 100, &probe.faulty_percent}};
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
    if (read_setting(settings, fields[i].key, fields[i].min, fields[i].max, fields[i].out, error) != 0) return 1;
  if (read_number(settings, "step_seconds", 0, 1000, &probe.step_seconds, error) != 0) return 1;
  if (read_number(settings, "step_tail", 0, 100, &probe.step_tail, error) != 0) return 1;
  if (read_number(settings, "slow_factor", 0, 1000, &probe.slow_factor, error) != 0) return 1;
  if (probe.step_tail > 0 && probe.step_tail <= 1)
    return muster_env_fail(error, "option step_tail: expects 0 or more than 1, where there is a mean, got %g",
                           probe.step_tail);
  if (read_kind(settings, "observation", observation_kinds, &probe.observation, error) != 0) return 1;
  if (read_kind(settings, "action_space", action_kinds, &probe.action_space, error) != 0) return 1;
  if (probe.masks && probe.action_space == ACTION_BOX)
    return muster_env_fail(error, "option masks: only discrete actions can be masked");
  probe.counts[0] = probe.counts[1] = (int32_t)probe.obs_dim;

  struct probe *copy = malloc(sizeof *copy);
  if (copy == NULL) return muster_env_fail(error, "out of memory");
  *copy = probe;
  *env = copy;
  return 0;
}

static void probe_destroy(void *env) { free(env); }

static void probe_describe(const void *env, muster_env_spec *spec) {
  const struct probe *probe = env;
  const int32_t n = (int32_t)probe->obs_dim;
  const muster_space observations[] = {
      [OBSERVATION_BOX] = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {n}},
      [OBSERVATION_DISCRETE] = {.kind = MUSTER_SPACE_DISCRETE, .counts = probe->counts},
      [OBSERVATION_IMAGE] = {.kind = MUSTER_SPACE_BOX_U8, .rank = 3, .shape = {1, 1, n}},
  };
  const muster_space actions[] = {
      [ACTION_DISCRETE] = {.kind = MUSTER_SPACE_DISCRETE, .counts = probe->counts},
      [ACTION_MULTI_DISCRETE] = {.kind = MUSTER_SPACE_MULTI_DISCRETE, .rank = 1, .shape = {2}, .counts = probe->counts},
      [ACTION_BOX] = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {1}, .low = action_low, .high = action_high},
  };
  spec->observation = observations[probe->observation];
  spec->action = actions[probe->action_space];
  spec->agents = (int32_t)probe->agents;
  spec->max_steps = 0;
  spec->reward_threshold = 0.9 * (double)probe->episode_length;
  spec->masks_actions = probe->masks != 0;
  spec->state_bytes = sizeof(struct probe_state);
}

/* the right choice of an element of an agent's action */
static int32_t right_choice(const struct probe *probe, int64_t agent, int32_t element) {
  int32_t target = probe->state.target[agent];
  return element == 0 ? target : (int32_t)probe->obs_dim - 1 - target;
}

static bool is_allowed(const struct probe *probe, int64_t agent, int32_t element, int32_t choice) {
  if (!probe->masks || choice == right_choice(probe, agent, element)) return true;
  return (probe->state.allowed[agent] >> ((choice + 16 * element) % 32) & 1u) != 0;
}

static int32_t action_elements(const struct probe *probe) {
  return probe->action_space == ACTION_MULTI_DISCRETE ? 2 : 1;
}

/* draws the next target of each agent, and writes observations and masks */
static void show_next_targets(struct probe *probe, muster_random *random, muster_env_result *result) {
  const size_t n = (size_t)probe->obs_dim;
  uint8_t *mask = result->action_mask;
  for (int64_t agent = 0; agent < probe->agents; agent++) {
    int32_t target = (int32_t)muster_random_below(random, (uint32_t)n);
    probe->state.target[agent] = target;
    if (probe->observation == OBSERVATION_BOX) {
      float *observation = (float *)result->observation + (size_t)agent * n;
      memset(observation, 0, n * sizeof *observation);
      observation[target] = 1.0f;
    } else if (probe->observation == OBSERVATION_IMAGE) {
      uint8_t *observation = (uint8_t *)result->observation + (size_t)agent * n;
      memset(observation, 0, n);
      observation[target] = 255;
    } else {
      ((int32_t *)result->observation)[agent] = target;
    }
    if (!probe->masks) continue;
    probe->state.allowed[agent] = random->next(random);
    for (int32_t element = 0; element < action_elements(probe); element++)
      for (int32_t choice = 0; choice < (int32_t)n; choice++) *mask++ = is_allowed(probe, agent, element, choice);
  }
}

/* the reward of an agent for an allowed action, or an error */
static int judge(const struct probe *probe, int64_t agent, const void *action, double *reward,
                 muster_env_error *error) {
  if (probe->action_space == ACTION_BOX) {
    float value = ((const float *)action)[agent];
    if (!(value >= action_low[0] && value <= action_high[0]))
      return muster_env_fail(error, "action %g is not in -2 to 2", (double)value);
    double scale = probe->obs_dim > 1 ? 4.0 / (double)(probe->obs_dim - 1) : 0.0;
    *reward = 1.0 - fabs(value - (-2.0 + scale * probe->state.target[agent])) / 4.0;
    return 0;
  }
  const int32_t elements = action_elements(probe), *choices = (const int32_t *)action + agent * elements;
  *reward = 0.0;
  for (int32_t i = 0; i < elements; i++) {
    if (choices[i] < 0 || choices[i] >= probe->obs_dim)
      return muster_env_fail(error, "action %d is not in 0 to %d", (int)choices[i], (int)probe->obs_dim - 1);
    if (!is_allowed(probe, agent, i, choices[i])) return muster_env_fail(error, "action %d is masked", (int)choices[i]);
    *reward += choices[i] == right_choice(probe, agent, i) ? 1.0 / elements : 0.0;
  }
  return 0;
}

static int probe_reset(void *env, muster_random *random, muster_env_result *result, muster_env_error *error) {
  (void)error;
  struct probe *probe = env;
  /* it is always drawn, so that an episode's numbers do not depend on whether it is the first one */
  bool faulty = muster_random_below(random, 100) < (uint32_t)probe->faulty_percent;
  if (!probe->state.started) probe->state.faulty = faulty;
  probe->state.started = 1;
  probe->state.episode_step = 0;
  show_next_targets(probe, random, result);
  return 0;
}

/* Pareto's distribution, cut at CUT and scaled to a mean of 1. The random number is taken from a place in the stream
 * that an episode does not reach otherwise, so that the targets do not depend on it. */
static double draw_tail(double exponent, const struct random_stream *stream, int64_t step) {
  uint32_t words[4];
  random_words(stream->seed, (enum random_purpose)stream->purpose, stream->index, stream->sequence,
               TAIL_COUNTER + (uint32_t)step, words);
  double least = (exponent - 1) / exponent, drawn = least * pow(1.0 - random_unit_float(words[0]), -1 / exponent);
  double mean = 1 - least / (exponent - 1) * pow(least / CUT, exponent - 1);
  return fmin(drawn, CUT) / mean;
}

/* sleeps for the time that a simulator would compute; a signal does not shorten the sleep */
static void take_time(const struct probe *probe, muster_random *random) {
  if (probe->sleep_us > 0)
    nanosleep(&(struct timespec){probe->sleep_us / 1000000, probe->sleep_us % 1000000 * 1000}, NULL);
  if (probe->step_seconds == 0) return;
  const struct random_stream *stream = (const struct random_stream *)(const void *)random;
  double seconds = probe->step_seconds;
  if (stream->index >= probe->slow_envs) seconds *= probe->slow_factor;
  if (probe->step_tail > 0) seconds *= draw_tail(probe->step_tail, stream, probe->state.episode_step);

  struct timespec end;
  clock_gettime(CLOCK_MONOTONIC, &end);
  int64_t nanoseconds = end.tv_nsec + (int64_t)(seconds * 1e9);
  end.tv_sec += nanoseconds / 1000000000;
  end.tv_nsec = nanoseconds % 1000000000;
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == EINTR) continue;
}

static int probe_step(void *env, const void *action, muster_random *random, muster_env_result *result,
                      muster_env_error *error) {
  struct probe *probe = env;
  for (int64_t agent = 0; agent < probe->agents; agent++)
    if (judge(probe, agent, action, &result->reward[agent], error) != 0) return 1;
  take_time(probe, random);

  show_next_targets(probe, random, result);
  probe->state.steps++;
  bool ended = ++probe->state.episode_step >= probe->episode_length;
  result->terminated = ended && !probe->truncates;
  result->truncated = ended && probe->truncates;

  /* the faults that the options ask for */
  int64_t now = probe->state.faulty ? probe->state.steps : -1;
  if (now == probe->crash_at_step) abort();
  while (now == probe->hang_at_step) pause();
  if (now == probe->nan_at_step && probe->observation == OBSERVATION_BOX) ((float *)result->observation)[0] = NAN;
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
  if (state.steps < 0 || state.steps > MAX_STEPS)
    return muster_env_fail(error, "%" PRId64 " steps, not 0 to %" PRId64, state.steps, MAX_STEPS);
  if (state.episode_step < 0 || state.episode_step > probe->episode_length || state.episode_step == INT32_MAX)
    return muster_env_fail(error, "step %d of an episode of %" PRId64, (int)state.episode_step, probe->episode_length);
  if (state.started < 0 || state.started > 1 || state.faulty < 0 || state.faulty > 1)
    return muster_env_fail(error, "started is %d and faulty %d, not 0 or 1", (int)state.started, (int)state.faulty);
  for (int64_t agent = 0; agent < probe->agents; agent++)
    if (state.target[agent] < 0 || state.target[agent] >= probe->obs_dim)
      return muster_env_fail(error, "target %d is not in 0 to %d", (int)state.target[agent], (int)probe->obs_dim - 1);
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
