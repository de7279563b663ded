/* Small models and rollouts for tests. */
#ifndef SUPPORT_MODEL_H
#define SUPPORT_MODEL_H

#include "base/random.h"
#include "nn/model.h"
#include "rollout/trajectory.h"
#include "support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct network_shape {
  size_t obs_dim;
  int32_t actions;
  int activation; /* index into the option's choices: 0 tanh, 1 relu */
  bool share_trunk;
  int32_t layers;
  int64_t hidden[4];
};

/* Fills n floats with normals times `scale`, from the stream `index` of the seed. */
static inline void fill_normal(float *values, size_t n, double scale, uint64_t seed, uint32_t index) {
  struct random_stream stream = random_stream_start(seed, RANDOM_ENV, index, 0);
  for (size_t i = 0; i < n; i++) values[i] = (float)(scale * muster_random_normal(&stream.base));
}

/* Creates a model of this shape for a Box observation and Discrete actions; parameters are zero. */
static inline void create_model(const struct network_shape *shape, bool policy_only, struct arena *arena,
                                struct model *model) {
  struct model_options options;
  CHECK_OK_FATAL(option_set_defaults(&model_option_table, &options));
  options.hidden_sizes.count = shape->layers;
  memcpy(options.hidden_sizes.values, shape->hidden, sizeof shape->hidden);
  options.activation = shape->activation;
  options.share_trunk = shape->share_trunk;
  muster_space observation = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {(int32_t)shape->obs_dim}};
  muster_space action = {.kind = MUSTER_SPACE_DISCRETE, .counts = &shape->actions};
  CHECK_OK_FATAL(model_create(&options, &observation, &action, policy_only, arena, model));
}

/* Random weights that keep activations and logits of order one, and packs them. */
static inline void randomize_model(struct model *model, uint64_t seed) {
  for (int i = 0; i < model->parameters.tensors; i++) {
    const struct parameter *tensor = &model->parameters.tensor[i];
    double scale = tensor->rank == 2 ? 1.2 / sqrt((double)tensor->shape[1]) : 0.1;
    fill_normal(model->parameters.values + tensor->offset, tensor->count, scale, seed, (uint32_t)i);
  }
  model_pack(model, true);
}

/* Fills a rollout: random observations and rewards, actions and log-probabilities by `model`, some episodes terminated
 * or truncated (with their true last observations). */
static inline void fill_rollout(struct model *model, uint64_t seed, struct trajectory *rollout) {
  size_t n_envs = rollout->n_envs, n_steps = rollout->n_steps, ld = trajectory_obs_ld(rollout);
  fill_normal(rollout->observation, n_envs * ld, 1.0, seed, 1);
  fill_normal(rollout->reward, n_envs * n_steps, 1.0, seed, 2);
  struct random_stream ends = random_stream_start(seed, RANDOM_ENV, 3, 0);
  rollout->finals.count = 0;
  int32_t *actions = calloc(n_envs * rollout->act_elements, sizeof *actions);
  for (size_t t = 0; t < n_steps; t++) {
    struct action_random random = {.seed = seed, .first_env = 0, .step = (uint32_t)t};
    model_act(model, n_envs, rollout->observation + t * rollout->obs_dim, ld, &random, actions, rollout->log_prob + t,
              n_steps);
    for (size_t n = 0; n < n_envs; n++) {
      size_t at = n * n_steps + t;
      memcpy(rollout->action + at * rollout->act_elements, actions + n * rollout->act_elements,
             rollout->act_elements * sizeof *actions);
      double u = muster_random_double(&ends.base);
      rollout->ended[at] = u < 0.05 ? ENV_TERMINATED : (u < 0.1 ? ENV_TRUNCATED : 0);
      if (rollout->ended[at] != ENV_TRUNCATED) continue;
      int32_t final = rollout->finals.count++;
      rollout->finals.environment[final] = (int32_t)n;
      rollout->finals.step[final] = (int32_t)t;
      fill_normal((float *)rollout->finals.observation + (size_t) final * rollout->obs_dim, rollout->obs_dim, 1.0, seed,
                  (uint32_t)(10 + final));
    }
  }
  free(actions);
}

/* max |a - b| / max |b| of floats against doubles; max |a| where b is zero; infinity when any is NaN. */
static inline double relative_error(const float *a, const double *b, size_t n) {
  double difference = 0, scale = 0;
  for (size_t i = 0; i < n; i++) {
    if (isnan(a[i]) || isnan(b[i])) return INFINITY;
    difference = fmax(difference, fabs(a[i] - b[i]));
    scale = fmax(scale, fabs(b[i]));
  }
  return scale > 0 ? difference / scale : difference;
}

#endif
