/* The built-in environments by themselves: CartPole against Gymnasium, its block form against its single form, Probe.
 */
#include "base/random.h"
#include "env/registry.h"
#include "env/spec.h"
#include "support/check.h"
#include "support/golden.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static const muster_env_type *find(const char *name) {
  const muster_env_type *type = NULL;
  CHECK_OK_FATAL(env_registry_find(name, &type));
  return type;
}

/* ---- registry ---- */

static void test_registry(void) {
  const muster_env_type *const *types = env_registry_list();
  CU_ASSERT_PTR_NOT_NULL_FATAL(types[0]);
  for (size_t i = 0; types[i] != NULL; i++) {
    CU_ASSERT_PTR_EQUAL(find(types[i]->name), types[i]);
    CHECK_OK(env_type_check(types[i]));
    CU_ASSERT_TRUE(strlen(types[i]->summary) > 0);
    if (i > 0) CU_ASSERT_TRUE(strcmp(types[i - 1]->name, types[i]->name) < 0);
  }
  const muster_env_type *type;
  CHECK_FAILS(env_registry_find("cartpole", &type), MUSTER_ERROR_USAGE, "the nearest one is 'CartPole-v1'");
  CHECK_FAILS(env_registry_find("Prob-v1", &type), MUSTER_ERROR_USAGE, "unknown environment 'Prob-v1'");
}

/* ---- CartPole ---- */

/* steps the single form once from a state */
static void step_single(void *env, const double *state, int32_t action, double *next, float *observation,
                        double *reward, bool *terminated) {
  const muster_env_type *type = find("CartPole-v1");
  struct random_stream stream = random_stream_start(1, RANDOM_ENV, 0, 0);
  muster_env_error error;
  muster_env_result result = {.observation = observation, .reward = reward};
  CU_ASSERT_EQUAL(type->load_state(env, state, &error), 0);
  CU_ASSERT_EQUAL(type->step(env, &action, &stream.base, &result, &error), 0);
  CU_ASSERT_FALSE(result.truncated);
  type->save_state(env, next);
  *terminated = result.terminated;
}

/* steps n rows once through the block form; arrays [n, 4], [n], [n] */
static void step_block(int32_t n, const double *states, const int32_t *actions, double *next, float *observations,
                       uint8_t *terminated) {
  const muster_env_type *type = find("CartPole-v1");
  muster_env_error error;
  void *block = NULL;
  CU_ASSERT_EQUAL_FATAL(type->block_create(NULL, n, &block, &error), 0);
  for (int32_t i = 0; i < n; i++) CU_ASSERT_EQUAL(type->block_load_state(block, i, states + 4 * i, &error), 0);
  float *rewards = calloc((size_t)n, sizeof *rewards);
  uint8_t *truncated = calloc((size_t)n, 1);
  memset(terminated, 0, (size_t)n);
  muster_env_block_result result = {.observation = observations,
                                    .observation_stride = 4 * sizeof(float),
                                    .reward = rewards,
                                    .reward_stride = sizeof(float),
                                    .terminated = terminated,
                                    .truncated = truncated,
                                    .failed_row = -1};
  CU_ASSERT_EQUAL(type->block_step(block, actions, NULL, &result, &error), 0);
  for (int32_t i = 0; i < n; i++) {
    type->block_save_state(block, i, next + 4 * i);
    CU_ASSERT_EQUAL(rewards[i], 1.0f);
    CU_ASSERT_EQUAL(truncated[i], 0);
  }
  type->block_destroy(block);
  free(rewards);
  free(truncated);
}

/* largest |a - b| / max(1, |b|); infinity when any is NaN */
static double largest_error(const double *a, const double *b, size_t n) {
  double worst = 0.0;
  for (size_t i = 0; i < n; i++) {
    double error = fabs(a[i] - b[i]) / fmax(1.0, fabs(b[i]));
    if (!(error <= worst)) worst = isnan(error) ? INFINITY : error;
  }
  return worst;
}

static void check_golden(const char *group) {
  char name[64];
  struct golden data[6];
  static const char *const keys[] = {"state", "action", "next_state", "obs", "reward", "terminated"};
  for (size_t i = 0; i < 6; i++) {
    snprintf(name, sizeof name, "%s/%s", group, keys[i]);
    data[i] = golden_read("env_cartpole.h5", name);
  }
  const struct golden *state = &data[0], *action = &data[1], *next = &data[2], *obs = &data[3];
  const size_t n = action->n;
  CU_ASSERT_TRUE_FATAL(n >= 500 && state->rank == 2 && state->shape[0] == n && state->shape[1] == 4);

  const muster_env_type *type = find("CartPole-v1");
  muster_env_error error;
  void *env = NULL;
  CU_ASSERT_EQUAL_FATAL(type->create(NULL, &env, &error), 0);
  int32_t *actions = malloc(n * sizeof *actions);
  double *single = malloc(4 * n * sizeof *single), *block = malloc(4 * n * sizeof *block);
  float *observations = malloc(4 * n * sizeof *observations);
  uint8_t *terminated = malloc(n);

  for (size_t t = 0; t < n; t++) {
    double reward;
    bool done;
    actions[t] = (int32_t)action->values[t];
    step_single(env, state->values + 4 * t, actions[t], single + 4 * t, observations + 4 * t, &reward, &done);
    CU_ASSERT_EQUAL(reward, data[4].values[t]);
    CU_ASSERT_EQUAL(done, data[5].values[t] != 0.0);
    for (size_t i = 0; i < 4; i++) CHECK_CLOSE(observations[4 * t + i], obs->values[4 * t + i], 1.2e-7);
  }
  CU_ASSERT_TRUE(largest_error(single, next->values, 4 * n) <= 1e-12);

  step_block((int32_t)n, state->values, actions, block, observations, terminated);
  CU_ASSERT_TRUE(largest_error(block, next->values, 4 * n) <= 1e-12);
  for (size_t t = 0; t < n; t++) CU_ASSERT_EQUAL(terminated[t], data[5].values[t]);
  for (size_t i = 0; i < 4 * n; i++) CU_ASSERT_EQUAL(observations[i], (float)block[i]);

  type->destroy(env);
  free(actions);
  free(single);
  free(block);
  free(observations);
  free(terminated);
  for (size_t i = 0; i < 6; i++) golden_free(&data[i]);
}

static void test_golden_controlled(void) { check_golden("ctl"); }
static void test_golden_random(void) { check_golden("rnd"); }

/* the block's polynomials and libm agree within 1e-15 a step (relative above 1), also for angles that only libm covers
 */
static void test_block_equals_single(void) {
  enum { N = 20000 };
  const muster_env_type *type = find("CartPole-v1");
  struct random_stream stream = random_stream_start(2, RANDOM_ENV, 0, 0);
  double *states = malloc(4 * N * sizeof *states), *single = malloc(4 * N * sizeof *single);
  double *block = malloc(4 * N * sizeof *block);
  float *observations = malloc(4 * N * sizeof *observations);
  int32_t *actions = malloc(N * sizeof *actions);
  uint8_t *terminated = malloc(N);
  for (int i = 0; i < N; i++) {
    double angle = i < N / 2 ? 0.25 : i < 3 * N / 4 ? 0.8 : 10.0;
    states[4 * i] = muster_random_uniform(&stream.base, -2.5, 2.5);
    states[4 * i + 1] = muster_random_uniform(&stream.base, -4.0, 4.0);
    states[4 * i + 2] = muster_random_uniform(&stream.base, -angle, angle);
    states[4 * i + 3] = muster_random_uniform(&stream.base, -4.0, 4.0);
    actions[i] = (int32_t)muster_random_below(&stream.base, 2);
  }
  step_block(N, states, actions, block, observations, terminated);

  muster_env_error error;
  void *env = NULL;
  CU_ASSERT_EQUAL_FATAL(type->create(NULL, &env, &error), 0);
  size_t ended = 0;
  for (int i = 0; i < N; i++) {
    float observation[4];
    double reward;
    bool done;
    step_single(env, states + 4 * i, actions[i], single + 4 * i, observation, &reward, &done);
    CU_ASSERT_EQUAL(done, terminated[i] != 0);
    ended += done;
  }
  CU_ASSERT_TRUE(ended > N / 10 && ended < N);
  CU_ASSERT_TRUE(largest_error(block, single, 4 * N) <= 1e-15);
  type->destroy(env);
  free(states);
  free(single);
  free(block);
  free(observations);
  free(actions);
  free(terminated);
}

/* the bits of a row depend neither on the number of rows nor on its position */
static void test_block_rows_are_independent(void) {
  enum { N = 100 };
  static const int32_t sizes[] = {1, 8, 64, 100};
  struct random_stream stream = random_stream_start(3, RANDOM_ENV, 0, 0);
  double states[4 * N], alone[4 * N], together[4 * N];
  float observations[4 * N];
  uint8_t ended_alone[N], ended_together[N];
  int32_t actions[N];
  for (int i = 0; i < N; i++) {
    for (int k = 0; k < 4; k++) states[4 * i + k] = muster_random_uniform(&stream.base, -1.0, 1.0);
    actions[i] = (int32_t)muster_random_below(&stream.base, 2);
  }
  for (int32_t i = 0; i < N; i++)
    step_block(1, states + 4 * i, actions + i, alone + 4 * i, observations + 4 * i, ended_alone + i);
  for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
    for (int32_t first = 0; first + sizes[s] <= N; first += 7) {
      int32_t n = sizes[s];
      step_block(n, states + 4 * first, actions + first, together, observations, ended_together);
      CU_ASSERT_EQUAL(memcmp(together, alone + 4 * first, 4 * (size_t)n * sizeof *alone), 0);
      CU_ASSERT_EQUAL(memcmp(ended_together, ended_alone + first, (size_t)n), 0);
    }
}

/* starts are uniform in [-0.05, 0.05), and the same in both forms */
static void test_cartpole_reset(void) {
  enum { N = 20000 };
  const muster_env_type *type = find("CartPole-v1");
  muster_env_error error;
  void *env = NULL, *block = NULL;
  CU_ASSERT_EQUAL_FATAL(type->create(NULL, &env, &error), 0);
  CU_ASSERT_EQUAL_FATAL(type->block_create(NULL, 3, &block, &error), 0);
  double sum[4] = {0}, squares[4] = {0};
  for (uint32_t episode = 0; episode < N; episode++) {
    struct random_stream stream = random_stream_start(4, RANDOM_ENV, 5, episode), again = stream;
    float observation[4], other[4];
    double state[4], row[4];
    muster_env_result result = {.observation = observation}, block_result = {.observation = other};
    CU_ASSERT_EQUAL(type->reset(env, &stream.base, &result, &error), 0);
    CU_ASSERT_EQUAL(type->block_reset(block, 2, &again.base, &block_result, &error), 0);
    type->save_state(env, state);
    type->block_save_state(block, 2, row);
    CU_ASSERT_EQUAL(memcmp(state, row, sizeof state), 0);
    CU_ASSERT_EQUAL(memcmp(observation, other, sizeof other), 0);
    for (int i = 0; i < 4; i++) {
      CU_ASSERT_TRUE(state[i] >= -0.05 && state[i] < 0.05);
      CU_ASSERT_EQUAL(observation[i], (float)state[i]);
      sum[i] += state[i];
      squares[i] += state[i] * state[i];
    }
  }
  /* five standard errors of the mean, and of the mean square, of a uniform variable */
  const double variance = 0.1 * 0.1 / 12.0;
  for (int i = 0; i < 4; i++) {
    CU_ASSERT_TRUE(fabs(sum[i] / N) < 5.0 * sqrt(variance / N));
    CU_ASSERT_TRUE(fabs(squares[i] / N - variance) < 5.0 * variance * sqrt(0.8 / N));
  }
  type->destroy(env);
  type->block_destroy(block);
}

static void test_cartpole_spec(void) {
  const muster_env_type *type = find("CartPole-v1");
  muster_env_error error;
  void *env = NULL, *block = NULL;
  CU_ASSERT_EQUAL_FATAL(type->create(NULL, &env, &error), 0);
  CU_ASSERT_EQUAL_FATAL(type->block_create(NULL, 2, &block, &error), 0);
  muster_env_spec specs[2] = {{.struct_size = sizeof specs[0]}, {.struct_size = sizeof specs[0]}};
  type->describe(env, &specs[0]);
  type->block_describe(block, &specs[1]);
  static const float high[] = {4.8f, INFINITY, 0.41887903f, INFINITY};
  for (size_t i = 0; i < 2; i++) {
    CU_ASSERT_EQUAL(specs[i].observation.kind, MUSTER_SPACE_BOX);
    CU_ASSERT_EQUAL(muster_space_elements(&specs[i].observation), 4);
    for (size_t k = 0; k < 4; k++) {
      CU_ASSERT_EQUAL(specs[i].observation.high[k], high[k]);
      CU_ASSERT_EQUAL(specs[i].observation.low[k], -high[k]);
    }
    CU_ASSERT_EQUAL(specs[i].action.kind, MUSTER_SPACE_DISCRETE);
    CU_ASSERT_EQUAL(specs[i].action.counts[0], 2);
    CU_ASSERT_EQUAL(specs[i].agents, 1);
    CU_ASSERT_EQUAL(specs[i].max_steps, 500);
    CU_ASSERT_EQUAL(specs[i].reward_threshold, 475.0);
    CU_ASSERT_FALSE(specs[i].masks_actions);
  }
  CU_ASSERT_EQUAL(specs[0].state_bytes, specs[1].state_bytes);
  type->destroy(env);
  type->block_destroy(block);
}

/* wrong actions and broken states are refused with a message, and nothing has changed */
static void test_cartpole_refuses(void) {
  const muster_env_type *type = find("CartPole-v1");
  muster_env_error error;
  void *env = NULL, *block = NULL;
  CU_ASSERT_EQUAL_FATAL(type->create(NULL, &env, &error), 0);
  CU_ASSERT_EQUAL_FATAL(type->block_create(NULL, 3, &block, &error), 0);
  const double start[4] = {0.1, 0.2, 0.03, 0.4}, broken[4] = {0.1, NAN, 0.0, 0.0};
  double after[4];
  float observations[12], rewards[3];
  double reward;
  uint8_t terminated[3] = {0}, truncated[3] = {0};
  CU_ASSERT_EQUAL(type->load_state(env, start, &error), 0);
  for (int32_t i = 0; i < 3; i++) CU_ASSERT_EQUAL(type->block_load_state(block, i, start, &error), 0);

  muster_env_result result = {.observation = observations, .reward = &reward};
  CU_ASSERT_EQUAL(type->step(env, &(int32_t){2}, NULL, &result, &error), 1);
  CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "action 2"));
  type->save_state(env, after);
  CU_ASSERT_EQUAL(memcmp(after, start, sizeof start), 0);

  muster_env_block_result rows = {observations, 16, rewards, 4, NULL, 0, terminated, truncated, -1};
  CU_ASSERT_EQUAL(type->block_step(block, (int32_t[]){0, 1, -1}, NULL, &rows, &error), 1);
  CU_ASSERT_EQUAL(rows.failed_row, 2);
  CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "action -1"));
  type->block_save_state(block, 0, after);
  CU_ASSERT_EQUAL(memcmp(after, start, sizeof start), 0);

  CU_ASSERT_EQUAL(type->load_state(env, broken, &error), 1);
  CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "not within 1000 either way"));
  CU_ASSERT_EQUAL(type->block_load_state(block, 1, broken, &error), 1);
  type->destroy(env);
  type->block_destroy(block);
}

static void test_cartpole_text(void) {
  const muster_env_type *type = find("CartPole-v1");
  muster_env_error error;
  void *env = NULL;
  char text[1024];
  CU_ASSERT_EQUAL_FATAL(type->create(NULL, &env, &error), 0);
  CU_ASSERT_EQUAL(type->load_state(env, (const double[]){-1.2, 0, 0, 0}, &error), 0);
  type->render_text(env, text, sizeof text);
  /* the track is 49 columns wide: a cart at -1.2 m stands a quarter of the way along, the pole upright over it */
  CU_ASSERT_EQUAL(strcspn(text, "|"), 12);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "\n          #####  "));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "position -1.200 m, angle +0.00 degrees"));

  /* a buffer that is too small is filled and terminated */
  char small[10];
  type->render_text(env, small, sizeof small);
  CU_ASSERT_EQUAL(strlen(small), sizeof small - 1);
  type->destroy(env);
}

/* ---- Probe ---- */

/* creates a Probe whose options are the defaults except one */
static void *create_probe(const char *key, const char *value, muster_env_error *error) {
  const muster_env_type *type = find("Probe-v0");
  muster_env_setting settings[32] = {{NULL, NULL}};
  for (size_t i = 0; type->options[i].key != NULL; i++)
    settings[i] = (muster_env_setting){type->options[i].key,
                                       strcmp(type->options[i].key, key) == 0 ? value : type->options[i].default_value};
  void *env = NULL;
  return type->create(settings, &env, error) == 0 ? env : NULL;
}

/* the action that names the hot element earns 1, any other 0; episodes end as the options say */
static void test_probe_task(void) {
  const muster_env_type *type = find("Probe-v0");
  struct random_stream stream = random_stream_start(6, RANDOM_ENV, 0, 0);
  muster_env_error error;
  for (int truncates = 0; truncates <= 1; truncates++) {
    void *env = create_probe("truncates", truncates ? "1" : "0", &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(env);
    float observation[4];
    double reward;
    int seen[4] = {0};
    muster_env_result result = {.observation = observation, .reward = &reward};
    CU_ASSERT_EQUAL(type->reset(env, &stream.base, &result, &error), 0);
    for (int step = 1; step <= 16; step++) {
      int32_t hot = 0;
      float sum = 0.0f;
      for (int32_t i = 0; i < 4; i++) {
        sum += observation[i];
        if (observation[i] == 1.0f) hot = i;
      }
      CU_ASSERT_EQUAL(sum, 1.0f);
      seen[hot]++;
      int32_t action = step % 2 ? hot : (hot + 1) % 4;
      CU_ASSERT_EQUAL(type->step(env, &action, &stream.base, &result, &error), 0);
      CU_ASSERT_EQUAL(reward, step % 2 ? 1.0 : 0.0);
      CU_ASSERT_EQUAL(result.terminated, step == 16 && !truncates);
      CU_ASSERT_EQUAL(result.truncated, step == 16 && truncates);
    }
    CU_ASSERT_TRUE((seen[0] > 0) + (seen[1] > 0) + (seen[2] > 0) + (seen[3] > 0) >= 3);
    CU_ASSERT_EQUAL(type->step(env, &(int32_t){4}, &stream.base, &result, &error), 1);
    type->destroy(env);
  }
}

static void test_probe_refuses_options(void) {
  muster_env_error error;
  CU_ASSERT_PTR_NULL(create_probe("obs_dim", "0", &error));
  CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "obs_dim: expects an integer from 1 to 1048576, got \"0\""));
  CU_ASSERT_PTR_NULL(create_probe("sleep_us", "often", &error));
  CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "sleep_us"));
  CU_ASSERT_PTR_NULL(create_probe("fail_at_step", "12x", &error));
  CU_ASSERT_PTR_NULL(create_probe("step_seconds", "soon", &error));
  CU_ASSERT_PTR_NULL(create_probe("step_seconds", "nan", &error));
  CU_ASSERT_PTR_NULL(create_probe("step_tail", "1", &error));
  CU_ASSERT_STRING_EQUAL(error.text, "option step_tail: expects 0 or more than 1, where there is a mean, got 1");
  CU_ASSERT_PTR_NULL(create_probe("slow_envs", "-1", &error));
  CU_ASSERT_PTR_NULL(create_probe("slow_factor", "-2", &error));
  CU_ASSERT_PTR_NULL(create_probe("fail_at_step", "99999999999999999999", &error));
  CU_ASSERT_PTR_NULL(create_probe("truncates", "2", &error));
}

/* an environment that takes its time gives the same numbers as one that does not, whether the time is drawn or fixed */
static void test_probe_takes_time(void) {
  const muster_env_type *type = find("Probe-v0");
  const char *const slow[][2] = {
      {"step_seconds", "2e-5"}, {"step_tail", "1.5"}, {"slow_envs", "1"}, {"slow_factor", "10"}};
  muster_env_setting settings[2][32] = {{{NULL, NULL}}};
  for (size_t i = 0; type->options[i].key != NULL; i++) {
    settings[0][i] = settings[1][i] = (muster_env_setting){type->options[i].key, type->options[i].default_value};
    for (size_t k = 0; k < sizeof slow / sizeof *slow; k++)
      if (strcmp(type->options[i].key, slow[k][0]) == 0) settings[1][i].value = slow[k][1];
  }
  for (uint32_t index = 0; index < 2; index++) {
    muster_env_error error;
    float observation[2][4];
    double reward[2];
    void *env[2] = {NULL, NULL};
    struct random_stream stream[2];
    for (int i = 0; i < 2; i++) {
      CU_ASSERT_EQUAL_FATAL(type->create(settings[i], &env[i], &error), 0);
      muster_env_result result = {.observation = observation[i], .reward = &reward[i]};
      stream[i] = random_stream_start(3, RANDOM_ENV, index, 0);
      CU_ASSERT_EQUAL(type->reset(env[i], &stream[i].base, &result, &error), 0);
    }
    for (int step = 0; step < 100; step++) {
      CU_ASSERT_EQUAL(memcmp(observation[0], observation[1], sizeof observation[0]), 0);
      for (int i = 0; i < 2; i++) {
        muster_env_result result = {.observation = observation[i], .reward = &reward[i]};
        CU_ASSERT_EQUAL(type->step(env[i], &(int32_t){step % 4}, &stream[i].base, &result, &error), 0);
      }
      CU_ASSERT_EQUAL(reward[0], reward[1]);
    }
    CU_ASSERT_EQUAL(memcmp(&stream[0], &stream[1], sizeof stream[0]), 0);
    for (int i = 0; i < 2; i++) type->destroy(env[i]);
  }
}

/* steps a Probe three times in a child process; returns the signal that ends the process, or 0 */
static int signal_of_child(const char *key) {
  const muster_env_type *type = find("Probe-v0");
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    /* a step that hangs is ended by the alarm */
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {.tv_usec = 300000}}, NULL);
    muster_env_error error;
    void *env = create_probe(key, "3", &error);
    struct random_stream stream = random_stream_start(6, RANDOM_ENV, 0, 0);
    float observation[4];
    double reward;
    muster_env_result result = {.observation = observation, .reward = &reward};
    type->reset(env, &stream.base, &result, &error);
    for (int i = 0; i < 3; i++) type->step(env, &(int32_t){0}, &stream.base, &result, &error);
    _exit(0);
  }
  int status = 0;
  CU_ASSERT_EQUAL_FATAL(waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void test_probe_crashes_and_hangs(void) {
  CU_ASSERT_EQUAL(signal_of_child("crash_at_step"), SIGABRT);
  CU_ASSERT_EQUAL(signal_of_child("hang_at_step"), SIGALRM);
  CU_ASSERT_EQUAL(signal_of_child("fail_at_step"), 0);
}

/* about the given percentage of the environments is faulty, drawn from their own streams */
static void test_probe_faulty_percent(void) {
  enum { N = 2000 };
  const muster_env_type *type = find("Probe-v0");
  int faulty = 0;
  for (uint32_t i = 0; i < N; i++) {
    muster_env_setting settings[32] = {{NULL, NULL}};
    for (size_t k = 0; type->options[k].key != NULL; k++) {
      const char *key = type->options[k].key;
      settings[k] = (muster_env_setting){key, strcmp(key, "faulty_percent") == 0 ? "25"
                                              : strcmp(key, "fail_at_step") == 0 ? "1"
                                                                                 : type->options[k].default_value};
    }
    struct random_stream stream = random_stream_start(7, RANDOM_ENV, i, 0);
    muster_env_error error;
    float observation[4];
    double reward;
    muster_env_result result = {.observation = observation, .reward = &reward};
    void *env = NULL;
    CU_ASSERT_EQUAL_FATAL(type->create(settings, &env, &error), 0);
    type->reset(env, &stream.base, &result, &error);
    faulty += type->step(env, &(int32_t){0}, &stream.base, &result, &error);
    type->destroy(env);
  }
  /* five standard deviations of a binomial count */
  CU_ASSERT_TRUE(fabs(faulty - 0.25 * N) < 5.0 * sqrt(0.25 * 0.75 * N));
}

static const struct check_case cases[] = {
    {"registry: sorted, found by name, nearest name", test_registry},
    {"CartPole: Gymnasium's steps under a controller", test_golden_controlled},
    {"CartPole: Gymnasium's steps under random actions", test_golden_random},
    {"CartPole: block equals single", test_block_equals_single},
    {"CartPole: rows of a block are independent", test_block_rows_are_independent},
    {"CartPole: starts", test_cartpole_reset},
    {"CartPole: spaces and limits", test_cartpole_spec},
    {"CartPole: refuses wrong actions and states", test_cartpole_refuses},
    {"CartPole: text", test_cartpole_text},
    {"Probe: task", test_probe_task},
    {"Probe: refuses wrong options", test_probe_refuses_options},
    {"Probe: takes time", test_probe_takes_time},
    {"Probe: crashes and hangs when told", test_probe_crashes_and_hangs},
    {"Probe: a part of the environments is faulty", test_probe_faulty_percent},
};

CHECK_MAIN("env", cases)
