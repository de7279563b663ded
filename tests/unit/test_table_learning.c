/* Learning of tables against NumPy (tests/golden/tabular.h5): every algorithm, n steps, traces. Then what the file does
 * not have: rollouts of any length give the same tables, masks, lost rollouts, and what is refused. */
#include "algo/options.h"
#include "algo/table_learning.h"
#include "support/algorithm.h"
#include "support/check.h"
#include "support/golden.h"
#include "support/model.h"

#define FILE_NAME "tabular.h5"

struct fixture {
  struct arena *arena;
  const struct algorithm_type *type;
  unsigned char options[4096];
  struct model model;
  struct trajectory rollout;
  struct table_learning *learning;
};

/* the file's transitions */
static struct transitions {
  size_t n;
  double *state, *action, *reward, *next_state, *next_action, *terminated, *truncated, *coin;
} steps;

static size_t truncations; /* actions after truncated steps that were asked for */

static double *read_column(const char *name) {
  char path[40];
  snprintf(path, sizeof path, "in/%s", name);
  struct golden golden = golden_read(FILE_NAME, path);
  steps.n = golden.n;
  return golden.values;
}

static void read_steps(void) {
  steps.state = read_column("state");
  steps.action = read_column("action");
  steps.reward = read_column("reward");
  steps.next_state = read_column("next_state");
  steps.next_action = read_column("next_action");
  steps.terminated = read_column("terminated");
  steps.truncated = read_column("truncated");
  steps.coin = read_column("coin");
}

static void free_steps(void) {
  free(steps.state), free(steps.action), free(steps.reward), free(steps.next_state);
  free(steps.next_action), free(steps.terminated), free(steps.truncated), free(steps.coin);
}

static bool is_truncated(size_t i) { return steps.truncated[i] != 0 && steps.terminated[i] == 0; }

static uint8_t ended_by(size_t i) {
  return (uint8_t)((steps.terminated[i] != 0 ? ENV_TERMINATED : 0) | (steps.truncated[i] != 0 ? ENV_TRUNCATED : 0));
}

/* the file's coin: 1 means the first table */
static int toss_file_coin(const struct table_learning *learning) {
  return learning->tables > 1 && steps.coin[learning->updates] == 0;
}

/* the file's action after a truncated step */
static size_t file_action(const struct table_learning *learning, const struct table_next *next) {
  size_t i = 0, seen = 0;
  (void)learning;
  while (!is_truncated(i) || seen++ < truncations) i++;
  truncations++;
  CU_ASSERT_EQUAL(next->state, (size_t)steps.next_state[i]);
  return (size_t)steps.next_action[i];
}

/* --- making a learner --- */

static void set_option(struct fixture *f, const char *key, const char *value) {
  set_algorithm_option(f->type, f->options, key, value);
}

static void set_from_file(struct fixture *f, const char *key, const char *attribute) {
  char text[40];
  snprintf(text, sizeof text, "%.17g", golden_attribute(FILE_NAME, "/", attribute));
  set_option(f, key, text);
}

static void choose(struct fixture *f, const char *name) {
  *f = (struct fixture){0};
  CHECK_OK_FATAL(arena_create(&f->arena));
  CHECK_OK_FATAL(algorithm_find(name, &f->type));
  CHECK_OK_FATAL(option_set_defaults(f->type->options, f->options));
}

static void create(struct fixture *f, struct network_shape shape, size_t n_envs, size_t n_steps) {
  shape.request = algorithm_request(f->type, f->options);
  create_model(&shape, algorithm_networks(f->type, f->options), f->arena, &f->model);
  create_rollout(&shape, n_envs, n_steps, f->arena, &f->rollout);
  const struct algorithm_context context = {
      .options = f->options, .model = &f->model, .rollout = &f->rollout, .seed = 7, .arena = f->arena};
  void *algorithm;
  CHECK_OK_FATAL(algorithm_create(f->type, &context, &algorithm));
  f->learning = algorithm;
  f->learning->learning_rate = f->learning->settings.learning_rate.initial;
}

static void read_table(const char *dataset, double *table) {
  struct golden golden = golden_read(FILE_NAME, dataset);
  memcpy(table, golden.values, golden.n * sizeof *table);
  golden_free(&golden);
}

struct variant {
  const char *group, *algorithm, *trace;
  bool has_windows;
};

static const struct variant variants[] = {
    {"q_learning", "q-learning", "none", false},
    {"sarsa", "sarsa", "none", false},
    {"expected_sarsa", "expected-sarsa", "none", false},
    {"double_q", "double-q-learning", NULL, false},
    {"nstep_sarsa", "sarsa", "none", true},
    {"sarsa_lambda_accumulating", "sarsa", "accumulating", false},
    {"sarsa_lambda_replacing", "sarsa", "replacing", false},
    {"watkins_q_lambda_accumulating", "q-learning", "accumulating", false},
    {"watkins_q_lambda_replacing", "q-learning", "replacing", false},
};

enum { VARIANTS = sizeof variants / sizeof *variants };

/* a learner with the file's coefficients and its first tables, for rollouts of one environment */
static void setup(struct fixture *f, const struct variant *variant, size_t n_steps) {
  choose(f, variant->algorithm);
  set_from_file(f, "learning_rate", "alpha");
  set_from_file(f, "gamma", "gamma");
  set_from_file(f, "exploration_initial_eps", "epsilon");
  set_from_file(f, "exploration_final_eps", "epsilon");
  if (variant->has_windows) set_from_file(f, "n_steps", "n_steps");
  if (variant->trace != NULL) set_option(f, "trace", variant->trace);
  if (variant->trace != NULL) set_from_file(f, "lambda", "lambda");
  const struct network_shape shape = {.obs_dim = 1,
                                      .states = (int32_t)golden_attribute(FILE_NAME, "/", "n_states"),
                                      .actions = (int32_t)golden_attribute(FILE_NAME, "/", "n_actions")};
  create(f, shape, 1, n_steps);
  read_table("in/q0", f->learning->table[0]);
  if (f->learning->tables > 1) read_table("in/q0_b", f->learning->table[1]);
  f->learning->choose_table = toss_file_coin;
  f->learning->choose_action = file_action;
  truncations = 0;
}

/* --- against the file --- */

static void take(struct fixture *f, size_t i, uint8_t ended) {
  const struct table_step step = {.state = (size_t)steps.state[i],
                                  .action = (size_t)steps.action[i],
                                  .reward = steps.reward[i],
                                  .ended = ended,
                                  .next_state = (size_t)steps.next_state[i]};
  CHECK_OK_FATAL(table_learning_take_step(f->learning, 0, &step));
}

/* the tables after the first n transitions of the file */
static void learn_first(struct fixture *f, size_t n) {
  for (size_t i = 0; i < n; i++) take(f, i, ended_by(i));
  /* what waits for an action gets it with the step after it, which itself teaches nothing yet */
  if (f->learning->awaits_action && ended_by(n - 1) == 0) take(f, n, 0);
}

static void check_tables(const struct fixture *f, const char *group, size_t n, double tolerance) {
  char path[64];
  snprintf(path, sizeof path, "%s/q%zu", group, n);
  struct golden golden = golden_read(FILE_NAME, path);
  CU_ASSERT_EQUAL_FATAL(golden.n, f->learning->pairs * (size_t)f->learning->tables);
  double difference = 0;
  for (size_t i = 0; i < golden.n; i++)
    difference =
        fmax(difference, fabs(golden.values[i] - f->learning->table[i / f->learning->pairs][i % f->learning->pairs]));
  if (!(difference <= tolerance)) printf("\n    %s: off by %g ", path, difference);
  CU_ASSERT_TRUE(difference <= tolerance);
  golden_free(&golden);
}

/* tables are doubles: they differ from NumPy's by the order of sums alone */
static void test_golden(void) {
  read_steps();
  const size_t counts[] = {1, 10, steps.n};
  for (size_t v = 0; v < VARIANTS; v++)
    for (size_t i = 0; i < 3; i++) {
      struct fixture f;
      setup(&f, &variants[v], 1);
      learn_first(&f, counts[i]);
      check_tables(&f, variants[v].group, counts[i], 1e-14);
      arena_destroy(&f.arena);
    }
  free_steps();
}

/* --- rollouts --- */

/* fills step t of the rollout with transition i, and what comes after it; a transition that is cut in the middle of
 * nothing goes on with the next one */
static void write_step(struct fixture *f, size_t t, size_t i) {
  struct trajectory *rollout = &f->rollout;
  struct final_observations *finals = &rollout->final_observations;
  ((int32_t *)rollout->observation)[t] = (int32_t)steps.state[i];
  ((int32_t *)rollout->observation)[t + 1] = (int32_t)(i + 1 < steps.n ? steps.state[i + 1] : 0);
  ((int32_t *)rollout->action)[t] = (int32_t)steps.action[i];
  rollout->reward[t] = (float)steps.reward[i];
  rollout->ended[t] = ended_by(i);
  if (!is_truncated(i)) return;
  finals->environment[finals->count] = 0;
  finals->step[finals->count] = (int32_t)t;
  ((int32_t *)finals->observation)[finals->count++] = (int32_t)steps.next_state[i];
}

/* learns the transitions first .. end - 1 from rollouts of the fixture's length, the last one of which may be cut */
static void learn_rollouts(struct fixture *f, size_t first, size_t end) {
  double metrics[ALGORITHM_MAX_METRICS];
  while (first < end) {
    struct trajectory *rollout = &f->rollout;
    const size_t n = end - first < rollout->n_steps ? end - first : rollout->n_steps;
    int64_t updates;
    rollout->final_observations.count = 0;
    rollout->length[0] = (int32_t)rollout->n_steps;
    for (size_t t = 0; t < n; t++) write_step(f, t, first + t);
    if (n < rollout->n_steps) trajectory_cut(rollout, n);
    CHECK_OK_FATAL(algorithm_take_rollout(f->type, f->learning, 1.0, &updates));
    CU_ASSERT_EQUAL(updates, 1);
    CHECK_OK_FATAL(f->type->update(f->learning, 1.0, metrics));
    first += n;
  }
}

static bool same_tables(const struct fixture *a, const struct fixture *b) {
  for (int i = 0; i < a->learning->tables; i++)
    if (memcmp(a->learning->table[i], b->learning->table[i], a->learning->pairs * sizeof(double)) != 0) return false;
  return memcmp(a->learning->policy, b->learning->policy, a->learning->pairs * sizeof(float)) == 0;
}

/* rollouts of any length, cut short or not, give the same tables, which are the file's up to its rewards in floats; the
 * policy's table is theirs rounded */
static void test_rollouts(void) {
  read_steps();
  for (size_t v = 0; v < VARIANTS; v++) {
    struct fixture whole;
    setup(&whole, &variants[v], steps.n);
    learn_rollouts(&whole, 0, steps.n);
    check_tables(&whole, variants[v].group, steps.n, 1e-6);
    for (size_t pair = 0; pair < whole.learning->pairs; pair++) {
      double mean = 0;
      for (int i = 0; i < whole.learning->tables; i++) mean += whole.learning->table[i][pair] / whole.learning->tables;
      if (whole.learning->policy[pair] != 0) CHECK_CLOSE(whole.learning->policy[pair], mean, 1e-7);
    }
    for (size_t length = 1; length < 12; length += 5) {
      struct fixture f;
      setup(&f, &variants[v], length);
      learn_rollouts(&f, 0, steps.n);
      CU_ASSERT_TRUE(same_tables(&whole, &f));
      arena_destroy(&f.arena);
    }
    arena_destroy(&whole.arena);
  }
  free_steps();
}

/* copied at any place into a fresh learner, the state goes on to the same tables */
static void test_state(void) {
  read_steps();
  for (size_t v = 0; v < VARIANTS; v++)
    for (size_t at = 1; at < steps.n; at += 37) {
      struct fixture one, other;
      struct tensor from[ALGORITHM_MAX_STATE], to[ALGORITHM_MAX_STATE];
      setup(&one, &variants[v], 1);
      learn_rollouts(&one, 0, at);
      const size_t asked = truncations;
      setup(&other, &variants[v], 1);
      const int n = algorithm_state(one.type, one.learning, from);
      CU_ASSERT_EQUAL_FATAL(algorithm_state(other.type, other.learning, to), n);
      for (int i = 0; i < n; i++) memcpy(to[i].data, from[i].data, tensor_bytes(&from[i]));
      memcpy(other.model.parameters.values, one.model.parameters.values, one.model.parameters.count * sizeof(float));
      truncations = asked;
      learn_rollouts(&one, at, steps.n);
      truncations = asked;
      learn_rollouts(&other, at, steps.n);
      CU_ASSERT_TRUE(same_tables(&one, &other));
      arena_destroy(&one.arena);
      arena_destroy(&other.arena);
    }
  free_steps();
}

/* --- by hand --- */

static void setup_small(struct fixture *f, const char *name, const char *n_steps, int32_t agents) {
  choose(f, name);
  set_option(f, "learning_rate", "0.5");
  set_option(f, "gamma", "0.5");
  set_option(f, "n_steps", n_steps);
  set_option(f, "exploration_initial_eps", "0.4");
  set_option(f, "initial_value", "8");
  create(f, (struct network_shape){.obs_dim = 1, .states = 3, .actions = 3, .masks = true, .agents = agents}, 2, 1);
}

/* forbidden actions are worth nothing: neither the greatest value nor a mean knows them */
static void test_masks(void) {
  const struct {
    const char *name;
    double target;
  } expected[] = {
      {"q-learning", 1 + 0.5 * 4},
      {"double-q-learning", 1 + 0.5 * 4},
      {"expected-sarsa", 1 + 0.5 * (0.4 * 3 + 0.6 * 4)},
  };
  for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
    struct fixture f;
    setup_small(&f, expected[i].name, "1", 1);
    const uint8_t mask[] = {1, 0, 1};
    for (int k = 0; k < f.learning->tables; k++)
      memcpy(f.learning->table[k] + 3, (const double[]){2, 9, 4}, 3 * sizeof(double));
    const struct table_step step = {.state = 0, .action = 2, .reward = 1, .next_state = 1, .next_mask = mask};
    CHECK_OK(table_learning_take_step(f.learning, 0, &step));
    const double found = f.learning->table[f.learning->turn][2];
    CHECK_CLOSE(found, 8 + 0.5 * (expected[i].target - 8), 1e-15);
    arena_destroy(&f.arena);
  }
}

/* the steps of all environments, agents and their masks are found in the rollout, and each row has its own episode */
static void test_rows(void) {
  struct fixture f;
  double metrics[ALGORITHM_MAX_METRICS];
  int64_t updates;
  setup_small(&f, "q-learning", "1", 2);
  memcpy(f.learning->table[0] + 6, (const double[]){2, 6, 4}, 3 * sizeof(double));
  const int32_t observations[] = {0, 2, 1, 2, 2, 0, 0, 1}, actions[] = {0, 1, 2, 1};
  memcpy(f.rollout.observation, observations, sizeof observations);
  memcpy(f.rollout.action, actions, sizeof actions);
  memcpy(f.rollout.reward, (const float[]){1, 2, 3, 4}, 4 * sizeof(float));
  memset(f.rollout.mask, 1, 4 * 2 * 3);
  f.rollout.mask[3 + 1] = 0; /* of the first row, at the next observation */
  f.rollout.ended[1] = ENV_TERMINATED;
  CHECK_OK(algorithm_take_rollout(f.type, f.learning, 1.0, &updates));
  CHECK_OK(f.type->update(f.learning, 1.0, metrics));
  CHECK_CLOSE(f.learning->table[0][0], 8 + 0.5 * (1 + 0.5 * 4 - 8), 1e-15);
  CHECK_CLOSE(f.learning->table[0][3 + 1], 8 + 0.5 * (2 + 0.5 * 6 - 8), 1e-15);
  CHECK_CLOSE(f.learning->table[0][6 + 2], 4 + 0.5 * (3 - 4), 1e-15);
  CHECK_CLOSE(f.learning->table[0][0 + 1], 8 + 0.5 * (4 - 8), 1e-15);
  CU_ASSERT_EQUAL(metrics[3], 4);
  CU_ASSERT_TRUE(f.learning->open_state[0] == 2 && f.learning->open_state[1] == 2);
  CU_ASSERT_TRUE(f.learning->open_state[2] == -1 && f.learning->open_state[3] == -1);
  arena_destroy(&f.arena);
}

/* where a rollout was lost, the next one begins elsewhere: the steps before it end as those of a truncated episode do
 */
static void test_lost_rollout(void) {
  struct fixture lost, cut;
  const struct table_step first = {.state = 0, .action = 1, .reward = 1, .next_state = 1};
  const struct table_step second = {.state = 1, .action = 2, .reward = 2, .next_state = 2};
  const struct table_step elsewhere = {.state = 0, .action = 0, .reward = 3, .ended = ENV_TERMINATED};
  const char *const names[] = {"q-learning", "sarsa", "expected-sarsa", "double-q-learning"};
  for (size_t i = 0; i < 4; i++) {
    setup_small(&lost, names[i], "3", 1);
    setup_small(&cut, names[i], "3", 1);
    struct table_step truncated = second;
    truncated.ended = ENV_TRUNCATED;
    CHECK_OK(table_learning_take_step(lost.learning, 0, &first));
    CHECK_OK(table_learning_take_step(lost.learning, 0, &second));
    CU_ASSERT_EQUAL(lost.learning->updates, 0);
    CHECK_OK(table_learning_take_step(lost.learning, 0, &elsewhere));
    CHECK_OK(table_learning_take_step(cut.learning, 0, &first));
    CHECK_OK(table_learning_take_step(cut.learning, 0, &truncated));
    CHECK_OK(table_learning_take_step(cut.learning, 0, &elsewhere));
    CU_ASSERT_EQUAL(lost.learning->updates, 3);
    CU_ASSERT_TRUE(same_tables(&lost, &cut));
    arena_destroy(&lost.arena);
    arena_destroy(&cut.arena);
  }
}

/* coins fall on both sides, and actions after truncated steps explore as often as the policy does; both depend on the
 * seed */
static void test_chances(void) {
  struct fixture f;
  const uint8_t mask[] = {1, 0, 1};
  int heads = 0, greedy = 0, differ = 0, last = 0;
  setup_small(&f, "double-q-learning", "1", 1);
  f.learning->policy[3 + 1] = 9;
  for (int i = 0; i < 1000; i++) {
    f.learning->updates = i;
    const int coin = f.learning->choose_table(f.learning);
    const size_t action = f.learning->choose_action(f.learning, &(struct table_next){.state = 1});
    const size_t masked = f.learning->choose_action(f.learning, &(struct table_next){.state = 1, .mask = mask});
    CU_ASSERT_NOT_EQUAL(masked, 1);
    last += masked == 2;
    heads += coin;
    greedy += action == 1;
    f.learning->seed = 8;
    differ += f.learning->choose_table(f.learning) != coin;
    f.learning->seed = 7;
  }
  CU_ASSERT_TRUE(abs(heads - 500) < 60 && abs(differ - 500) < 60);
  /* 1 - epsilon, and a third of epsilon 0.4 */
  CU_ASSERT_TRUE(abs(greedy - 733) < 60);
  /* of two that are allowed, with equal values: half of epsilon */
  CU_ASSERT_TRUE(abs(last - 200) < 60);
  arena_destroy(&f.arena);
}

/* the policy acts by its table: greedy among what is allowed */
static void test_policy(void) {
  struct fixture f;
  setup_small(&f, "sarsa", "1", 1);
  memcpy(f.learning->policy, (const float[]){1, 3, 2, 5, 4, 6, 0, 0, 0}, 9 * sizeof(float));
  const int32_t observations[] = {0, 1, 2, 1, 0};
  const uint8_t masks[] = {1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 0, 1};
  const int32_t best[] = {1, 0, 2, 2, 2};
  int32_t actions[5];
  model_pack(&f.model, false);
  model_act(&f.model, 5, &(struct model_input){observations, sizeof *observations, {masks, 3}}, NULL, actions, NULL, 0);
  CU_ASSERT_EQUAL(memcmp(actions, best, sizeof best), 0);
  arena_destroy(&f.arena);
}

/* a value that overflows changes nothing */
static void test_not_finite(void) {
  struct fixture f;
  setup_small(&f, "q-learning", "1", 1);
  const struct table_step step = {.state = 0, .action = 1, .reward = INFINITY, .next_state = 1};
  CHECK_FAILS(table_learning_take_step(f.learning, 0, &step), MUSTER_ERROR_NUMERIC,
              "the value of action 1 at observation 0 is not finite");
  for (size_t pair = 0; pair < f.learning->pairs; pair++) CU_ASSERT_EQUAL(f.learning->table[0][pair], 8);
  arena_destroy(&f.arena);
}

static void refuse_model(const muster_space *observation, const muster_space *action, const char *part) {
  struct model_options options;
  CHECK_OK_FATAL(option_set_defaults(&model_option_table, &options));
  table_learning_request(NULL, &options.request);
  CHECK_FAILS(model_check(&options, observation, action, model_no_critic), MUSTER_ERROR_USAGE, part);
}

static void test_refusals(void) {
  const int32_t few = 3, many = (1 << 24) + 1;
  const muster_space box = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {3}};
  const muster_space discrete = {.kind = MUSTER_SPACE_DISCRETE, .counts = &few};
  const muster_space large = {.kind = MUSTER_SPACE_DISCRETE, .counts = &many};
  refuse_model(&box, &discrete, "algorithm.name: a table has a row for each of finitely many observations, and those");
  refuse_model(&large, &discrete, "algorithm.name: a table has at most 16777216 rows, and there are 16777217");
  refuse_model(&discrete, &box, "algorithm.name: a table has a value for each of finitely many actions");
}

static const struct check_case cases[] = {
    {"against NumPy", test_golden},
    {"rollouts of any length", test_rollouts},
    {"the state at any place", test_state},
    {"masks", test_masks},
    {"rows", test_rows},
    {"a lost rollout", test_lost_rollout},
    {"chances", test_chances},
    {"the policy", test_policy},
    {"what is not finite", test_not_finite},
    {"what is refused", test_refusals},
};

CHECK_MAIN("table_learning", cases)
