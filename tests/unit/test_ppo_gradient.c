/* The gradient of PPO's loss, computed in float by tiles, against central differences of the same loss, computed in
 * double by the naive implementation below, which shares no code with the library. */
#include "algo/batch.h"
#include "algo/ppo.h"
#include "support/check.h"
#include "support/model.h"

#include <stdio.h>

enum { MAX_SAMPLES = 70, MAX_WIDTH = 32 };
static const double clip_range = 0.2, clip_range_vf = 0.25;

#define TOLERANCE 1e-4

enum value_clip { UNCLIPPED, CLIP_REPLACE, CLIP_MAX, VALUE_CLIPS };

/* one minibatch and its loss; samples are drawn as floats, so both sides see the same numbers */
struct problem {
  struct network_shape shape;
  const struct parameters *layout; /* names, shapes and offsets */
  size_t n;
  double obs[MAX_SAMPLES][MAX_WIDTH];
  double action[MAX_SAMPLES][4];
  uint8_t mask[MAX_SAMPLES][MAX_WIDTH];
  double old_log_prob[MAX_SAMPLES], old_value[MAX_SAMPLES], advantage[MAX_SAMPLES], returns[MAX_SAMPLES];
  enum value_clip value_clip;
  bool normalize;
  double ent_coef, vf_coef;
};

/* --- the naive loss --- */

/* x <- activation(W x + b) through `layers` layers of a network; `head`: the last one has no activation */
static void naive_network(const struct problem *p, const double *values, const char *network, int layers, bool head,
                          double *x) {
  for (int i = 0; i < layers; i++) {
    const struct parameter *weight = find_parameter(p->layout, network, i, "weight");
    const struct parameter *bias = find_parameter(p->layout, network, i, "bias");
    double y[MAX_WIDTH];
    for (size_t o = 0; o < weight->shape[0]; o++) {
      y[o] = values[bias->offset + o];
      for (size_t k = 0; k < weight->shape[1]; k++) y[o] += values[weight->offset + o * weight->shape[1] + k] * x[k];
      if (!head || i < layers - 1) y[o] = p->shape.activation == 0 ? tanh(y[o]) : fmax(y[o], 0.0);
    }
    memcpy(x, y, sizeof y);
  }
}

struct naive_sample {
  double log_prob, entropy, value;
};

static size_t elements_of(const struct problem *p) { return p->shape.kind == 0 ? 1 : (size_t)p->shape.elements; }

static int32_t count_of(const struct problem *p, size_t element) {
  return p->shape.kind == 0 ? p->shape.actions : p->shape.counts[element];
}

/* log-probability and entropy of a sample, from the outputs of the policy's network */
static void naive_head(const struct problem *p, const double *values, size_t sample, const double *net,
                       struct naive_sample *out) {
  const double log_two_pi = log(8 * atan(1));
  const uint8_t *mask = p->mask[sample];
  for (size_t i = 0; i < elements_of(p); i++) {
    if (p->shape.kind == MUSTER_SPACE_BOX) {
      double s = fmin(fmax(net[elements_of(p) + i], -20), 2);
      for (int k = 0; k < p->layout->tensors && p->shape.log_std == MODEL_LOG_STD_PARAMETER; k++)
        if (strcmp(p->layout->tensor[k].name, "policy/log_std") == 0) s = values[p->layout->tensor[k].offset + i];
      out->log_prob += -pow((p->action[sample][i] - net[i]) / exp(s), 2) / 2 - s - log_two_pi / 2;
      out->entropy += 0.5 + log_two_pi / 2 + s;
      continue;
    }
    double z = 0;
    int32_t count = count_of(p, i);
    for (int32_t a = 0; a < count; a++) z += mask[a] ? exp(net[a]) : 0;
    for (int32_t a = 0; a < count; a++) out->entropy -= mask[a] ? exp(net[a]) / z * (net[a] - log(z)) : 0;
    out->log_prob += net[(int32_t)p->action[sample][i]] - log(z);
    net += count;
    mask += count;
  }
}

static struct naive_sample naive_forward(const struct problem *p, const double *values, size_t sample) {
  double policy[MAX_WIDTH], value[MAX_WIDTH];
  memcpy(policy, p->obs[sample], sizeof policy);
  int own = p->shape.layers + 1;
  if (p->shape.share_trunk) {
    naive_network(p, values, "trunk", p->shape.layers, false, policy);
    own = 1;
  }
  memcpy(value, policy, sizeof value);
  naive_network(p, values, "policy", own, true, policy);
  naive_network(p, values, "value", own, true, value);

  struct naive_sample out = {.value = value[0]};
  naive_head(p, values, sample, policy, &out);
  return out;
}

static double clamp(double x, double low, double high) { return fmin(fmax(x, low), high); }

static double naive_loss(const struct problem *p, const double *values) {
  double mean = 0, variance = 0, loss = 0, n = (double)p->n;
  for (size_t i = 0; i < p->n; i++) mean += p->advantage[i] / n;
  for (size_t i = 0; i < p->n; i++) variance += pow(p->advantage[i] - mean, 2) / (n - 1);
  for (size_t i = 0; i < p->n; i++) {
    struct naive_sample s = naive_forward(p, values, i);
    double advantage = p->normalize ? (p->advantage[i] - mean) / (sqrt(variance) + 1e-8) : p->advantage[i];
    double ratio = exp(s.log_prob - p->old_log_prob[i]);
    double surrogate = fmin(ratio * advantage, clamp(ratio, 1 - clip_range, 1 + clip_range) * advantage);
    double clipped = p->old_value[i] + clamp(s.value - p->old_value[i], -clip_range_vf, clip_range_vf);
    double plain_loss = pow(s.value - p->returns[i], 2), clipped_loss = pow(clipped - p->returns[i], 2);
    double value_loss = plain_loss;
    if (p->value_clip == CLIP_REPLACE) value_loss = clipped_loss;
    if (p->value_clip == CLIP_MAX) value_loss = fmax(plain_loss, clipped_loss);
    loss += (-surrogate - p->ent_coef * s.entropy + p->vf_coef * value_loss) / n;
  }
  return loss;
}

/* --- the comparison --- */

static float random_float(struct random_stream *stream, double scale) {
  return (float)(scale * muster_random_normal(&stream->base));
}

/* draws the action of a sample, and its masks, which allow it and half of the others */
static void draw_action(struct problem *p, size_t i, struct random_stream *stream, struct trajectory *rollout) {
  uint8_t *mask = p->mask[i];
  for (size_t k = 0; k < elements_of(p); k++) {
    size_t at = i * elements_of(p) + k;
    if (p->shape.kind == MUSTER_SPACE_BOX) {
      p->action[i][k] = ((float *)rollout->action)[at] = random_float(stream, 1.0);
      continue;
    }
    int32_t count = count_of(p, k), choice = (int32_t)muster_random_below(&stream->base, (uint32_t)count);
    p->action[i][k] = ((int32_t *)rollout->action)[at] = choice;
    for (int32_t a = 0; a < count; a++)
      mask[a] = !p->shape.masks || a == choice || muster_random_below(&stream->base, 2) == 0;
    mask += count;
  }
  if (p->shape.masks) memcpy(rollout->mask + 2 * i * rollout->mask_bytes, p->mask[i], rollout->mask_bytes);
}

/* draws the minibatch, so that about half of the ratios and values lie beyond their clip ranges, on either side */
static void draw_samples(struct problem *p, const double *values, uint64_t seed, struct trajectory *rollout,
                         struct batch *batch) {
  struct random_stream stream = random_stream_start(seed, RANDOM_ENV, 100, 0);
  for (size_t i = 0; i < p->n; i++) {
    for (size_t k = 0; k < p->shape.obs_dim; k++)
      p->obs[i][k] = ((float *)rollout->observation)[2 * i * p->shape.obs_dim + k] = random_float(&stream, 1.0);
    draw_action(p, i, &stream, rollout);
    struct naive_sample s = naive_forward(p, values, i);
    p->old_log_prob[i] = rollout->log_prob[i] = (float)s.log_prob + random_float(&stream, 0.3);
    p->old_value[i] = batch->values[2 * i] = (float)s.value + random_float(&stream, 0.4);
    p->advantage[i] = batch->advantages[i] = 0.3f + random_float(&stream, 1.5);
    p->returns[i] = batch->returns[i] = (float)p->old_value[i] + random_float(&stream, 1.0);
  }
}

/* max |a - b| / max |b|, where differences within the rounding of the difference quotient do not count */
static double tensor_error(const float *gradient, const double *expected, size_t n) {
  const double noise = 1e-8;
  double difference = 0, scale = 0;
  for (size_t i = 0; i < n; i++) {
    if (isnan(gradient[i])) return INFINITY;
    difference = fmax(difference, fabs(gradient[i] - expected[i]));
    scale = fmax(scale, fabs(expected[i]));
  }
  return difference <= noise ? 0.0 : difference / scale;
}

/* checks loss and gradient of one problem; returns the worst relative error of a tensor */
static double check_problem(struct problem *p, uint64_t seed) {
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct model model;
  struct trajectory rollout;
  create_model(&p->shape, model_critic_v, arena, &model);
  randomize_model(&model, seed);
  p->layout = &model.parameters;
  create_rollout(&p->shape, p->n, 1, arena, &rollout);
  const struct algorithm_type *type;
  struct ppo_options options = {0};
  CHECK_OK_FATAL(algorithm_find("ppo", &type));
  CHECK_OK_FATAL(option_set_defaults(type->options, &options));
  options.settings.ent_coef.initial = p->ent_coef;
  options.settings.vf_coef = p->vf_coef;
  options.settings.normalize_advantage = p->normalize;
  options.clip_range_vf_form = p->value_clip == CLIP_MAX ? PPO_VALUE_CLIP_MAX : PPO_VALUE_CLIP_REPLACE;
  struct algorithm_context context = {
      .options = &options, .model = &model, .rollout = &rollout, .seed = 1, .arena = arena};
  void *ppo;
  CHECK_OK_FATAL(algorithm_create(type, &context, &ppo));

  size_t count = model.parameters.count;
  double *values = malloc(count * sizeof *values), *expected = malloc(count * sizeof *expected);
  for (size_t i = 0; i < count; i++) values[i] = model.parameters.values[i];
  draw_samples(p, values, seed, &rollout, &((struct policy_gradient *)ppo)->batch);

  /* in float by tiles */
  uint32_t index[MAX_SAMPLES];
  for (uint32_t i = 0; i < p->n; i++) index[i] = i;
  struct losses loss;
  CHECK_OK_FATAL(ppo_minibatch_gradient(ppo, index, p->n, clip_range,
                                        p->value_clip == UNCLIPPED ? INFINITY : clip_range_vf, &loss));
  CHECK_CLOSE(loss.policy + p->ent_coef * loss.entropy + p->vf_coef * loss.value, naive_loss(p, values), 2e-6);

  /* central differences in double: the step is so short that hardly any relu or clip has its kink within it */
  const double h = 1e-7;
  for (size_t i = 0; i < count; i++) {
    double value = values[i];
    values[i] = value + h;
    double above = naive_loss(p, values);
    values[i] = value - h;
    expected[i] = (above - naive_loss(p, values)) / (2 * h);
    values[i] = value;
  }
  double worst = 0;
  for (int i = 0; i < model.parameters.tensors; i++) {
    const struct parameter *tensor = &model.parameters.tensor[i];
    double error = tensor_error(model.parameters.gradients + tensor->offset, expected + tensor->offset, tensor->count);
    if (!(error <= TOLERANCE))
      printf(
          "\n    %s: %d layers, activation %d, shared %d, kind %d, %d actions, value clip %d, %zu samples: error %g\n",
          tensor->name, p->shape.layers, p->shape.activation, p->shape.share_trunk, (int)p->shape.kind,
          p->shape.actions, (int)p->value_clip, p->n, error);
    worst = fmax(worst, error);
  }
  free(values);
  free(expected);
  arena_destroy(&arena);
  return worst;
}

/* Errors seen: at most 6e-6 of a tensor, except for two biases of a minibatch of five, whose terms cancel to a
 * hundredth: 4e-5. */
static void test_gradient(void) {
  static const int64_t hidden[4][4] = {{0}, {7}, {9, 4}, {16, 5, 3}};
  static const int32_t actions[] = {1, 2, 5};
  static const size_t samples[] = {5, 64, 70};
  double worst = 0;
  for (int i = 0; i < 4 * 2 * 2 * 3 * VALUE_CLIPS; i++) {
    int layers = i % 4, rest = i / 4;
    struct problem p = {.shape = {.obs_dim = 3, .layers = layers}, .vf_coef = 0.5};
    memcpy(p.shape.hidden, hidden[layers], sizeof hidden[layers]);
    p.shape.activation = rest % 2;
    p.shape.share_trunk = rest / 2 % 2 == 1;
    p.shape.actions = actions[rest / 4 % 3];
    p.value_clip = (enum value_clip)(rest / 12);
    p.n = samples[(layers + rest) % 3];
    p.normalize = i % 5 != 0;
    p.ent_coef = i % 3 == 0 ? 0.0 : 0.1;
    worst = fmax(worst, check_problem(&p, 1000 + (uint64_t)i));
  }
  CU_ASSERT_TRUE(worst <= TOLERANCE);
}

/* The other kinds of actions, at every number of samples. Errors seen: at most 2e-5. */
static void test_kinds(void) {
  static const struct network_shape shapes[] = {
      {.actions = 5, .masks = true},
      {.kind = MUSTER_SPACE_MULTI_DISCRETE, .elements = 3, .counts = {2, 5, 3}},
      {.kind = MUSTER_SPACE_MULTI_DISCRETE, .elements = 2, .counts = {4, 3}, .masks = true},
      {.kind = MUSTER_SPACE_BOX, .elements = 1},
      {.kind = MUSTER_SPACE_BOX, .elements = 4},
      {.kind = MUSTER_SPACE_BOX, .elements = 3, .log_std = MODEL_LOG_STD_STATE},
  };
  static const size_t samples[] = {5, 64, 70};
  double worst = 0;
  for (int i = 0; i < 6 * 3 * 2; i++) {
    struct problem p = {.shape = shapes[i % 6], .n = samples[i / 6 % 3], .vf_coef = 0.5, .ent_coef = 0.1};
    p.shape.obs_dim = 3;
    p.shape.layers = 2;
    p.shape.hidden[0] = 9;
    p.shape.hidden[1] = 6;
    p.shape.share_trunk = i / 18 == 1;
    p.normalize = true;
    worst = fmax(worst, check_problem(&p, 2000 + (uint64_t)i));
  }
  CU_ASSERT_TRUE(worst <= TOLERANCE);
}

static const struct check_case cases[] = {
    {"gradient against central differences in double", test_gradient},
    {"the same for every kind of action", test_kinds},
};

CHECK_MAIN("ppo_gradient", cases)
