/* The normalizer against naive statistics, in double, of everything that it has seen; and its state. */
#include "experience/normalizer.h"
#include "support/check.h"
#include "support/model.h"

enum { ENVS = 3, AGENTS = 2, ROWS = ENVS * AGENTS, T = 7, DIM = 4, ROLLOUTS = 5 };
static const double gamma_ = 0.9;
static const struct network_shape shape = {.obs_dim = DIM, .actions = 2, .agents = AGENTS};

struct fixture {
  struct arena *arena;
  struct normalize_options options;
  struct encoder encoder;
  struct trajectory rollout;
  struct normalizer normalizer;
};

static void setup(struct fixture *f, bool norm_obs, bool norm_reward, double clip_reward) {
  *f = (struct fixture){0};
  CHECK_OK_FATAL(arena_create(&f->arena));
  CHECK_OK_FATAL(option_set_defaults(&normalize_option_table, &f->options));
  CU_ASSERT_TRUE(!f->options.norm_obs && !f->options.norm_reward && f->options.epsilon == 1e-8);
  f->options.norm_obs = norm_obs;
  f->options.norm_reward = norm_reward;
  f->options.clip_reward = clip_reward;
  const muster_env_spec spec = describe_shape(&shape);
  CHECK_OK_FATAL(encoder_create(&spec.observation, f->arena, &f->encoder));
  CHECK_OK_FATAL(normalizer_prepare(&f->options, f->arena, &f->encoder));
  create_rollout(&shape, ENVS, T, f->arena, &f->rollout);
  CHECK_OK_FATAL(normalizer_create(&f->options, &f->encoder, ROWS, gamma_, f->arena, &f->normalizer));
}

/* the k-th rollout: raw observations with different means, rewards, ends */
static void fill(struct trajectory *rollout, uint64_t k) {
  fill_normal(rollout->observation, ROWS * (T + 1) * DIM, 2.0, 3, (uint32_t)(10 * k));
  for (size_t i = 0; i < ROWS * (T + 1) * DIM; i++) ((float *)rollout->observation)[i] += (float)(i % DIM) * 3.0f;
  fill_normal(rollout->reward, ROWS * T, 5.0, 3, (uint32_t)(10 * k + 1));
  struct random_stream ends = random_stream_start(k, RANDOM_ENV, 4, 0);
  for (size_t i = 0; i < ENVS * T; i++) rollout->ended[i] = muster_random_below(&ends.base, 5) == 0 ? ENV_TRUNCATED : 0;
}

/* mean and variance of n values, joined with the start: mean 0, variance 1, weight 1e-4 (two-pass) */
static void naive_moments(const double *values, size_t n, double *mean, double *variance) {
  double sum = 0, squares = 0;
  for (size_t i = 0; i < n; i++) sum += values[i];
  double batch_mean = sum / (double)n, total = (double)n + 1e-4;
  *mean = sum / total;
  for (size_t i = 0; i < n; i++) squares += pow(values[i] - batch_mean, 2);
  *variance = (squares + 1e-4 + pow(batch_mean, 2) * 1e-4 * (double)n / total) / total;
}

/* observations 0 .. T - 1 of each rollout count, once */
static void test_observations(void) {
  struct fixture f;
  setup(&f, true, false, NAN);
  static double seen[DIM][ROLLOUTS * ROWS * T];
  size_t n = 0;
  CU_ASSERT_TRUE(f.encoder.clip == 10.0f && f.encoder.statistics[0] == 0.0f && f.encoder.statistics[DIM] == 1.0f);
  for (uint64_t k = 0; k < ROLLOUTS; k++) {
    fill(&f.rollout, k);
    for (size_t row = 0; row < ROWS; row++)
      for (size_t t = 0; t < T; t++, n++)
        for (size_t i = 0; i < DIM; i++)
          seen[i][n] = ((const float *)f.rollout.observation)[(row * (T + 1) + t) * DIM + i];
    normalizer_observe(&f.normalizer, &f.rollout);
    for (size_t i = 0; i < DIM; i++) {
      double mean, variance;
      naive_moments(seen[i], n, &mean, &variance);
      CHECK_CLOSE(f.normalizer.obs_mean[i], mean, 1e-12);
      CHECK_CLOSE(f.normalizer.obs_variance[i], variance, 1e-12 * variance);
      CU_ASSERT_EQUAL(f.encoder.statistics[i], (float)f.normalizer.obs_mean[i]);
      CHECK_CLOSE(f.encoder.statistics[DIM + i], 1 / sqrt(variance + 1e-8), 1e-7);
    }
    CHECK_CLOSE(f.normalizer.obs_count, (double)n + 1e-4, 1e-9);
  }
  arena_destroy(&f.arena);
}

/* discounted returns go on across rollouts and end with an episode, for all agents; those of a rollout count already
 * for that rollout */
static void test_rewards(void) {
  struct fixture f;
  setup(&f, false, true, NAN);
  static double seen[ROLLOUTS * ROWS * T];
  double returns[ROWS] = {0};
  size_t n = 0;
  for (uint64_t k = 0; k < ROLLOUTS; k++) {
    fill(&f.rollout, k);
    float raw[ROWS * T];
    memcpy(raw, f.rollout.reward, sizeof raw);
    raw[5] = f.rollout.reward[5] = 1e4f; /* to be clipped */
    for (size_t t = 0; t < T; t++)
      for (size_t row = 0; row < ROWS; row++) {
        returns[row] = returns[row] * gamma_ + raw[row * T + t];
        seen[n++] = returns[row];
        if (f.rollout.ended[row / AGENTS * T + t] != 0) returns[row] = 0;
      }
    normalizer_scale_rewards(&f.normalizer, &f.rollout);
    double mean, variance;
    naive_moments(seen, n, &mean, &variance);
    CHECK_CLOSE(f.normalizer.return_mean, mean, 1e-10 * fabs(mean));
    CHECK_CLOSE(f.normalizer.return_variance, variance, 1e-10 * variance);
    for (size_t i = 0; i < ROWS * T; i++)
      CHECK_CLOSE(f.rollout.reward[i], fmin(raw[i] / sqrt(variance + 1e-8), 10.0), 1e-5);
  }
  arena_destroy(&f.arena);
}

/* the clip alone; and where no option asks for a change nothing changes */
static void test_clip(void) {
  struct fixture f;
  setup(&f, false, false, 1.5);
  fill(&f.rollout, 0);
  float raw[ROWS * T];
  memcpy(raw, f.rollout.reward, sizeof raw);
  normalizer_scale_rewards(&f.normalizer, &f.rollout);
  for (size_t i = 0; i < ROWS * T; i++)
    CU_ASSERT_EQUAL(f.rollout.reward[i], raw[i] > 1.5f ? 1.5f : (raw[i] < -1.5f ? -1.5f : raw[i]));
  arena_destroy(&f.arena);

  setup(&f, false, false, NAN);
  fill(&f.rollout, 0);
  memcpy(raw, f.rollout.reward, sizeof raw);
  normalizer_scale_rewards(&f.normalizer, &f.rollout);
  normalizer_observe(&f.normalizer, &f.rollout);
  CU_ASSERT_EQUAL(memcmp(raw, f.rollout.reward, sizeof raw), 0);
  CU_ASSERT_TRUE(encoder_is_identity(&f.encoder));
  struct tensor list[NORMALIZER_STATE];
  CU_ASSERT_EQUAL(normalizer_state(&f.normalizer, list), 0);
  arena_destroy(&f.arena);
}

/* one restored from its state goes on like one that was never stopped */
static void test_state(void) {
  struct fixture f, restored;
  setup(&f, true, true, NAN);
  setup(&restored, true, true, NAN);
  for (uint64_t k = 0; k < 6; k++) {
    if (k == 3) {
      struct tensor list[NORMALIZER_STATE], target[NORMALIZER_STATE];
      int n = normalizer_state(&f.normalizer, list);
      CU_ASSERT_EQUAL_FATAL(n, NORMALIZER_STATE);
      CU_ASSERT_EQUAL_FATAL(normalizer_state(&restored.normalizer, target), n);
      for (int i = 0; i < n; i++) {
        CU_ASSERT_EQUAL(strncmp(list[i].name, "normalizer/", 11), 0);
        memcpy(target[i].data, list[i].data, tensor_bytes(&list[i]));
      }
      normalizer_publish(&restored.normalizer);
    }
    struct fixture *both[] = {&f, &restored};
    for (int i = k < 3 ? 1 : 2; i-- > 0;) {
      fill(&both[i]->rollout, k);
      normalizer_scale_rewards(&both[i]->normalizer, &both[i]->rollout);
      normalizer_observe(&both[i]->normalizer, &both[i]->rollout);
    }
    if (k < 3) continue;
    CU_ASSERT_EQUAL(memcmp(f.rollout.reward, restored.rollout.reward, ROWS * T * sizeof(float)), 0);
    CU_ASSERT_EQUAL(memcmp(f.encoder.statistics, restored.encoder.statistics, 2 * DIM * sizeof(float)), 0);
  }
  arena_destroy(&f.arena);
  arena_destroy(&restored.arena);
}

/* forgetting the returns of running episodes changes only these, and nothing where there are none */
static void test_restart(void) {
  for (int norm_reward = 0; norm_reward < 2; norm_reward++) {
    static _Alignas(64) unsigned char memory[1 << 16];
    struct fixture f;
    setup(&f, false, norm_reward == 1, NAN);
    struct arena *arena;
    unsigned char *behind;
    CHECK_OK_FATAL(arena_create_in(memory, sizeof memory, &arena));
    CHECK_OK_FATAL(normalizer_create(&f.options, &f.encoder, ROWS, gamma_, arena, &f.normalizer));
    CHECK_OK_FATAL(ARENA_TAKE(arena, ROWS * sizeof(double), "what lies behind", &behind));
    memset(behind, 7, ROWS * sizeof(double));
    if (norm_reward == 1)
      for (size_t row = 0; row < ROWS; row++) f.normalizer.returns[row] = 1.0;
    normalizer_restart(&f.normalizer);
    for (size_t row = 0; norm_reward == 1 && row < ROWS; row++) CU_ASSERT_EQUAL(f.normalizer.returns[row], 0.0);
    for (size_t i = 0; i < ROWS * sizeof(double); i++) CU_ASSERT_EQUAL(behind[i], 7);
    arena_destroy(&arena);
    arena_destroy(&f.arena);
  }
}

static const struct check_case cases[] = {
    {"observations", test_observations}, {"rewards", test_rewards},
    {"clipping alone", test_clip},       {"state", test_state},
    {"restart", test_restart},
};

CHECK_MAIN("normalizer", cases)
