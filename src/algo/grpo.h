/* The inside of GRPO that tests look at. */
#ifndef ALGO_GRPO_H
#define ALGO_GRPO_H

#include "algo/policy_gradient.h"

struct grpo_options {
  int64_t n_steps, group_size, batch_size, n_epochs, reference_every;
  double gamma, kl_coef;
  struct option_schedule learning_rate, clip_range;
  struct policy_gradient_settings settings;
};

struct grpo;

/* The learner within. */
struct policy_gradient *grpo_learner(struct grpo *grpo);

/* Lists the samples and fills their advantages; returns the mean of the groups' standard deviations. */
double grpo_estimate_advantages(struct grpo *grpo);

/* Takes the log-probabilities of the batch under the reference policy, where kl_coef wants them. */
void grpo_evaluate_reference(struct grpo *grpo);

/* Loss and gradient (into model->parameters.gradients) of the samples index[0..n-1]. */
MUSTER_CHECKED muster_status grpo_minibatch_gradient(struct grpo *grpo, const uint32_t *index, size_t n,
                                                     double clip_range, struct losses *losses);

#endif
