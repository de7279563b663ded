/* Actor-critics with a replay against PyTorch and Stable-Baselines3 (tests/golden/ddpg.h5, td3.h5, sac.h5), and batch
 * renormalisation in them against TorchRL's (crossq.h5): losses, gradients and weights of five updates with given
 * noise; exploration; and their errors. Sizes come from the files. */
#include "algo/critic_learning.h"
#include "algo/options.h"
#include "support/algorithm.h"
#include "support/check.h"
#include "support/golden.h"
#include "support/model.h"

enum { MOST = 256 };

/* the file whose minibatches the replay has, as places in it, and whose noise is taken */
static const char *current_file;
static uint64_t file_rows[MOST];

struct fixture {
  const char *file;
  struct arena *arena;
  const struct algorithm_type *type;
  unsigned char options[8192];
  struct model model;
  struct trajectory rollout;
  struct critic_learning *learning;
  size_t updates, batch;
};

/* --- reading --- */

static bool is_crossq(const char *file) { return strcmp(file, "crossq.h5") == 0; }
static bool is_sac(const struct fixture *f) { return strcmp(f->type->name, "sac") == 0; }

/* The datasets of a tensor, one behind the other; returns their number: 0 for policy/random.
 *   "q2/1/weight" -> "<group>/critic.qf1.2.weight": PyTorch counts from 0, and activations as layers
 *   "target_q1/...", "policy/...", "target_policy/..." likewise
 *   in crossq.h5 the names are ours; of sac "policy/0/weight" -> actor.latent_pi.0.weight, "policy/2/weight" ->
 * actor.mu.weight and actor.log_std.weight
 */
static int datasets_of(const struct fixture *f, const char *group, const char *name, char path[2][96]) {
  char network[16] = "", part[16] = "";
  int layer = -1;
  if (sscanf(name, "%15[^/]/%d/%15s", network, &layer, part) != 3) return 0;
  if (is_crossq(f->file)) {
    snprintf(path[0], sizeof path[0], "%s/%s", group, name);
    return 1;
  }
  const bool is_copy = strncmp(network, "target_", 7) == 0;
  const char *learned = is_copy ? network + 7 : network, *suffix = is_copy ? "_target" : "";
  if (learned[0] == 'q') {
    snprintf(path[0], sizeof path[0], "%s/critic%s.qf%d.%d.%s", group, suffix, atoi(learned + 1) - 1, 2 * layer, part);
    return 1;
  }
  if (!is_sac(f) || f->model.head.counts != NULL) {
    snprintf(path[0], sizeof path[0], "%s/actor%s.%d.%s", group, suffix, 2 * layer, part);
    return 1;
  }
  if (layer < 2) {
    snprintf(path[0], sizeof path[0], "%s/actor.latent_pi.%d.%s", group, 2 * layer, part);
    return 1;
  }
  snprintf(path[0], sizeof path[0], "%s/actor.mu.%s", group, part);
  snprintf(path[1], sizeof path[1], "%s/actor.log_std.%s", group, part);
  return 2;
}

/* a tensor of a group of the file, laid out as ours; NULL where the file has none */
static double *read_tensor(const struct fixture *f, const char *group, const struct parameter *tensor) {
  char path[2][96];
  const int parts = datasets_of(f, group, tensor->name, path);
  if (parts == 0) return NULL;
  double *values = malloc(tensor->count * sizeof *values);
  size_t count = 0;
  for (int i = 0; i < parts; i++) {
    struct golden golden = golden_read(f->file, path[i]);
    CU_ASSERT_FATAL(count + golden.n <= tensor->count);
    memcpy(values + count, golden.values, golden.n * sizeof *values);
    count += golden.n;
    golden_free(&golden);
  }
  CU_ASSERT_EQUAL_FATAL(count, tensor->count);
  return values;
}

static void load_weights(struct fixture *f) {
  for (int i = 0; i < f->model.parameters.tensors; i++) {
    const struct parameter *tensor = &f->model.parameters.tensor[i];
    double *values = read_tensor(f, "w0", tensor);
    if (values == NULL) continue;
    for (size_t k = 0; k < tensor->count; k++) f->model.parameters.values[tensor->offset + k] = (float)values[k];
    free(values);
  }
}

/* --- making a learner --- */

static void set_option(struct fixture *f, const char *key, const char *value) {
  set_algorithm_option(f->type, f->options, key, value);
}

static void set_number(struct fixture *f, const char *key, double value) {
  char text[40];
  snprintf(text, sizeof text, "%.17g", value);
  set_option(f, key, text);
}

static void set_from_file(struct fixture *f, const char *key, const char *attribute) {
  set_number(f, key, golden_attribute(f->file, "/", attribute));
}

static void start(struct fixture *f, const char *algorithm, const char *file) {
  *f = (struct fixture){.file = file};
  CHECK_OK_FATAL(arena_create(&f->arena));
  CHECK_OK_FATAL(algorithm_find(algorithm, &f->type));
  CU_ASSERT_FATAL(f->type->options_size <= sizeof f->options);
  CHECK_OK_FATAL(option_set_defaults(f->type->options, f->options));
  set_option(f, "learning_starts", "0");
}

/* the noise of the update that is under way */
static void take_file_noise(struct critic_learning *learning, enum critic_noise which, size_t first, size_t rows,
                            float *noise) {
  const bool is_td3 = strcmp(current_file, "td3.h5") == 0 || strcmp(current_file, "ddpg.h5") == 0;
  const size_t elements = learning->base.model->head.elements;
  if (is_td3 && which == CRITIC_NOISE_NOW) return;
  float *all = golden_floats(current_file,
                             is_td3                       ? "in/noise"
                             : which == CRITIC_NOISE_NEXT ? "in/noise_next"
                                                          : "in/noise_pi",
                             NULL);
  const size_t before = (size_t)learning->base.updates * (size_t)learning->base.settings.batch_size + first;
  for (size_t r = 0; r < rows; r++)
    for (size_t i = 0; i < elements; i++) noise[i * TILE + r] = all[(before + r) * elements + i];
  free(all);
}

/* the rows of minibatch k are the steps of environments from k * batch on */
static void draw_file_rows(struct replay_learning *learning, double progress_remaining) {
  (void)progress_remaining;
  const size_t n = (size_t)learning->settings.batch_size, first = (size_t)learning->updates * n;
  memcpy(learning->drawn, file_rows + first, n * sizeof *file_rows);
}

static void create(struct fixture *f, const struct network_shape *shape, size_t n_envs) {
  const struct algorithm_context context = {
      .options = f->options, .model = &f->model, .rollout = &f->rollout, .seed = 7, .arena = f->arena};
  void *algorithm;
  create_model(shape, algorithm_networks(f->type, f->options), f->arena, &f->model);
  create_rollout(shape, n_envs, 1, f->arena, &f->rollout);
  CHECK_OK_FATAL(algorithm_create(f->type, &context, &algorithm));
  f->learning = algorithm;
}

/* --- filling the replay --- */

/* the steps of all minibatches, each of which one environment makes */
static void take_steps(struct fixture *f) {
  struct trajectory *rollout = &f->rollout;
  struct final_observations *finals = &rollout->final_observations;
  const size_t floats = f->model.obs_dim, elements = f->model.head.elements, rows = rollout->n_envs;
  float *observation = golden_floats(f->file, "in/obs", NULL), *next = golden_floats(f->file, "in/next_obs", NULL),
        *action = golden_floats(f->file, "in/act", NULL), *reward = golden_floats(f->file, "in/rew", NULL),
        *terminated = golden_floats(f->file, "in/terminated", NULL),
        *truncated = golden_floats(f->file, "in/truncated", NULL);
  finals->count = 0;
  for (size_t r = 0; r < rows; r++) {
    float *entries = (float *)rollout->observation + 2 * r * floats;
    memcpy(entries, observation + r * floats, floats * sizeof *entries);
    memcpy(entries + floats, next + r * floats, floats * sizeof *entries);
    for (size_t i = 0; i < elements; i++)
      if (f->model.head.counts != NULL)
        ((int32_t *)rollout->action)[r * elements + i] = (int32_t)action[r * elements + i];
      else
        ((float *)rollout->action)[r * elements + i] = action[r * elements + i];
    rollout->reward[r] = reward[r];
    rollout->ended[r] = (uint8_t)((terminated[r] != 0 ? ENV_TERMINATED : 0) | (truncated[r] != 0 ? ENV_TRUNCATED : 0));
    if (rollout->ended[r] == ENV_TRUNCATED) {
      finals->environment[finals->count] = (int32_t)r;
      finals->step[finals->count] = 0;
      memcpy((float *)finals->observation + (size_t)finals->count++ * floats, next + r * floats, floats * sizeof *next);
    }
    file_rows[r] = r * f->learning->base.replay.slots;
  }
  int64_t updates;
  CHECK_OK_FATAL(algorithm_take_rollout(f->type, f->learning, 1.0, &updates));
  free(observation), free(next), free(action), free(reward), free(terminated), free(truncated);
}

/* --- comparing --- */

/* a metric against "f64/<name>_at_step<k>" */
static void check_metric(const struct fixture *f, const double *metrics, const char *name, size_t k) {
  char dataset[48], column[48];
  snprintf(dataset, sizeof dataset, "f64/%s_at_step%zu", name, k);
  snprintf(column, sizeof column, "train/%s", name);
  struct golden golden = golden_read(f->file, dataset);
  const double value = metric_of(f->type, metrics, column),
               error = fabs(value - golden.values[0]) / fabs(golden.values[0]);
  if (!(error <= 1e-5)) printf("\n    %s: %s: %.9g, relative error %g\n", f->file, dataset, value, error);
  CU_ASSERT_TRUE(error <= 1e-5);
  golden_free(&golden);
}

/* what of a tensor is compared: its gradient; its place; or its way from w0, which is far longer than rounding errors
 * of the place only where a network learns */
enum compared { GRADIENT, PLACE, WAY };

/* the tensors of networks whose names begin so */
static void check_tensors(const struct fixture *f, const char *network, const char *group, enum compared what,
                          double tolerance) {
  int checked = 0;
  for (int i = 0; i < f->model.parameters.tensors; i++) {
    const struct parameter *tensor = &f->model.parameters.tensor[i];
    if (strncmp(tensor->name, network, strlen(network)) != 0) continue;
    double *expected = read_tensor(f, group, tensor), *before = read_tensor(f, "w0", tensor);
    if (expected == NULL) continue;
    const float *block = what == GRADIENT ? f->model.parameters.gradients : f->model.parameters.values;
    double difference = 0, scale = 0;
    for (size_t k = 0; k < tensor->count; k++) {
      difference = fmax(difference, fabs((double)block[tensor->offset + k] - expected[k]));
      scale = fmax(scale, fabs(expected[k] - (what == WAY ? before[k] : 0)));
    }
    if (!(difference <= tolerance * scale))
      printf("\n    %s: %s of %s: relative error %g\n", f->file, tensor->name, group, difference / scale);
    CU_ASSERT_TRUE(difference <= tolerance * scale);
    checked++;
    free(expected);
    free(before);
  }
  CU_ASSERT_TRUE(checked > 0);
}

/* nothing of a network has moved since w0 */
static void check_still(const struct fixture *f, const char *network) {
  for (int i = 0; i < f->model.parameters.tensors; i++) {
    const struct parameter *tensor = &f->model.parameters.tensor[i];
    double *before = strncmp(tensor->name, network, strlen(network)) == 0 ? read_tensor(f, "w0", tensor) : NULL;
    for (size_t k = 0; before != NULL && k < tensor->count; k++)
      CU_ASSERT_EQUAL(f->model.parameters.values[tensor->offset + k], (float)before[k]);
    free(before);
  }
}

static void setup_file(struct fixture *f, const char *algorithm, const char *file) {
  const size_t updates = golden_size(file, "in/act", 0), batch = golden_size(file, "in/act", 1);
  CU_ASSERT_FATAL(updates * batch <= MOST);
  start(f, algorithm, file);
  f->updates = updates;
  f->batch = batch;
  current_file = file;
  set_from_file(f, "gamma", "gamma");
  if (!is_crossq(file)) set_from_file(f, "tau", "tau");
  set_from_file(f, "learning_rate", "lr");
  set_from_file(f, "optimizer_epsilon", "adam_eps");
  set_number(f, "batch_size", (double)batch);
}

static void create_from_file(struct fixture *f, const char *const layers[2]) {
  static const float low[] = {-1, -1, -1, -1}, high[] = {1, 1, 1, 1};
  const bool is_discrete = strcmp(f->file, "sac_discrete.h5") == 0;
  const struct network_shape shape = {
      .obs_dim = golden_size(f->file, "in/obs", 2),
      .kind = is_discrete ? 0 : MUSTER_SPACE_BOX,
      .actions = is_discrete ? (int32_t)golden_size(f->file, "w0/critic.qf0.4.bias", 0) : 0,
      .elements = is_discrete ? 1 : (int32_t)golden_size(f->file, "in/act", 2),
      .low = low,
      .high = high,
      .activation = 1,
      .layers = 2,
      .hidden = {(int64_t)golden_size(f->file, layers[0], 0), (int64_t)golden_size(f->file, layers[1], 0)},
      .request = algorithm_request(f->type, f->options)};
  create(f, &shape, f->updates * f->batch);
  f->learning->base.draw = draw_file_rows;
  f->learning->draw_noise = take_file_noise;
  load_weights(f);
  take_steps(f);
}

static void check_deterministic(const char *algorithm, const char *file) {
  static const char *const layers[] = {"w0/actor.0.weight", "w0/actor.2.weight"};
  struct fixture f;
  double metrics[ALGORITHM_MAX_METRICS];
  setup_file(&f, algorithm, file);
  set_from_file(&f, "n_critics", "n_critics");
  const size_t delay = (size_t)golden_attribute(file, "/", "policy_delay");
  if (strcmp(algorithm, "td3") == 0) {
    set_from_file(&f, "policy_delay", "policy_delay");
    set_from_file(&f, "target_policy_noise", "target_policy_noise");
    set_from_file(&f, "target_noise_clip", "target_noise_clip");
  }
  create_from_file(&f, layers);
  for (size_t k = 1; k <= f.updates; k++) {
    CHECK_OK_FATAL(f.type->update(f.learning, 1.0, metrics));
    check_metric(&f, metrics, "critic_loss", k);
    if (k % delay == 0) check_metric(&f, metrics, "actor_loss", k);
    if (k == delay) check_tensors(&f, "policy", "f64/grad_actor", GRADIENT, 2e-5);
    if (k > 1) continue;
    check_tensors(&f, "q", "f64/grad_critic", GRADIENT, 2e-5);
    check_tensors(&f, "q", "f64/w1", WAY, 2e-3);
    /* what the file does not have has not moved */
    if (delay > 1) check_still(&f, "policy"), check_still(&f, "target");
  }
  check_tensors(&f, "q", "f64/w5", WAY, 2e-3);
  check_tensors(&f, "policy", "f64/w5", WAY, 2e-3);
  check_tensors(&f, "target_q", "f64/w5", PLACE, 1e-6);
  check_tensors(&f, "target_policy", "f64/w5", PLACE, 1e-6);
  arena_destroy(&f.arena);
}

static void test_ddpg(void) { check_deterministic("ddpg", "ddpg.h5"); }
static void test_td3(void) { check_deterministic("td3", "td3.h5"); }

/* the logarithm of the temperature, of the algorithm's state */
static double log_ent_coef(const struct fixture *f) {
  struct tensor list[ALGORITHM_MAX_STATE];
  const int n = algorithm_state(f->type, f->learning, list);
  for (int i = 0; i < n; i++)
    if (strcmp(list[i].name, "algorithm/log_ent_coef") == 0) return *(const float *)list[i].data;
  CU_FAIL_FATAL("no temperature");
  return NAN;
}

static void check_temperature(const struct fixture *f, const char *dataset) {
  struct golden before = golden_read(f->file, "w0/log_ent_coef"), after = golden_read(f->file, dataset);
  const double moved = after.values[0] - before.values[0];
  CU_ASSERT_DOUBLE_EQUAL((log_ent_coef(f) - before.values[0]) / moved, 1, 2e-3);
  golden_free(&before), golden_free(&after);
}

static void check_sac(const char *file, const char *const layers[2]) {
  struct fixture f;
  double metrics[ALGORITHM_MAX_METRICS];
  char text[48];
  setup_file(&f, "sac", file);
  struct golden first = golden_read(file, "w0/log_ent_coef");
  snprintf(text, sizeof text, "auto_%.17g", exp(first.values[0]));
  golden_free(&first);
  set_option(&f, "ent_coef", text);
  set_from_file(&f, "target_entropy", "target_entropy");
  if (is_crossq(file)) {
    set_option(&f, "batch_norm", "true");
    set_from_file(&f, "batch_norm_momentum", "batch_norm_momentum");
    set_from_file(&f, "renorm_warmup_steps", "renorm_warmup_steps");
  }
  create_from_file(&f, layers);
  for (size_t k = 1; k <= f.updates; k++) {
    CHECK_OK_FATAL(f.type->update(f.learning, 1.0, metrics));
    check_metric(&f, metrics, "critic_loss", k);
    check_metric(&f, metrics, "actor_loss", k);
    check_metric(&f, metrics, "ent_coef", k);
    check_metric(&f, metrics, "ent_coef_loss", k);
    if (k > 1) continue;
    check_tensors(&f, "q", "f64/grad_critic", GRADIENT, 2e-5);
    check_tensors(&f, "policy", "f64/grad_actor", GRADIENT, 2e-5);
    check_tensors(&f, "q", "f64/w1", WAY, 2e-3);
    check_tensors(&f, "policy", "f64/w1", WAY, 2e-3);
    if (!is_crossq(file)) check_tensors(&f, "target_q", "f64/w1", PLACE, 1e-6);
    check_temperature(&f, "f64/w1/log_ent_coef");
  }
  check_tensors(&f, "q", "f64/w5", WAY, 2e-3);
  check_tensors(&f, "policy", "f64/w5", WAY, 2e-3);
  if (!is_crossq(file)) check_tensors(&f, "target_q", "f64/w5", PLACE, 1e-6);
  check_temperature(&f, "f64/w5/log_ent_coef");
  arena_destroy(&f.arena);
}

static void test_sac(void) {
  static const char *const layers[] = {"w0/actor.latent_pi.0.weight", "w0/actor.latent_pi.2.weight"};
  check_sac("sac.h5", layers);
}

static void test_sac_discrete(void) {
  static const char *const layers[] = {"w0/actor.0.weight", "w0/actor.2.weight"};
  check_sac("sac_discrete.h5", layers);
}

/* five updates of which the first two are in the warm-up; there are no copies */
static void test_crossq(void) {
  static const char *const layers[] = {"w0/policy/1/weight", "w0/policy/3/weight"};
  check_sac("crossq.h5", layers);
}

/* --- what does not come from the files --- */

static const float wide_low[] = {-2, 0}, wide_high[] = {2, 10};
static const struct network_shape wide = {.obs_dim = 3,
                                          .kind = MUSTER_SPACE_BOX,
                                          .elements = 2,
                                          .low = wide_low,
                                          .high = wide_high,
                                          .layers = 1,
                                          .hidden = {8}};

static void create_wide(struct fixture *f, size_t n_envs) {
  struct network_shape shape = wide;
  shape.request = algorithm_request(f->type, f->options);
  create(f, &shape, n_envs);
  randomize_model(&f->model, 5);
  f->model.parameters.values[f->model.own_offset] = 1;
}

/* before learning_starts steps actions are uniform within the bounds, afterwards they are the policy's */
static void test_exploration(void) {
  enum { ENVS = 50 };
  struct fixture f;
  int64_t updates;
  start(&f, "sac", NULL);
  set_number(&f, "learning_starts", 2 * ENVS);
  create_wide(&f, ENVS);
  const float *random = f.model.parameters.values + f.model.own_offset;
  CU_ASSERT_EQUAL(*random, 1);
  for (int rollouts = 1; rollouts <= 3; rollouts++) {
    fill_rollout(&f.model, 10 + (uint64_t)rollouts, &f.rollout);
    CHECK_OK_FATAL(algorithm_take_rollout(f.type, f.learning, 1.0, &updates));
    CU_ASSERT_EQUAL(*random, rollouts < 2 ? 1 : 0);
    CU_ASSERT_EQUAL(updates, rollouts < 3 ? 0 : 1);
  }
  arena_destroy(&f.arena);
}

/* before learning_starts steps every allowed Discrete action is equally likely, whatever the policy says */
static void test_exploration_discrete(void) {
  enum { ROWS = 64, STEPS = 100 };
  struct fixture f;
  struct network_shape shape = {.obs_dim = 3, .actions = 4, .layers = 1, .hidden = {8}};
  start(&f, "sac", NULL);
  set_number(&f, "learning_starts", 2 * ROWS);
  shape.request = algorithm_request(f.type, f.options);
  create(&f, &shape, ROWS);
  float net[ROWS * 4];
  uint8_t allowed[ROWS * 4];
  for (size_t i = 0; i < ROWS * 4; i++) net[i] = i % 4 == 3 ? 50 : 0, allowed[i] = i % 4 != 1;
  struct policy_head *head = &f.model.head;
  for (int after = 0; after < 2; after++) {
    int32_t actions[ROWS];
    int counts[4] = {0};
    CU_ASSERT_EQUAL(head->own[0], after ? 0 : 1);
    for (uint32_t step = 0; step < STEPS; step++) {
      const struct action_random random = {.seed = 3, .step = step};
      head->distribution->sample(head, ROWS, net, 4, (struct action_mask){allowed, 4}, &random, actions);
      for (size_t r = 0; r < ROWS; r++) counts[actions[r]]++;
    }
    /* of 6400 draws a third each, with a deviation of 38 */
    CU_ASSERT_EQUAL(counts[1], 0);
    for (int a = 0; a < 4; a += a == 0 ? 2 : 1)
      CU_ASSERT_TRUE(after ? counts[a] == (a == 3 ? ROWS * STEPS : 0) : abs(counts[a] - ROWS * STEPS / 3) < 200);
    int64_t updates;
    fill_rollout(&f.model, 11, &f.rollout);
    for (int rollouts = 0; rollouts < 2; rollouts++)
      CHECK_OK_FATAL(algorithm_take_rollout(f.type, f.learning, 1.0, &updates));
  }
  arena_destroy(&f.arena);
}

/* critics read actions from -1 to 1, whatever the bounds are: learning is the same where bounds are wider and the
 * actions with them, but for the rounding of actions */
static void test_bounds(void) {
  static const float unit_low[] = {-1, -1}, unit_high[] = {1, 1}, double_low[] = {-2, -2}, double_high[] = {2, 2};
  static const char *const algorithms[] = {"ddpg", "td3", "sac"};
  for (size_t a = 0; a < sizeof algorithms / sizeof *algorithms; a++) {
    struct fixture fixtures[2];
    double metrics[2][ALGORITHM_MAX_METRICS];
    int64_t updates;
    for (int i = 0; i < 2; i++) {
      struct fixture *f = &fixtures[i];
      struct network_shape shape = wide;
      shape.low = i == 0 ? unit_low : double_low;
      shape.high = i == 0 ? unit_high : double_high;
      start(f, algorithms[a], NULL);
      set_option(f, "batch_size", "70");
      shape.request = algorithm_request(f->type, f->options);
      create(f, &shape, 80);
      randomize_model(&f->model, 5);
      f->model.parameters.values[f->model.own_offset] = 0;
      fill_rollout(&f->model, 9, &f->rollout);
      CHECK_OK_FATAL(algorithm_take_rollout(f->type, f->learning, 1.0, &updates));
      for (int k = 0; k < 4; k++) CHECK_OK_FATAL(f->type->update(f->learning, 1.0, metrics[i]));
    }
    const size_t count = fixtures[0].model.parameters.count;
    CU_ASSERT_EQUAL(
        memcmp(fixtures[0].model.parameters.values, fixtures[1].model.parameters.values, count * sizeof(float)), 0);
    for (int i = 0; i < 2; i++) arena_destroy(&fixtures[i].arena);
  }
}

/* a target counts the reward alone where an episode has terminated, whatever the next observation is */
static void test_terminated(void) {
  struct fixture f;
  int64_t updates;
  double metrics[ALGORITHM_MAX_METRICS];
  start(&f, "sac", NULL);
  set_option(&f, "batch_size", "4");
  create_wide(&f, 4);
  fill_rollout(&f.model, 3, &f.rollout);
  f.rollout.final_observations.count = 0;
  for (size_t r = 0; r < 4; r++) f.rollout.ended[r] = ENV_TERMINATED;
  for (size_t r = 0; r < 4; r++) ((float *)f.rollout.observation)[(2 * r + 1) * 3] = INFINITY;
  CHECK_OK_FATAL(algorithm_take_rollout(f.type, f.learning, 1.0, &updates));
  CHECK_OK(f.type->update(f.learning, 1.0, metrics));
  for (size_t r = 0; r < 4; r++) CU_ASSERT_TRUE(isfinite(f.learning->targets[r]));
  arena_destroy(&f.arena);
}

/* a loss of the update of number 0, and gradients of both losses; learning_rate is 0, so nothing moves, but running
 * statistics, which are put back */
static double loss_of(struct fixture *f, const char *name) {
  double metrics[ALGORITHM_MAX_METRICS];
  const size_t bytes = f->model.parameters.count * sizeof(float);
  float *before = malloc(bytes);
  memcpy(before, f->model.parameters.values, bytes);
  f->learning->base.updates = 0;
  model_pack(&f->model, true);
  CHECK_OK_FATAL(f->type->update(f->learning, 1.0, metrics));
  memcpy(f->model.parameters.values, before, bytes);
  free(before);
  return metric_of(f->type, metrics, name);
}

static bool is_statistic(const struct parameters *parameters, size_t place) {
  for (int i = 0; i < parameters->tensors; i++) {
    const struct parameter *tensor = &parameters->tensor[i];
    if (place >= tensor->offset && place - tensor->offset < tensor->count) return tensor->is_statistic;
  }
  return false;
}

/* gradients of some parameters from `first` on against differences of the loss on both sides */
static void check_differences(struct fixture *f, const char *name, size_t first, size_t end) {
  enum { SOME = 60 };
  float found[SOME];
  double expected[SOME];
  size_t n = 0;
  loss_of(f, name);
  for (size_t i = first; i < end && n < SOME; i += 1 + (end - first) / SOME)
    found[n++] = f->model.parameters.gradients[i];
  n = 0;
  for (size_t i = first; i < end && n < SOME; i += 1 + (end - first) / SOME) {
    const float step = 4e-3f, before = f->model.parameters.values[i];
    if (is_statistic(&f->model.parameters, i)) {
      CU_ASSERT_EQUAL(found[n], 0);
      expected[n++] = 0;
      continue;
    }
    f->model.parameters.values[i] = before + step;
    const double above = loss_of(f, name);
    f->model.parameters.values[i] = before - step;
    expected[n++] = (above - loss_of(f, name)) / (2 * (double)step);
    f->model.parameters.values[i] = before;
  }
  const double error = relative_error(found, expected, n);
  if (!(error < 5e-3)) printf("\n    %s: relative error %g\n", name, error);
  CU_ASSERT_TRUE(error < 5e-3);
}

/* what no file has: quantiles, critics that are drawn for a target, normalised layers, windows of several steps */
static void test_gradients(void) {
  static const char *const variants[][3][2] = {
      {{"quantiles", "5"}, {"n_critics", "3"}},
      {{"quantiles", "4"}, {"top_quantiles_to_drop_per_net", "0"}, {"n_critics", "1"}},
      {{"target_critics", "2"}, {"n_critics", "4"}},
      {{"layer_norm", "true"}, {"n_steps", "3"}},
      {{"layer_norm", "true"}, {"dropout", "0.2"}},
      /* targets, which are no function of the loss, are rewards here; what follows is in the statistics */
      {{"batch_norm", "true"}, {"gamma", "0"}},
      {{"batch_norm", "true"}, {"gamma", "0"}, {"dropout", "0.2"}},
      {{"batch_norm", "true"}, {"gamma", "0"}, {"quantiles", "3"}},
  };
  for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
    struct fixture f;
    int64_t updates;
    start(&f, "sac", NULL);
    set_option(&f, "learning_rate", "0");
    set_option(&f, "target_update_interval", "1000000");
    set_option(&f, "ent_coef", "0.3");
    set_option(&f, "batch_size", "70");
    for (size_t i = 0; i < 3 && variants[v][i][0] != NULL; i++) set_option(&f, variants[v][i][0], variants[v][i][1]);
    create_wide(&f, 80);
    f.model.parameters.values[f.model.own_offset] = 0;
    fill_rollout(&f.model, 9, &f.rollout);
    for (int i = 0; i < 3; i++) CHECK_OK_FATAL(algorithm_take_rollout(f.type, f.learning, 1.0, &updates));
    check_differences(&f, "train/critic_loss", f.model.policy_count, f.model.learned_count);
    check_differences(&f, "train/actor_loss", 0, f.model.own_offset);
    arena_destroy(&f.arena);
  }
}

/* the first outputs of the first critic, or of its copy, for two equal steps */
static void run_twins(struct fixture *f, struct model_network *const *networks, float values[2]) {
  static const float observations[2 * 3] = {1, 2, 3, 1, 2, 3}, actions[2 * 2] = {0};
  critic_learning_take(f->learning, 2, observations, actions);
  critic_learning_run(f->learning, networks, 1);
  for (size_t r = 0; r < 2; r++) values[r] = f->learning->values[0][r * f->learning->value_ld];
}

/* What critics drop differs between updates and their halves, rows, and a critic and its copy, which has the same
 * weights here; of the same it is the same, whatever tile a row is in. */
static void test_dropout(void) {
  struct fixture f;
  float first[2], other[2];
  struct network_shape shape = wide;
  start(&f, "sac", NULL);
  set_option(&f, "dropout", "0.3");
  shape.request = algorithm_request(f.type, f.options);
  shape.hidden[0] = 64;
  create(&f, &shape, 4);
  randomize_model(&f.model, 5);
  model_update_targets(&f.model, 1.0f);
  model_pack(&f.model, true);
  f.learning->random = (struct layer_random){7, 20, 64};
  run_twins(&f, f.learning->critic, first);
  CU_ASSERT_NOT_EQUAL(first[0], first[1]);
  run_twins(&f, f.learning->target, other);
  CU_ASSERT_NOT_EQUAL(first[0], other[0]);
  f.learning->random.first_row = 65;
  run_twins(&f, f.learning->critic, other);
  CU_ASSERT_EQUAL(first[1], other[0]);
  for (uint32_t half = 21; half <= 22; half++) {
    f.learning->random = (struct layer_random){7, half, 64};
    run_twins(&f, f.learning->critic, other);
    CU_ASSERT_NOT_EQUAL(first[0], other[0]);
  }
  f.learning->random = (struct layer_random){7, 20, 64};
  run_twins(&f, f.learning->critic, other);
  CU_ASSERT_EQUAL(first[0], other[0]);

  /* outside of updates nothing is dropped */
  size_t ld;
  const float *values = model_forward(&f.model, f.learning->critic[0], &ld);
  CU_ASSERT_EQUAL(values[0], values[ld]);
  arena_destroy(&f.arena);
}

/* the largest quantiles of all critics do not count: targets are the others, in ascending order */
static void test_dropped_quantiles(void) {
  struct fixture f;
  int64_t updates;
  double metrics[ALGORITHM_MAX_METRICS];
  start(&f, "sac", NULL);
  set_option(&f, "quantiles", "5");
  set_option(&f, "top_quantiles_to_drop_per_net", "2");
  set_option(&f, "ent_coef", "0");
  set_option(&f, "batch_size", "8");
  create_wide(&f, 8);
  fill_rollout(&f.model, 9, &f.rollout);
  CHECK_OK_FATAL(algorithm_take_rollout(f.type, f.learning, 1.0, &updates));
  CHECK_OK_FATAL(f.type->update(f.learning, 1.0, metrics));
  CU_ASSERT_EQUAL_FATAL(f.learning->n_targets, 2 * 3);
  for (size_t r = 0; r < 8; r++)
    for (size_t j = 1; j < 6; j++) CU_ASSERT_TRUE(f.learning->targets[r * 6 + j - 1] <= f.learning->targets[r * 6 + j]);
  arena_destroy(&f.arena);
}

/* options of sac that contradict each other */
static void test_checks(void) {
  static const struct {
    const char *text, *part;
  } wrong[] = {
      {"algorithm: {n_critics: 2, target_critics: 3}\n", "algorithm.target_critics: 3: expects at most n_critics, 2"},
      {"algorithm: {quantiles: 5, target_critics: 1}\n",
       "algorithm.target_critics: 1: with quantiles all critics count"},
      {"algorithm: {quantiles: 2}\n", "algorithm.top_quantiles_to_drop_per_net: drops all 2 quantiles"},
      {"algorithm: {batch_norm: true, batch_size: 1}\n",
       "algorithm.batch_size: 1: with batch_norm statistics are over the minibatch"},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    struct fixture f;
    struct document *document;
    start(&f, "sac", NULL);
    CHECK_OK_FATAL(document_create(&document));
    CHECK_OK_FATAL(document_read_text(document, "test", wrong[i].text, strlen(wrong[i].text)));
    CHECK_OK_FATAL(document_apply(document, f.type->options, f.options));
    CHECK_FAILS(algorithm_check(f.type, document, f.options, 8), MUSTER_ERROR_USAGE, wrong[i].part);
    document_destroy(&document);
    arena_destroy(&f.arena);
  }
}

/* the texts that ent_coef and target_entropy may be */
static void test_temperature_options(void) {
  struct fixture f;
  start(&f, "sac", NULL);
  static const char *const good[] = {"auto", "auto_0.1", "0", "0.2"}, *const bad[] = {"aut", "auto_", "auto_0", "-1"};
  const struct option_spec *option = f.type->options->options;
  while (strcmp(option->key, "ent_coef") != 0) option++;
  for (size_t i = 0; i < 4; i++) {
    CHECK_OK(option_parse(option, good[i], f.options));
    CHECK_FAILS(option_parse(option, bad[i], f.options), MUSTER_ERROR_USAGE, "expects auto, auto_X");
  }
  arena_destroy(&f.arena);
}

/* without bounds there is nothing to scale an action to */
static void test_unbounded(void) {
  static const char *const algorithms[] = {"ddpg", "td3", "sac"};
  for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
    struct fixture f;
    struct model model;
    struct model_options options;
    start(&f, algorithms[i], NULL);
    CHECK_OK_FATAL(option_set_defaults(&model_option_table, &options));
    options.request = algorithm_request(f.type, f.options);
    const muster_space space = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {2}};
    CHECK_FAILS(model_create(&options, &space, &space, algorithm_networks(f.type, f.options), f.arena, &model),
                MUSTER_ERROR_USAGE, "algorithm.name: it acts within bounds");
    arena_destroy(&f.arena);
  }
}

/* what is asked of the critics' hidden layers is not left out where a list says what these are */
static void test_listed_layers(void) {
  static const char *const options_of[][2] = {{"dropout", "0.1"}, {"layer_norm", "true"}};
  for (size_t i = 0; i < 2; i++) {
    struct fixture f;
    struct model_options options;
    char expected[64];
    start(&f, "sac", NULL);
    CHECK_OK_FATAL(option_set_defaults(&model_option_table, &options));
    options.value_network.is_null = false;
    options.request = algorithm_request(f.type, f.options);
    CHECK_OK(model_options_check(&options));
    set_option(&f, options_of[i][0], options_of[i][1]);
    options.request = algorithm_request(f.type, f.options);
    snprintf(expected, sizeof expected, "algorithm.%s: is for critics of policy.hidden_sizes", options_of[i][0]);
    CHECK_FAILS(model_options_check(&options), MUSTER_ERROR_USAGE, expected);
    arena_destroy(&f.arena);
  }
}

/* lists of layers have batch_renorm where batch_norm is set, and nowhere else; and it is for Box actions and networks
 * that share nothing */
static void test_batch_norm_misfits(void) {
  const muster_space box = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {2}, .low = wide_low, .high = wide_high};
  const muster_space discrete = {.kind = MUSTER_SPACE_DISCRETE, .counts = (int32_t[]){3}};
  static const struct {
    const char *batch_norm, *layer, *part;
    bool shares, is_discrete;
  } wrong[] = {
      {"false", "batch_renorm", "policy.value_network: batch_renorm has statistics over a minibatch", false, false},
      {"true", "relu", "algorithm.batch_norm: is for policy.hidden_sizes, and policy.value_network lists", false,
       false},
      {"true", NULL, "algorithm.batch_norm: is for Box actions", false, true},
      {"true", NULL, "policy.share_trunk: with algorithm.batch_norm no layers are shared", true, false},
      {"true", "batch_renorm 0.9", NULL, false, false},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    struct fixture f;
    struct model_options options;
    start(&f, "sac", NULL);
    set_option(&f, "batch_norm", wrong[i].batch_norm);
    CHECK_OK_FATAL(option_set_defaults(&model_option_table, &options));
    options.request = algorithm_request(f.type, f.options);
    options.share_trunk = wrong[i].shares;
    options.value_network.is_null = wrong[i].layer == NULL;
    options.value_network.count = 1;
    if (wrong[i].layer != NULL) strcpy(options.value_network.items[0], wrong[i].layer);
    const muster_space *action = wrong[i].is_discrete ? &discrete : &box;
    const struct model_network_spec *networks = algorithm_networks(f.type, f.options);
    if (wrong[i].part == NULL) CHECK_OK(model_check(&options, &box, action, networks));
    if (wrong[i].part != NULL) {
      CHECK_FAILS(model_check(&options, &box, action, networks), MUSTER_ERROR_USAGE, wrong[i].part);
    }
    arena_destroy(&f.arena);
  }
}

static const struct check_case cases[] = {
    {"ddpg against PyTorch", test_ddpg},
    {"td3 against PyTorch", test_td3},
    {"sac against PyTorch", test_sac},
    {"sac for Discrete actions against PyTorch", test_sac_discrete},
    {"sac with batch_norm against TorchRL's batch renormalisation", test_crossq},
    {"random actions before learning starts", test_exploration},
    {"random Discrete actions before learning starts", test_exploration_discrete},
    {"bounds of actions", test_bounds},
    {"terminated episodes", test_terminated},
    {"gradients against differences", test_gradients},
    {"what critics drop", test_dropout},
    {"dropped quantiles", test_dropped_quantiles},
    {"options that contradict each other", test_checks},
    {"options of the temperature", test_temperature_options},
    {"actions without bounds", test_unbounded},
    {"critics whose layers are listed", test_listed_layers},
    {"what batch_norm does not fit", test_batch_norm_misfits},
};

CHECK_MAIN("critic learning", cases)
