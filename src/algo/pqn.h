/* Parts of PQN that tests compare with plain loops: options, and the loss of one minibatch. */
#ifndef ALGO_PQN_H
#define ALGO_PQN_H

#include "algo/exploration.h"
#include "algo/policy_gradient.h"

struct pqn_options {
  struct policy_gradient_settings settings;
  int64_t batch_size, n_epochs;
  double q_lambda;
  bool layer_norm;
  struct exploration exploration;
};

/* Values and lambda-returns of the whole batch, into its values, advantages and returns. The model's weights must be
 * packed. Collective over the group of learners. */
MUSTER_CHECKED muster_status pqn_estimate_returns(struct policy_gradient *pqn);

/* Loss and gradient (into model->parameters.gradients) of the samples index[0..n-1]: losses->policy is the loss,
 * losses->value the mean Q(s, a). Collective over the group. */
MUSTER_CHECKED muster_status pqn_minibatch_gradient(struct policy_gradient *pqn, const uint32_t *index, size_t n,
                                                    struct losses *losses);

#endif
