#include "algo/deterministic_actor.h"

#include <math.h>
#include <stdio.h>

void deterministic_actor_request(const void *object, struct policy_request *request) {
  const struct deterministic_actor_options *options = object;
  snprintf(request->distribution, sizeof request->distribution, "Deterministic");
  request->n_critics = options->n_critics;
  request->blocks = true;
  request->noise = options->noise;
}

/* Target policy smoothing (Fujimoto et al. 2018, equation 14): adds clipped noise to the next actions of one tile, in
 * units in which they go from -1 to 1. */
static void smooth_actions(struct critic_learning *learning, size_t first, size_t rows, float *actions) {
  const struct deterministic_actor_options *options = learning->base.options;
  const struct policy_head *head = &learning->base.model->head;
  const float std = (float)options->target_policy_noise, most = (float)options->target_noise_clip;
  if (std == 0) return;
  learning->draw_noise(learning, CRITIC_NOISE_NEXT, first, rows, learning->noise);
  for (size_t r = 0; r < rows; r++)
    for (size_t i = 0; i < head->elements; i++) {
      float *action = &actions[r * head->elements + i];
      const float noise = fminf(fmaxf(std * learning->noise[i * TILE + r], -most), most), half = head->half_width[i];
      const float low = head->centre[i] - half, high = head->centre[i] + half;
      *action = fminf(fmaxf(*action + half * noise, low), high);
    }
}

/* actions of the policy's copy at the next observations, smoothed */
static void choose_next(struct critic_learning *learning, size_t first, size_t rows) {
  struct model *model = learning->base.model;
  struct policy_head *head = &model->head;
  size_t ld;
  model_take(model, rows, learning->base.tile.next.observation, learning->base.rollout->obs_bytes);
  const float *net = model_forward(model, learning->next_policy, &ld);
  for (size_t done = 0; done < rows; done += TILE) {
    const size_t some = rows - done < TILE ? rows - done : TILE;
    float *actions = learning->actions + done * head->elements;
    head->distribution->mode(head, some, net + done * ld, ld, (struct action_mask){0}, actions);
    smooth_actions(learning, first + done, some, actions);
  }
}

/* y = R + discount * min over the critics' copies of Q(next s, a'),  a' of the policy's copy, smoothed */
static void find_targets(struct critic_learning *learning, size_t first, size_t rows) {
  const struct replay_tile *tile = &learning->base.tile;
  size_t which;
  choose_next(learning, first, rows);
  critic_learning_take(learning, rows, tile->next.observation, learning->actions);
  critic_learning_run(learning, learning->target, learning->n_critics);
  for (size_t r = 0; r < rows; r++) {
    /* a next value of an episode that has terminated is not looked at, whatever it is */
    const float next = critic_learning_least(learning, r, &which), discount = tile->discount[r];
    learning->targets[r] = tile->step.reward[r] + (discount > 0 ? discount * next : 0.0f);
  }
}

/* the policy climbs the first critic's value of its actions */
static void improve(struct critic_learning *learning, size_t first, const struct linear_groups *groups,
                    const void *observations, float *gradient, struct actor_losses *losses) {
  critic_learning_climb(learning, CRITIC_FIRST, 0.0, first, groups, observations, gradient, losses);
}

muster_status deterministic_actor_create(const struct algorithm_context *context, void *algorithm) {
  static const struct critic_rules rules = {.squares = 1.0f, .find_targets = find_targets, .improve = improve};
  struct critic_learning *learning = algorithm;
  const struct deterministic_actor_options *options = context->options;
  learning->rules = &rules;
  learning->policy_delay = options->policy_delay > 0 ? options->policy_delay : 1;
  learning->target_update_interval = learning->policy_delay;
  return MUSTER_OK;
}

muster_status deterministic_actor_update(void *algorithm, double progress_remaining, double *metrics) {
  return critic_learning_update(algorithm, progress_remaining, metrics);
}
