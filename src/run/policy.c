#include "run/policy.h"

#include "base/random.h"
#include "nn/model.h"
#include "run/spaces.h"

#include <math.h>
#include <stdlib.h>

/* the config says how the network is built, the spaces how wide it is, the tensors what it learned */
static muster_status read_policy(struct muster_policy *policy, struct checkpoint_reader *reader) {
  char *text;
  MUSTER_TRY(checkpoint_read_text(reader, "about/config", &text));
  muster_status status = run_config_parse(policy->path, text, &policy->config);
  free(text);
  MUSTER_TRY(status);
  MUSTER_TRY(checkpoint_read_int(reader, "about/total_steps", &policy->total_steps));
  MUSTER_TRY(spaces_read(reader, "spaces/observation", policy->arena, &policy->observation));
  MUSTER_TRY(spaces_read(reader, "spaces/action", policy->arena, &policy->action));
  struct model *model = &policy->model;
  MUSTER_TRY(model_create(&policy->config.policy, &policy->observation, &policy->action, true, policy->arena, model));
  for (int i = 0; i < model->parameters.tensors; i++) {
    struct tensor tensor = parameter_tensor(&model->parameters, &model->parameters.tensor[i]);
    MUSTER_TRY(checkpoint_read_tensor(reader, &tensor));
  }
  model_pack(model, false);
  return MUSTER_OK;
}

muster_status muster_policy_open(const char *path, muster_policy **out) {
  struct muster_policy *policy = calloc(1, sizeof *policy);
  if (policy == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory");
  struct checkpoint_reader *reader = NULL;
  muster_status status = arena_create(&policy->arena);
  if (status == MUSTER_OK) status = checkpoint_resolve(path, policy->path, sizeof policy->path);
  if (status == MUSTER_OK) status = checkpoint_open(policy->path, &reader);
  if (status == MUSTER_OK) status = status_wrap(read_policy(policy, reader), "%s", policy->path);
  checkpoint_close(&reader);
  if (status != MUSTER_OK) {
    muster_policy_close(&policy);
    return status;
  }
  *out = policy;
  return MUSTER_OK;
}

void muster_policy_close(muster_policy **policy) {
  if (*policy == NULL) return;
  arena_destroy(&(*policy)->arena);
  free(*policy);
  *policy = NULL;
}

const muster_space *muster_policy_observation_space(const muster_policy *policy) { return &policy->observation; }
const muster_space *muster_policy_action_space(const muster_policy *policy) { return &policy->action; }
const char *muster_policy_env(const muster_policy *policy) { return policy->config.env.name; }
const char *muster_policy_algorithm(const muster_policy *policy) { return policy->config.algorithm_name; }
int64_t muster_policy_total_steps(const muster_policy *policy) { return policy->total_steps; }

void muster_policy_seed(muster_policy *policy, uint64_t seed) {
  policy->seed = seed;
  policy->acts = 0;
}

muster_status muster_policy_act(muster_policy *policy, size_t n, const float *observations, muster_act_mode mode,
                                void *actions) {
  struct model *model = &policy->model;
  size_t elements = n * model->obs_dim;
  for (size_t i = 0; i < elements; i++)
    if (!isfinite(observations[i]))
      return status_error(MUSTER_ERROR_NUMERIC, "observation %zu, element %zu is not finite", i / model->obs_dim,
                          i % model->obs_dim);

  /* in tiles, since sampling wants a place for log-probabilities */
  struct action_random random = {.seed = policy->seed, .step = policy->acts++};
  for (size_t first = 0; first < n; first += TILE) {
    float log_prob[TILE];
    random.first_env = (uint32_t)first;
    model_act(model, n - first < TILE ? n - first : TILE, observations + first * model->obs_dim, model->obs_dim,
              mode == MUSTER_ACT_STOCHASTIC ? &random : NULL, (int32_t *)actions + first * model->act_elements,
              log_prob, 1);
  }
  return MUSTER_OK;
}
