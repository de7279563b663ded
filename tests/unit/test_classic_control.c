/* Acrobot, MountainCar, MountainCarContinuous and Pendulum: against Gymnasium, the block form against the single form,
 * starts, options, refusals, text. */
#include "base/random.h"
#include "env/envs/sincos.h"
#include "env/registry.h"
#include "support/check.h"
#include "support/golden.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PI 3.14159265358979323846
#define MAX_VARIABLES 4
#define MAX_OBSERVATIONS 6

/* what a test has to know about an environment */
struct subject {
  const char *name, *file;
  int variables, observations;
  int32_t choices; /* discrete actions; 0: one number */
  int32_t max_steps;
  double threshold;
  float bound; /* bound of a continuous action */
  float high[MAX_OBSERVATIONS], low[MAX_OBSERVATIONS];
  double state_low[MAX_VARIABLES], state_high[MAX_VARIABLES]; /* states to step from */
  double start_low[MAX_VARIABLES], start_high[MAX_VARIABLES];
  double block_tolerance; /* block form against single form, relative above 1 */
};

static const struct subject acrobot = {
    .name = "Acrobot-v1",
    .file = "env_acrobot.h5",
    .variables = 4,
    .observations = 6,
    .choices = 3,
    .max_steps = 500,
    .threshold = -100.0,
    .high = {1.0f, 1.0f, 1.0f, 1.0f, 12.566371f, 28.274334f},
    .low = {-1.0f, -1.0f, -1.0f, -1.0f, -12.566371f, -28.274334f},
    .state_low = {-PI, -PI, -6.2, -14.1},
    .state_high = {PI, PI, 6.2, 14.1},
    .start_low = {-0.1, -0.1, -0.1, -0.1},
    .start_high = {0.1, 0.1, 0.1, 0.1},
    .block_tolerance = 1e-13,
};
static const struct subject mountain_car = {
    .name = "MountainCar-v0",
    .file = "env_mountaincar.h5",
    .variables = 2,
    .observations = 2,
    .choices = 3,
    .max_steps = 200,
    .threshold = -110.0,
    .high = {0.6f, 0.07f},
    .low = {-1.2f, -0.07f},
    .state_low = {-1.2, -0.07},
    .state_high = {0.6, 0.07},
    .start_low = {-0.6, 0.0},
    .start_high = {-0.4, 0.0},
    .block_tolerance = 1e-15,
};
static const struct subject mountain_car_continuous = {
    .name = "MountainCarContinuous-v0",
    .file = "env_mountaincar_continuous.h5",
    .variables = 2,
    .observations = 2,
    .max_steps = 999,
    .threshold = 90.0,
    .bound = 1.0f,
    .high = {0.6f, 0.07f},
    .low = {-1.2f, -0.07f},
    .state_low = {-1.2, -0.07},
    .state_high = {0.6, 0.07},
    .start_low = {-0.6, 0.0},
    .start_high = {-0.4, 0.0},
    .block_tolerance = 1e-15,
};
static const struct subject pendulum = {
    .name = "Pendulum-v1",
    .file = "env_pendulum.h5",
    .variables = 2,
    .observations = 3,
    .max_steps = 200,
    .threshold = NAN,
    .bound = 2.0f,
    .high = {1.0f, 1.0f, 8.0f},
    .low = {-1.0f, -1.0f, -8.0f},
    .state_low = {-100.0, -8.0},
    .state_high = {100.0, 8.0},
    .start_low = {-PI, -1.0},
    .start_high = {PI, 1.0},
    .block_tolerance = 1e-14,
};
static const struct subject *const subjects[] = {&acrobot, &mountain_car, &mountain_car_continuous, &pendulum};
enum { SUBJECTS = sizeof subjects / sizeof subjects[0] };

/* ---- creation ---- */

static const muster_env_type *find(const struct subject *subject) {
  const muster_env_type *type = NULL;
  CHECK_OK_FATAL(env_registry_find(subject->name, &type));
  return type;
}

/* each environment here has one option: it gets its default, or `value` */
static void set_option(const muster_env_type *type, const char *value, muster_env_setting settings[2]) {
  settings[0] = (muster_env_setting){type->options[0].key, value != NULL ? value : type->options[0].default_value};
  settings[1] = (muster_env_setting){NULL, NULL};
  CU_ASSERT_PTR_NULL(type->options[1].key);
}

static void *create_single(const muster_env_type *type, const char *value) {
  muster_env_setting settings[2];
  muster_env_error error;
  void *env = NULL;
  set_option(type, value, settings);
  CU_ASSERT_EQUAL_FATAL(type->create(settings, &env, &error), 0);
  return env;
}

static void *create_block(const muster_env_type *type, const char *value, int32_t n) {
  muster_env_setting settings[2];
  muster_env_error error;
  void *block = NULL;
  set_option(type, value, settings);
  CU_ASSERT_EQUAL_FATAL(type->block_create(settings, n, &block, &error), 0);
  return block;
}

/* ---- one step of n rows, in either form ---- */

/* an action is 4 bytes: int32_t or float */
struct steps {
  size_t n;
  double *state, *next, *reward; /* [n, variables] twice, [n] */
  char *action;                  /* [n, 4 bytes] */
  float *observation;            /* [n, observations] */
  uint8_t *terminated;           /* [n] */
};

static struct steps steps_create(const struct subject *subject, size_t n) {
  struct steps steps = {.n = n};
  steps.state = calloc(n * (size_t)subject->variables, sizeof *steps.state);
  steps.next = calloc(n * (size_t)subject->variables, sizeof *steps.next);
  steps.reward = calloc(n, sizeof *steps.reward);
  steps.action = calloc(n, 4);
  steps.observation = calloc(n * (size_t)subject->observations, sizeof *steps.observation);
  steps.terminated = calloc(n, 1);
  return steps;
}

static void steps_free(struct steps *steps) {
  free(steps->state);
  free(steps->next);
  free(steps->reward);
  free(steps->action);
  free(steps->observation);
  free(steps->terminated);
}

static void set_action(const struct subject *subject, struct steps *steps, size_t i, double action) {
  const float force = (float)action;
  const int32_t choice = subject->choices > 0 ? (int32_t)action : 0;
  memcpy(steps->action + 4 * i, subject->choices > 0 ? (const void *)&choice : (const void *)&force, 4);
}

static void take_single_steps(const struct subject *subject, const char *option, struct steps *steps) {
  const muster_env_type *type = find(subject);
  const size_t variables = (size_t)subject->variables;
  void *env = create_single(type, option);
  muster_env_error error;
  for (size_t i = 0; i < steps->n; i++) {
    muster_env_result result = {.observation = steps->observation + i * (size_t)subject->observations,
                                .reward = &steps->reward[i]};
    CU_ASSERT_EQUAL(type->load_state(env, steps->state + i * variables, &error), 0);
    CU_ASSERT_EQUAL(type->step(env, steps->action + 4 * i, NULL, &result, &error), 0);
    CU_ASSERT_FALSE(result.truncated);
    type->save_state(env, steps->next + i * variables);
    steps->terminated[i] = result.terminated;
  }
  type->destroy(env);
}

static void take_block_steps(const struct subject *subject, const char *option, struct steps *steps) {
  const muster_env_type *type = find(subject);
  const size_t n = steps->n, variables = (size_t)subject->variables;
  void *block = create_block(type, option, (int32_t)n);
  muster_env_error error;
  float *reward = calloc(n, sizeof *reward);
  uint8_t *truncated = calloc(n, 1);
  memset(steps->terminated, 0, n);
  muster_env_block_result result = {.observation = steps->observation,
                                    .observation_stride = (size_t)subject->observations * sizeof(float),
                                    .reward = reward,
                                    .reward_stride = sizeof *reward,
                                    .terminated = steps->terminated,
                                    .truncated = truncated,
                                    .failed_row = -1};
  for (size_t i = 0; i < n; i++)
    CU_ASSERT_EQUAL(type->block_load_state(block, (int32_t)i, steps->state + i * variables, &error), 0);
  CU_ASSERT_EQUAL(type->block_step(block, steps->action, NULL, &result, &error), 0);
  for (size_t i = 0; i < n; i++) {
    type->block_save_state(block, (int32_t)i, steps->next + i * variables);
    steps->reward[i] = (double)reward[i];
    CU_ASSERT_EQUAL(truncated[i], 0);
  }
  type->block_destroy(block);
  free(reward);
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

static double largest_float_error(const float *a, const double *b, size_t n) {
  double worst = 0.0;
  for (size_t i = 0; i < n; i++) worst = fmax(worst, largest_error(&(double){(double)a[i]}, &b[i], 1));
  return worst;
}

/* ---- against Gymnasium ---- */

/* half a unit in the last place of a float32, and a whole one for values that were rounded twice */
#define FLOAT_ROUNDING 6e-8
#define FLOAT_ROUNDING_TWICE 1.2e-7

enum { STATE, ACTION, NEXT, OBSERVATION, REWARD, TERMINATED, TRUNCATED, KEYS };

static void check_steps(const struct subject *subject, const struct golden *data, const struct steps *steps,
                        double state_tolerance, double reward_tolerance) {
  const size_t n = steps->n;
  CU_ASSERT_TRUE(largest_error(steps->next, data[NEXT].values, n * (size_t)subject->variables) <= state_tolerance);
  CU_ASSERT_TRUE(largest_error(steps->reward, data[REWARD].values, n) <= reward_tolerance);
  CU_ASSERT_TRUE(largest_float_error(steps->observation, data[OBSERVATION].values, n * (size_t)subject->observations) <=
                 FLOAT_ROUNDING_TWICE);
  for (size_t i = 0; i < n; i++) CU_ASSERT_EQUAL(steps->terminated[i], data[TERMINATED].values[i] != 0.0);
}

/* Gymnasium truncates at the step limit that describe() names */
static void check_truncation(const struct subject *subject, const struct golden *data) {
  int32_t step = 0, cut = 0;
  for (size_t i = 0; i < data[TRUNCATED].n; i++) {
    bool ends = ++step == subject->max_steps;
    CU_ASSERT_EQUAL(data[TRUNCATED].values[i] != 0.0, ends);
    cut += ends;
    if (ends || data[TERMINATED].values[i] != 0.0) step = 0;
  }
  if (subject == &pendulum) CU_ASSERT_EQUAL(cut, 2);
}

static void check_golden(const struct subject *subject, const char *group, double state_tolerance) {
  static const char *const keys[KEYS] = {"state", "action", "next_state", "obs", "reward", "terminated", "truncated"};
  struct golden data[KEYS];
  for (size_t i = 0; i < KEYS; i++) {
    char name[64];
    snprintf(name, sizeof name, "%s/%s", group, keys[i]);
    data[i] = golden_read(subject->file, name);
  }
  const size_t n = data[ACTION].n;
  CU_ASSERT_TRUE_FATAL(n == 500 && data[STATE].n == n * (size_t)subject->variables &&
                       data[OBSERVATION].n == n * (size_t)subject->observations);
  check_truncation(subject, data);

  struct steps steps = steps_create(subject, n);
  memcpy(steps.state, data[STATE].values, data[STATE].n * sizeof *steps.state);
  for (size_t i = 0; i < n; i++) set_action(subject, &steps, i, data[ACTION].values[i]);
  take_single_steps(subject, NULL, &steps);
  check_steps(subject, data, &steps, state_tolerance, 1e-12);
  take_block_steps(subject, NULL, &steps);
  check_steps(subject, data, &steps, state_tolerance, FLOAT_ROUNDING);

  steps_free(&steps);
  for (size_t i = 0; i < KEYS; i++) golden_free(&data[i]);
}

static void test_acrobot_golden(void) {
  check_golden(&acrobot, "ctl", 1e-12);
  check_golden(&acrobot, "rnd", 1e-12);
}

static void test_mountain_car_golden(void) {
  check_golden(&mountain_car, "ctl", 1e-12);
  check_golden(&mountain_car, "rnd", 1e-12);
}

/* Gymnasium rounds the state to float32; ctl64 and rnd64 are its steps without that rounding */
static void test_mountain_car_continuous_golden(void) {
  check_golden(&mountain_car_continuous, "ctl64", 1e-12);
  check_golden(&mountain_car_continuous, "rnd64", 1e-12);
  check_golden(&mountain_car_continuous, "ctl", FLOAT_ROUNDING);
  check_golden(&mountain_car_continuous, "rnd", FLOAT_ROUNDING);
}

static void test_pendulum_golden(void) {
  check_golden(&pendulum, "ctl", 1e-12);
  check_golden(&pendulum, "rnd", 1e-12);
}

/* ---- the block form ---- */

/* random states all over the state space, and random actions, some of them beyond the bounds */
static void fill_random(const struct subject *subject, uint64_t seed, struct steps *steps) {
  struct random_stream stream = random_stream_start(seed, RANDOM_ENV, 0, 0);
  for (size_t i = 0; i < steps->n; i++) {
    for (int k = 0; k < subject->variables; k++)
      steps->state[i * (size_t)subject->variables + (size_t)k] =
          muster_random_uniform(&stream.base, subject->state_low[k], subject->state_high[k]);
    double reach = 1.5 * (double)subject->bound;
    set_action(subject, steps, i,
               subject->choices > 0 ? (double)muster_random_below(&stream.base, (uint32_t)subject->choices)
                                    : muster_random_uniform(&stream.base, -reach, reach));
  }
}

static void check_block_equals_single(const struct subject *subject) {
  enum { N = 20000 };
  struct steps single = steps_create(subject, N), block = steps_create(subject, N);
  fill_random(subject, 2, &single);
  fill_random(subject, 2, &block);
  take_single_steps(subject, NULL, &single);
  take_block_steps(subject, NULL, &block);
  CU_ASSERT_TRUE(largest_error(block.next, single.next, N * (size_t)subject->variables) <= subject->block_tolerance);
  CU_ASSERT_TRUE(largest_error(block.reward, single.reward, N) <= FLOAT_ROUNDING);
  CU_ASSERT_EQUAL(memcmp(block.terminated, single.terminated, N), 0);
  size_t ended = 0;
  for (size_t i = 0; i < N; i++) ended += single.terminated[i];
  CU_ASSERT_TRUE(subject == &pendulum ? ended == 0 : ended > N / 100 && ended < N);
  steps_free(&single);
  steps_free(&block);
}

static void test_block_equals_single(void) {
  for (size_t s = 0; s < SUBJECTS; s++) check_block_equals_single(subjects[s]);

  /* near Acrobot's speed limits one step multiplies errors by 1e4: in Gymnasium, too, one unit in the last place of an
   * angle moves the next state by up to 3.5e-12 */
  struct subject fast = acrobot;
  fast.state_low[2] = -12.5, fast.state_high[2] = 12.5;
  fast.state_low[3] = -28.2, fast.state_high[3] = 28.2;
  fast.block_tolerance = 1e-11;
  check_block_equals_single(&fast);
}

/* the bits of a row depend neither on the number of rows nor on its position */
static void test_block_rows_are_independent(void) {
  enum { N = 100 };
  static const size_t sizes[] = {8, 37, 64, 100};
  for (size_t s = 0; s < SUBJECTS; s++) {
    const struct subject *subject = subjects[s];
    const size_t variables = (size_t)subject->variables, observations = (size_t)subject->observations;
    struct steps alone = steps_create(subject, N);
    fill_random(subject, 3, &alone);
    for (size_t i = 0; i < N; i++) {
      struct steps one = {.n = 1,
                          .state = alone.state + i * variables,
                          .next = alone.next + i * variables,
                          .reward = alone.reward + i,
                          .action = alone.action + 4 * i,
                          .observation = alone.observation + i * observations,
                          .terminated = alone.terminated + i};
      take_block_steps(subject, NULL, &one);
    }
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
      size_t n = sizes[k], first = (N - n) / 2;
      struct steps together = steps_create(subject, n);
      memcpy(together.state, alone.state + first * variables, n * variables * sizeof *together.state);
      memcpy(together.action, alone.action + 4 * first, 4 * n);
      take_block_steps(subject, NULL, &together);
      CU_ASSERT_EQUAL(memcmp(together.next, alone.next + first * variables, n * variables * sizeof(double)), 0);
      CU_ASSERT_EQUAL(memcmp(together.reward, alone.reward + first, n * sizeof(double)), 0);
      CU_ASSERT_EQUAL(
          memcmp(together.observation, alone.observation + first * observations, n * observations * sizeof(float)), 0);
      steps_free(&together);
    }
    steps_free(&alone);
  }
}

/* the polynomials against libm, over many turns, near multiples of pi / 2, and where libm takes over */
static void test_sincos(void) {
  enum { N = 40000 };
  struct random_stream stream = random_stream_start(5, RANDOM_ENV, 0, 0);
  double *angle = malloc(N * sizeof *angle), *sine = malloc(N * sizeof *sine), *cosine = malloc(N * sizeof *cosine);
  for (int i = 0; i < N; i++) {
    double reach = i % 4 == 0 ? 4.0 : i % 4 == 1 ? 100.0 : i % 4 == 2 ? SINCOS_REDUCED_LIMIT : 1e9;
    angle[i] = muster_random_uniform(&stream.base, -reach, reach);
    if (i % 5 == 0) angle[i] = (double)(i % 1000 - 500) * (PI / 2.0) + 1e-9 * (double)(i % 7 - 3);
  }
  sincos_any(N, angle, sine, cosine);
  double worst = 0.0;
  for (int i = 0; i < N; i++) worst = fmax(worst, fmax(fabs(sine[i] - sin(angle[i])), fabs(cosine[i] - cos(angle[i]))));
  CU_ASSERT_TRUE(worst <= 3e-16);

  worst = 0.0;
  for (int i = 0; i < N; i++) {
    if (fabs(angle[i]) > 1000.0) continue;
    double wrapped = sincos_wrap(angle[i]);
    CU_ASSERT_TRUE(fabs(wrapped) <= PI + 1e-12);
    worst = fmax(worst, fabs(sin(wrapped) - sin(angle[i])));
    worst = fmax(worst, fabs(cos(wrapped) - cos(angle[i])));
  }
  CU_ASSERT_TRUE(worst <= 1e-15);
  free(angle);
  free(sine);
  free(cosine);
}

/* ---- starts ---- */

/* uniform in the range that Gymnasium starts in, and the same in both forms */
static void test_starts(void) {
  enum { N = 20000 };
  for (size_t s = 0; s < SUBJECTS; s++) {
    const struct subject *subject = subjects[s];
    const muster_env_type *type = find(subject);
    void *env = create_single(type, NULL), *block = create_block(type, NULL, 3);
    muster_env_error error;
    double sum[MAX_VARIABLES] = {0}, squares[MAX_VARIABLES] = {0};
    for (uint32_t episode = 0; episode < N; episode++) {
      struct random_stream stream = random_stream_start(4, RANDOM_ENV, 5, episode), again = stream;
      float observation[MAX_OBSERVATIONS] = {0}, other[MAX_OBSERVATIONS] = {0};
      double state[MAX_VARIABLES] = {0}, row[MAX_VARIABLES] = {0};
      muster_env_result result = {.observation = observation}, block_result = {.observation = other};
      CU_ASSERT_EQUAL(type->reset(env, &stream.base, &result, &error), 0);
      CU_ASSERT_EQUAL(type->block_reset(block, 2, &again.base, &block_result, &error), 0);
      type->save_state(env, state);
      type->block_save_state(block, 2, row);
      CU_ASSERT_EQUAL(memcmp(state, row, sizeof state), 0);
      CU_ASSERT_EQUAL(memcmp(observation, other, sizeof other), 0);
      for (int i = 0; i < subject->variables; i++) {
        double middle = 0.5 * (subject->start_low[i] + subject->start_high[i]);
        CU_ASSERT_TRUE(state[i] >= subject->start_low[i] && state[i] <= subject->start_high[i]);
        sum[i] += state[i] - middle;
        squares[i] += (state[i] - middle) * (state[i] - middle);
      }
    }
    /* five standard errors of the mean, and of the mean square, of a uniform variable */
    for (int i = 0; i < subject->variables; i++) {
      double width = subject->start_high[i] - subject->start_low[i], variance = width * width / 12.0;
      CU_ASSERT_TRUE(fabs(sum[i] / N) <= 5.0 * sqrt(variance / N));
      CU_ASSERT_TRUE(fabs(squares[i] / N - variance) <= 5.0 * variance * sqrt(0.8 / N));
    }
    type->destroy(env);
    type->block_destroy(block);
  }
}

/* the observation that reset() returns shows the state that it drew */
static void test_first_observation(void) {
  static const struct {
    const struct subject *subject;
    int angles;
  } shown[] = {{&acrobot, 2}, {&mountain_car, 0}, {&mountain_car_continuous, 0}, {&pendulum, 1}};
  for (size_t s = 0; s < SUBJECTS; s++) {
    const struct subject *subject = shown[s].subject;
    const muster_env_type *type = find(subject);
    void *env = create_single(type, NULL);
    muster_env_error error;
    struct random_stream stream = random_stream_start(6, RANDOM_ENV, 0, 0);
    float observation[MAX_OBSERVATIONS];
    double state[MAX_VARIABLES];
    muster_env_result result = {.observation = observation};
    CU_ASSERT_EQUAL(type->reset(env, &stream.base, &result, &error), 0);
    type->save_state(env, state);
    const int angles = shown[s].angles;
    for (int i = 0; i < angles; i++) {
      CU_ASSERT_EQUAL(observation[2 * i], (float)cos(state[i]));
      CU_ASSERT_EQUAL(observation[2 * i + 1], (float)sin(state[i]));
    }
    for (int i = angles; i < subject->variables; i++) CU_ASSERT_EQUAL(observation[angles + i], (float)state[i]);
    type->destroy(env);
  }
}

/* ---- spaces, options, refusals, text ---- */

static void check_spec(const struct subject *subject, const muster_env_spec *spec) {
  CU_ASSERT_EQUAL(spec->observation.kind, MUSTER_SPACE_BOX);
  CU_ASSERT_EQUAL_FATAL(muster_space_elements(&spec->observation), (size_t)subject->observations);
  for (int i = 0; i < subject->observations; i++) {
    CU_ASSERT_EQUAL(spec->observation.high[i], subject->high[i]);
    CU_ASSERT_EQUAL(spec->observation.low[i], subject->low[i]);
  }
  if (subject->choices > 0) {
    CU_ASSERT_EQUAL(spec->action.kind, MUSTER_SPACE_DISCRETE);
    CU_ASSERT_EQUAL(spec->action.counts[0], subject->choices);
  } else {
    CU_ASSERT_EQUAL(spec->action.kind, MUSTER_SPACE_BOX);
    CU_ASSERT_EQUAL(muster_space_elements(&spec->action), 1);
    CU_ASSERT_EQUAL(spec->action.low[0], -subject->bound);
    CU_ASSERT_EQUAL(spec->action.high[0], subject->bound);
  }
  CU_ASSERT_EQUAL(spec->agents, 1);
  CU_ASSERT_EQUAL(spec->max_steps, subject->max_steps);
  CU_ASSERT_TRUE(isnan(subject->threshold) ? isnan(spec->reward_threshold)
                                           : spec->reward_threshold == subject->threshold);
  CU_ASSERT_FALSE(spec->masks_actions);
  CU_ASSERT_EQUAL(spec->state_bytes, (size_t)subject->variables * sizeof(double));
}

static void test_specs(void) {
  for (size_t s = 0; s < SUBJECTS; s++) {
    const muster_env_type *type = find(subjects[s]);
    void *env = create_single(type, NULL), *block = create_block(type, NULL, 2);
    muster_env_spec specs[2] = {{.struct_size = sizeof specs[0]}, {.struct_size = sizeof specs[0]}};
    type->describe(env, &specs[0]);
    type->block_describe(block, &specs[1]);
    for (size_t i = 0; i < 2; i++) check_spec(subjects[s], &specs[i]);
    type->destroy(env);
    type->block_destroy(block);
  }
}

/* one step from a state with an option, in both forms; the results of the single form are left in `next`, `reward`,
 * `terminated` */
static void step_with(const struct subject *subject, const char *option, const double *state, double action,
                      double *next, double *reward, bool *terminated) {
  struct steps steps = steps_create(subject, 1), block = steps_create(subject, 1);
  const size_t bytes = (size_t)subject->variables * sizeof *state;
  memcpy(steps.state, state, bytes);
  memcpy(block.state, state, bytes);
  set_action(subject, &steps, 0, action);
  set_action(subject, &block, 0, action);
  take_single_steps(subject, option, &steps);
  take_block_steps(subject, option, &block);
  CU_ASSERT_TRUE(largest_error(block.next, steps.next, (size_t)subject->variables) <= subject->block_tolerance);
  CU_ASSERT_EQUAL(block.terminated[0], steps.terminated[0]);
  memcpy(next, steps.next, bytes);
  *reward = steps.reward[0];
  *terminated = steps.terminated[0];
  steps_free(&steps);
  steps_free(&block);
}

/* values of Gymnasium 1.3.0 for the same states, actions and options */
static void test_options(void) {
  double next[MAX_VARIABLES], reward;
  bool terminated;
  static const double swinging[4] = {0.5, -1.0, 2.0, 3.0};
  static const double book[4] = {0.719445513820139, -0.12817018611841924, 0.30165308794954937, 5.443416631233181};
  static const double nips[4] = {0.7296465419611227, -0.15334197002932803, 0.3658969683081088, 5.28434994765688};
  step_with(&acrobot, "book", swinging, 2, next, &reward, &terminated);
  CU_ASSERT_TRUE(largest_error(next, book, 4) <= 1e-12);
  step_with(&acrobot, "nips", swinging, 2, next, &reward, &terminated);
  CU_ASSERT_TRUE(largest_error(next, nips, 4) <= 1e-12);

  static const double leaning[2] = {1.0, -0.5};
  static const double weak[2] = {0.9972943066756036, -0.054113866487927154};
  step_with(&pendulum, "3.5", leaning, 1.5, next, &reward, &terminated);
  CU_ASSERT_TRUE(largest_error(next, weak, 2) <= 1e-12);
  CHECK_CLOSE(reward, -1.027250000135973, 1e-9); /* Gymnasium squares the torque in float32 */

  /* the car passes the flag too slowly, or fast enough */
  static const double passing[2] = {0.49, 0.03};
  for (size_t s = 1; s <= 2; s++) {
    step_with(subjects[s], NULL, passing, 1, next, &reward, &terminated);
    CU_ASSERT_TRUE(terminated && next[1] > 0.02 && next[1] < 0.04);
    step_with(subjects[s], "0.02", passing, 1, next, &reward, &terminated);
    CU_ASSERT_TRUE(terminated);
    step_with(subjects[s], "0.04", passing, 1, next, &reward, &terminated);
    CU_ASSERT_FALSE(terminated);
  }
}

static void check_option_refused(const struct subject *subject, const char *value, const char *part) {
  const muster_env_type *type = find(subject);
  muster_env_setting settings[2];
  muster_env_error error = {""};
  void *env = NULL;
  set_option(type, value, settings);
  CU_ASSERT_EQUAL(type->create(settings, &env, &error), 1);
  CU_ASSERT_PTR_NOT_NULL(strstr(error.text, part));
  CU_ASSERT_EQUAL(type->block_create(settings, 2, &env, &error), 1);
  CU_ASSERT_PTR_NULL(env);
}

static void test_refuses_options(void) {
  check_option_refused(&acrobot, "paper", "option book_or_nips: expects book or nips, got \"paper\"");
  check_option_refused(&mountain_car, "fast", "option goal_velocity: expects a number from -0.07 to 0.07");
  check_option_refused(&mountain_car_continuous, "0.08", "got \"0.08\"");
  check_option_refused(&pendulum, "nan", "option g: expects a number from 0 to 1000, got \"nan\"");
  check_option_refused(&pendulum, "9.8 m", "got \"9.8 m\"");
}

/* wrong actions and states are refused with a message, and nothing has changed */
static void test_refuses(void) {
  for (size_t s = 0; s < SUBJECTS; s++) {
    const struct subject *subject = subjects[s];
    const muster_env_type *type = find(subject);
    void *env = create_single(type, NULL), *block = create_block(type, NULL, 3);
    muster_env_error error;
    float observations[3 * MAX_OBSERVATIONS], rewards[3];
    double reward, after[MAX_VARIABLES], start[MAX_VARIABLES] = {-0.5, 0.01};
    const size_t bytes = (size_t)subject->variables * sizeof(double);
    uint8_t terminated[3] = {0}, truncated[3] = {0};
    CU_ASSERT_EQUAL(type->load_state(env, start, &error), 0);
    for (int32_t i = 0; i < 3; i++) CU_ASSERT_EQUAL(type->block_load_state(block, i, start, &error), 0);

    struct steps wrong = steps_create(subject, 3);
    set_action(subject, &wrong, 2, subject->choices > 0 ? subject->choices : (double)NAN);
    muster_env_result result = {.observation = observations, .reward = &reward};
    CU_ASSERT_EQUAL(type->step(env, wrong.action + 8, NULL, &result, &error), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, subject->choices > 0 ? "action 3 is not" : "action nan is not"));
    type->save_state(env, after);
    CU_ASSERT_EQUAL(memcmp(after, start, bytes), 0);

    muster_env_block_result rows = {
        observations, (size_t)subject->observations * 4, rewards, 4, NULL, 0, terminated, truncated, -1};
    CU_ASSERT_EQUAL(type->block_step(block, wrong.action, NULL, &rows, &error), 1);
    CU_ASSERT_EQUAL(rows.failed_row, 2);
    type->block_save_state(block, 0, after);
    CU_ASSERT_EQUAL(memcmp(after, start, bytes), 0);

    const double bad[2] = {NAN, 1e3};
    for (size_t k = 0; k < 2; k++) {
      double broken[MAX_VARIABLES] = {-0.5, 0.01};
      broken[k == 0 ? 0 : subject->variables - 1] = bad[k];
      CU_ASSERT_EQUAL(type->load_state(env, broken, &error), 1);
      CU_ASSERT_EQUAL(type->block_load_state(block, 1, broken, &error), 1);
    }
    steps_free(&wrong);
    type->destroy(env);
    type->block_destroy(block);
  }
}

static void render(const struct subject *subject, const double *state, char *text, size_t size) {
  const muster_env_type *type = find(subject);
  void *env = create_single(type, NULL);
  muster_env_error error;
  CU_ASSERT_EQUAL(type->load_state(env, state, &error), 0);
  type->render_text(env, text, size);
  type->destroy(env);
}

static void test_text(void) {
  char text[2048], small[10];
  /* hanging down: both links under the pivot, which stands in the middle of 61 columns and 13 rows */
  render(&acrobot, (const double[]){0, 0, 0, 0}, text, sizeof text);
  CU_ASSERT_EQUAL(strcspn(text, "O"), 6 * 62 + 30);
  CU_ASSERT_EQUAL(text[8 * 62 + 30], '#');
  CU_ASSERT_EQUAL(text[11 * 62 + 30], '*');
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "tip -2.000 m above the pivot"));
  /* upright: the rod stands over the pivot */
  render(&pendulum, (const double[]){2 * PI, 0}, text, sizeof text);
  CU_ASSERT_EQUAL(text[3 * 62 + 30], '#');
  CU_ASSERT_EQUAL(text[6 * 62 + 30], 'O');
  CU_ASSERT_EQUAL(text[9 * 62 + 30], ' ');
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "angle +0.0 degrees"));
  /* a third of the way along, the car stands in column 20 */
  render(&mountain_car, (const double[]){-0.6, 0.01}, text, sizeof text);
  CU_ASSERT_EQUAL(strcspn(text, "#") % 62, 20);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "position -0.600, velocity +0.0100"));
  CU_ASSERT_PTR_NOT_NULL(strchr(text, 'P'));
  /* a buffer that is too small is filled and terminated */
  for (size_t s = 0; s < SUBJECTS; s++) {
    render(subjects[s], (const double[]){-0.5, 0, 0, 0}, small, sizeof small);
    CU_ASSERT_EQUAL(strlen(small), sizeof small - 1);
  }
}

static const struct check_case cases[] = {
    {"Acrobot: golden", test_acrobot_golden},
    {"MountainCar: golden", test_mountain_car_golden},
    {"MountainCarContinuous: golden", test_mountain_car_continuous_golden},
    {"Pendulum: golden", test_pendulum_golden},
    {"block equals single", test_block_equals_single},
    {"rows of a block are independent", test_block_rows_are_independent},
    {"sin and cos against libm", test_sincos},
    {"starts", test_starts},
    {"first observations", test_first_observation},
    {"spaces, limits, thresholds", test_specs},
    {"options, against Gymnasium", test_options},
    {"options: refuses wrong values", test_refuses_options},
    {"refuses wrong actions and states", test_refuses},
    {"text", test_text},
};

CHECK_MAIN("classic_control", cases)
