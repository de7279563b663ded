/* DQN against PyTorch and Stable-Baselines3 (tests/golden/dqn*.h5): losses, five steps, targets, windows of n steps;
 * and its exploration. Sizes come from the files. */
#include "algo/options.h"
#include "algo/return_distribution.h"
#include "algo/value_learning.h"
#include "support/algorithm.h"
#include "support/check.h"
#include "support/golden.h"
#include "support/model.h"

enum { UPDATES = 5, MOST = 256 };

/* the rows of the file's minibatch, as places in the replay */
static uint64_t file_rows[MOST];

struct fixture {
  const char *file;
  struct arena *arena;
  const struct algorithm_type *type;
  unsigned char options[4096];
  struct model model;
  struct trajectory rollout;
  struct value_learning *dqn;
  bool duels; /* the file's networks have streams of values and advantages */
};

/* --- reading --- */

/* The datasets of a tensor, one behind the other; returns their number: 0 for epsilon.
 *   "policy/1/weight" -> "<group>/q.2.weight", "target/1/weight" -> "<group>/q_target.2.weight": PyTorch counts the
 *   activations as layers
 *   of a dueling network, whose streams' hidden layers are one of ours:
 *   "policy/0/weight" -> q.trunk.weight, "policy/1/weight" -> q.value.0.weight and q.advantage.0.weight,
 *   "policy/2/value/weight" -> q.value.2.weight */
static int datasets_of(const struct fixture *f, const char *group, const char *name, char path[2][96]) {
  char network[16] = "", part[32] = "";
  int layer = -1;
  if (sscanf(name, "%15[^/]/%d/%31s", network, &layer, part) != 3) return 0;
  const char *q = strcmp(network, "policy") == 0 ? "q" : "q_target";
  if (!f->duels) {
    snprintf(path[0], sizeof path[0], "%s/%s.%d.%s", group, q, 2 * layer, part);
    return 1;
  }
  char *slash = strchr(part, '/');
  if (slash != NULL) {
    *slash = '\0';
    snprintf(path[0], sizeof path[0], "%s/%s.%s.2.%s", group, q, part, slash + 1);
  } else if (layer == 0) {
    snprintf(path[0], sizeof path[0], "%s/%s.trunk.%s", group, q, part);
  } else {
    snprintf(path[0], sizeof path[0], "%s/%s.value.0.%s", group, q, part);
    snprintf(path[1], sizeof path[1], "%s/%s.advantage.0.%s", group, q, part);
    return 2;
  }
  return 1;
}

/* The last layer has its outputs by actions, each with its atoms; QR-DQN's file has them by atoms, each with its
 * actions. `rows` of `width` floats. */
static void swap_outputs(const struct fixture *f, float *values, size_t rows, size_t width) {
  const size_t atoms = f->model.head.atoms, actions = rows / atoms;
  float *by_atoms = malloc(rows * width * sizeof *by_atoms);
  memcpy(by_atoms, values, rows * width * sizeof *values);
  for (size_t a = 0; a < actions; a++)
    for (size_t k = 0; k < atoms; k++)
      memcpy(values + (a * atoms + k) * width, by_atoms + (k * actions + a) * width, width * sizeof *values);
  free(by_atoms);
}

static bool has_quantiles(const struct fixture *f) {
  return strcmp(f->model.head.distribution->name, "EpsilonGreedyQuantiles") == 0;
}

/* a tensor of a group of the file, laid out as ours; NULL where the file has none */
static float *read_tensor(const struct fixture *f, const char *group, const struct parameter *tensor) {
  char path[2][96];
  const int parts = datasets_of(f, group, tensor->name, path);
  if (parts == 0) return NULL;
  float *values = malloc(tensor->count * sizeof *values);
  size_t count = 0;
  for (int i = 0; i < parts; i++) {
    struct golden golden = golden_read(f->file, path[i]);
    CU_ASSERT_FATAL(count + golden.n <= tensor->count);
    for (size_t k = 0; k < golden.n; k++) values[count++] = (float)golden.values[k];
    golden_free(&golden);
  }
  CU_ASSERT_EQUAL_FATAL(count, tensor->count);
  const size_t rows = (size_t)tensor->shape[0];
  if (has_quantiles(f) && rows == f->model.head.outputs) swap_outputs(f, values, rows, count / rows);
  return values;
}

static void load_weights(struct fixture *f) {
  for (int i = 0; i < f->model.parameters.tensors; i++) {
    const struct parameter *tensor = &f->model.parameters.tensor[i];
    float *values = read_tensor(f, "w0", tensor);
    if (values == NULL) continue;
    memcpy(f->model.parameters.values + tensor->offset, values, tensor->count * sizeof *values);
    free(values);
  }
  model_pack(&f->model, true);
}

/* --- making a learner --- */

static void set_option(struct fixture *f, const char *key, const char *value) {
  set_algorithm_option(f->type, f->options, key, value);
}

static void set_from_file(struct fixture *f, const char *key, const char *attribute) {
  char text[40];
  snprintf(text, sizeof text, "%.17g", golden_attribute(f->file, "/", attribute));
  set_option(f, key, text);
}

/* a model of the file's size, and rollouts of n_steps steps of n_envs environments */
static void setup(struct fixture *f, const char *file, const char *distributional, size_t n_envs, size_t n_steps,
                  size_t batch) {
  const bool is_clipped = strcmp(distributional, "none") == 0;
  *f = (struct fixture){.file = file, .duels = strcmp(file, "dqn_dueling.h5") == 0};
  char text[24];
  CHECK_OK_FATAL(arena_create(&f->arena));
  CHECK_OK_FATAL(algorithm_find("dqn", &f->type));
  CHECK_OK_FATAL(option_set_defaults(f->type->options, f->options));
  set_from_file(f, "gamma", "gamma");
  set_from_file(f, "learning_rate", "lr");
  set_option(f, "distributional", distributional);
  if (strcmp(distributional, "qr") == 0) set_from_file(f, "n_quantiles", "n_quantiles");
  if (strcmp(distributional, "c51") == 0) {
    set_from_file(f, "n_atoms", "n_atoms");
    set_from_file(f, "v_min", "v_min");
    set_from_file(f, "v_max", "v_max");
  }
  if (is_clipped)
    set_from_file(f, "max_grad_norm", "max_grad_norm");
  else
    set_option(f, "max_grad_norm", "1e9");
  set_from_file(f, "optimizer_epsilon", "adam_eps");
  snprintf(text, sizeof text, "%zu", batch);
  set_option(f, "batch_size", text);

  set_option(f, "dueling", f->duels ? "true" : "false");
  const struct policy_request request = algorithm_request(f->type, f->options);
  const char *names[] = {"w0/q.0.weight", "w0/q.2.weight", "w0/q.4.weight"};
  const char *dueling[] = {"w0/q.trunk.weight", "w0/q.value.0.weight", "w0/q.advantage.2.weight"};
  const char *const *layers = f->duels ? dueling : names;
  const struct network_shape shape = {
      .obs_dim = golden_size(file, layers[0], 1),
      .actions = (int32_t)((int64_t)golden_size(file, layers[2], 0) / request.atoms),
      .activation = 1,
      .layers = 2,
      .hidden = {(int64_t)golden_size(file, layers[0], 0), (int64_t)golden_size(file, layers[1], 0)},
      .request = request};
  create_model(&shape, algorithm_networks(f->type, f->options), f->arena, &f->model);
  create_rollout(&shape, n_envs, n_steps, f->arena, &f->rollout);
}

static void draw_file_rows(struct replay_learning *dqn, double progress_remaining) {
  (void)progress_remaining;
  memcpy(dqn->drawn, file_rows, (size_t)dqn->settings.batch_size * sizeof *file_rows);
}

static void create_dqn(struct fixture *f) {
  const struct algorithm_context context = {
      .options = f->options, .model = &f->model, .rollout = &f->rollout, .seed = 7, .arena = f->arena};
  void *algorithm;
  CHECK_OK_FATAL(algorithm_create(f->type, &context, &algorithm));
  f->dqn = algorithm;
  f->dqn->base.draw = draw_file_rows;
}

/* --- filling the replay --- */

/* step t of an environment */
static void write_step(struct fixture *f, size_t env, size_t t, const float *observation, float action, float reward,
                       bool terminated, bool truncated) {
  struct trajectory *rollout = &f->rollout;
  const size_t floats = f->model.obs_dim, steps = rollout->n_steps;
  memcpy((float *)rollout->observation + (env * (steps + 1) + t) * floats, observation, floats * sizeof *observation);
  ((int32_t *)rollout->action)[env * steps + t] = (int32_t)action;
  rollout->reward[env * steps + t] = reward;
  rollout->ended[env * steps + t] = (uint8_t)((terminated ? ENV_TERMINATED : 0) | (truncated ? ENV_TRUNCATED : 0));
}

/* what comes after step t: the true last observation where the episode is truncated; otherwise the next entry, if it is
 * the last one of the rollout */
static void write_next(struct fixture *f, size_t env, size_t t, const float *next) {
  struct trajectory *rollout = &f->rollout;
  struct final_observations *finals = &rollout->final_observations;
  const size_t floats = f->model.obs_dim, steps = rollout->n_steps;
  float *entry = (float *)rollout->observation + (env * (steps + 1) + steps) * floats;
  if (rollout->ended[env * steps + t] == ENV_TRUNCATED) {
    finals->environment[finals->count] = (int32_t)env;
    finals->step[finals->count] = (int32_t)t;
    entry = (float *)finals->observation + (size_t)finals->count++ * floats;
  } else if (t + 1 < steps) {
    return;
  }
  memcpy(entry, next, floats * sizeof *next);
}

/* "<group>/<name>" of the file */
static float *read_of(const struct fixture *f, const char *group, const char *name) {
  char path[40];
  snprintf(path, sizeof path, "%s/%s", group, name);
  return golden_floats(f->file, path, NULL);
}

/* the steps of a group, each of which one environment makes; the minibatch is the first of them */
static void take_steps(struct fixture *f, const char *group, size_t rows) {
  const size_t floats = f->model.obs_dim;
  float *observation = read_of(f, group, "obs"), *next = read_of(f, group, "next_obs");
  float *action = read_of(f, group, "act"), *reward = read_of(f, group, "rew");
  float *terminated = read_of(f, group, "terminated"), *truncated = read_of(f, group, "truncated");
  f->rollout.final_observations.count = 0;
  for (size_t r = 0; r < rows; r++) {
    write_step(f, r, 0, observation + r * floats, action[r], reward[r], terminated[r] != 0, truncated[r] != 0);
    write_next(f, r, 0, next + r * floats);
    if (r < MOST) file_rows[r] = r * f->dqn->base.replay.slots;
  }
  int64_t updates;
  CHECK_OK_FATAL(algorithm_take_rollout(f->type, f->dqn, 1.0, &updates));
  free(observation), free(next), free(action), free(reward), free(terminated), free(truncated);
}

/* --- comparing --- */

static void check_scalar(const struct fixture *f, const char *dataset, double value, double tolerance) {
  struct golden golden = golden_read(f->file, dataset);
  const double error = fabs(value - golden.values[0]) / fabs(golden.values[0]);
  if (!(error <= tolerance)) printf("\n    %s: %s: %.9g, relative error %g\n", f->file, dataset, value, error);
  CU_ASSERT_TRUE(error <= tolerance);
  golden_free(&golden);
}

/* how far the tensors of a network have moved since w0, or, without w0, where they are */
static void check_weights(const struct fixture *f, const char *network, const char *group, bool moved,
                          double tolerance) {
  for (int i = 0; i < f->model.parameters.tensors; i++) {
    const struct parameter *tensor = &f->model.parameters.tensor[i];
    if (strncmp(tensor->name, network, strlen(network)) != 0) continue;
    float *after = read_tensor(f, group, tensor), *before = read_tensor(f, "w0", tensor);
    if (after == NULL) continue;
    double difference = 0, scale = 0;
    for (size_t k = 0; k < tensor->count; k++) {
      const double expected = after[k] - (moved ? before[k] : 0);
      difference = fmax(difference, fabs((double)f->model.parameters.values[tensor->offset + k] - after[k]));
      scale = fmax(scale, fabs(expected));
    }
    if (!(difference <= tolerance * scale))
      printf("\n    %s: %s of %s: relative error %g\n", f->file, tensor->name, group, difference / scale);
    CU_ASSERT_TRUE(difference <= tolerance * scale);
    free(after);
    free(before);
  }
}

/* five updates on the file's minibatch: loss and norm of the gradient each time, weights after the first and the last
 */
static void check_updates(struct fixture *f) {
  for (int k = 1; k <= UPDATES; k++) {
    double metrics[ALGORITHM_MAX_METRICS];
    char path[40];
    CHECK_OK_FATAL(f->type->update(f->dqn, 1.0, metrics));
    snprintf(path, sizeof path, "f64/loss_at_step%d", k);
    check_scalar(f, path, metric_of(f->type, metrics, "train/loss"), 1e-5);
    snprintf(path, sizeof path, "f64/grad_norm_at_step%d", k);
    check_scalar(f, path, metric_of(f->type, metrics, "train/gradient_norm"), 1e-5);
    if (k == 1) check_weights(f, "policy", "f64/w1", true, 2e-3);
  }
  check_weights(f, "policy", "f64/w5", true, 2e-3);
}

static void check_file(struct fixture *f, const char *file, const char *distributional, const char *is_double) {
  const size_t rows = golden_size(file, "in/act", 0);
  CU_ASSERT_FATAL(rows <= MOST);
  setup(f, file, distributional, rows, 1, rows);
  set_option(f, "double", is_double);
  create_dqn(f);
  load_weights(f);
  take_steps(f, "in", rows);
  check_updates(f);
}

static void test_golden(void) {
  struct fixture f;
  check_file(&f, "dqn.h5", "none", "false");
  /* the target network stays where it is until steps of environments renew it */
  check_weights(&f, "target", "w0", false, 0);
  model_update_targets(&f.model, (float)golden_attribute(f.file, "/", "tau"));
  check_weights(&f, "target", "f64/target_tau0.005", false, 1e-6);
  model_update_targets(&f.model, 1.0f);
  check_weights(&f, "target", "f64/target_hard", false, 1e-6);
  arena_destroy(&f.arena);
}

static void test_golden_double(void) {
  struct fixture f;
  check_file(&f, "dqn_double.h5", "none", "true");
  arena_destroy(&f.arena);
}

static void test_golden_dueling(void) {
  struct fixture f;
  check_file(&f, "dqn_dueling.h5", "none", "false");
  arena_destroy(&f.arena);
}

static void test_golden_quantiles(void) {
  struct fixture f;
  check_file(&f, "qr_dqn.h5", "qr", "false");
  arena_destroy(&f.arena);
}

static void test_golden_atoms(void) {
  struct fixture f;
  check_file(&f, "c51.h5", "c51", "false");
  arena_destroy(&f.arena);
}

/* shifts onto atoms, between them, onto the ends and beyond */
static void test_projection(void) {
  static const char file[] = "c51.h5";
  struct golden reward = golden_read(file, "projection/rew"), discount = golden_read(file, "projection/discount"),
                probabilities = golden_read(file, "projection/probs"), target = golden_read(file, "projection/target");
  const size_t atoms = target.shape[1];
  double m[RETURN_ATOMS_MAX];
  for (size_t r = 0; r < target.shape[0]; r++) {
    categorical_project(atoms, golden_attribute(file, "/", "v_min"), golden_attribute(file, "/", "v_max"),
                        reward.values[r], discount.values[r], probabilities.values + r * atoms, m);
    for (size_t i = 0; i < atoms; i++) CU_ASSERT_DOUBLE_EQUAL(m[i], target.values[r * atoms + i], 1e-12);
  }
  golden_free(&reward), golden_free(&discount), golden_free(&probabilities), golden_free(&target);
}

/* --- windows of n steps: a sequence of all environments, of which the file draws some steps --- */

static void take_sequence(struct fixture *f) {
  const size_t envs = f->rollout.n_envs, steps = f->rollout.n_steps, floats = f->model.obs_dim;
  float *observation = golden_floats(f->file, "in/seq_obs", NULL),
        *next = golden_floats(f->file, "in/seq_next_obs", NULL);
  float *action = golden_floats(f->file, "in/seq_act", NULL), *reward = golden_floats(f->file, "in/seq_rew", NULL);
  float *terminated = golden_floats(f->file, "in/seq_terminated", NULL);
  float *truncated = golden_floats(f->file, "in/seq_truncated", NULL);
  f->rollout.final_observations.count = 0;
  for (size_t env = 0; env < envs; env++)
    for (size_t t = 0; t < steps; t++) {
      const size_t i = t * envs + env;
      write_step(f, env, t, observation + i * floats, action[i], reward[i], terminated[i] != 0, truncated[i] != 0);
      write_next(f, env, t, next + i * floats);
    }
  int64_t updates;
  CHECK_OK_FATAL(algorithm_take_rollout(f->type, f->dqn, 1.0, &updates));
  free(observation), free(next), free(action), free(reward), free(terminated), free(truncated);
}

/* the slot of step t: each truncated episode before it has taken one more */
static size_t slot_of(const struct fixture *f, size_t env, size_t t) {
  size_t slot = t;
  for (size_t before = 0; before < t; before++)
    slot += f->rollout.ended[env * f->rollout.n_steps + before] == ENV_TRUNCATED;
  return slot;
}

static void test_golden_windows(void) {
  static const char file[] = "dqn_nstep.h5";
  const size_t rows = golden_size(file, "in/act", 0), steps = golden_size(file, "in/seq_act", 0),
               envs = golden_size(file, "in/seq_act", 1);
  struct fixture f;
  CU_ASSERT_FATAL(rows <= MOST);
  setup(&f, file, "none", envs, steps, rows);
  set_from_file(&f, "n_steps", "n_steps");
  create_dqn(&f);
  load_weights(&f);
  take_sequence(&f);
  float *t = golden_floats(file, "in/batch_t", NULL), *env = golden_floats(file, "in/batch_n", NULL);
  for (size_t r = 0; r < rows; r++)
    file_rows[r] = (uint64_t)env[r] * f.dqn->base.replay.slots + slot_of(&f, (size_t)env[r], (size_t)t[r]);
  free(t), free(env);
  check_updates(&f);
  arena_destroy(&f.arena);
}

/* --- priorities: a buffer of which the file draws some steps, in proportion to its priorities --- */

/* weights are those of the first draw in all updates of the file */
static void draw_file_rows_weighed(struct replay_learning *dqn, double progress_remaining) {
  draw_file_rows(dqn, progress_remaining);
  if (dqn->updates == 0) prioritized_replay_weigh(&dqn->prioritized, dqn->settings.replay.beta, dqn->drawn);
}

static uint64_t leaf_of(const struct fixture *f, size_t env) { return env * f->dqn->base.replay.slots; }

/* every draw of the file by its own random number */
static void check_draws(const struct fixture *f, size_t rows) {
  const struct priorities *priorities = &f->dqn->base.prioritized.priorities;
  uint64_t places[MOST];
  struct golden uniform = golden_read(f->file, "in/uniforms"), index = golden_read(f->file, "per/indices");
  for (size_t i = 0; i < rows; i++) {
    const double part = ((double)i + uniform.values[i]) / (double)rows;
    places[i] = (uint64_t)(part * (double)priorities_sum(priorities));
  }
  priorities_find(priorities, rows, places, file_rows);
  for (size_t i = 0; i < rows; i++) CU_ASSERT_EQUAL(file_rows[i], leaf_of(f, (size_t)index.values[i]));
  golden_free(&uniform);
  golden_free(&index);
}

/* the priorities of all steps, to the power of alpha */
static void check_priorities(const struct fixture *f, const char *dataset, double tolerance) {
  struct golden expected = golden_read(f->file, dataset);
  for (size_t env = 0; env < expected.n; env++) {
    const double found =
        (double)priorities_get(&f->dqn->base.prioritized.priorities, leaf_of(f, env)) / (double)PRIORITY_ONE;
    CU_ASSERT_DOUBLE_EQUAL(found / pow(expected.values[env], f->dqn->base.settings.replay.alpha), 1, tolerance);
  }
  golden_free(&expected);
}

static void test_golden_priorities(void) {
  static const char file[] = "dqn_per.h5";
  const size_t rows = golden_size(file, "in/act", 0), steps = golden_size(file, "in/priorities", 0);
  struct fixture f;
  CU_ASSERT_FATAL(rows <= MOST);
  setup(&f, file, "none", steps, 1, rows);
  set_option(&f, "replay.prioritized", "true");
  set_from_file(&f, "replay.alpha", "alpha");
  set_from_file(&f, "replay.beta", "beta");
  set_from_file(&f, "replay.epsilon", "eps");
  create_dqn(&f);
  f.dqn->base.draw = draw_file_rows_weighed;
  load_weights(&f);
  take_steps(&f, "buffer", steps);

  struct prioritized_replay *prioritized = &f.dqn->base.prioritized;
  struct golden priority = golden_read(file, "in/priorities");
  for (size_t env = 0; env < steps; env++)
    priorities_set(
        &prioritized->priorities, leaf_of(&f, env),
        priorities_round(&prioritized->priorities, pow(priority.values[env], f.dqn->base.settings.replay.alpha)));
  golden_free(&priority);
  check_draws(&f, rows);
  double metrics[ALGORITHM_MAX_METRICS];
  CHECK_OK_FATAL(f.type->update(f.dqn, 1.0, metrics));
  check_scalar(&f, "f64/loss", metric_of(f.type, metrics, "train/loss"), 1e-5);
  check_weights(&f, "policy", "f64/w1", true, 2e-3);
  check_priorities(&f, "per/new_priorities", 1e-5);
  struct golden weights = golden_read(file, "per/weights");
  CU_ASSERT_TRUE(relative_error(prioritized->weights, weights.values, weights.n) < 1e-6);
  golden_free(&weights);
  arena_destroy(&f.arena);
}

/* every step, and nothing else, has a priority, through ends of episodes and turns of the ring; a new step has the
 * largest; what a checkpoint held is put right */
static void test_priorities(void) {
  enum { BATCH = 8, ROLLOUTS = 12 };
  struct fixture f;
  setup(&f, "dqn.h5", "none", 3, 7, BATCH);
  set_option(&f, "buffer_size", "60");
  set_option(&f, "learning_starts", "0");
  set_option(&f, "replay.prioritized", "true");
  create_dqn(&f);
  randomize_model(&f.model, 5);
  struct prioritized_replay *prioritized = &f.dqn->base.prioritized;
  const struct replay *replay = &f.dqn->base.replay;
  uint64_t drawn[BATCH];
  for (uint32_t k = 0; k < ROLLOUTS; k++) {
    int64_t updates;
    uint64_t sum = 0;
    fill_rollout(&f.model, 20 + k, &f.rollout);
    CHECK_OK_FATAL(algorithm_take_rollout(f.type, f.dqn, 1.0, &updates));
    prioritized_replay_draw(prioritized, 7, k, 1.0, drawn);
    for (size_t leaf = 0; leaf < prioritized->priorities.leaves; leaf++) {
      const uint64_t priority = priorities_get(&prioritized->priorities, leaf);
      CU_ASSERT_EQUAL(priority > 0, replay_is_step(replay, leaf / replay->slots, leaf % replay->slots));
      sum += priority;
    }
    CU_ASSERT_EQUAL(sum, priorities_sum(&prioritized->priorities));
    for (size_t i = 0; i < BATCH; i++) {
      CU_ASSERT_TRUE(replay_is_step(replay, drawn[i] / replay->slots, drawn[i] % replay->slots));
      prioritized_replay_errors(prioritized)[i] = (float)(k + 1) * (float)i;
    }
    CHECK_OK_FATAL(prioritized_replay_renew(prioritized, drawn));
  }
  CU_ASSERT_DOUBLE_EQUAL((double)prioritized->largest / (double)PRIORITY_ONE, pow(ROLLOUTS * (BATCH - 1), 0.6), 1e-5);

  memset(prioritized->priorities.level[0], 0, prioritized->priorities.leaves * sizeof(uint64_t));
  prioritized->is_added_up = false;
  prioritized_replay_draw(prioritized, 7, ROLLOUTS, 1.0, drawn);
  for (size_t i = 0; i < BATCH; i++)
    CU_ASSERT_TRUE(replay_is_step(replay, drawn[i] / replay->slots, drawn[i] % replay->slots));
  arena_destroy(&f.arena);
}

/* --- exploration --- */

/* epsilon after a rollout that leaves this part of the run */
static double epsilon_after(struct fixture *f, double progress_remaining) {
  int64_t updates;
  fill_rollout(&f->model, 3, &f->rollout);
  CHECK_OK_FATAL(algorithm_take_rollout(f->type, f->dqn, progress_remaining, &updates));
  return f->model.head.own[0];
}

/* uniform before learning_starts steps, then from the initial to the final rate over exploration_fraction of the run */
static void test_exploration(void) {
  struct fixture f;
  setup(&f, "dqn.h5", "none", 2, 4, 8);
  set_option(&f, "learning_starts", "12");
  set_option(&f, "exploration_fraction", "0.25");
  set_option(&f, "exploration_initial_eps", "0.5");
  set_option(&f, "exploration_final_eps", "0.125");
  create_dqn(&f);
  randomize_model(&f.model, 5);
  CU_ASSERT_STRING_EQUAL(f.model.head.distribution->name, "EpsilonGreedy");
  CU_ASSERT_EQUAL(epsilon_after(&f, 0.95), 1);
  CU_ASSERT_DOUBLE_EQUAL(epsilon_after(&f, 0.875), 0.3125, 1e-7);
  CU_ASSERT_EQUAL(epsilon_after(&f, 0.75), 0.125);
  CU_ASSERT_EQUAL(epsilon_after(&f, 0), 0.125);
  arena_destroy(&f.arena);
}

static const struct check_case cases[] = {
    {"losses, five steps and targets are PyTorch's", test_golden},
    {"so they are where the learned network chooses", test_golden_double},
    {"so they are with windows of n steps", test_golden_windows},
    {"so they are of dueling networks", test_golden_dueling},
    {"so they are of QR-DQN", test_golden_quantiles},
    {"so they are of C51", test_golden_atoms},
    {"C51's projection", test_projection},
    {"so they are with priorities", test_golden_priorities},
    {"steps have priorities, and nothing else has", test_priorities},
    {"exploration follows its schedule", test_exploration},
};

CHECK_MAIN("dqn", cases)
