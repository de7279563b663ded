/* The gradient of every algorithm's update against central differences in double of a naive loss, which shares no code
 * with the library: the parameters move by minus the gradient, since the optimizer is plain descent with step size 1.
 * And textbook values. */
#include "algo/algorithm.h"
#include "config/document.h"
#include "support/check.h"
#include "support/model.h"

#include <stdio.h>

enum { ENVS = 6, T = 12, OBS = 3, ACTIONS = 3, SAMPLES = ENVS * T, MAX_PARAMETERS = 40 };

struct fixture {
  struct arena *arena;
  const struct algorithm_type *type;
  void *options;
  struct model model;
  struct trajectory rollout;
  void *algorithm;
};

/* an algorithm with options as in a config, and an empty rollout; the model's parameters are zero */
static void setup(struct fixture *f, const char *name, const char *options, const struct network_shape *shape,
                  size_t n_envs, size_t n_steps) {
  *f = (struct fixture){0};
  char text[512];
  snprintf(text, sizeof text, "algorithm: {optimizer: sgd, learning_rate: 1, max_grad_norm: 1000000%s}", options);
  CHECK_OK_FATAL(arena_create(&f->arena));
  CHECK_OK_FATAL(algorithm_find(name, &f->type));
  f->options = calloc(1, f->type->options_size);
  struct document *document;
  CHECK_OK_FATAL(document_create(&document));
  CHECK_OK_FATAL(document_read_text(document, "test", text, strlen(text)));
  CHECK_OK_FATAL(document_apply(document, f->type->options, f->options));
  document_destroy(&document);
  create_model(shape, algorithm_networks(f->type, f->options), f->arena, &f->model);
  create_rollout(shape, n_envs, n_steps, f->arena, &f->rollout);
}

static void create_algorithm(struct fixture *f) {
  struct algorithm_context context = {
      .options = f->options, .model = &f->model, .rollout = &f->rollout, .seed = 5, .arena = f->arena};
  CHECK_OK_FATAL(algorithm_create(f->type, &context, &f->algorithm));
}

static void teardown(struct fixture *f) {
  arena_destroy(&f->arena);
  free(f->options);
}

/* --- textbook values --- */

/* one step of one environment with reward g and this action, from logits that are the biases; returns their moves */
static void move_biases(double logit, int32_t action, float g, const char *options, float moves[2]) {
  const struct network_shape shape = {.obs_dim = 1, .actions = 2};
  struct fixture f;
  setup(&f, "reinforce", options, &shape, 1, 1);
  create_algorithm(&f);
  float *biases = f.model.parameters.values + find_parameter(&f.model.parameters, "policy", 0, "bias")->offset;
  biases[0] = (float)logit;
  *(int32_t *)f.rollout.action = action;
  *f.rollout.reward = g;
  *f.rollout.ended = ENV_TERMINATED;
  double metrics[ALGORITHM_MAX_METRICS];
  CHECK_OK_FATAL(f.type->update(f.algorithm, 1.0, metrics));
  moves[0] = biases[0] - (float)logit;
  moves[1] = biases[1];
  teardown(&f);
}

/* softmax over two actions, theta = (0, 0), the first one taken, G = 2, eta = 0.1: theta = (0.1, -0.1), and the
 * probability of the action rises from 0.5 to 0.5498 */
static void test_softmax(void) {
  float theta[2];
  move_biases(0.0, 0, 2.0f, "", theta);
  CHECK_CLOSE(0.1 * theta[0], 0.1, 1e-6);
  CHECK_CLOSE(0.1 * theta[1], -0.1, 1e-6);
  CHECK_CLOSE(1 / (1 + exp(0.1 * (theta[1] - theta[0]))), 0.5498, 5e-5);
}

/* one parameter: the action has probability p = 0.7 = sigmoid(theta); with G = 10 theta moves by G (1 - p) = 3 when it
 * was taken, and by -G p = -7 when the other one was */
static void test_one_parameter(void) {
  float moves[2];
  move_biases(log(0.7 / 0.3), 0, 10.0f, "", moves);
  CHECK_CLOSE(moves[0], 3.0, 1e-5);
  move_biases(log(0.7 / 0.3), 1, 10.0f, "", moves);
  CHECK_CLOSE(moves[0], -7.0, 1e-5);
}

/* --- finite differences --- */

static const double discount_factor = 0.9, vf_coef = 0.5, ent_coef = 0.02, clip_range = 0.2, kl_coef = 0.3;
static const double rho_bar = 1.2, c_bar = 0.9, pg_rho_bar = 1.1, vtrace_lambda = 0.8;
#define TRACE_OPTIONS ", n_steps: 12, rho_bar: 1.2, c_bar: 0.9, vtrace_lambda: 0.8"

/* the data of the naive model, which is linear; a copy of those in the rollout */
struct naive {
  const struct model *model;
  const struct trajectory *rollout;
  const double *reference; /* parameters of the reference policy; NULL: no term for it */
  const char *valued_by;   /* the critic that values states: "value", or a target network */
  bool clips, is_q;        /* the loss of the policy has ratios; the critic has an output for each action */
  size_t n;                /* number of samples that count */
  size_t sample[SAMPLES];  /* row * T + t */
  double weight[SAMPLES], target[SAMPLES]; /* [row * T + t]: those of the sample there */
};

static const float *observation(const struct naive *p, size_t row, size_t t) {
  return (const float *)p->rollout->observation + (row * (T + 1) + t) * OBS;
}

/* y = W x + b of a network of one layer */
static void linear(const struct naive *p, const char *network, const double *values, const float *x, double *y) {
  const struct parameter *weight = find_parameter(&p->model->parameters, network, 0, "weight");
  const struct parameter *bias = find_parameter(&p->model->parameters, network, 0, "bias");
  for (size_t o = 0; o < bias->count; o++) {
    y[o] = values[bias->offset + o];
    for (size_t k = 0; k < OBS; k++) y[o] += values[weight->offset + o * OBS + k] * x[k];
  }
}

static void log_probs(const struct naive *p, const double *values, const float *x, double out[ACTIONS]) {
  double z = 0;
  linear(p, "policy", values, x, out);
  for (int a = 0; a < ACTIONS; a++) z += exp(out[a]);
  for (int a = 0; a < ACTIONS; a++) out[a] -= log(z);
}

/* V(s), or sum_a pi(a | s) Q(s, a); and the output of an action */
static double state_value(const struct naive *p, const double *values, const float *x) {
  double value[ACTIONS], log_pi[ACTIONS], sum = 0;
  linear(p, p->valued_by, values, x, value);
  if (!p->is_q) return value[0];
  log_probs(p, values, x, log_pi);
  for (int a = 0; a < ACTIONS; a++) sum += exp(log_pi[a]) * value[a];
  return sum;
}

static double loss(const struct naive *p, const double *values) {
  double sum = 0, old = 0;
  for (size_t i = 0; i < p->n; i++) {
    size_t at = p->sample[i], action = (size_t)((const int32_t *)p->rollout->action)[at];
    const float *x = observation(p, at / T, at % T);
    double log_pi[ACTIONS], value[ACTIONS], weight = p->weight[at];
    log_probs(p, values, x, log_pi);
    double policy = -weight * log_pi[action];
    if (p->clips) {
      old = p->rollout->log_prob[at];
      double ratio = exp(log_pi[action] - old);
      policy = -fmin(ratio * weight, fmin(fmax(ratio, 1 - clip_range), 1 + clip_range) * weight);
    }
    sum += policy;
    for (int a = 0; a < ACTIONS; a++) sum += ent_coef * exp(log_pi[a]) * log_pi[a];
    if (p->reference != NULL) {
      double reference[ACTIONS];
      log_probs(p, p->reference, x, reference);
      double log_q = reference[action] - log_pi[action];
      sum += kl_coef * (exp(log_q) - log_q - 1);
    }
    if (model_value_outputs(p->model) == 0) continue;
    linear(p, "value", values, x, value);
    sum += vf_coef * pow(p->target[at] - value[p->is_q ? action : 0], 2);
  }
  return sum / (double)p->n;
}

/* sum of discounted rewards from step t to the end of the episode that counts */
static double return_from(const struct naive *p, size_t row, size_t t) {
  double sum = 0, discount = 1;
  for (; t < (size_t)p->rollout->length[row]; t++, discount *= discount_factor) {
    sum += discount * p->rollout->reward[row * T + t];
    if (p->rollout->ended[row * T + t] != 0) break;
  }
  return sum;
}

/* the value of what followed step t: V, or the expectation of Q */
static double next_value(const struct naive *p, const double *values, size_t row, size_t t) {
  uint8_t ended = p->rollout->ended[row * T + t];
  const struct final_observations *final_observations = &p->rollout->final_observations;
  if ((ended & ENV_TERMINATED) != 0) return 0;
  if (ended == 0) return state_value(p, values, observation(p, row, t + 1));
  for (int32_t i = 0; i < final_observations->count; i++)
    if ((size_t)final_observations->environment[i] == row && (size_t)final_observations->step[i] == t)
      return state_value(p, values, (const float *)final_observations->observation + i * OBS);
  CU_FAIL_FATAL("no last observation");
  return NAN;
}

/* rewards up to an end of the episode or of the row, and the value of what follows */
static double n_step_return(const struct naive *p, const double *values, size_t row, size_t t) {
  double reward = p->rollout->reward[row * T + t];
  bool goes_on = p->rollout->ended[row * T + t] == 0 && t + 1 < (size_t)p->rollout->length[row];
  return reward + discount_factor * (goes_on ? n_step_return(p, values, row, t + 1) : next_value(p, values, row, t));
}

/* pi / mu of a sample under these parameters, clipped */
static double clipped_ratio(const struct naive *p, const double *values, size_t at, double bar) {
  double log_pi[ACTIONS];
  log_probs(p, values, observation(p, at / T, at % T), log_pi);
  return fmin(exp(log_pi[((const int32_t *)p->rollout->action)[at]] - p->rollout->log_prob[at]), bar);
}

/* v_s of V-trace, term by term (Espeholt et al. 2018, eq. 1) */
static double trace_target(const struct naive *p, const double *values, size_t row, size_t s) {
  double sum = state_value(p, values, observation(p, row, s)), factor = 1;
  for (size_t t = s; t < (size_t)p->rollout->length[row]; t++) {
    size_t at = row * T + t;
    double residual = p->rollout->reward[at] + discount_factor * next_value(p, values, row, t) -
                      state_value(p, values, observation(p, row, t));
    sum += factor * clipped_ratio(p, values, at, rho_bar) * residual;
    if (p->rollout->ended[at] != 0) break;
    factor *= discount_factor * vtrace_lambda * clipped_ratio(p, values, at, c_bar);
  }
  return sum;
}

/* r_t + gamma v_{t+1} - V(x_t) */
static double trace_advantage(const struct naive *p, const double *values, size_t row, size_t t) {
  bool goes_on = p->rollout->ended[row * T + t] == 0 && t + 1 < (size_t)p->rollout->length[row];
  double after = goes_on ? trace_target(p, values, row, t + 1) : next_value(p, values, row, t);
  return p->rollout->reward[row * T + t] + discount_factor * after - state_value(p, values, observation(p, row, t));
}

enum weighing {
  RETURN,
  TOTAL,
  MINUS_VALUE,
  MINUS_MEAN,
  RESIDUAL,
  ACTION_VALUE,
  GROUP,
  BOOTSTRAPPED,
  TRACE,
  TRACE_CLIPPED
};

static void weigh(struct naive *p, const double *values, enum weighing weighing) {
  double mean = 0;
  for (size_t i = 0; i < p->n; i++) mean += return_from(p, p->sample[i] / T, p->sample[i] % T) / (double)p->n;
  for (size_t i = 0; i < p->n; i++) {
    size_t at = p->sample[i], row = at / T, t = at % T;
    double g = return_from(p, row, t), *weight = &p->weight[at], *target = &p->target[at];
    *weight = *target = g;
    if (weighing == TOTAL) *weight = return_from(p, row, 0);
    if (weighing == MINUS_VALUE) *weight = g - state_value(p, values, observation(p, row, t));
    if (weighing == MINUS_MEAN) *weight = g - mean;
    if (weighing == RESIDUAL || weighing == ACTION_VALUE) {
      double q[ACTIONS];
      *target = p->rollout->reward[at] + discount_factor * next_value(p, values, row, t);
      linear(p, "value", values, observation(p, row, t), q);
      *weight = weighing == RESIDUAL ? *target - q[0] : q[((const int32_t *)p->rollout->action)[at]];
    }
    if (weighing == BOOTSTRAPPED) {
      *target = n_step_return(p, values, row, t);
      *weight = *target - state_value(p, values, observation(p, row, t));
    }
    if (weighing == TRACE || weighing == TRACE_CLIPPED) {
      *target = trace_target(p, values, row, t);
      *weight = trace_advantage(p, values, row, t);
      if (weighing == TRACE) *weight *= clipped_ratio(p, values, at, pg_rho_bar);
    }
    if (weighing == GROUP) {
      /* groups of three */
      double sum = 0, squares = 0;
      for (size_t k = row / 3 * 3; k < row / 3 * 3 + 3; k++) sum += return_from(p, k, 0) / 3;
      for (size_t k = row / 3 * 3; k < row / 3 * 3 + 3; k++) squares += pow(return_from(p, k, 0) - sum, 2) / 3;
      *weight = (return_from(p, row, 0) - sum) / (sqrt(squares) + 1e-8);
    }
  }
}

struct gradient_case {
  const char *name, *options;
  enum weighing weighing;
};

static const struct gradient_case gradient_cases[] = {
    {"reinforce", "", RETURN},
    {"reinforce", ", advantage: {estimator: total_return}", TOTAL},
    {"reinforce-baseline", ", vf_coef: 0.5", MINUS_VALUE},
    {"reinforce-baseline", ", baseline: batch_mean", MINUS_MEAN},
    {"reinforce-baseline", ", baseline: none", RETURN},
    {"actor-critic", ", n_steps: 12", RESIDUAL},
    {"actor-critic", ", n_steps: 12, critic: q", ACTION_VALUE},
    {"actor-critic", ", n_steps: 12, critic: q, target_update_interval: 2", ACTION_VALUE},
    {"a2c", ", n_steps: 12, advantage: {lambda: 0}", RESIDUAL},
    {"a2c", ", n_steps: 12, advantage: {estimator: td_residual}", RESIDUAL},
    {"grpo", ", group_size: 3, n_epochs: 1, batch_size: 1000, clip_range: 0.2", GROUP},
    {"grpo", ", group_size: 3, n_epochs: 1, batch_size: 1000, clip_range: 0.2, kl_coef: 0.3", GROUP},
    {"a2c", ", n_steps: 12", BOOTSTRAPPED},
    {"a3c", ", n_steps: 12", BOOTSTRAPPED},
    {"impala", TRACE_OPTIONS ", pg_rho_bar: 1.1", TRACE},
    {"appo", TRACE_OPTIONS ", normalize_advantage: false, n_epochs: 1, batch_size: 1000, clip_range: 0.2",
     TRACE_CLIPPED},
};

/* the samples that count: all, or the first episode of each environment */
static void list_samples(struct fixture *f, struct naive *p) {
  bool whole = algorithm_needs(f->type, f->options).whole_episodes;
  for (size_t row = 0; row < ENVS; row++)
    for (size_t t = 0; t < (size_t)f->rollout.length[row]; t++) {
      p->sample[p->n++] = row * T + t;
      if (whole && f->rollout.ended[row * T + t] != 0) f->rollout.length[row] = (int32_t)(t + 1);
    }
}

/* Errors seen: at most 3e-6 of a tensor. */
static double gradient_error(const struct gradient_case *c, uint64_t seed) {
  const struct network_shape shape = {.obs_dim = OBS, .actions = ACTIONS};
  struct fixture f;
  char options[256];
  snprintf(options, sizeof options, ", gamma: 0.9, ent_coef: 0.02%s", c->options);
  setup(&f, c->name, options, &shape, ENVS, T);
  struct naive p = {.model = &f.model, .rollout = &f.rollout, .is_q = c->weighing == ACTION_VALUE};
  p.valued_by = strstr(c->options, "target_update_interval") != NULL ? "target" : "value";
  size_t count = f.model.parameters.count;
  double values[MAX_PARAMETERS], reference[MAX_PARAMETERS];

  /* the reference is the policy at the beginning; the current policy is a second one, and the policy that acted a
   * third */
  randomize_model(&f.model, seed);
  for (size_t i = 0; i < count; i++) reference[i] = f.model.parameters.values[i];
  create_algorithm(&f);
  fill_rollout(&f.model, seed, &f.rollout);
  float noise[MAX_PARAMETERS];
  fill_normal(noise, count, 0.3, seed, 77);
  for (size_t i = 0; i < count; i++) values[i] = f.model.parameters.values[i] += noise[i];
  model_pack(&f.model, true);
  list_samples(&f, &p);
  p.clips = c->weighing == GROUP || c->weighing == TRACE_CLIPPED;
  p.reference = strstr(c->options, "kl_coef") != NULL ? reference : NULL;
  weigh(&p, values, c->weighing);

  double metrics[ALGORITHM_MAX_METRICS], worst = 0, scale = 0;
  CHECK_OK_FATAL(f.type->update(f.algorithm, 1.0, metrics));
  for (size_t i = 0; i < count; i++) {
    const double h = 1e-6, value = values[i];
    values[i] = value + h;
    double above = loss(&p, values);
    values[i] = value - h;
    double expected = (above - loss(&p, values)) / (2 * h);
    values[i] = value;
    worst = fmax(worst, fabs(value - f.model.parameters.values[i] - expected));
    scale = fmax(scale, fabs(expected));
  }
  teardown(&f);
  return worst / scale;
}

static void test_gradients(void) {
  for (size_t i = 0; i < sizeof gradient_cases / sizeof *gradient_cases; i++)
    for (uint64_t seed = 1; seed <= 5; seed++) {
      double error = gradient_error(&gradient_cases[i], seed);
      if (!(error <= 1e-5))
        printf("\n    %s%s, seed %d: %g\n", gradient_cases[i].name, gradient_cases[i].options, (int)seed, error);
      CU_ASSERT_TRUE(error <= 1e-5);
    }
}

/* --- GRPO by hand --- */

/* two groups: returns 1, 3, 5 (mean 3, deviation sqrt(8/3)) and three times 2, whose advantages are zero */
static void test_groups(void) {
  static const float rewards[ENVS] = {1, 3, 5, 2, 2, 2};
  const struct network_shape shape = {.obs_dim = 1, .actions = 2};
  struct fixture f;
  setup(&f, "grpo", ", group_size: 3, n_epochs: 1, batch_size: 1000", &shape, ENVS, 2);
  create_algorithm(&f);
  for (size_t row = 0; row < ENVS; row++) {
    f.rollout.reward[2 * row + 1] = rewards[row];
    f.rollout.ended[2 * row + 1] = ENV_TERMINATED;
    f.rollout.log_prob[2 * row] = f.rollout.log_prob[2 * row + 1] = -logf(2);
  }
  double metrics[ALGORITHM_MAX_METRICS];
  CHECK_OK_FATAL(f.type->update(f.algorithm, 1.0, metrics));
  struct tensor list[ALGORITHM_MAX_STATE];
  int n = algorithm_intermediates(f.type, f.algorithm, list);
  const float *advantages = NULL;
  for (int i = 0; i < n; i++)
    if (strcmp(list[i].name, "batch/advantages") == 0) advantages = list[i].data;
  CU_ASSERT_PTR_NOT_NULL_FATAL(advantages);
  const double expected[ENVS] = {-2 / sqrt(8.0 / 3), 0, 2 / sqrt(8.0 / 3), 0, 0, 0};
  for (size_t i = 0; i < 2 * ENVS; i++) CHECK_CLOSE(advantages[i], expected[i / 2], 1e-6);
  teardown(&f);
}

/* --- A2C's relatives --- */

/* on a rollout of the policy that learns, a3c and impala do the same as a2c, to the last bit */
static void test_same_as_a2c(void) {
  static const char *const names[] = {"a2c", "a3c", "impala"};
  const struct network_shape shape = {.obs_dim = OBS, .actions = ACTIONS, .layers = 1, .hidden = {8}};
  for (uint64_t seed = 1; seed <= 5; seed++) {
    struct fixture f[3];
    for (size_t i = 0; i < 3; i++) {
      setup(&f[i], names[i], ", n_steps: 12, ent_coef: 0.02", &shape, ENVS, T);
      randomize_model(&f[i].model, seed);
      create_algorithm(&f[i]);
      fill_rollout(&f[i].model, seed, &f[i].rollout);
      double metrics[ALGORITHM_MAX_METRICS];
      CHECK_OK_FATAL(f[i].type->update(f[i].algorithm, 1.0, metrics));
      CU_ASSERT_EQUAL(memcmp(f[i].model.parameters.values, f[0].model.parameters.values,
                             f[0].model.parameters.count * sizeof(float)),
                      0);
    }
    for (size_t i = 0; i < 3; i++) teardown(&f[i]);
  }
}

/* an actor that computes gradients has some environments of the run, whose indices do not begin with 0 */
static void test_actor_in_the_middle(void) {
  const struct network_shape shape = {.obs_dim = OBS, .actions = ACTIONS, .layers = 1, .hidden = {8}};
  struct fixture f[2];
  for (size_t i = 0; i < 2; i++) {
    setup(&f[i], "a3c", ", n_steps: 12", &shape, ENVS, T);
    randomize_model(&f[i].model, 1);
    create_algorithm(&f[i]);
    fill_rollout(&f[i].model, 1, &f[i].rollout);
    CU_ASSERT_NOT_EQUAL_FATAL(f[i].rollout.final_observations.count, 0);
    f[i].rollout.first_env = 1000 * i;
    for (int32_t k = 0; k < f[i].rollout.final_observations.count; k++)
      f[i].rollout.final_observations.environment[k] += 1000 * (int32_t)i;
    double terms[ALGORITHM_MAX_TERMS];
    CHECK_OK_FATAL(f[i].type->gradient(f[i].algorithm, terms));
  }
  CU_ASSERT_EQUAL(memcmp(f[1].model.parameters.gradients, f[0].model.parameters.gradients,
                         f[0].model.parameters.count * sizeof(float)),
                  0);
  for (size_t i = 0; i < 2; i++) teardown(&f[i]);
}

/* --- the target network of a critic for Q --- */

/* some updates of actor-critic from the same rollout; fills target[] after each one, and what is learned after the last
 * one; returns how many floats a critic has */
static size_t update_critic(const char *options, int updates, float target[][MAX_PARAMETERS],
                            float value[][MAX_PARAMETERS], float learned[MAX_PARAMETERS]) {
  const struct network_shape shape = {.obs_dim = OBS, .actions = ACTIONS};
  struct fixture f;
  char text[256];
  snprintf(text, sizeof text, ", n_steps: 12, critic: q%s", options);
  setup(&f, "actor-critic", text, &shape, ENVS, T);
  randomize_model(&f.model, 1);
  model_update_targets(&f.model, 1.0f);
  create_algorithm(&f);
  fill_rollout(&f.model, 1, &f.rollout);
  const struct model_network *critic = f.model.value, *copy = model_find(&f.model, "target");
  const float *values = f.model.parameters.values;
  for (int i = 0; i < updates; i++) {
    double metrics[ALGORITHM_MAX_METRICS];
    CHECK_OK_FATAL(f.type->update(f.algorithm, 1.0, metrics));
    if (copy != NULL) memcpy(target[i], values + copy->first, copy->count * sizeof *values);
    memcpy(value[i], values + critic->first, critic->count * sizeof *values);
  }
  memcpy(learned, values, f.model.learned_count * sizeof *values);
  const size_t count = critic->count;
  teardown(&f);
  return count;
}

static void test_target_network(void) {
  float target[4][MAX_PARAMETERS], value[4][MAX_PARAMETERS], learned[MAX_PARAMETERS], plain[MAX_PARAMETERS];
  const size_t n = update_critic(", target_update_interval: 2, tau: 0.25", 4, target, value, learned);
  /* it moves after the second and the fourth update, a quarter of the way */
  for (size_t i = 0; i < n; i++) {
    CU_ASSERT_EQUAL(target[1][i], 0.75f * target[0][i] + 0.25f * value[1][i]);
    CU_ASSERT_EQUAL(target[2][i], target[1][i]);
    CU_ASSERT_EQUAL(target[3][i], 0.75f * target[2][i] + 0.25f * value[3][i]);
  }
  CU_ASSERT_NOT_EQUAL(memcmp(target[0], value[0], n * sizeof(float)), 0);

  /* one that is a copy after each update changes nothing, to the bit */
  memset(learned, 0, sizeof learned);
  memset(plain, 0, sizeof plain);
  update_critic(", target_update_interval: 1", 4, target, value, learned);
  update_critic("", 4, target, value, plain);
  CU_ASSERT_EQUAL(memcmp(learned, plain, sizeof plain), 0);
}

static const struct check_case cases[] = {
    {"softmax over two actions", test_softmax},
    {"one parameter", test_one_parameter},
    {"every gradient against central differences in double", test_gradients},
    {"advantages of groups by hand", test_groups},
    {"in step, a3c and impala are a2c", test_same_as_a2c},
    {"the gradient of an actor whose environments are not the first", test_actor_in_the_middle},
    {"the target network of actor-critic", test_target_network},
};

CHECK_MAIN("policy_gradient", cases)
