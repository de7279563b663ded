/* GAE against Stable-Baselines3's rollout buffer (tests/golden/gae.h5), by hand, and in a batch with its critic. */
#include "algo/batch.h"
#include "experience/advantage.h"
#include "support/check.h"
#include "support/golden.h"
#include "support/model.h"

#include <math.h>
#include <string.h>

/* --- against Stable-Baselines3 --- */

/* Errors seen: 3e-7 against the numbers in float and in double. */
static void test_golden(void) {
  enum { T = 128, N = 8 };
  const char *file = "gae.h5";
  struct golden rewards = golden_read(file, "rewards"), values = golden_read(file, "values");
  struct golden starts = golden_read(file, "episode_starts"), dones = golden_read(file, "dones");
  struct golden last = golden_read(file, "last_values");
  struct golden expected[4] = {golden_read(file, "advantages"), golden_read(file, "returns"),
                               golden_read(file, "advantages_f64"), golden_read(file, "returns_f64")};
  CU_ASSERT_FATAL(rewards.rank == 2 && rewards.shape[0] == T && rewards.shape[1] == N);
  float gamma = (float)golden_attribute(file, "/", "gamma"), lambda = (float)golden_attribute(file, "/", "gae_lambda");
  for (size_t n = 0; n < N; n++) {
    float reward[T], value[T + 1], bootstrap[T], advantages[T], returns[T];
    uint8_t ended[T];
    for (size_t t = 0; t < T; t++) {
      reward[t] = (float)rewards.values[t * N + n];
      value[t] = (float)values.values[t * N + n];
      bootstrap[t] = NAN;
      ended[t] = (t + 1 < T ? starts.values[(t + 1) * N + n] : dones.values[n]) != 0 ? ENV_TERMINATED : 0;
    }
    value[T] = (float)last.values[n];
    const struct advantage_row row = {T, reward, ended, value, bootstrap};
    advantage_gae(&row, gamma, lambda, advantages, returns);
    for (size_t k = 0; k < 4; k++) {
      double column[T];
      for (size_t t = 0; t < T; t++) column[t] = expected[k].values[t * N + n];
      CU_ASSERT_TRUE(relative_error(k % 2 == 0 ? advantages : returns, column, T) <= 1e-6);
    }
  }
  for (size_t k = 0; k < 4; k++) golden_free(&expected[k]);
  golden_free(&rewards);
  golden_free(&values);
  golden_free(&starts);
  golden_free(&dones);
  golden_free(&last);
}

/* --- by hand --- */

/* several ends in one rollout; numbers that float holds exactly. A bootstrap value is read only after truncation. */
static void test_ends(void) {
  static const float rewards[5] = {1, 2, 3, 4, 5}, values[6] = {10, 20, 30, 40, 50, 60};
  const float bootstrap[5] = {NAN, NAN, 100, NAN, NAN};
  static const uint8_t ended[5] = {0, ENV_TERMINATED, ENV_TRUNCATED, ENV_TERMINATED | ENV_TRUNCATED, 0};
  static const float expected[5] = {
      1 + 0.5f * 20 - 10 + 0.25f * -18, /* the episode goes on: the next advantage is added */
      2 - 20,                           /* terminated: no value follows */
      3 + 0.5f * 100 - 30,              /* truncated: the value of the true last observation */
      4 - 40,                           /* both: terminated */
      5 + 0.5f * 60 - 50,               /* the rollout ends, the episode does not */
  };
  float advantages[5], returns[5];
  const struct advantage_row row = {5, rewards, ended, values, bootstrap};
  advantage_gae(&row, 0.5f, 0.5f, advantages, returns);
  for (size_t t = 0; t < 5; t++) {
    CU_ASSERT_EQUAL(advantages[t], expected[t]);
    CU_ASSERT_EQUAL(returns[t], expected[t] + values[t]);
  }
}

/* an episode ends at the last step of the rollout: the value of the next observation, which belongs to a new episode,
 * is not used */
static void test_end_at_last_step(void) {
  static const float expected[4] = {1 + 0.5f * 7 - 3, 1 - 3, 1 + 0.5f * 11 - 3, 1 - 3};
  for (uint8_t ended = 0; ended < 4; ended++) {
    float advantage, returns;
    const struct advantage_row row = {1, (const float[]){1}, &ended, (const float[]){3, 7}, (const float[]){11}};
    advantage_gae(&row, 0.5f, 0.5f, &advantage, &returns);
    CU_ASSERT_EQUAL(advantage, expected[ended]);
    CU_ASSERT_EQUAL(returns, expected[ended] + 3);
  }
}

/* --- its two limits --- */

enum { LONG = 200 };

struct rollout {
  float reward[LONG], value[LONG + 1], bootstrap[LONG];
  uint8_t ended[LONG];
};

static void draw_rollout(struct rollout *rollout) {
  fill_normal(rollout->reward, LONG, 1.0, 1, 0);
  fill_normal(rollout->value, LONG + 1, 1.0, 1, 1);
  fill_normal(rollout->bootstrap, LONG, 1.0, 1, 2);
  struct random_stream stream = random_stream_start(1, RANDOM_ENV, 3, 0);
  for (size_t t = 0; t < LONG; t++)
    rollout->ended[t] = muster_random_below(&stream.base, 10) == 0 ? (uint8_t)muster_random_below(&stream.base, 4) : 0;
}

static struct advantage_row row_of(const struct rollout *rollout) {
  return (struct advantage_row){LONG, rollout->reward, rollout->ended, rollout->value, rollout->bootstrap};
}

/* the value that follows step t */
static float next_value(const struct rollout *rollout, size_t t) {
  if ((rollout->ended[t] & ENV_TERMINATED) != 0) return 0;
  return rollout->ended[t] != 0 ? rollout->bootstrap[t] : rollout->value[t + 1];
}

/* lambda 0: the TD residual, bit for bit */
static void test_lambda_zero(void) {
  struct rollout rollout;
  draw_rollout(&rollout);
  float advantages[LONG], returns[LONG];
  const struct advantage_row row = row_of(&rollout);
  advantage_gae(&row, 0.99f, 0.0f, advantages, returns);
  for (size_t t = 0; t < LONG; t++)
    CU_ASSERT_EQUAL(advantages[t], rollout.reward[t] + 0.99f * next_value(&rollout, t) - rollout.value[t]);
}

/* lambda 1: the discounted return, bootstrapped where the episode was cut, minus the value */
static void test_lambda_one(void) {
  struct rollout rollout;
  draw_rollout(&rollout);
  float advantages[LONG], returns[LONG];
  const struct advantage_row row = row_of(&rollout);
  advantage_gae(&row, 0.99f, 1.0f, advantages, returns);
  double sum = rollout.value[LONG], expected_advantages[LONG], expected_returns[LONG];
  for (size_t t = LONG; t-- > 0;) {
    if (rollout.ended[t] != 0) sum = next_value(&rollout, t);
    sum = rollout.reward[t] + (double)0.99f * sum;
    expected_returns[t] = sum;
    expected_advantages[t] = sum - rollout.value[t];
  }
  CU_ASSERT_TRUE(relative_error(returns, expected_returns, LONG) <= 1e-6);
  CU_ASSERT_TRUE(relative_error(advantages, expected_advantages, LONG) <= 1e-6);
}

/* --- the forms of the weight against each other --- */

/* GAE with lambda 0 is the TD residual, and with lambda 1 return minus value, in every float */
static void test_limits_are_exact(void) {
  struct rollout rollout;
  draw_rollout(&rollout);
  const struct advantage_row row = row_of(&rollout);
  float gae[LONG], gae_returns[LONG], other[LONG], other_returns[LONG];
  for (int limit = 0; limit < 2; limit++) {
    advantage_gae(&row, 0.99f, (float)limit, gae, gae_returns);
    if (limit == 0)
      advantage_td_residual(&row, 0.99f, other, other_returns);
    else
      advantage_baseline(&row, 0.99f, other, other_returns);
    for (size_t t = 0; t < LONG; t++) {
      CU_ASSERT_EQUAL(gae[t], other[t]);
      CU_ASSERT_EQUAL(gae_returns[t], other_returns[t]);
    }
  }
}

/* The same against returns that are summed separately: where float holds every sum exactly (eighths, gamma 1/2 over at
 * most 12 steps), return minus value and GAE with lambda 1 are equal in every float. */
static void test_baseline_is_return_minus_value(void) {
  enum { STEPS = 12 };
  struct random_stream stream = random_stream_start(3, RANDOM_ENV, 0, 0);
  for (int repeat = 0; repeat < 100; repeat++) {
    float reward[STEPS], value[STEPS + 1], bootstrap[STEPS], gae[STEPS], gae_returns[STEPS];
    uint8_t ended[STEPS];
    for (size_t t = 0; t <= STEPS; t++) value[t] = (float)muster_random_below(&stream.base, 64) / 8 - 4;
    for (size_t t = 0; t < STEPS; t++) {
      reward[t] = (float)muster_random_below(&stream.base, 64) / 8 - 4;
      bootstrap[t] = (float)muster_random_below(&stream.base, 64) / 8 - 4;
      ended[t] = muster_random_below(&stream.base, 5) == 0 ? (uint8_t)muster_random_below(&stream.base, 4) : 0;
    }
    const struct advantage_row row = {STEPS, reward, ended, value, bootstrap};
    advantage_gae(&row, 0.5f, 1.0f, gae, gae_returns);
    double sum = value[STEPS];
    for (size_t t = STEPS; t-- > 0;) {
      if (ended[t] != 0) sum = (ended[t] & ENV_TERMINATED) != 0 ? 0 : bootstrap[t];
      sum = reward[t] + 0.5 * sum;
      CU_ASSERT_EQUAL(gae[t], sum - value[t]);
      CU_ASSERT_EQUAL(gae_returns[t], sum);
    }
  }
}

/* returns without a critic, over two episodes and the beginning of a third */
static void test_returns(void) {
  const float rewards[6] = {1, 2, 4, 8, 16, 32};
  const uint8_t ended[6] = {0, ENV_TERMINATED, 0, ENV_TRUNCATED, 0, 0};
  const float to_go[6] = {2, 2, 8, 8, 32, 32}, total[6] = {2, 2, 8, 8, 32, 32};
  const struct advantage_row row = {6, rewards, ended, NULL, NULL};
  float returns[6];
  advantage_return_to_go(&row, 0.5f, returns);
  for (size_t t = 0; t < 6; t++) CU_ASSERT_EQUAL(returns[t], to_go[t]);
  advantage_return_to_go(&row, 1.0f, returns);
  const float undiscounted[6] = {3, 2, 12, 8, 48, 32};
  for (size_t t = 0; t < 6; t++) CU_ASSERT_EQUAL(returns[t], undiscounted[t]);
  advantage_total_return(&row, 0.5f, returns);
  for (size_t t = 0; t < 6; t++) CU_ASSERT_EQUAL(returns[t], total[t]);
  advantage_total_return(&row, 1.0f, returns);
  const float episodes[6] = {3, 3, 12, 12, 48, 48};
  for (size_t t = 0; t < 6; t++) CU_ASSERT_EQUAL(returns[t], episodes[t]);
}

/* --- in a batch --- */

static void set_tensor(struct model *model, const char *name, const float *values, size_t n) {
  for (int i = 0; i < model->parameters.tensors; i++) {
    const struct parameter *tensor = &model->parameters.tensor[i];
    if (strcmp(tensor->name, name) != 0) continue;
    CU_ASSERT_EQUAL_FATAL(tensor->count, n);
    memcpy(model->parameters.values + tensor->offset, values, n * sizeof *values);
    return;
  }
  CU_FAIL_FATAL("no such tensor");
}

/* a critic V(x) = x_0 + 1/4; true last observations listed out of order, one also for an episode that terminated */
static void test_batch_bootstraps(void) {
  enum { N = 3, T = 4 };
  const struct network_shape shape = {.obs_dim = 2, .actions = 2};
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct model model;
  struct trajectory rollout;
  struct batch batch;
  create_model(&shape, model_critic_v, arena, &model);
  set_tensor(&model, "value/0/weight", (const float[]){1, 0}, 2);
  set_tensor(&model, "value/0/bias", (const float[]){0.25f}, 1);
  model_pack(&model, true);
  create_rollout(&shape, N, T, arena, &rollout);
  CHECK_OK_FATAL(batch_create(&rollout, NULL, arena, &batch));
  for (size_t n = 0; n < N; n++) {
    for (size_t t = 0; t <= T; t++) ((float *)rollout.observation)[2 * (n * (T + 1) + t)] = (float)(10 * n + t);
    for (size_t t = 0; t < T; t++) rollout.reward[n * T + t] = (float)(t + 1);
  }
  static const struct {
    int32_t environment, step;
    uint8_t ended;
    float last; /* of the true last observation */
  } ends[] = {{2, 0, ENV_TRUNCATED, 100},
              {0, 3, ENV_TRUNCATED, 300},
              {1, 1, ENV_TERMINATED | ENV_TRUNCATED, 900},
              {0, 2, ENV_TRUNCATED, 200}};
  for (size_t i = 0; i < 4; i++) {
    rollout.ended[ends[i].environment * T + ends[i].step] = ends[i].ended;
    rollout.final_observations.environment[i] = ends[i].environment;
    rollout.final_observations.step[i] = ends[i].step;
    ((float *)rollout.final_observations.observation)[2 * i] = ends[i].last;
  }
  rollout.final_observations.count = 4;
  rollout.ended[1 * T + 2] = ENV_TERMINATED;

  /* lambda 0 shows each step's own bootstrap: r + V'/2 - V */
  static const float next[N][T] = {
      {1.25f, 2.25f, 200.25f, 300.25f}, {11.25f, 0, 0, 14.25f}, {100.25f, 22.25f, 23.25f, 24.25f}};
  CHECK_OK_FATAL(batch_estimate_advantages(&batch, &model, ADVANTAGE_GAE, 0.5, 0.0));
  for (size_t n = 0; n < N; n++)
    for (size_t t = 0; t < T; t++) {
      float value = (float)(10 * n + t) + 0.25f;
      CU_ASSERT_EQUAL(batch.values[n * (T + 1) + t], value);
      CU_ASSERT_EQUAL(batch.advantages[n * T + t], (float)(t + 1) + 0.5f * next[n][t] - value);
      CU_ASSERT_EQUAL(batch.returns[n * T + t], (float)(t + 1) + 0.5f * next[n][t]);
    }
  arena_destroy(&arena);
}

/* --- explained variance --- */

static void test_explained_variance(void) {
  static const float returns[4] = {1, 2, 3, 6};
  /* two environments of two steps; the last value of each row does not count */
  CHECK_CLOSE(explained_variance(2, 2, NULL, (const float[]){1, 2, 99, 3, 6, -99}, returns), 1.0, 1e-12);
  CHECK_CLOSE(explained_variance(2, 2, NULL, (const float[]){11, 12, 99, 13, 16, -99}, returns), 1.0, 1e-12);
  CHECK_CLOSE(explained_variance(2, 2, NULL, (const float[]){5, 5, 99, 5, 5, -99}, returns), 0.0, 1e-12);
  /* residuals 0, 1, 1, 2: variance 1/2 against 7/2 */
  CHECK_CLOSE(explained_variance(2, 2, NULL, (const float[]){1, 1, 99, 2, 4, -99}, returns), 1.0 - 0.5 / 3.5, 1e-12);
  CU_ASSERT_TRUE(isnan(explained_variance(1, 2, NULL, (const float[]){1, 2, 3}, (const float[]){4, 4})));
}

static const struct check_case cases[] = {
    {"Stable-Baselines3's numbers", test_golden},
    {"terminated, truncated, both, neither", test_ends},
    {"ends at the last step", test_end_at_last_step},
    {"lambda 0 is the TD residual", test_lambda_zero},
    {"lambda 1 is return minus value", test_lambda_one},
    {"the limits of lambda, in every float", test_limits_are_exact},
    {"lambda 1 against returns summed by themselves", test_baseline_is_return_minus_value},
    {"returns without a critic", test_returns},
    {"a batch bootstraps from true last observations", test_batch_bootstraps},
    {"explained variance", test_explained_variance},
};

CHECK_MAIN("advantage", cases)
