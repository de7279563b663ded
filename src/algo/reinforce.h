/* What REINFORCE, with a baseline or without, and GRPO share: returns of whole episodes, without a critic. */
#ifndef ALGO_REINFORCE_H
#define ALGO_REINFORCE_H

#include "algo/policy_gradient.h"

enum reinforce_estimator { REINFORCE_RETURN_TO_GO, REINFORCE_TOTAL_RETURN };

struct reinforce_options {
  struct policy_gradient_settings settings;
  int estimator; /* enum reinforce_estimator */
};

/* For .needs: a rollout is one episode of every environment. */
void reinforce_needs(const void *options, struct rollout_needs *needs);

/* Lists the samples and fills batch->returns, and batch->advantages with the same. */
void reinforce_returns(struct batch *batch, enum reinforce_estimator estimator, double gamma);

#endif
