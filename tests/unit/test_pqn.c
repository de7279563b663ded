/* PQN's lambda-returns against values worked out by hand, and, with its gradient, against plain loops in double that
 * share no code with the library. */
#include "algo/pqn.h"
#include "config/document.h"
#include "support/check.h"
#include "support/model.h"

#include <stdio.h>

enum { ENVS = 6, T = 12, OBS = 3, ACTIONS = 3, HIDDEN = 5, SAMPLES = ENVS * T, MAX_PARAMETERS = 64 };

struct fixture {
  struct arena *arena;
  const struct algorithm_type *type;
  struct pqn_options options;
  struct model model;
  struct trajectory rollout;
  struct policy_gradient *pqn;
};

static void setup(struct fixture *f, const char *options, struct network_shape shape, size_t n_envs, size_t n_steps) {
  char text[512];
  struct document *document;
  *f = (struct fixture){0};
  snprintf(text, sizeof text, "algorithm: {%s}", options);
  CHECK_OK_FATAL(arena_create(&f->arena));
  CHECK_OK_FATAL(algorithm_find("pqn", &f->type));
  CHECK_OK_FATAL(document_create(&document));
  CHECK_OK_FATAL(document_read_text(document, "test", text, strlen(text)));
  CHECK_OK_FATAL(document_apply(document, f->type->options, &f->options));
  document_destroy(&document);
  shape.request = algorithm_request(f->type, &f->options);
  create_model(&shape, algorithm_networks(f->type, &f->options), f->arena, &f->model);
  create_rollout(&shape, n_envs, n_steps, f->arena, &f->rollout);
  const struct algorithm_context context = {
      .options = &f->options, .model = &f->model, .rollout = &f->rollout, .seed = 5, .arena = f->arena};
  void *algorithm;
  CHECK_OK_FATAL(algorithm_create(f->type, &context, &algorithm));
  f->pqn = algorithm;
}

/* --- by hand --- */

/* Q(s, .) = (s, 2 - s), gamma = lambda = 1/2. The second step is truncated with 10 as its true last observation, the
 * third one is terminated, the fourth one is the rollout's last. */
static void test_returns(void) {
  const struct network_shape shape = {.obs_dim = 1, .actions = 2};
  struct fixture f;
  setup(&f, "gamma: 0.5, q_lambda: 0.5, n_steps: 4, batch_size: 1", shape, 1, 4);
  float *values = f.model.parameters.values;
  float *weight = values + find_parameter(&f.model.parameters, "policy", 0, "weight")->offset;
  float *bias = values + find_parameter(&f.model.parameters, "policy", 0, "bias")->offset;
  memcpy(weight, (const float[]){1, -1}, 2 * sizeof *weight);
  memcpy(bias, (const float[]){0, 2}, 2 * sizeof *bias);
  memcpy(f.rollout.observation, (const float[]){0, 3, 1, 5, 4}, 5 * sizeof(float));
  memcpy(f.rollout.reward, (const float[]){1, 2, 3, 4}, 4 * sizeof(float));
  memcpy(f.rollout.ended, (const uint8_t[]){0, ENV_TRUNCATED, ENV_TERMINATED, 0}, 4);
  f.rollout.final_observations.count = 1;
  f.rollout.final_observations.environment[0] = 0;
  f.rollout.final_observations.step[0] = 1;
  *(float *)f.rollout.final_observations.observation = 10;
  model_pack(&f.model, true);
  CHECK_OK(pqn_estimate_returns(f.pqn));
  const float *greatest = f.pqn->batch.values, *returns = f.pqn->batch.returns;
  static const float expected_values[] = {2, 3, 1, 5, 4};
  for (size_t t = 0; t < 5; t++) CU_ASSERT_EQUAL(greatest[t], expected_values[t]);
  CU_ASSERT_EQUAL(returns[3], 4 + 0.5f * 4);
  CU_ASSERT_EQUAL(returns[2], 3);
  CU_ASSERT_EQUAL(returns[1], 2 + 0.5f * 10);
  CU_ASSERT_EQUAL(returns[0], 1 + 0.5f * (0.5f * 3 + 0.5f * 7));
  arena_destroy(&f.arena);
}

/* --- by plain loops --- */

struct naive {
  size_t weight0, bias0, gain, bias1, weight2, bias2; /* offsets in the parameter block */
  double p[MAX_PARAMETERS];
};

/* one hidden layer, normalised before tanh */
static void naive_values(const struct naive *n, const float *x, double q[ACTIONS]) {
  double z[HIDDEN], mean = 0, variance = 0;
  for (size_t i = 0; i < HIDDEN; i++) {
    z[i] = n->p[n->bias0 + i];
    for (size_t k = 0; k < OBS; k++) z[i] += n->p[n->weight0 + i * OBS + k] * x[k];
    mean += z[i] / HIDDEN;
  }
  for (size_t i = 0; i < HIDDEN; i++) variance += (z[i] - mean) * (z[i] - mean) / HIDDEN;
  for (size_t i = 0; i < HIDDEN; i++)
    z[i] = tanh(n->p[n->gain + i] * (z[i] - mean) / sqrt(variance + 1e-5) + n->p[n->bias1 + i]);
  for (size_t a = 0; a < ACTIONS; a++) {
    q[a] = n->p[n->bias2 + a];
    for (size_t i = 0; i < HIDDEN; i++) q[a] += n->p[n->weight2 + a * HIDDEN + i] * z[i];
  }
}

/* the greatest value of the actions that the mask allows; NULL: of all */
static double naive_greatest(const struct naive *n, const float *x, const uint8_t *mask) {
  double q[ACTIONS], greatest = -INFINITY;
  naive_values(n, x, q);
  for (size_t a = 0; a < ACTIONS; a++)
    if ((mask == NULL || mask[a] != 0) && q[a] > greatest) greatest = q[a];
  return greatest;
}

static double naive_final(const struct fixture *f, const struct naive *n, size_t env, size_t t) {
  const struct final_observations *final = &f->rollout.final_observations;
  for (size_t i = 0; i < (size_t) final->count; i++)
    if ((size_t) final->environment[i] == env && (size_t) final->step[i] == t)
      return naive_greatest(n, (const float *) final->observation + i * OBS, final->mask + i * ACTIONS);
  CU_FAIL_FATAL("no last observation of a truncated episode");
  return 0;
}

/* G of a step: the sum over n of (1 - lambda) lambda^(n - 1) times the n-step return, the last one with all that is
 * left of the weight */
static double naive_return(const struct fixture *f, const struct naive *n, size_t env, size_t t) {
  const double gamma = f->options.settings.gamma, lambda = f->options.q_lambda;
  const float *observation = f->rollout.observation;
  double rewards = 0, discount = 1, weight = 1, sum = 0;
  for (; t < T; t++) {
    const uint8_t ended = f->rollout.ended[env * T + t];
    rewards += discount * f->rollout.reward[env * T + t];
    discount *= gamma;
    const size_t next = env * (T + 1) + t + 1;
    double rest = 0;
    if (ended == 0) rest = naive_greatest(n, observation + next * OBS, f->rollout.mask + next * ACTIONS);
    if (ended == ENV_TRUNCATED) rest = naive_final(f, n, env, t);
    const bool is_last = ended != 0 || t == T - 1;
    sum += weight * (is_last ? 1 : 1 - lambda) * (rewards + discount * rest);
    weight *= lambda;
    if (is_last) break;
  }
  return sum;
}

/* half of the mean squared error of some samples, whose targets are fixed */
static double naive_loss(const struct fixture *f, const struct naive *n, const double *targets, const uint32_t *index,
                         size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) {
    const size_t env = index[i] / T, t = index[i] % T;
    double q[ACTIONS];
    naive_values(n, (const float *)f->rollout.observation + (env * (T + 1) + t) * OBS, q);
    const double error = q[((const int32_t *)f->rollout.action)[index[i]]] - targets[index[i]];
    sum += error * error / 2;
  }
  return sum / (double)count;
}

static void test_gradient(void) {
  const struct network_shape shape = {
      .obs_dim = OBS, .actions = ACTIONS, .layers = 1, .hidden = {HIDDEN}, .masks = true};
  struct fixture f;
  setup(&f, "gamma: 0.9, q_lambda: 0.7, n_steps: 12, batch_size: 7", shape, ENVS, T);
  const struct parameters *parameters = &f.model.parameters;
  CU_ASSERT_FATAL(parameters->count <= MAX_PARAMETERS);
  randomize_model(&f.model, 3);
  f.model.parameters.values[f.model.own_offset] = 0.5f; /* epsilon */
  fill_rollout(&f.model, 4, &f.rollout);
  CU_ASSERT_TRUE(f.rollout.final_observations.count > 0);
  struct naive n = {
      .weight0 = find_parameter(parameters, "policy", 0, "weight")->offset,
      .bias0 = find_parameter(parameters, "policy", 0, "bias")->offset,
      .gain = find_parameter(parameters, "policy", 1, "gain")->offset,
      .bias1 = find_parameter(parameters, "policy", 1, "bias")->offset,
      .weight2 = find_parameter(parameters, "policy", 2, "weight")->offset,
      .bias2 = find_parameter(parameters, "policy", 2, "bias")->offset,
  };
  for (size_t i = 0; i < parameters->count; i++) n.p[i] = parameters->values[i];

  double targets[SAMPLES];
  CHECK_OK_FATAL(pqn_estimate_returns(f.pqn));
  for (size_t i = 0; i < SAMPLES; i++) targets[i] = naive_return(&f, &n, i / T, i % T);
  CU_ASSERT_TRUE(relative_error(f.pqn->batch.returns, targets, SAMPLES) <= 1e-6);

  /* a part of the samples, more than a tile, in another order */
  enum { COUNT = 67 };
  uint32_t index[COUNT];
  for (uint32_t i = 0; i < COUNT; i++) index[i] = i * 5 % SAMPLES;
  struct losses losses;
  CHECK_OK_FATAL(pqn_minibatch_gradient(f.pqn, index, COUNT, &losses));
  CHECK_CLOSE(losses.policy, naive_loss(&f, &n, targets, index, COUNT), 1e-5);
  double expected[MAX_PARAMETERS];
  for (size_t i = 0; i < parameters->count; i++) {
    const double h = 1e-5, at = n.p[i];
    n.p[i] = at + h;
    const double above = naive_loss(&f, &n, targets, index, COUNT);
    n.p[i] = at - h;
    expected[i] = (above - naive_loss(&f, &n, targets, index, COUNT)) / (2 * h);
    n.p[i] = at;
  }
  CU_ASSERT_EQUAL(expected[f.model.own_offset], 0);
  CU_ASSERT_TRUE(relative_error(parameters->gradients, expected, parameters->count) <= 1e-5);
  arena_destroy(&f.arena);
}

/* --- exploration --- */

/* epsilon falls from 1 to 0.1 over the first half of the run, and no step of the optimizer moves it */
static void test_exploration(void) {
  const struct network_shape shape = {.obs_dim = OBS, .actions = ACTIONS, .layers = 1, .hidden = {HIDDEN}};
  struct fixture f;
  setup(&f, "n_steps: 12, batch_size: 24, exploration_fraction: 0.5, exploration_final_eps: 0.1", shape, ENVS, T);
  const float *epsilon = f.model.parameters.values + f.model.own_offset;
  CU_ASSERT_EQUAL(*epsilon, 1.0f);
  randomize_model(&f.model, 3);
  fill_rollout(&f.model, 4, &f.rollout);
  static const double remaining[] = {0.75, 0.5, 0.2}, expected[] = {0.55, 0.1, 0.1};
  for (size_t i = 0; i < 3; i++) {
    int64_t updates;
    double metrics[ALGORITHM_MAX_METRICS];
    CHECK_OK(algorithm_take_rollout(f.type, f.pqn, remaining[i], &updates));
    CU_ASSERT_EQUAL(updates, 1);
    CHECK_CLOSE(*epsilon, expected[i], 1e-6);
    const float before = *epsilon;
    CHECK_OK(f.type->update(f.pqn, remaining[i], metrics));
    CU_ASSERT_EQUAL(*epsilon, before);
  }
  /* four epochs of three minibatches each */
  CU_ASSERT_EQUAL(f.pqn->optimizer.steps, 3 * 4 * 3);
  arena_destroy(&f.arena);
}

static const struct check_case cases[] = {
    {"returns", test_returns},
    {"returns and gradient by plain loops", test_gradient},
    {"exploration", test_exploration},
};

CHECK_MAIN("pqn", cases)
