/* Bandit-v0: means and spread of each arm, lengths of episodes, options, state, text. */
#include "support/solo.h"

#include <math.h>

enum { PULLS = 20000 };

/* mean and variance of the rewards of one arm */
static void sample_arm(struct solo *bandit, int32_t arm, double *mean, double *variance) {
  double sum = 0.0, squares = 0.0;
  for (uint32_t i = 0; i < PULLS; i++) {
    solo_reset(bandit, i);
    double reward = solo_step(bandit, arm);
    sum += reward;
    squares += reward * reward;
  }
  *mean = sum / PULLS;
  *variance = squares / PULLS - *mean * *mean;
}

/* within five standard errors: sd / sqrt(n) for the mean; sqrt(2 / n) of the variance for the variance of normal
 * rewards */
static void test_gaussian(void) {
  struct solo bandit = solo_open("Bandit-v0", SOLO_OPTIONS({"means", "-1.5, 0,2e1"}, {"deviation", "0.5"}));
  const double means[] = {-1.5, 0.0, 20.0};
  CU_ASSERT_EQUAL(bandit.spec.action.counts[0], 3);
  for (int32_t arm = 0; arm < 3; arm++) {
    double mean, variance;
    sample_arm(&bandit, arm, &mean, &variance);
    CU_ASSERT_TRUE(fabs(mean - means[arm]) < 5.0 * 0.5 / sqrt(PULLS));
    CU_ASSERT_TRUE(fabs(variance - 0.25) < 5.0 * 0.25 * sqrt(2.0 / PULLS));
  }
  solo_close(&bandit);
}

static void test_bernoulli(void) {
  struct solo bandit = solo_open("Bandit-v0", SOLO_OPTIONS({"means", "0,0.3,1"}, {"rewards", "bernoulli"}));
  const double means[] = {0.0, 0.3, 1.0};
  for (int32_t arm = 0; arm < 3; arm++) {
    double mean, variance;
    sample_arm(&bandit, arm, &mean, &variance);
    CU_ASSERT_TRUE(fabs(mean - means[arm]) <= 5.0 * sqrt(means[arm] * (1.0 - means[arm]) / PULLS));
    CHECK_CLOSE(variance, mean * (1.0 - mean), 1e-12); /* all rewards are 0 or 1 */
  }
  solo_close(&bandit);
}

static void test_without_deviation(void) {
  struct solo bandit = solo_open("Bandit-v0", SOLO_OPTIONS({"deviation", "0"}));
  const double means[] = {0.1, 0.5, 0.9};
  for (int32_t arm = 0; arm < 3; arm++) {
    solo_reset(&bandit, 0);
    CU_ASSERT_EQUAL(solo_step(&bandit, arm), means[arm]);
    CU_ASSERT_TRUE(bandit.terminated);
    CU_ASSERT_EQUAL(bandit.observation[0], 1.0f);
  }
  solo_close(&bandit);
}

static void test_episode_length(void) {
  struct solo bandit = solo_open("Bandit-v0", SOLO_OPTIONS({"episode_length", "3"}));
  for (uint32_t episode = 0; episode < 2; episode++) {
    solo_reset(&bandit, episode);
    for (int pull = 1; pull <= 3; pull++) {
      solo_step(&bandit, 1);
      CU_ASSERT_EQUAL(bandit.terminated, pull == 3);
    }
  }
  solo_close(&bandit);
}

static void test_options(void) {
  const char *const wrong[] = {"", "a", "1,", ",1", "1;2", "1,,2", "nan", "1,inf", "0.5 0.6", "1,2x", "1e9"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    solo_refuses_options("Bandit-v0", SOLO_OPTIONS({"means", wrong[i]}), "option means: expects 1 to 1024 numbers");
  solo_refuses_options("Bandit-v0", SOLO_OPTIONS({"means", "0.5,1.1"}, {"rewards", "bernoulli"}), "from 0 to 1");
  solo_refuses_options("Bandit-v0", SOLO_OPTIONS({"rewards", "poisson"}), "expects gaussian or bernoulli");
  solo_refuses_options("Bandit-v0", SOLO_OPTIONS({"deviation", "-1"}), "option deviation");
  solo_refuses_options("Bandit-v0", SOLO_OPTIONS({"episode_length", "0"}), "option episode_length");

  /* the largest number of arms that is allowed, and one more */
  char many[2 * 1025 + 1];
  for (int i = 0; i < 1025; i++) memcpy(many + 2 * i, "1,", 2);
  many[2 * 1024 - 1] = '\0';
  struct solo bandit = solo_open("Bandit-v0", SOLO_OPTIONS({"means", many}));
  CU_ASSERT_EQUAL(bandit.spec.action.counts[0], 1024);
  solo_close(&bandit);
  many[2 * 1024 - 1] = ',';
  many[2 * 1025 - 1] = '\0';
  solo_refuses_options("Bandit-v0", SOLO_OPTIONS({"means", many}), "1 to 1024 numbers");
}

static void test_refusals_and_text(void) {
  struct solo bandit = solo_open("Bandit-v0", SOLO_OPTIONS({"deviation", "0"}, {"episode_length", "4"}));
  solo_reset(&bandit, 0);
  solo_shows(&bandit, "pull 0 of 4\n 0.1  0.5  0.9 \n");
  solo_step(&bandit, 2);
  solo_shows(&bandit, "pull 1 of 4: arm 2 paid 0.9\n 0.1  0.5 [0.9]\n");
  solo_refuses(&bandit, &(int32_t){3}, "action 3 is not an arm, 0 to 2");
  solo_refuses(&bandit, &(int32_t){-1}, "action -1");

  struct {
    int32_t pulls, last_arm;
    double last_reward;
  } state = {5, 0, 0.0};
  CU_ASSERT_EQUAL_FATAL(bandit.spec.state_bytes, sizeof state);
  solo_refuses_state(&bandit, &state, "5 pulls of an episode of 4");
  state.pulls = 1;
  state.last_arm = 3;
  solo_refuses_state(&bandit, &state, "arm 3 of 3");
  solo_close(&bandit);
}

static const struct check_case cases[] = {
    {"gaussian arms", test_gaussian},
    {"bernoulli arms", test_bernoulli},
    {"arms without deviation", test_without_deviation},
    {"episode_length", test_episode_length},
    {"options", test_options},
    {"refusals and text", test_refusals_and_text},
};

CHECK_MAIN("bandit", cases)
