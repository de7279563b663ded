/* What a policy says of its choices: their probabilities, and what its algorithm has learned that they are worth. All
 * of it goes tile by tile. */
#include "policy/policy.h"

#include <math.h>
#include <string.h>

/* A tile of the observations that a caller asks about. */
struct question {
  struct muster_policy *policy;
  size_t rows;
  struct model_input input;
};

size_t muster_policy_choices(const muster_policy *policy) { return policy->model.head.choices; }

muster_status muster_policy_probabilities(muster_policy *policy, size_t n, const void *observations,
                                          const uint8_t *action_masks, float *probabilities) {
  struct model *model = &policy->model;
  if (model->head.choices == 0)
    return status_error(MUSTER_ERROR_USAGE, "actions of %s are not discrete: their probabilities are densities",
                        policy->config.env.name);
  MUSTER_TRY(policy_check_input(policy, n, observations, action_masks));
  const struct model_input input = {observations, model->encoder.bytes, {action_masks, model->head.choices}};
  model_probabilities(model, n, &input, probabilities);
  return MUSTER_OK;
}

/* --- values of a tile --- */

/* Fills values [rows, width] with the means over critics of what they say of the input that the model has taken. A
 * value has one output of a critic, or several quantiles, whose mean it is. */
static void ask_critics(struct model *model, size_t rows, size_t width, float *values) {
  const struct model_network *end = model->network + model->networks;
  const double critics = (double)(end - (model->policy + 1));
  memset(values, 0, rows * width * sizeof *values);
  for (struct model_network *critic = model->policy + 1; critic < end; critic++) {
    const size_t atoms = critic->outputs / width;
    size_t ld;
    const float *outputs = model_forward(model, critic, &ld);
    for (size_t r = 0; r < rows; r++)
      for (size_t i = 0; i < width; i++) {
        double sum = 0;
        for (size_t k = 0; k < atoms; k++) sum += outputs[r * ld + i * atoms + k];
        values[r * width + i] += (float)(sum / ((double)atoms * critics));
      }
  }
}

/* fills the policy's room for estimates with Q(s, a) of each choice a */
static void find_action_values(const struct question *q) {
  struct muster_policy *policy = q->policy;
  struct model *model = &policy->model;
  if (policy->values == POLICY_VALUES_OWN) {
    model_action_values(model, q->rows, q->input.observation, q->input.observation_stride, policy->estimates);
    return;
  }
  model_take(model, q->rows, q->input.observation, q->input.observation_stride);
  ask_critics(model, q->rows, model->head.choices, policy->estimates);
}

/* the greatest value of an allowed choice, or the mean of all, weighted by their probabilities */
static void sum_up_choices(const struct question *q, float *values) {
  struct muster_policy *policy = q->policy;
  const size_t choices = policy->model.head.choices;
  const struct action_mask mask = q->input.mask;
  const bool is_greedy = policy->values == POLICY_VALUES_OWN;
  if (!is_greedy) model_probabilities(&policy->model, q->rows, &q->input, policy->chances);
  find_action_values(q);
  for (size_t r = 0; r < q->rows; r++) {
    double best = -INFINITY, mean = 0;
    for (size_t a = 0; a < choices; a++) {
      const double value = policy->estimates[r * choices + a];
      if (mask.bytes == NULL || mask.bytes[r * mask.stride + a] != 0) best = fmax(best, value);
      if (!is_greedy) mean += policy->chances[r * choices + a] * value;
    }
    values[r] = (float)(is_greedy ? best : mean);
  }
}

/* what the critics say of the deterministic actions, which they read in units from -1 to 1 */
static void value_actions(const struct question *q, float *values) {
  struct muster_policy *policy = q->policy;
  struct model *model = &policy->model;
  const struct policy_head *head = &model->head;
  float *unit = policy->actions + TILE * head->elements;
  model_act(model, q->rows, &q->input, NULL, policy->actions, NULL, 0);
  for (size_t r = 0; r < q->rows; r++)
    for (size_t i = 0; i < head->elements; i++) {
      const float from_centre = policy->actions[r * head->elements + i] - head->centre[i], half = head->half_width[i];
      unit[r * head->elements + i] = half > 0 ? from_centre / half : 0.0f;
    }
  model_take_with_actions(model, q->rows, q->input.observation, q->input.observation_stride, unit);
  ask_critics(model, q->rows, 1, values);
}

static void find_values(const struct question *q, float *values) {
  switch (q->policy->values) {
  case POLICY_VALUES_OF_STATES:
    model_take(&q->policy->model, q->rows, q->input.observation, q->input.observation_stride);
    ask_critics(&q->policy->model, q->rows, 1, values);
    break;
  case POLICY_VALUES_OF_ACTIONS: value_actions(q, values); break;
  default: sum_up_choices(q, values); break;
  }
}

/* --- all rows --- */

static struct question ask(struct muster_policy *policy, size_t n, const void *observations,
                           const uint8_t *action_masks, size_t first) {
  const size_t bytes = policy->model.encoder.bytes, choices = policy->model.head.choices;
  struct question q = {.policy = policy, .rows = n - first < TILE ? n - first : TILE};
  q.input = (struct model_input){(const char *)observations + first * bytes, bytes, {NULL, choices}};
  if (action_masks != NULL) q.input.mask.bytes = action_masks + first * choices;
  return q;
}

static void scale_up(const struct muster_policy *policy, size_t n, float *values) {
  for (size_t i = 0; i < n; i++) values[i] = (float)(policy->reward_scale * values[i]);
}

muster_status muster_policy_values(muster_policy *policy, size_t n, const void *observations,
                                   const uint8_t *action_masks, float *values) {
  if (policy->values == POLICY_VALUES_NONE)
    return status_error(MUSTER_ERROR_USAGE, "%s learns no values", policy->config.algorithm_name);
  MUSTER_TRY(policy_check_input(policy, n, observations, action_masks));
  for (size_t first = 0; first < n; first += TILE) {
    const struct question q = ask(policy, n, observations, action_masks, first);
    find_values(&q, values + first);
  }
  scale_up(policy, n, values);
  return MUSTER_OK;
}

muster_status muster_policy_action_values(muster_policy *policy, size_t n, const void *observations, float *values) {
  const size_t choices = policy->model.head.choices;
  if (policy->values != POLICY_VALUES_OWN && policy->values != POLICY_VALUES_OF_CHOICES)
    return status_error(MUSTER_ERROR_USAGE, "%s learns no values of the choices of an action",
                        policy->config.algorithm_name);
  MUSTER_TRY(policy_check_input(policy, n, observations, NULL));
  for (size_t first = 0; first < n; first += TILE) {
    const struct question q = ask(policy, n, observations, NULL, first);
    find_action_values(&q);
    memcpy(values + first * choices, policy->estimates, q.rows * choices * sizeof *values);
  }
  scale_up(policy, n * choices, values);
  return MUSTER_OK;
}
