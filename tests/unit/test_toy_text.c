/* FrozenLake, CliffWalking and Taxi: their tables against Gymnasium's, entry by entry; what the best policy earns, by
 * value iteration and by playing; both forms; options, refusals, text. */
#include "base/random.h"
#include "env/envs/tabular.h"
#include "env/registry.h"
#include "support/check.h"
#include "support/golden.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FILE_NAME "toy_text.h5"
#define MAX_STATES 500
#define MAX_STEPS 200

/* an environment with options, and the group of reference data that it must equal */
struct subject {
  const char *name, *group;
  muster_env_setting options[3]; /* options that differ from the default */
  int32_t max_steps;
  double threshold;
};

static const struct subject subjects[] = {
    {"FrozenLake-v1", "frozen_lake_4x4_slippery", {{NULL, NULL}}, 100, 0.70},
    {"FrozenLake-v1", "frozen_lake_4x4", {{"is_slippery", "false"}, {NULL, NULL}}, 100, 0.70},
    {"FrozenLake-v1", "frozen_lake_4x4_rate_0.75", {{"success_rate", "0.75"}, {NULL, NULL}}, 100, 0.70},
    {"FrozenLake-v1", "frozen_lake_8x8_slippery", {{"map_name", "8x8"}, {NULL, NULL}}, 200, 0.85},
    {"FrozenLake8x8-v1", "frozen_lake_8x8_slippery", {{NULL, NULL}}, 200, 0.85},
    {"FrozenLake8x8-v1", "frozen_lake_8x8", {{"is_slippery", "false"}, {NULL, NULL}}, 200, 0.85},
    {"FrozenLake8x8-v1", "frozen_lake_4x4_slippery", {{"map_name", "4x4"}, {NULL, NULL}}, 100, 0.70},
    {"CliffWalking-v0", "cliff_walking", {{NULL, NULL}}, 0, NAN},
    {"CliffWalking-v1", "cliff_walking", {{"max_steps", "200"}, {NULL, NULL}}, 200, NAN},
    {"CliffWalking-v1", "cliff_walking_slippery", {{"is_slippery", "true"}, {NULL, NULL}}, 0, NAN},
    {"Taxi-v3", "taxi", {{NULL, NULL}}, 200, 8.0},
};
enum { SUBJECTS = sizeof subjects / sizeof subjects[0] };

static const muster_env_type *find(const char *name) {
  const muster_env_type *type = NULL;
  CHECK_OK_FATAL(env_registry_find(name, &type));
  return type;
}

/* every option of the type with its default or the given value */
static void match(const muster_env_type *type, const muster_env_setting *options, muster_env_setting settings[8]) {
  size_t n = 0;
  for (const muster_env_option *option = type->options; option != NULL && option->key != NULL; option++, n++) {
    settings[n] = (muster_env_setting){option->key, option->default_value};
    for (const muster_env_setting *given = options; given->key != NULL; given++)
      if (strcmp(given->key, option->key) == 0) settings[n].value = given->value;
  }
  settings[n] = (muster_env_setting){NULL, NULL};
}

static struct tabular_block *create_single(const struct subject *subject) {
  const muster_env_type *type = find(subject->name);
  muster_env_setting settings[8];
  muster_env_error error;
  void *env = NULL;
  match(type, subject->options, settings);
  CU_ASSERT_EQUAL_FATAL(type->create(settings, &env, &error), 0);
  return env;
}

static struct tabular_block *create_block(const struct subject *subject, int32_t n) {
  const muster_env_type *type = find(subject->name);
  muster_env_setting settings[8];
  muster_env_error error;
  void *block = NULL;
  match(type, subject->options, settings);
  CU_ASSERT_EQUAL_FATAL(type->block_create(settings, n, &block, &error), 0);
  return block;
}

/* ---- tables ---- */

static struct golden read_key(const struct subject *subject, const char *key) {
  char name[96];
  snprintf(name, sizeof name, "%s/%s", subject->group, key);
  return golden_read(FILE_NAME, name);
}

/* every outcome, in Gymnasium's order, to the last bit */
static void check_table(const struct subject *subject, const struct tabular *table) {
  struct golden probability = read_key(subject, "probability"), next = read_key(subject, "next");
  struct golden reward = read_key(subject, "reward"), terminated = read_key(subject, "terminated");
  CU_ASSERT_TRUE_FATAL(probability.rank == 3 && probability.shape[0] == (size_t)table->states &&
                       probability.shape[1] == (size_t)table->actions &&
                       probability.shape[2] == (size_t)table->outcomes);
  for (size_t i = 0; i < probability.n; i++) {
    const struct tabular_outcome *outcome = &table->table[i];
    CU_ASSERT_EQUAL(outcome->probability, probability.values[i]);
    CU_ASSERT_EQUAL(outcome->next, next.values[i]);
    CU_ASSERT_EQUAL(outcome->reward, reward.values[i]);
    CU_ASSERT_EQUAL(outcome->terminated, terminated.values[i] != 0.0);
  }
  golden_free(&probability);
  golden_free(&next);
  golden_free(&reward);
  golden_free(&terminated);
}

static void check_starts(const struct subject *subject, const struct tabular *table) {
  struct golden start = read_key(subject, "start");
  double mine[MAX_STATES] = {0};
  for (int32_t i = 0; i < table->start_count; i++) mine[table->starts[i]] += 1.0 / (double)table->start_count;
  CU_ASSERT_EQUAL_FATAL(start.n, (size_t)table->states);
  for (size_t i = 0; i < start.n; i++) CU_ASSERT_EQUAL(mine[i], start.values[i]);
  golden_free(&start);
}

static void test_tables(void) {
  for (size_t s = 0; s < SUBJECTS; s++) {
    struct tabular_block *env = create_single(&subjects[s]);
    check_table(&subjects[s], &env->table);
    check_starts(&subjects[s], &env->table);
    for (int32_t state = 0; state < env->table.states; state++)
      for (int32_t action = 0; action < env->table.actions; action++) {
        double sum = 0.0;
        for (int32_t i = 0; i < env->table.outcomes; i++) sum += tabular_row(&env->table, state, action)[i].probability;
        CHECK_CLOSE(sum, 1.0, 1e-15);
      }
    tabular_destroy(env);
  }
}

static void test_specs(void) {
  for (size_t s = 0; s < SUBJECTS; s++) {
    const struct subject *subject = &subjects[s];
    struct tabular_block *envs[2] = {create_single(subject), create_block(subject, 4)};
    for (size_t i = 0; i < 2; i++) {
      muster_env_spec spec = {.struct_size = sizeof spec};
      find(subject->name)->block_describe(envs[i], &spec);
      CU_ASSERT_EQUAL(spec.observation.kind, MUSTER_SPACE_DISCRETE);
      CU_ASSERT_EQUAL(spec.observation.rank, 0);
      CU_ASSERT_EQUAL(spec.observation.counts[0], envs[i]->table.states);
      CU_ASSERT_EQUAL(spec.action.kind, MUSTER_SPACE_DISCRETE);
      CU_ASSERT_EQUAL(spec.action.counts[0], strcmp(subject->name, "Taxi-v3") == 0 ? 6 : 4);
      CU_ASSERT_EQUAL(spec.max_steps, subject->max_steps);
      CU_ASSERT_TRUE(isnan(subject->threshold) ? isnan(spec.reward_threshold)
                                               : spec.reward_threshold == subject->threshold);
      CU_ASSERT_EQUAL(spec.agents, 1);
      CU_ASSERT_FALSE(spec.masks_actions);
      CU_ASSERT_EQUAL(spec.state_bytes, sizeof(int32_t));
      tabular_destroy(envs[i]);
    }
  }
}

/* ---- the best policy ---- */

/* the best action of each state for each number of steps left, and what it earns on average until the limit */
struct plan {
  int32_t steps;
  int32_t action[MAX_STEPS + 1][MAX_STATES];
  double value[MAX_STEPS + 1][MAX_STATES];
};

static double value_of(const struct tabular *table, const double *later, int32_t state, int32_t action) {
  const struct tabular_outcome *row = tabular_row(table, state, action);
  double value = 0.0;
  for (int32_t i = 0; i < table->outcomes; i++)
    value += row[i].probability * (row[i].reward + (row[i].terminated ? 0.0 : later[row[i].next]));
  return value;
}

/* value iteration backwards from the step limit, undiscounted; the mean over the starts is what an episode earns */
static double make_plan(const struct tabular *table, int32_t steps, struct plan *plan) {
  memset(plan, 0, sizeof *plan);
  plan->steps = steps;
  for (int32_t left = 1; left <= steps; left++)
    for (int32_t state = 0; state < table->states; state++) {
      plan->value[left][state] = -INFINITY;
      for (int32_t action = 0; action < table->actions; action++) {
        double value = value_of(table, plan->value[left - 1], state, action);
        if (value <= plan->value[left][state]) continue;
        plan->value[left][state] = value;
        plan->action[left][state] = action;
      }
    }
  double sum = 0.0;
  for (int32_t i = 0; i < table->start_count; i++) sum += plan->value[steps][table->starts[i]];
  return sum / table->start_count;
}

/* plays episodes by the plan through the single form; mean return and its standard error */
static double play(const struct subject *subject, const struct plan *plan, uint32_t episodes, double *error_out) {
  const muster_env_type *type = find(subject->name);
  struct tabular_block *env = create_single(subject);
  muster_env_error error;
  double sum = 0.0, squares = 0.0;
  for (uint32_t episode = 0; episode < episodes; episode++) {
    struct random_stream stream = random_stream_start(17, RANDOM_ENV, 3, episode);
    int32_t state;
    double reward = 0.0, total = 0.0;
    muster_env_result result = {.observation = &state, .reward = &reward};
    CU_ASSERT_EQUAL_FATAL(type->reset(env, &stream.base, &result, &error), 0);
    for (int32_t left = plan->steps; left > 0 && !result.terminated; left--) {
      CU_ASSERT_EQUAL_FATAL(type->step(env, &plan->action[left][state], &stream.base, &result, &error), 0);
      CU_ASSERT_FALSE(result.truncated);
      total += reward;
    }
    sum += total;
    squares += total * total;
  }
  tabular_destroy(env);
  double mean = sum / episodes;
  *error_out = sqrt(fmax(0.0, squares / episodes - mean * mean) / episodes);
  return mean;
}

/* value iteration over our tables finds what it found over Gymnasium's, and playing earns it within four standard
 * errors */
static void test_best_returns(void) {
  struct plan *plan = malloc(sizeof *plan);
  for (size_t s = 0; s < SUBJECTS; s++) {
    const struct subject *subject = &subjects[s];
    struct tabular_block *env = create_single(subject);
    int32_t steps = (int32_t)golden_attribute(FILE_NAME, subject->group, "steps");
    CU_ASSERT_TRUE_FATAL(steps <= MAX_STEPS && env->table.states <= MAX_STATES);
    double best = make_plan(&env->table, steps, plan), standard_error;
    CHECK_CLOSE(best, golden_attribute(FILE_NAME, subject->group, "optimum"), 1e-12);
    double played = play(subject, plan, 10000, &standard_error);
    printf("\n    %s, %s: the best policy earns %.4f in %d steps, played %.4f +- %.4f", subject->name, subject->group,
           best, (int)steps, played, standard_error);
    CU_ASSERT_TRUE(fabs(played - best) <= 4.0 * standard_error + 1e-9);
    tabular_destroy(env);
  }
  printf("\n  ");
  free(plan);
}

/* ---- sampling ---- */

/* how often an outcome is drawn agrees with its probability: chi square over the outcomes of one state and action */
static void test_outcome_frequencies(void) {
  enum { N = 100000 };
  const struct subject *subject = &subjects[2]; /* 0.125, 0.75, 0.125 */
  const muster_env_type *type = find(subject->name);
  struct tabular_block *env = create_single(subject);
  muster_env_error error;
  struct random_stream stream = random_stream_start(8, RANDOM_ENV, 0, 0);
  const int32_t from = 10, right = 2;
  const struct tabular_outcome *row = tabular_row(&env->table, from, right);
  int32_t drawn[16] = {0};
  for (int i = 0; i < N; i++) {
    int32_t state;
    double reward;
    muster_env_result result = {.observation = &state, .reward = &reward};
    CU_ASSERT_EQUAL(type->load_state(env, &from, &error), 0);
    CU_ASSERT_EQUAL(type->step(env, &right, &stream.base, &result, &error), 0);
    drawn[state]++;
  }
  double chi_square = 0.0;
  for (int i = 0; i < 3; i++) {
    double expected = N * row[i].probability;
    chi_square += (drawn[row[i].next] - expected) * (drawn[row[i].next] - expected) / expected;
  }
  CU_ASSERT_EQUAL(drawn[14] + drawn[11] + drawn[6], N);
  CU_ASSERT_TRUE(chi_square < 13.8); /* two degrees of freedom, one in a thousand */
  tabular_destroy(env);
}

/* a block and single environments with the same streams take the same steps; rewards are exact in float32 */
static void test_block_equals_single(void) {
  enum { N = 13, STEPS = 400 };
  for (size_t s = 0; s < SUBJECTS; s++) {
    const muster_env_type *type = find(subjects[s].name);
    struct tabular_block *block = create_block(&subjects[s], N), *single = create_single(&subjects[s]);
    struct random_stream streams[2][N];
    muster_random *randoms[N];
    muster_env_error error;
    int32_t states[N], observations[2 * N], actions[N];
    for (int32_t i = 0; i < N; i++) {
      streams[0][i] = streams[1][i] = random_stream_start(9, RANDOM_ENV, (uint32_t)i, 0);
      randoms[i] = &streams[0][i].base;
      muster_env_result first = {.observation = &observations[2 * i]}, again = {.observation = &states[i]};
      CU_ASSERT_EQUAL(type->block_reset(block, i, randoms[i], &first, &error), 0);
      CU_ASSERT_EQUAL(type->reset(single, &streams[1][i].base, &again, &error), 0);
      CU_ASSERT_EQUAL(observations[2 * i], states[i]);
    }
    for (int t = 0; t < STEPS; t++) {
      float rewards[N];
      uint8_t terminated[N] = {0}, truncated[N] = {0};
      for (int32_t i = 0; i < N; i++) actions[i] = (t * 7 + i * i) % block->table.actions;
      muster_env_block_result rows = {observations, 8, rewards, 4, NULL, 0, terminated, truncated, -1};
      CU_ASSERT_EQUAL(type->block_step(block, actions, randoms, &rows, &error), 0);
      for (int32_t i = 0; i < N; i++) {
        int32_t state;
        double reward;
        muster_env_result result = {.observation = &state, .reward = &reward};
        CU_ASSERT_EQUAL(type->load_state(single, &states[i], &error), 0);
        CU_ASSERT_EQUAL(type->step(single, &actions[i], &streams[1][i].base, &result, &error), 0);
        CU_ASSERT_EQUAL(observations[2 * i], state);
        CU_ASSERT_EQUAL((double)rewards[i], reward);
        CU_ASSERT_EQUAL(terminated[i], result.terminated);
        CU_ASSERT_EQUAL(truncated[i], 0);
        type->save_state(single, &states[i]);
        CU_ASSERT_EQUAL(states[i], state);
      }
    }
    tabular_destroy(block);
    tabular_destroy(single);
  }
}

/* ---- refusals and text ---- */

static void check_option_refused(const char *name, const char *key, const char *value, const char *part) {
  const muster_env_type *type = find(name);
  const muster_env_setting options[] = {{key, value}, {NULL, NULL}};
  muster_env_setting settings[8];
  muster_env_error error = {""};
  void *env = NULL;
  match(type, options, settings);
  CU_ASSERT_EQUAL(type->create(settings, &env, &error), 1);
  CU_ASSERT_PTR_NOT_NULL(strstr(error.text, part));
  CU_ASSERT_EQUAL(type->block_create(settings, 3, &env, &error), 1);
  CU_ASSERT_PTR_NULL(env);
}

static void test_refuses(void) {
  check_option_refused("FrozenLake-v1", "map_name", "6x6", "option map_name: expects 4x4 or 8x8, got \"6x6\"");
  check_option_refused("FrozenLake-v1", "is_slippery", "1", "option is_slippery: expects false or true, got \"1\"");
  check_option_refused("FrozenLake8x8-v1", "success_rate", "1.5", "option success_rate: expects a number from 0 to 1");
  check_option_refused("CliffWalking-v0", "max_steps", "-1", "option max_steps: expects an integer from 0 to");
  check_option_refused("CliffWalking-v0", "max_steps", "1.5", "got \"1.5\"");

  for (size_t s = 0; s < SUBJECTS; s++) {
    const muster_env_type *type = find(subjects[s].name);
    struct tabular_block *env = create_single(&subjects[s]), *block = create_block(&subjects[s], 3);
    struct random_stream stream = random_stream_start(9, RANDOM_ENV, 0, 0);
    muster_random *randoms[3] = {&stream.base, &stream.base, &stream.base};
    muster_env_error error;
    int32_t states[3], start = 5, after = 0, wrong = env->table.actions;
    double reward;
    float rewards[3];
    uint8_t terminated[3] = {0}, truncated[3] = {0};
    muster_env_result result = {.observation = states, .reward = &reward};
    CU_ASSERT_EQUAL(type->load_state(env, &start, &error), 0);
    CU_ASSERT_EQUAL(type->step(env, &wrong, &stream.base, &result, &error), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "is not in 0 to"));
    type->save_state(env, &after);
    CU_ASSERT_EQUAL(after, start);

    for (int32_t i = 0; i < 3; i++) CU_ASSERT_EQUAL(type->block_load_state(block, i, &start, &error), 0);
    muster_env_block_result rows = {states, 4, rewards, 4, NULL, 0, terminated, truncated, -1};
    CU_ASSERT_EQUAL(type->block_step(block, (int32_t[]){0, 1, -1}, randoms, &rows, &error), 1);
    CU_ASSERT_EQUAL(rows.failed_row, 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "action -1"));
    for (int32_t i = 0; i < 3; i++) CU_ASSERT_EQUAL(block->state[i], start);

    CU_ASSERT_EQUAL(type->load_state(env, &env->table.states, &error), 1);
    CU_ASSERT_EQUAL(type->block_load_state(block, 1, &(int32_t){-1}, &error), 1);
    tabular_destroy(env);
    tabular_destroy(block);
  }
}

static void check_text(const struct subject *subject, int32_t state, const char *expected) {
  const muster_env_type *type = find(subject->name);
  struct tabular_block *env = create_single(subject);
  muster_env_error error;
  char text[512], small[10];
  CU_ASSERT_EQUAL(type->load_state(env, &state, &error), 0);
  type->render_text(env, text, sizeof text);
  CU_ASSERT_STRING_EQUAL(text, expected);
  type->render_text(env, small, sizeof small);
  CU_ASSERT_EQUAL(strncmp(small, expected, sizeof small - 1), 0);
  CU_ASSERT_EQUAL(strlen(small), sizeof small - 1);
  tabular_destroy(env);
}

/* a policy as text; too small a text is cut */
static void check_policy(const struct subject *subject, const int32_t *actions, const char *expected) {
  const muster_env_type *type = find(subject->name);
  struct tabular_block *env = create_single(subject);
  char text[4096], small[10];
  type->render_policy(env, actions, text, sizeof text);
  CU_ASSERT_EQUAL(strncmp(text, expected, strlen(expected)), 0);
  type->render_policy(env, actions, small, sizeof small);
  CU_ASSERT_EQUAL(strlen(small), sizeof small - 1);
  CU_ASSERT_EQUAL(strncmp(small, expected, sizeof small - 1), 0);
  tabular_destroy(env);
}

/* arrows point where an action goes, and a dot is a cell without a preference */
static void test_policies(void) {
  const int32_t lake[16] = {0, 1, 2, 3, -1, 0, 0, 0, 2, 2, 1, 0, 0, 2, 2, 0};
  check_policy(&subjects[0], lake, "<  v  >  ^\n.  H  <  H\n>  >  v  H\nH  >  >  G\n");
  int32_t cliff[48];
  for (int32_t state = 0; state < 48; state++) cliff[state] = state < 4 ? state : -1;
  check_policy(&subjects[7], cliff,
               "^  >  v  <  .  .  .  .  .  .  .  .\n"
               ".  .  .  .  .  .  .  .  .  .  .  .\n"
               ".  .  .  .  .  .  .  .  .  .  .  .\n"
               ".  C  C  C  C  C  C  C  C  C  C  T\n");
}

/* of the taxi there is a map for each passenger and destination */
static void test_policy_of_taxi(void) {
  size_t taxi = 0;
  while (strcmp(subjects[taxi].name, "Taxi-v3") != 0) taxi++;
  int32_t actions[500];
  for (int32_t state = 0; state < 500; state++) actions[state] = state < 120 && state % 4 != 0 ? state / 20 : -1;
  check_policy(&subjects[taxi], actions,
               "R to R       R to G       R to Y       R to B   \n"
               ". . . . .    v ^ > < P    v ^ > < P    v ^ > < P\n"
               ". . . . .    D . . . .    D . . . .    D . . . .\n"
               ". . . . .    . . . . .    . . . . .    . . . . .\n");
}

static void test_text(void) {
  check_text(&subjects[0], 6, " S  F  F  F \n F  H [F] H \n F  F  F  H \n H  F  F  G \n");
  check_text(&subjects[7], 36,
             "o  o  o  o  o  o  o  o  o  o  o  o\n"
             "o  o  o  o  o  o  o  o  o  o  o  o\n"
             "o  o  o  o  o  o  o  o  o  o  o  o\n"
             "x  C  C  C  C  C  C  C  C  C  C  T\n");
  /* taxi in row 3, column 1; the passenger waits at Y, for B; then in the taxi */
  check_text(&subjects[10], ((3 * 5 + 1) * 5 + 2) * 4 + 3,
             "+---------+\n|R: | : :G|\n| : | : : |\n| : : : : |\n| |_: | : |\n|Y| : |B: |\n+---------+\n"
             "passenger: Y, destination: B\n");
  check_text(&subjects[10], ((0 * 5 + 0) * 5 + 4) * 4 + 3,
             "+---------+\n|@: | : :G|\n| : | : : |\n| : : : : |\n| | : | : |\n|Y| : |B: |\n+---------+\n"
             "passenger: in the taxi, destination: B\n");
}

static const struct check_case cases[] = {
    {"tables equal Gymnasium's", test_tables},
    {"spaces, limits, thresholds", test_specs},
    {"the best policy's return", test_best_returns},
    {"frequencies of outcomes", test_outcome_frequencies},
    {"block equals single", test_block_equals_single},
    {"refuses wrong options, actions and states", test_refuses},
    {"text", test_text},
    {"policies as texts", test_policies},
    {"the taxi's policy as text", test_policy_of_taxi},
    {"policies", test_policies},
    {"the taxi's policy", test_policy_of_taxi},
};

CHECK_MAIN("toy_text", cases)
