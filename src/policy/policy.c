#include "policy/policy.h"

#include "base/random.h"
#include "env/bounds.h"
#include "nn/model.h"
#include "setup/spaces.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static muster_status read_reward_scale(struct muster_policy *policy, struct checkpoint_reader *reader) {
  double variance = 1;
  const struct tensor tensor = {
      .name = "normalizer/return_variance", .type = TENSOR_F64, .data = &variance, .range = RANGE(0, DBL_MAX)};
  policy->reward_scale = 1;
  if (!policy->config.normalize.norm_reward) return MUSTER_OK;
  MUSTER_TRY(checkpoint_restore_tensor(reader, &tensor));
  policy->reward_scale = sqrt(variance + policy->config.normalize.epsilon);
  return MUSTER_OK;
}

/* the statistics of observations, which no longer change */
static muster_status read_statistics(struct muster_policy *policy, struct checkpoint_reader *reader) {
  struct normalize_options *options = &policy->config.normalize;
  struct encoder *encoder = &policy->model.encoder;
  MUSTER_TRY(read_reward_scale(policy, reader));
  options->norm_reward = false; /* a policy alone has no further use for it */
  MUSTER_TRY(normalizer_prepare(options, policy->arena, encoder));
  MUSTER_TRY(normalizer_create(options, encoder, 0, 0.0, policy->arena, &policy->normalizer));
  struct tensor list[NORMALIZER_STATE];
  int n = normalizer_state(&policy->normalizer, list);
  for (int i = 0; i < n; i++) MUSTER_TRY(checkpoint_restore_tensor(reader, &list[i]));
  normalizer_publish(&policy->normalizer);
  return MUSTER_OK;
}

/* what the values mean of the critics of an algorithm, the first of which is this one */
static enum policy_values values_of_critics(const struct muster_policy *policy,
                                            const struct model_network_spec *critic) {
  const bool is_box = policy->action.kind == MUSTER_SPACE_BOX;
  if (policy->model.head.distribution->values != NULL) return POLICY_VALUES_OWN;
  if (critic->name == NULL) return POLICY_VALUES_NONE;
  if (critic->reads == MODEL_READS_BOX) return is_box ? POLICY_VALUES_OF_ACTIONS : POLICY_VALUES_OF_CHOICES;
  if (critic->reads == MODEL_READS_ACTION) return POLICY_VALUES_OF_ACTIONS;
  return critic->outputs == MODEL_OUTPUTS_CHOICES ? POLICY_VALUES_OF_CHOICES : POLICY_VALUES_OF_STATES;
}

/* builds policy and critics of the algorithm, without the target copies, which come last in its list */
static muster_status create_model(struct muster_policy *policy) {
  const struct run_config *config = &policy->config;
  const struct model_network_spec *listed = algorithm_networks(run_config_algorithm(config), config->algorithm);
  struct model_network_spec *critics;
  size_t n = 0;
  while (listed[n].name != NULL && listed[n].copy_of == NULL) n++;
  MUSTER_TRY(ARENA_TAKE(policy->arena, n + 1, "networks", &critics));
  memcpy(critics, listed, n * sizeof *critics);
  struct model *model = &policy->model;
  MUSTER_TRY(model_create(&config->policy, &policy->observation, &policy->action, critics, policy->arena, model));
  policy->values = values_of_critics(policy, critics);
  const size_t choices = model->head.choices, elements = model->head.elements;
  MUSTER_TRY(ARENA_TAKE(policy->arena, TILE * (choices > 0 ? choices : 1), "values", &policy->estimates));
  MUSTER_TRY(ARENA_TAKE(policy->arena, TILE * choices, "probabilities", &policy->chances));
  return ARENA_TAKE(policy->arena, choices > 0 ? 0 : 2 * TILE * elements, "actions", &policy->actions);
}

static muster_status read_masks(struct muster_policy *policy, struct checkpoint_reader *reader) {
  const char *name = "about/masks_actions";
  int64_t masks_actions;
  policy->masks = POLICY_MASKS_UNKNOWN;
  if (!checkpoint_has(reader, name)) return MUSTER_OK;
  MUSTER_TRY(checkpoint_read_int(reader, name, &masks_actions));
  policy->masks = masks_actions != 0 ? POLICY_MASKS_ACTIONS : POLICY_MASKS_NONE;
  return MUSTER_OK;
}

/* builds the networks as the config says, as wide as the spaces say, with the weights in the tensors */
static muster_status read_policy(struct muster_policy *policy, struct checkpoint_reader *reader) {
  char *text;
  MUSTER_TRY(checkpoint_read_text(reader, "about/config", &text));
  muster_status status = run_config_parse(policy->path, text, &policy->config);
  free(text);
  MUSTER_TRY(status);
  MUSTER_TRY(checkpoint_read_int(reader, "about/total_steps", &policy->total_steps));
  MUSTER_TRY(read_masks(policy, reader));
  MUSTER_TRY(spaces_read(reader, "spaces/observation", policy->arena, &policy->observation));
  MUSTER_TRY(spaces_read(reader, "spaces/action", policy->arena, &policy->action));
  MUSTER_TRY(create_model(policy));
  struct model *model = &policy->model;
  for (int i = 0; i < model->parameters.tensors; i++) {
    struct tensor tensor = parameter_tensor(&model->parameters, &model->parameters.tensor[i]);
    MUSTER_TRY(checkpoint_restore_tensor(reader, &tensor));
  }
  MUSTER_TRY(read_statistics(policy, reader));
  model_pack(model, false);
  return action_bounds_check((enum action_bounds)policy->config.env.action_bounds, &policy->action,
                             &policy->bounds_actions);
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

/* float observations must be finite, discrete ones within their counts */
static muster_status check_observations(const struct muster_policy *policy, size_t n, const void *observations) {
  const muster_space *space = &policy->observation;
  size_t elements = muster_space_elements(space);
  for (size_t i = 0; i < n * elements && space->kind != MUSTER_SPACE_BOX_U8; i++) {
    if (space->kind == MUSTER_SPACE_BOX && !isfinite(((const float *)observations)[i]))
      return status_error(MUSTER_ERROR_NUMERIC, "observation %zu, element %zu is not finite", i / elements,
                          i % elements);
    if (space->kind == MUSTER_SPACE_BOX) continue;
    int32_t value = ((const int32_t *)observations)[i], count = space->counts[i % elements];
    if (value < 0 || value >= count)
      return status_error(MUSTER_ERROR_NUMERIC, "observation %zu, element %zu is %d, not in 0 to %d", i / elements,
                          i % elements, (int)value, (int)count - 1);
  }
  return MUSTER_OK;
}

/* each mask must allow a choice of each element */
static muster_status check_masks(const struct muster_policy *policy, size_t n, const uint8_t *masks) {
  const struct policy_head *head = &policy->model.head;
  for (size_t row = 0; row < n; row++)
    for (size_t i = 0; i < head->elements; i++) {
      uint8_t allowed = 0;
      for (int32_t a = 0; a < head->counts[i]; a++) allowed |= *masks++;
      if (allowed == 0)
        return status_error(MUSTER_ERROR_NUMERIC, "mask %zu allows no choice of element %zu of the action", row, i);
    }
  return MUSTER_OK;
}

muster_status policy_check_input(const struct muster_policy *policy, size_t n, const void *observations,
                                 const uint8_t *action_masks) {
  if (action_masks != NULL && policy->model.head.choices == 0)
    return status_error(MUSTER_ERROR_USAGE, "actions of %s are not discrete and have no masks",
                        policy->config.env.name);
  MUSTER_TRY(check_observations(policy, n, observations));
  return action_masks != NULL ? check_masks(policy, n, action_masks) : MUSTER_OK;
}

muster_status muster_policy_act(muster_policy *policy, size_t n, const void *observations, muster_act_mode mode,
                                void *actions) {
  return muster_policy_act_masked(policy, n, observations, NULL, mode, actions);
}

muster_status muster_policy_act_masked(muster_policy *policy, size_t n, const void *observations,
                                       const uint8_t *action_masks, muster_act_mode mode, void *actions) {
  struct model *model = &policy->model;
  MUSTER_TRY(policy_check_input(policy, n, observations, action_masks));

  /* in tiles, since sampling needs room for log-probabilities */
  struct action_random random = {.seed = policy->seed, .step = policy->acts++};
  const size_t obs_bytes = model->encoder.bytes, choices = model->head.choices;
  for (size_t first = 0; first < n; first += TILE) {
    size_t rows = n - first < TILE ? n - first : TILE;
    float log_prob[TILE];
    random.first_row = (uint32_t)first;
    void *tile_actions = (char *)actions + first * model->action_bytes;
    struct model_input input = {(const char *)observations + first * obs_bytes, obs_bytes, {NULL, choices}};
    if (action_masks != NULL) input.mask.bytes = action_masks + first * choices;
    model_act(model, rows, &input, mode == MUSTER_ACT_STOCHASTIC ? &random : NULL, tile_actions, log_prob, 1);
    if (policy->bounds_actions)
      action_bounds_apply((enum action_bounds)policy->config.env.action_bounds, &policy->action, rows, tile_actions,
                          tile_actions);
  }
  return MUSTER_OK;
}
