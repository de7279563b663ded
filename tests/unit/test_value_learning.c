/* What learning from a replay does for every algorithm: when there are updates and how many, the gradient of a
 * minibatch against finite differences, the target network, the state, and its errors. */
#include "algo/options.h"
#include "algo/value_learning.h"
#include "config/option.h"
#include "support/check.h"
#include "support/model.h"
#include "support/replays.h"

enum { ENVS = 3, STEPS = 4 };

static const struct network_shape shape = {.obs_dim = 3, .actions = 4, .layers = 2, .hidden = {8, 8}};

/* 1/2 (Q(s, a) - R - discount * mean over actions of the target network's outputs)^2 */
static double target_of(const struct value_learning *learning, const struct value_pass *pass, size_t r) {
  double mean = 0;
  for (size_t a = 0; a < 4; a++) mean += pass->next_values[r * pass->next_ld + a] / 4;
  return learning->base.tile.step.reward[r] + learning->base.tile.discount[r] * mean;
}

static void loss(struct value_learning *learning, const struct value_pass *pass, struct value_losses *losses) {
  for (size_t r = 0; r < learning->base.tile.rows; r++) {
    const size_t action = (size_t)((int32_t *)learning->base.tile.step.action)[r];
    const double value = pass->values[r * pass->ld + action], error = value - target_of(learning, pass, r);
    losses->loss += 0.5 * error * error;
    losses->value += value;
    learning->d_values[r * learning->d_ld + action] = (float)error * pass->inverse_n;
  }
}

static void infinite_loss(struct value_learning *learning, const struct value_pass *pass, struct value_losses *losses) {
  (void)learning, (void)pass;
  losses->loss = INFINITY;
}

static muster_status update(void *algorithm, double progress_remaining, double *metrics) {
  return value_learning_update(algorithm, loss, progress_remaining, metrics);
}

struct options {
  struct replay_learning_settings settings;
};

static const struct option_spec options_list[] = {
    ROW_BUFFER_SIZE(struct options, "1000"),
    {.key = NULL},
};

static const struct algorithm_type type = {
    .name = "test",
    .summary = "test",
    .base = &value_learning_base,
    .options = OPTION_TABLE("test", options_list),
    .options_size = sizeof(struct options),
    .metrics = value_learning_metrics,
    .update = update,
};

struct fixture {
  struct arena *arena;
  struct model model;
  struct trajectory rollout;
  struct replay_learning_settings settings;
  struct value_learning *learning;
  uint64_t rollouts;
};

static struct replay_learning_settings defaults(void) {
  return (struct replay_learning_settings){
      .buffer_size = 1000,
      .learning_starts = 2 * ENVS * STEPS,
      .train_freq = STEPS,
      .gradient_steps = 2,
      .batch_size = 100,
      .n_steps = 2,
      .target_update_interval = 1,
      .gamma = 0.9,
      .tau = 0.25,
      .max_grad_norm = 1e9,
      .learning_rate = {.initial = 0.5},
      .optimizer = "sgd",
      .optimizer_epsilon = 1e-8,
  };
}

static void setup(struct fixture *f, struct replay_learning_settings settings) {
  *f = (struct fixture){.settings = settings};
  CHECK_OK_FATAL(arena_create(&f->arena));
  create_model(&shape, algorithm_networks(&type, &f->settings), f->arena, &f->model);
  randomize_model(&f->model, 5);
  model_update_targets(&f->model, 1);
  create_rollout(&shape, ENVS, STEPS, f->arena, &f->rollout);
  const struct algorithm_context context = {.options = &f->settings,
                                            .model = &f->model,
                                            .rollout = &f->rollout,
                                            .seed = 7,
                                            .arena = f->arena,
                                            .keeps_log = true};
  CHECK_OK_FATAL(algorithm_create(&type, &context, (void **)&f->learning));
}

/* returns the updates that follow a rollout */
static int64_t take_rollout(struct fixture *f) {
  int64_t updates = -1;
  fill_rollout(&f->model, 100 + f->rollouts++, &f->rollout);
  CHECK_OK_FATAL(algorithm_take_rollout(&type, f->learning, 1.0, &updates));
  return updates;
}

static void test_number_of_updates(void) {
  struct fixture f;
  CU_ASSERT_PTR_NULL(algorithm_lacks(&type));
  setup(&f, defaults());
  CU_ASSERT_EQUAL(algorithm_needs(&type, &f.settings).n_steps, STEPS);
  /* updates begin after more than learning_starts steps, as in Stable-Baselines3 */
  CU_ASSERT_EQUAL(take_rollout(&f), 0);
  CU_ASSERT_EQUAL(take_rollout(&f), 0);
  CU_ASSERT_EQUAL(take_rollout(&f), 2);
  arena_destroy(&f.arena);
  struct replay_learning_settings as_many = defaults();
  as_many.gradient_steps = -1;
  as_many.learning_starts = 0;
  setup(&f, as_many);
  CU_ASSERT_EQUAL(take_rollout(&f), ENVS * STEPS);
  arena_destroy(&f.arena);
}

/* the loss of the minibatch that update 0 draws, with other parameters of the learned network */
static double loss_of(struct fixture *f) {
  struct value_learning *learning = f->learning;
  const size_t n = (size_t)f->settings.batch_size;
  double sum = 0;
  model_pack(&f->model, true);
  for (size_t first = 0; first < n; first += TILE) {
    const size_t rows = n - first < TILE ? n - first : TILE;
    struct value_pass pass = {.inverse_n = 0};
    struct value_losses losses = {0};
    replay_gather(&learning->base.replay, learning->base.drawn + first, rows, f->settings.n_steps, f->settings.gamma,
                  &learning->base.tile);
    model_take(&f->model, rows, learning->base.tile.next.observation, f->rollout.obs_bytes);
    pass.next_values = model_forward(&f->model, learning->target, &pass.next_ld);
    pass.values = model_policy(&f->model, rows, learning->base.tile.step.observation, f->rollout.obs_bytes, &pass.ld);
    loss(learning, &pass, &losses);
    sum += losses.loss;
  }
  return sum / (double)n;
}

/* plain gradient descent moves by the gradient: against differences of the loss on both sides */
static void test_gradient(void) {
  struct fixture f;
  double metrics[ALGORITHM_MAX_METRICS];
  setup(&f, defaults());
  for (int i = 0; i < 3; i++) take_rollout(&f);
  struct parameters *parameters = &f.model.parameters;
  const size_t count = f.model.learned_count;
  float *before = malloc(count * sizeof *before), *moved = malloc(count * sizeof *moved);
  double *expected = malloc(count * sizeof *expected);
  CU_ASSERT_TRUE_FATAL(before != NULL && moved != NULL && expected != NULL);
  memcpy(before, parameters->values, count * sizeof *before);
  CHECK_OK_FATAL(type.update(f.learning, 1, metrics));
  for (size_t i = 0; i < count; i++) moved[i] = before[i] - parameters->values[i];
  /* the target network, as it was before */
  memcpy(parameters->values + f.learning->target->first, before, count * sizeof *before);
  memcpy(parameters->values, before, count * sizeof *before);
  CHECK_CLOSE(metrics[0], loss_of(&f), 1e-6);
  for (size_t i = 0; i < count; i++) {
    const float step = 4e-3f;
    parameters->values[i] = before[i] + step;
    const double above = loss_of(&f);
    parameters->values[i] = before[i] - step;
    expected[i] = 0.5 * (above - loss_of(&f)) / (2 * (double)step);
    parameters->values[i] = before[i];
  }
  CU_ASSERT_TRUE(relative_error(moved, expected, count) < 1e-3);
  free(before), free(moved), free(expected);
  arena_destroy(&f.arena);
}

static void test_target(void) {
  struct fixture f;
  double metrics[ALGORITHM_MAX_METRICS];
  struct replay_learning_settings settings = defaults();
  settings.target_update_interval = 3;
  setup(&f, settings);
  for (int i = 0; i < 3; i++) take_rollout(&f);
  const float first = f.model.parameters.values[0], *target = f.model.parameters.values + f.learning->target->first;
  for (int update = 1; update <= 3; update++) {
    CU_ASSERT_EQUAL(target[0], first);
    CHECK_OK_FATAL(type.update(f.learning, 1, metrics));
  }
  CHECK_CLOSE(target[0], first + 0.25 * (f.model.parameters.values[0] - first), 1e-6);
  CU_ASSERT_TRUE(target[0] != first);
  arena_destroy(&f.arena);

  settings.target_update_interval = 1;
  settings.tau = 1;
  setup(&f, settings);
  for (int i = 0; i < 3; i++) take_rollout(&f);
  CHECK_OK_FATAL(type.update(f.learning, 1, metrics));
  const float *values = f.model.parameters.values;
  CU_ASSERT_EQUAL(memcmp(values + f.learning->target->first, values, f.model.learned_count * sizeof *values), 0);
  arena_destroy(&f.arena);
}

/* a copy with the same state and parameters goes on in the same way */
static void test_state(void) {
  struct fixture f, copy;
  double metrics[ALGORITHM_MAX_METRICS], metrics_of_copy[ALGORITHM_MAX_METRICS];
  struct replay_learning_settings settings = defaults();
  strcpy(settings.optimizer, "adam");
  settings.learning_rate.initial = 0.01;
  setup(&f, settings);
  setup(&copy, settings);
  for (int i = 0; i < 5; i++) take_rollout(&f);
  for (int i = 0; i < 4; i++) CHECK_OK_FATAL(type.update(f.learning, 1, metrics));
  struct tensor from[ALGORITHM_MAX_STATE], to[ALGORITHM_MAX_STATE];
  const int n = algorithm_state(&type, f.learning, from);
  CU_ASSERT_EQUAL_FATAL(algorithm_state(&type, copy.learning, to), n);
  for (int i = 0; i < n; i++) memcpy(to[i].data, from[i].data, tensor_bytes(&from[i]));
  copy_replay(algorithm_replay_log(&type, f.learning), algorithm_replay_log(&type, copy.learning));
  const size_t bytes = f.model.parameters.count * sizeof(float);
  memcpy(copy.model.parameters.values, f.model.parameters.values, bytes);
  model_pack(&copy.model, true);
  copy.rollouts = f.rollouts;
  for (int i = 0; i < 2; i++) {
    take_rollout(&f);
    take_rollout(&copy);
    CHECK_OK_FATAL(type.update(f.learning, 1, metrics));
    CHECK_OK_FATAL(type.update(copy.learning, 1, metrics_of_copy));
  }
  CU_ASSERT_EQUAL(memcmp(copy.model.parameters.values, f.model.parameters.values, bytes), 0);
  algorithm_measure(&type, f.learning, metrics);
  algorithm_measure(&type, copy.learning, metrics_of_copy);
  for (int i = 0; value_learning_metrics[i] != NULL; i++) CU_ASSERT_EQUAL(metrics[i], metrics_of_copy[i]);
  arena_destroy(&f.arena);
  arena_destroy(&copy.arena);
}

static void test_errors(void) {
  struct fixture f;
  double metrics[ALGORITHM_MAX_METRICS];
  setup(&f, defaults());
  for (int i = 0; i < 3; i++) take_rollout(&f);
  const float before = f.model.parameters.values[0];
  CHECK_FAILS(value_learning_update(f.learning, infinite_loss, 1, metrics), MUSTER_ERROR_NUMERIC, "loss");
  CU_ASSERT_EQUAL(f.model.parameters.values[0], before);
  arena_destroy(&f.arena);
  struct document *document;
  struct replay_learning_settings settings = defaults();
  CHECK_OK_FATAL(document_create(&document));
  static const char text[] = "algorithm: {buffer_size: 99}\n";
  CHECK_OK_FATAL(document_read_text(document, "test", text, sizeof text - 1));
  settings.buffer_size = 99;
  CHECK_FAILS(algorithm_check(&type, document, &settings, ENVS), MUSTER_ERROR_USAGE, "algorithm.buffer_size");
  settings.buffer_size = 100;
  CHECK_OK(algorithm_check(&type, document, &settings, ENVS));
  settings.train_freq = INT32_MAX;
  CHECK_FAILS(algorithm_check(&type, document, &settings, ENVS), MUSTER_ERROR_USAGE, "algorithm.train_freq");
  document_destroy(&document);
}

static const struct check_case cases[] = {
    {"number of updates", test_number_of_updates},
    {"gradient", test_gradient},
    {"target network", test_target},
    {"state", test_state},
    {"errors", test_errors},
};

CHECK_MAIN("value learning", cases)
