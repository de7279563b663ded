/* The rate limiter: its bounds, that one of both sides can always go on, however messages and updates follow each
 * other, and that a resumed run may have another ratio. */
#include "experience/rate_limiter.h"
#include "support/check.h"

#include <math.h>
#include <string.h>

enum { ROLLOUT = 24, BATCH = 32, START = 100 };

static struct rate_limits limits(double ratio, double tolerance) {
  return (struct rate_limits){ratio, .gradient_steps = 3, .batch_size = BATCH, tolerance, .min_size = START};
}

static void test_ratio_of_in_step(void) {
  struct rate_limits given = limits(NAN, NAN);
  CHECK_CLOSE(rate_limits_ratio(&given, ROLLOUT), 3.0 * BATCH / ROLLOUT, 1e-12);
  CU_ASSERT_EQUAL(rate_limiter_create(&given, ROLLOUT).updates_at_once, 3);
  given.gradient_steps = -1;
  CHECK_CLOSE(rate_limits_ratio(&given, ROLLOUT), BATCH, 1e-12);
  CU_ASSERT_EQUAL(rate_limiter_create(&given, ROLLOUT).updates_at_once, ROLLOUT);
  given.samples_per_insert = 0.5;
  CHECK_CLOSE(rate_limits_ratio(&given, ROLLOUT), 0.5, 0);
  CU_ASSERT_EQUAL(rate_limiter_create(&given, ROLLOUT).updates_at_once, 1);
  CHECK_CLOSE(rate_limits_least_tolerance(&given, ROLLOUT), (ROLLOUT + BATCH / 0.5) / 2, 1e-12);
  CHECK_CLOSE(rate_limits_default_tolerance(&given, ROLLOUT), ROLLOUT + BATCH / 0.5, 1e-12);
  given.min_size = 100000;
  CHECK_CLOSE(rate_limits_default_tolerance(&given, ROLLOUT), 10000, 1e-9);
}

/* by hand: two samples a step, ten steps of tolerance */
static void test_bounds(void) {
  const struct rate_limits given = {2, .batch_size = 8, .tolerance = 10, .min_size = 16};
  struct rate_limiter limiter = rate_limiter_create(&given, 4);
  for (int i = 0; i < 4; i++) {
    CU_ASSERT_FALSE(rate_limiter_allows_update(&limiter));
    CU_ASSERT_TRUE(rate_limiter_admits(&limiter, 1000));
    CU_ASSERT_TRUE(isnan(rate_limiter_reached(&limiter)));
    rate_limiter_insert(&limiter, 4);
  }
  /* as many steps as min_size are not enough, as in step */
  CU_ASSERT_FALSE(rate_limiter_allows_update(&limiter));
  rate_limiter_insert(&limiter, 1);
  CHECK_CLOSE(rate_limiter_balance(&limiter), 2, 0);
  CU_ASSERT_TRUE(rate_limiter_admits(&limiter, 9));
  CU_ASSERT_FALSE(rate_limiter_admits(&limiter, 10));
  rate_limiter_update(&limiter);
  rate_limiter_update(&limiter);
  CHECK_CLOSE(rate_limiter_balance(&limiter), -14, 0);
  CHECK_CLOSE(rate_limiter_reached(&limiter), 16, 0);
  CU_ASSERT_FALSE(rate_limiter_allows_update(&limiter));
  rate_limiter_insert(&limiter, 1);
  CU_ASSERT_TRUE(rate_limiter_allows_update(&limiter));
}

/* a pseudo-random choice */
static uint64_t choose(uint64_t *state, uint64_t n) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (*state >> 33) % n;
}

/* messages of any size and updates in any order: never must both wait, and the balance stays within the buffer */
static void check_progress(double ratio, double slack) {
  struct rate_limits given = limits(ratio, NAN);
  given.tolerance = rate_limits_least_tolerance(&given, ROLLOUT) * slack;
  struct rate_limiter limiter = rate_limiter_create(&given, ROLLOUT);
  uint64_t state = 5;
  for (int i = 0; i < 20000; i++) {
    const int64_t steps = 1 + (int64_t)choose(&state, ROLLOUT);
    const bool admits = rate_limiter_admits(&limiter, steps), allows = rate_limiter_allows_update(&limiter);
    CU_ASSERT_TRUE_FATAL(admits || allows);
    if (admits && (!allows || choose(&state, 2) == 0))
      rate_limiter_insert(&limiter, steps);
    else
      rate_limiter_update(&limiter);
    if (limiter.inserts <= START + ROLLOUT) continue;
    CU_ASSERT_TRUE_FATAL(fabs(rate_limiter_balance(&limiter)) <= limiter.buffer + 1e-3);
  }
  const double inserts = (double)(limiter.inserts - START);
  CU_ASSERT_TRUE(inserts > 1000);
  CHECK_CLOSE(rate_limiter_reached(&limiter), ratio, limiter.buffer / inserts + 1e-9);
}

static void test_progress(void) {
  const double ratios[] = {0.3, 1, 4, 32, 1.0 / 7};
  for (int i = 0; i < 5; i++) {
    check_progress(ratios[i], 1);
    check_progress(ratios[i], 5);
  }
}

/* what a checkpoint lists is all that counts; with another ratio, the ratio counts from there on */
static void test_resumed(void) {
  const struct rate_limits given = limits(4, 60), other = limits(1, 60);
  struct rate_limiter limiter = rate_limiter_create(&given, ROLLOUT);
  rate_limiter_insert(&limiter, 500);
  for (int i = 0; i < 48; i++) rate_limiter_update(&limiter);
  for (int is_other = 0; is_other < 2; is_other++) {
    struct rate_limiter resumed = rate_limiter_create(is_other ? &other : &given, ROLLOUT);
    struct tensor from[RATE_LIMITER_STATE], to[RATE_LIMITER_STATE];
    const int n = rate_limiter_state(&limiter, from);
    rate_limiter_state(&resumed, to);
    for (int i = 0; i < n; i++) memcpy(to[i].data, from[i].data, tensor_bytes(&from[i]));
    rate_limiter_restored(&resumed);
    CHECK_CLOSE(rate_limiter_balance(&resumed), is_other ? 0 : 400 * 4 - 48 * BATCH, 0);
    rate_limiter_insert(&resumed, 64);
    rate_limiter_update(&resumed);
    CHECK_CLOSE(rate_limiter_reached(&resumed), is_other ? 0.5 : 49.0 * BATCH / 464, 1e-12);
  }
}

static const struct check_case cases[] = {
    {"the ratio of runs in step", test_ratio_of_in_step},
    {"bounds, by hand", test_bounds},
    {"one side can always go on", test_progress},
    {"resumed, with another ratio", test_resumed},
};

CHECK_MAIN("rate limiter", cases)
