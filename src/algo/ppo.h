/* Parts of PPO that tests compare with PyTorch: options and the loss of one minibatch. */
#ifndef ALGO_PPO_H
#define ALGO_PPO_H

#include "algo/policy_gradient.h"

enum ppo_value_clip { PPO_VALUE_CLIP_REPLACE, PPO_VALUE_CLIP_MAX };

struct ppo_options {
  struct policy_gradient_settings settings;
  int64_t batch_size, n_epochs;
  double gae_lambda, lambda; /* lambda: NAN for gae_lambda */
  int estimator;             /* enum advantage_estimator */
  struct option_schedule clip_range, clip_range_vf;
  int clip_range_vf_form; /* enum ppo_value_clip */
  double target_kl;       /* NAN: no early stop */
};

/* Loss and gradient (into model->parameters.gradients) of the samples index[0..n-1] at clip ranges of the moment
 * (clip_range_vf INFINITY: no value clipping). */
MUSTER_CHECKED muster_status ppo_minibatch_gradient(struct policy_gradient *ppo, const uint32_t *index, size_t n,
                                                    double clip_range, double clip_range_vf, struct losses *losses);

#endif
