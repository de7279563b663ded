/* V-trace against the direct sum of the paper's eq. 1 (tests/golden/vtrace.h5), by hand, and its on-policy case against
 * n-step Bellman targets that are summed by themselves. */
#include "experience/vtrace.h"
#include "support/check.h"
#include "support/golden.h"
#include "support/model.h"

#include <math.h>

/* --- against the direct sum --- */

enum { ROWS = 12, T = 40 };

struct golden_rows {
  struct golden rewards, values, last_values, ratios, terminated, truncated, length;
};

static const char *const settings_names[] = {"paper",    "lambda",     "wide",     "narrow",
                                             "one_step", "unweighted", "unclipped"};

static float attribute(const char *group, const char *name) {
  return (float)golden_attribute("vtrace.h5", group, name);
}

/* one row with one setting; what must not be read is NAN */
static void check_row(const struct golden_rows *data, size_t n, const struct vtrace_settings *settings,
                      const double *targets, const double *advantages) {
  float reward[T], value[T + 1], last[T], ratio[T], target[T], advantage[T];
  uint8_t ended[T];
  size_t length = (size_t)data->length.values[n];
  for (size_t t = 0; t < T; t++) {
    size_t i = n * T + t;
    bool counts = t < length, truncated = data->truncated.values[i] != 0, terminated = data->terminated.values[i] != 0;
    ended[t] = (uint8_t)((terminated ? ENV_TERMINATED : 0) | (truncated ? ENV_TRUNCATED : 0));
    reward[t] = counts ? (float)data->rewards.values[i] : NAN;
    ratio[t] = counts ? (float)data->ratios.values[i] : NAN;
    last[t] = truncated && !terminated ? (float)data->last_values.values[i] : NAN;
    value[t] = t <= length ? (float)data->values.values[n * (T + 1) + t] : NAN;
    target[t] = advantage[t] = 7.0f;
  }
  value[T] = length == T ? (float)data->values.values[n * (T + 1) + T] : NAN;
  const struct advantage_row row = {length, reward, ended, value, last};
  vtrace(&row, ratio, settings, target, advantage);
  CU_ASSERT_TRUE(relative_error(target, targets + n * T, length) <= 1e-6);
  CU_ASSERT_TRUE(relative_error(advantage, advantages + n * T, length) <= 1e-6);
  for (size_t t = length; t < T; t++) CU_ASSERT_TRUE(target[t] == 7.0f && advantage[t] == 7.0f);
}

/* Errors seen: 3e-7 of a row's largest number. */
static void test_golden(void) {
  const char *file = "vtrace.h5";
  struct golden_rows data = {golden_read(file, "rewards"),     golden_read(file, "values"),
                             golden_read(file, "last_values"), golden_read(file, "ratios"),
                             golden_read(file, "terminated"),  golden_read(file, "truncated"),
                             golden_read(file, "length")};
  CU_ASSERT_FATAL(data.rewards.rank == 2 && data.rewards.shape[0] == ROWS && data.rewards.shape[1] == T);
  for (size_t k = 0; k < sizeof settings_names / sizeof *settings_names; k++) {
    const char *name = settings_names[k];
    char dataset[64];
    snprintf(dataset, sizeof dataset, "%s/targets", name);
    struct golden targets = golden_read(file, dataset);
    snprintf(dataset, sizeof dataset, "%s/advantages", name);
    struct golden advantages = golden_read(file, dataset);
    /* the file has 0 where the advantage has no weight */
    const float pg_rho_bar = attribute(name, "pg_rho_bar");
    const struct vtrace_settings settings = {attribute(name, "gamma"), attribute(name, "lambda"),
                                             attribute(name, "rho_bar"), attribute(name, "c_bar"),
                                             pg_rho_bar > 0 ? pg_rho_bar : NAN};
    for (size_t n = 0; n < ROWS; n++) check_row(&data, n, &settings, targets.values, advantages.values);
    golden_free(&targets);
    golden_free(&advantages);
  }
  struct golden *const all[] = {&data.rewards,    &data.values,    &data.last_values, &data.ratios,
                                &data.terminated, &data.truncated, &data.length};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) golden_free(all[i]);
}

/* --- by hand --- */

/* three steps, numbers that float holds exactly: ratios above, below and at the clips; then an end of each kind */
static void test_by_hand(void) {
  static const float rewards[3] = {1, 2, 3}, values[4] = {8, 4, 2, 16}, ratios[3] = {4, 0.5f, 1};
  const float bootstrap[3] = {NAN, 32, NAN};
  const struct vtrace_settings settings = {.gamma = 0.5f, .lambda = 1, .rho_bar = 2, .c_bar = 1, .pg_rho_bar = 4};
  float targets[3], advantages[3];

  /* residuals 1 + 2 - 8 = -5, 2 + 1 - 4 = -1, 3 + 8 - 2 = 9; rho 2, 0.5, 1; c 1, 0.5, 1 */
  const struct advantage_row open = {3, rewards, (const uint8_t[]){0, 0, 0}, values, bootstrap};
  vtrace(&open, ratios, &settings, targets, advantages);
  CU_ASSERT_EQUAL(targets[2], 2 + 9);
  CU_ASSERT_EQUAL(targets[1], 4 + 0.5f * -1 + 0.5f * 0.5f * 9);
  CU_ASSERT_EQUAL(targets[0], 8 + 2 * -5 + 0.5f * (0.5f * -1 + 0.5f * 0.5f * 9));
  CU_ASSERT_EQUAL(advantages[2], 1 * (3 + 0.5f * 16 - 2));
  CU_ASSERT_EQUAL(advantages[1], 0.5f * (2 + 0.5f * targets[2] - 4));
  CU_ASSERT_EQUAL(advantages[0], 4 * (1 + 0.5f * targets[1] - 8));

  /* terminated after the first step, truncated after the second, whose last observation is worth 32 */
  const struct advantage_row ends = {3, rewards, (const uint8_t[]){ENV_TERMINATED, ENV_TRUNCATED, 0}, values,
                                     bootstrap};
  vtrace(&ends, ratios, &settings, targets, advantages);
  CU_ASSERT_EQUAL(targets[0], 8 + 2 * (1 - 8));
  CU_ASSERT_EQUAL(advantages[0], 4 * (1 - 8));
  CU_ASSERT_EQUAL(targets[1], 4 + 0.5f * (2 + 0.5f * 32 - 4));
  CU_ASSERT_EQUAL(advantages[1], 0.5f * (2 + 0.5f * 32 - 4));
}

/* --- on-policy --- */

enum { LONG = 200 };

struct rollout {
  float reward[LONG], value[LONG + 1], bootstrap[LONG], ratio[LONG];
  uint8_t ended[LONG];
};

static void draw_rollout(uint64_t seed, struct rollout *rollout) {
  fill_normal(rollout->reward, LONG, 1.0, seed, 0);
  fill_normal(rollout->value, LONG + 1, 1.0, seed, 1);
  fill_normal(rollout->bootstrap, LONG, 1.0, seed, 2);
  struct random_stream stream = random_stream_start(seed, RANDOM_ENV, 3, 0);
  for (size_t t = 0; t < LONG; t++) {
    rollout->ended[t] = muster_random_below(&stream.base, 10) == 0 ? (uint8_t)muster_random_below(&stream.base, 4) : 0;
    rollout->ratio[t] = 1.0f;
  }
}

/* sum_{k < n} gamma^k r_{s+k} + gamma^n V(x_{s+n}), in double; n reaches to the end of the episode or the rollout */
static double bellman_target(const struct rollout *rollout, size_t s, double gamma) {
  double sum = 0, discount = 1;
  for (size_t t = s; t < LONG; t++) {
    sum += discount * rollout->reward[t];
    discount *= gamma;
    if ((rollout->ended[t] & ENV_TERMINATED) != 0) return sum;
    if (rollout->ended[t] != 0) return sum + discount * rollout->bootstrap[t];
  }
  return sum + discount * rollout->value[LONG];
}

/* ratio 1, lambda 1, clips of 1 and more: n-step Bellman targets (the paper's remark 1), and in every float those of
 * the estimators of experience/advantage.c */
static void test_on_policy(void) {
  static const float bars[] = {1.0f, 1.5f, 1e9f};
  for (uint64_t seed = 1; seed <= 20; seed++)
    for (size_t k = 0; k < 3; k++) {
      struct rollout rollout;
      draw_rollout(seed, &rollout);
      const struct advantage_row row = {LONG, rollout.reward, rollout.ended, rollout.value, rollout.bootstrap};
      const struct vtrace_settings settings = {0.97f, 1.0f, bars[k], bars[(k + 1) % 3], bars[(k + 2) % 3]};
      float targets[LONG], advantages[LONG], returns[LONG], baseline[LONG];
      vtrace(&row, rollout.ratio, &settings, targets, advantages);
      for (size_t s = 0; s < LONG; s++) {
        double expected = bellman_target(&rollout, s, settings.gamma);
        CHECK_CLOSE(targets[s], expected, 5e-6);
        CHECK_CLOSE(advantages[s], expected - rollout.value[s], 5e-6);
      }
      advantage_baseline(&row, settings.gamma, baseline, returns);
      for (size_t s = 0; s < LONG; s++) {
        CU_ASSERT_EQUAL(advantages[s], baseline[s]);
        CU_ASSERT_EQUAL(targets[s], returns[s]);
      }
    }
}

static const struct check_case cases[] = {
    {"against the direct sum of eq. 1", test_golden},
    {"by hand", test_by_hand},
    {"on-policy: n-step Bellman targets", test_on_policy},
};

CHECK_MAIN("vtrace", cases)
