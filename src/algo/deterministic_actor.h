/* What ddpg and td3 share: actor-critics with a replay (critic_learning.h) whose policy is deterministic, and explores
 * by noise that is added to its actions (nn/distributions/deterministic.c). */
#ifndef ALGO_DETERMINISTIC_ACTOR_H
#define ALGO_DETERMINISTIC_ACTOR_H

#include "algo/critic_learning.h"
#include "algo/options.h"

/* Options of both. Those of td3 alone are 0 in ddpg. */
struct deterministic_actor_options {
  struct replay_learning_settings settings;
  int64_t n_critics;
  struct action_noise noise;
  int64_t policy_delay; /* 0: 1 */
  double target_policy_noise, target_noise_clip;
};

/* For .request. */
void deterministic_actor_request(const void *options, struct policy_request *request);

/* For .create and .update. */
MUSTER_CHECKED muster_status deterministic_actor_create(const struct algorithm_context *context, void *algorithm);
MUSTER_CHECKED muster_status deterministic_actor_update(void *algorithm, double progress_remaining, double *metrics);

#endif
