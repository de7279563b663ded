/* The configuration of a run as a whole: several tables together, conditions across them, writing and reading back. */
#include "algo/ppo.h"
#include "config/condition.h"
#include "setup/config.h"
#include "support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* a block of rl-zoo's hyper-parameters (CartPole-v1), pasted below `algorithm` */
static const char config_text[] = "seed: 7\n"
                                  "total_steps: 100000\n"
                                  "env: {name: CartPole-v1, num_envs: 8}\n"
                                  "policy:\n"
                                  "  hidden_sizes: [32, 16]\n"
                                  "  activation: relu\n"
                                  "algorithm:\n"
                                  "  name: ppo\n"
                                  "  n_steps: 32\n"
                                  "  batch_size: 256\n"
                                  "  gae_lambda: 0.8\n"
                                  "  gamma: 0.98\n"
                                  "  n_epochs: 20\n"
                                  "  ent_coef: 0.0\n"
                                  "  learning_rate: lin_0.001\n"
                                  "  clip_range: lin_0.2\n"
                                  "evaluation: {every: 5000, episodes: 20}\n";

static muster_status parse(const char *text, struct run_config *config) {
  return run_config_parse("test.yaml", text, config);
}

/* the config above with one piece of text replaced; the caller frees it */
static char *change(const char *old, const char *new) {
  const char *place = strstr(config_text, old);
  if (place == NULL) abort();
  size_t size = sizeof config_text + strlen(new);
  char *text = malloc(size);
  if (text == NULL) abort();
  snprintf(text, size, "%.*s%s%s", (int)(place - config_text), config_text, new, place + strlen(old));
  return text;
}

static void test_block_of_rl_zoo(void) {
  struct run_config config;
  CHECK_OK_FATAL(parse(config_text, &config));
  CU_ASSERT_EQUAL(config.general.seed, 7);
  CU_ASSERT_EQUAL(config.general.total_steps, 100000);
  CU_ASSERT_STRING_EQUAL(config.env.name, "CartPole-v1");
  CU_ASSERT_EQUAL(config.env.num_envs, 8);
  CU_ASSERT_STRING_EQUAL(config.algorithm_name, "ppo");
  const struct ppo_options *ppo = (const struct ppo_options *)config.algorithm;
  CU_ASSERT_EQUAL(ppo->settings.n_steps, 32);
  CU_ASSERT_EQUAL(ppo->batch_size, 256);
  CU_ASSERT_EQUAL(ppo->n_epochs, 20);
  CU_ASSERT_EQUAL(ppo->settings.gamma, 0.98);
  CU_ASSERT_EQUAL(ppo->gae_lambda, 0.8);
  CU_ASSERT_EQUAL(ppo->settings.ent_coef.initial, 0.0);
  CU_ASSERT_EQUAL(ppo->settings.learning_rate.initial, 0.001);
  CU_ASSERT_TRUE(ppo->settings.learning_rate.linear);
  CU_ASSERT_EQUAL(ppo->clip_range.initial, 0.2);
  CU_ASSERT_TRUE(ppo->clip_range.linear);
  CU_ASSERT_EQUAL(config.evaluation.every, 5000);

  /* options that the config does not set are as in Stable-Baselines3 */
  CU_ASSERT_EQUAL(ppo->settings.vf_coef, 0.5);
  CU_ASSERT_EQUAL(ppo->settings.max_grad_norm, 0.5);
  CU_ASSERT_EQUAL(ppo->settings.optimizer_epsilon, 1e-5);
  CU_ASSERT_TRUE(ppo->settings.normalize_advantage);
  CU_ASSERT_TRUE(ppo->clip_range_vf.is_null);
  CU_ASSERT_TRUE(isnan(ppo->target_kl));
}

/* a config that is written and read back has the same text, and no difference is found */
static void check_round_trip(const struct run_config *config) {
  char *text, *again;
  struct run_config copy;
  char difference[1024] = "";
  CHECK_OK_FATAL(run_config_text(config, &text));
  CHECK_OK_FATAL(run_config_parse("written.yaml", text, &copy));
  CU_ASSERT_FALSE(run_config_differs(config, &copy, difference, sizeof difference));
  CU_ASSERT_STRING_EQUAL(difference, "");
  CHECK_OK_FATAL(run_config_text(&copy, &again));
  CU_ASSERT_STRING_EQUAL(text, again);
  free(text);
  free(again);
}

static void test_round_trip(void) {
  struct run_config config;
  CHECK_OK_FATAL(parse(config_text, &config));
  check_round_trip(&config);
  CHECK_OK_FATAL(parse("", &config));
  check_round_trip(&config);

  /* values that are easily changed by writing and reading */
  static const char odd[] = "seed: 9007199254740991\n"
                            "env: {name: Probe-v0, num_envs: 3, options: {obs_dim: 5, sleep_us: '0'}}\n"
                            "policy: {hidden_sizes: [1, 2, 3]}\n"
                            "algorithm: {name: ppo, n_steps: 7, batch_size: 5, gamma: 0.30000000000000004,\n"
                            "  target_kl: 1.0e-17, clip_range_vf: lin_0.1, learning_rate: 3.3333333333333335e-05}\n"
                            "checkpoint: {interval: 1h30m}\n"
                            "run: {dir: 'a folder: # with: odd \"name\"'}\n";
  CHECK_OK_FATAL(parse(odd, &config));
  check_round_trip(&config);
  CU_ASSERT_EQUAL(config.checkpoint.interval, 5400.0);

  char *text;
  struct run_config copy;
  CHECK_OK_FATAL(run_config_text(&config, &text));
  CHECK_OK_FATAL(parse(text, &copy));
  free(text);
  CU_ASSERT_EQUAL(copy.general.seed, 9007199254740991);
  CU_ASSERT_STRING_EQUAL(copy.run.dir, "a folder: # with: odd \"name\"");
  const struct ppo_options *ppo = (const struct ppo_options *)copy.algorithm;
  CU_ASSERT_EQUAL(ppo->settings.gamma, 0.30000000000000004);
  CU_ASSERT_EQUAL(ppo->target_kl, 1.0e-17);
  CU_ASSERT_EQUAL(ppo->settings.learning_rate.initial, 3.3333333333333335e-05);
}

/* an algorithm may have a policy by default that is not the one of others; what the config says comes before it */
static void test_own_policy_defaults(void) {
  struct run_config config;
  CHECK_OK_FATAL(parse("algorithm: {name: dqn}\n", &config));
  CU_ASSERT_TRUE(config.policy.activation == 1 && !config.policy.ortho_init && config.policy.hidden_sizes.count == 2);
  check_round_trip(&config);
  CHECK_OK_FATAL(parse("algorithm: {name: dqn}\npolicy: {activation: tanh, hidden_sizes: [3]}\n", &config));
  CU_ASSERT_TRUE(config.policy.activation == 0 && !config.policy.ortho_init && config.policy.hidden_sizes.count == 1);
  check_round_trip(&config);
  CHECK_OK_FATAL(parse("algorithm: {name: dqn}\npolicy: {network: [dense 3]}\n", &config));
  check_round_trip(&config);
  CHECK_OK_FATAL(parse("algorithm: {name: a2c}\n", &config));
  CU_ASSERT_TRUE(config.policy.activation == 0 && config.policy.ortho_init);
}

/* rows of metrics: one for each rollout, or at most 1000 where rollouts are brief */
static void test_log_interval(void) {
  struct run_config config;
  CHECK_OK_FATAL(parse("total_steps: 1000000\nenv: {num_envs: 8}\nalgorithm: {name: dqn, train_freq: 4}\n", &config));
  CU_ASSERT_EQUAL(config.run.log_interval, 31);
  CHECK_OK_FATAL(parse("total_steps: 10000\nenv: {num_envs: 8}\nalgorithm: {name: dqn, train_freq: 4}\n", &config));
  CU_ASSERT_EQUAL(config.run.log_interval, 1);
  CHECK_OK_FATAL(parse("total_steps: 1000000\nalgorithm: {name: a2c}\n", &config));
  CU_ASSERT_EQUAL(config.run.log_interval, 1);
  CHECK_OK_FATAL(parse("algorithm: {name: dqn}\nrun: {log_interval: 7}\n", &config));
  CU_ASSERT_EQUAL(config.run.log_interval, 7);
}

static void test_environment_settings(void) {
  struct run_config config;
  CHECK_OK_FATAL(parse("env: {name: Probe-v0, options: {obs_dim: 5, truncates: 1}}\n", &config));
  muster_env_setting settings[RUN_CONFIG_ENV_SETTINGS];
  run_config_env_settings(&config, settings);
  CU_ASSERT_STRING_EQUAL(settings[0].key, "obs_dim");
  CU_ASSERT_STRING_EQUAL(settings[0].value, "5");
  CU_ASSERT_STRING_EQUAL(settings[1].key, "truncates");
  CU_ASSERT_STRING_EQUAL(settings[1].value, "1");
  CU_ASSERT_PTR_NULL(settings[2].key);
}

static void test_differences(void) {
  struct run_config before, now;
  CHECK_OK_FATAL(parse(config_text, &before));
  static const struct {
    const char *old, *new, *text;
  } deciding[] = {
      {"seed: 7", "seed: 8", "seed was 7 and is now 8"},
      {"num_envs: 8", "num_envs: 16", "env.num_envs was 8 and is now 16"},
      {"relu", "tanh", "policy.activation was relu and is now tanh"},
      {"[32, 16]", "[32]", "policy.hidden_sizes was [32, 16] and is now [32]"},
      {"gamma: 0.98", "gamma: 0.99", "algorithm.gamma was 0.98 and is now 0.99"},
      {"lin_0.2", "0.2", "algorithm.clip_range was lin_0.2 and is now 0.2"},
  };
  for (size_t i = 0; i < sizeof deciding / sizeof *deciding; i++) {
    char *text = change(deciding[i].old, deciding[i].new), difference[1024] = "";
    CHECK_OK_FATAL(parse(text, &now));
    CU_ASSERT_TRUE(run_config_differs(&before, &now, difference, sizeof difference));
    CU_ASSERT_STRING_EQUAL(difference, deciding[i].text);
    free(text);
  }

  /* options that a resumed run may change */
  static const char *const free_to_change[][2] = {
      {"total_steps: 100000", "total_steps: 200000"},
      {"every: 5000", "every: 1000"},
      {"seed: 7\n", "seed: 7\nranks: {blas_threads: 2}\n"},
      {"seed: 7\n", "seed: 7\ncheckpoint: {every: 77, keep: 1}\n"},
      {"seed: 7\n", "seed: 7\nrun: {dir: elsewhere}\n"},
  };
  for (size_t i = 0; i < sizeof free_to_change / sizeof *free_to_change; i++) {
    char *text = change(free_to_change[i][0], free_to_change[i][1]), difference[1024] = "";
    CHECK_OK_FATAL(parse(text, &now));
    CU_ASSERT_FALSE(run_config_differs(&before, &now, difference, sizeof difference));
    free(text);
  }
}

/* two long maps that differ only at their end */
static void test_difference_far_behind(void) {
  char text[2][4096];
  for (int version = 0; version < 2; version++) {
    int used = snprintf(text[version], sizeof text[version], "env:\n  name: Probe-v0\n  options:\n");
    for (int i = 0; i < 12; i++)
      used += snprintf(text[version] + used, sizeof text[version] - (size_t)used, "    option_%02d: %s%0100d\n", i, "v",
                       i == 11 ? version : 0);
  }
  struct run_config before, now;
  char difference[1024];
  CHECK_OK_FATAL(parse(text[0], &before));
  CHECK_OK_FATAL(parse(text[1], &now));
  CU_ASSERT_TRUE(run_config_differs(&before, &now, difference, sizeof difference));
  CHECK_OK_FATAL(parse(text[0], &now));
  CU_ASSERT_FALSE(run_config_differs(&before, &now, difference, sizeof difference));
}

static void test_refusals(void) {
  struct run_config config;
  static const struct {
    const char *old, *new, *part;
  } wrong[] = {
      {"n_epochs: 20", "n_epoch: 20", "test.yaml:13: algorithm.n_epoch"},
      {"gamma: 0.98", "gamma: 1.98", "test.yaml:12: algorithm.gamma: 1.98"},
      {"batch_size: 256", "batch_size: 512", "test.yaml:10: algorithm.batch_size: 512"},
      {"name: ppo", "name: poo", "test.yaml:8: algorithm.name: poo"},
      {"relu", "gelu", "test.yaml:6: policy.activation: gelu"},
      {"evaluation:", "evaluations:", "test.yaml:17: evaluations"},
      /* zero is a limit, and does not mean none */
      {"n_epochs: 20", "target_kl: 0", "algorithm.target_kl: 0: expects a number or null, > 0"},
      {"n_epochs: 20", "clip_range_vf: 0", "algorithm.clip_range_vf: 0: expects"},
      {"n_epochs: 20", "max_grad_norm: 0", "algorithm.max_grad_norm: 0: expects a number > 0"},
      {"evaluation:", "run: {time_limit: 0}\nevaluation:", "run.time_limit: 0: expects a duration"},
      {"evaluation:", "run: {time_limit: 0s}\nevaluation:", "run.time_limit: 0s: expects a duration"},
      {"evaluation:", "env.step_timeout: 0\nevaluation:", "env.step_timeout: 0: expects a duration"},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    char *text = change(wrong[i].old, wrong[i].new);
    CHECK_FAILS(parse(text, &config), MUSTER_ERROR_USAGE, wrong[i].part);
    free(text);
  }
}

/* writes the config above to a file and loads it for this many ranks, with one assignment or none */
static muster_status load(const char *text, const char *set, int ranks) {
  char path[1200];
  snprintf(path, sizeof path, "%s/config.yaml", check_folder("config_run"));
  FILE *file = fopen(path, "w");
  if (file == NULL || fputs(text, file) == EOF || fclose(file) != 0) abort();
  struct run_config config;
  return run_config_load(path, &set, set != NULL, ranks, &config);
}

static void test_load(void) {
  CHECK_OK(load(config_text, NULL, 1));
  CHECK_OK(load(config_text, NULL, 9));
  CHECK_FAILS(load(config_text, NULL, 10), MUSTER_ERROR_USAGE, "config.yaml:3: env.num_envs: 8: ");
  CHECK_FAILS(load(config_text, NULL, 10), MUSTER_ERROR_USAGE, "9 actors (10 ranks); expects at least 9");
  CHECK_OK(load(config_text, "env.num_envs=9", 10));
  CHECK_FAILS(load(config_text, "env.num_envs=8", 10), MUSTER_ERROR_USAGE, "--set env.num_envs=8: ");
  CHECK_FAILS(load(config_text, "env.name=CartPole-v0", 1), MUSTER_ERROR_USAGE, "CartPole-v1");
  CHECK_FAILS(load(config_text, "env.options={gravity_: 1}", 1), MUSTER_ERROR_USAGE, "--set env.options");
  CHECK_FAILS(load("env: {name: Probe-v0, options: {obs_dim: 0}}\n", NULL, 1), MUSTER_ERROR_USAGE,
              "config.yaml:1: env.options");

  CHECK_OK(load(config_text, "run.watchdog=1", 1));
  CHECK_OK(load(config_text, "run.watchdog=0", 1));
  CHECK_FAILS(load(config_text, "run.watchdog=0.05", 1), MUSTER_ERROR_USAGE,
              "--set run.watchdog=0.05: is too short to tell a lost rank from a busy one; expects 0 (never), or at "
              "least 1s");

  /* a checkpoint's config can be read although its environment is not known here */
  struct run_config config;
  CHECK_OK(parse("env: {name: Unheard-of-v3, options: {wind: 3}}\n", &config));
}

/* each value of a condition is one that its subject may have, written as a config writes it: "a, b*" */
static void check_values(const struct option_table *table, const struct option_spec *option) {
  const struct option_spec *subject = condition_subject(table, option);
  CU_ASSERT_PTR_NOT_NULL_FATAL(subject);
  char list[256], written[OPTION_TEXT_SIZE];
  const char *values = option->only_when + strlen(subject->key) + strlen(" is ");
  snprintf(list, sizeof list, "%s", values + (strncmp(values, "not ", 4) == 0 ? 4 : 0));
  struct run_config config;
  for (char *rest = list, *value; (value = strtok_r(rest, ", ", &rest)) != NULL;) {
    if (value[strlen(value) - 1] == '*') {
      CU_ASSERT_EQUAL(subject->type, OPTION_STRING);
      continue;
    }
    CHECK_OK(option_parse(subject, value, &config));
    option_format(subject, &config, written, sizeof written);
    CU_ASSERT_STRING_EQUAL(written, value);
  }
}

/* A value of the subject with which the condition does not hold: its default, or the one that is excluded, or its last
 * choice, or the other one of true and false, or a number in place of null or a word. */
static void find_breach(const struct option_table *table, const struct option_spec *option, char value[64]) {
  const struct option_spec *subject = condition_subject(table, option);
  struct run_config config;
  CHECK_OK_FATAL(option_set_defaults(table, &config));
  const char *values = option->only_when + strlen(subject->key) + strlen(" is ");
  const bool excludes = strncmp(values, "not ", 4) == 0;
  if (!condition_holds(table, option, &config)) {
    option_format(subject, &config, value, 64);
    return;
  }
  const char *const *last = subject->choices;
  while (last != NULL && last[1] != NULL) last++;
  snprintf(value, 64, "%s",
           excludes                       ? values + 4
           : last != NULL                 ? *last
           : strcmp(values, "null") == 0  ? "100000"
           : subject->type == OPTION_BOOL ? (strcmp(values, "false") == 0 ? "true" : "false")
                                          : "0.5");
}

/* an option of an algorithm that has no effect is refused where the command line sets it, even to its default */
static void check_refused(const struct option_table *table, const struct option_spec *option) {
  char breach[64], text[512], set[512], expected[1024], value[OPTION_TEXT_SIZE];
  struct run_config config;
  find_breach(table, option, breach);
  CHECK_OK_FATAL(option_set_defaults(table, &config));
  option_format(option, &config, value, sizeof value);
  const char *subject = condition_subject(table, option)->key;
  snprintf(text, sizeof text, "algorithm.name: %s\nalgorithm.%s: %s\n", table->owner, subject, breach);
  snprintf(set, sizeof set, "algorithm.%s=%.200s", option->key, value);
  snprintf(expected, sizeof expected, "--set %s: has no effect: it counts only when algorithm.%s, and that is ", set,
           option->only_when);
  CHECK_FAILS(load(text, set, 1), MUSTER_ERROR_USAGE, expected);
}

/* Every condition of every table can be read; and those of algorithms are looked at. */
static void test_conditions(void) {
  const struct option_table *tables[RUN_CONFIG_MAX_TABLES];
  const size_t n = run_config_tables(tables);
  int conditions = 0;
  for (size_t i = 0; i < n; i++)
    for (const struct option_spec *option = tables[i]->options; option->key != NULL; option++) {
      if (option->only_when == NULL) continue;
      check_values(tables[i], option);
      conditions++;
      if (strcmp(tables[i]->section, "algorithm") == 0 && tables[i]->owner != NULL) check_refused(tables[i], option);
    }
  CU_ASSERT_TRUE(conditions > 50);
}

#define DQN "env.name: CartPole-v1\nalgorithm:\n  name: dqn\n"

static void test_options_without_effect(void) {
  /* a file says where; its defaults do not count as set, as in the config of a run, which lists all */
  CHECK_FAILS(load(DQN "  n_atoms: 21\n", NULL, 1), MUSTER_ERROR_USAGE,
              "config.yaml:4: algorithm.n_atoms: 21: has no effect: it counts only when algorithm.distributional is "
              "c51, and that is none");
  CHECK_OK(load(DQN "  n_atoms: 51\n", NULL, 1));
  CHECK_FAILS(load(DQN "  n_atoms: 51\n", "algorithm.n_atoms=51", 1), MUSTER_ERROR_USAGE, "has no effect");
  CHECK_OK(load(DQN "  n_atoms: 21\n", "algorithm.distributional=c51", 1));
  CHECK_FAILS(load(DQN "  replay: {alpha: 0.7}\n", NULL, 1), MUSTER_ERROR_USAGE,
              "algorithm.replay.prioritized is true, and that is false");
  CHECK_OK(load(DQN "  replay: {alpha: 0.7, prioritized: true}\n", NULL, 1));
  /* what nobody set is not refused, and neither is what an earlier run has stored */
  struct run_config config;
  char *text;
  CHECK_OK_FATAL(parse(DQN "  n_atoms: 21\n", &config));
  CHECK_OK_FATAL(run_config_text(&config, &text));
  CHECK_OK(parse(text, &config));
  free(text);
  /* a beginning stands for all texts with it */
  const char *sac = "env.name: Pendulum-v1\nalgorithm: {name: sac, target_entropy: -2, ent_coef: auto_0.1}\n";
  CHECK_OK(load(sac, NULL, 1));
  CHECK_FAILS(load(sac, "algorithm.ent_coef=0.1", 1), MUSTER_ERROR_USAGE,
              "algorithm.target_entropy: -2: has no effect: it counts only when algorithm.ent_coef is auto, auto_*");
  /* what only several environments can have, or those in processes of their own */
  CHECK_FAILS(load(DQN "env.num_envs: 1\n", "algorithm.exploration_alpha=7", 1), MUSTER_ERROR_USAGE,
              "algorithm.exploration_alpha=7: has no effect: it makes environments explore differently, and there is "
              "one (env.num_envs)");
  CHECK_OK(load(DQN "env.num_envs: 2\n", "algorithm.exploration_alpha=7", 1));
  CHECK_FAILS(load(DQN, "env.max_restarts=3", 1), MUSTER_ERROR_USAGE,
              "has no effect: it counts only when env.isolation is process, and that is none");
  CHECK_OK(load(DQN "env.isolation: process\n", "env.max_restarts=3", 1));
  /* without slow copies nothing is about them */
  const char *crossq = "env.name: Pendulum-v1\nalgorithm: {name: sac, batch_norm: true}\n";
  CHECK_OK(load(crossq, "algorithm.batch_norm_momentum=0.9", 1));
  CHECK_FAILS(load(crossq, "algorithm.tau=0.005", 1), MUSTER_ERROR_USAGE,
              "has no effect: it counts only when algorithm.batch_norm is false, and that is true");
  /* options of the policy that the model has no place for */
  CHECK_FAILS(load(DQN, "policy.value_network=[dense 8]", 1), MUSTER_ERROR_USAGE, "no network of values");
  CHECK_FAILS(load(DQN, "policy.log_std=state", 1), MUSTER_ERROR_USAGE,
              "has no effect on the distribution EpsilonGreedy; expects the default, parameter");
  CHECK_FAILS(load(sac, "policy.log_std_init=-1", 1), MUSTER_ERROR_USAGE,
              "has no effect on the distribution SquashedGaussian; expects the default, 0");
  CHECK_FAILS(load(config_text, "policy.log_std_init=-1", 1), MUSTER_ERROR_USAGE, "the distribution Categorical");
  CHECK_OK(load("env.name: Pendulum-v1\nalgorithm.name: ppo\n", "policy.log_std_init=-1", 1));
  CHECK_OK(load(sac, "policy.value_network=[dense 8]", 1));
}

static const struct check_case cases[] = {
    {"conditions of options", test_conditions},
    {"options without effect", test_options_without_effect},
    {"a block of rl-zoo", test_block_of_rl_zoo},
    {"write and read back", test_round_trip},
    {"policy defaults of an algorithm", test_own_policy_defaults},
    {"rows of metrics", test_log_interval},
    {"the environment's settings", test_environment_settings},
    {"what differs between two configs", test_differences},
    {"a difference at the end of a long map", test_difference_far_behind},
    {"refusals", test_refusals},
    {"load for a number of ranks", test_load},
};
CHECK_MAIN("config of a run", cases)
