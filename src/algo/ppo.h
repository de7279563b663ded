/* The inside of PPO that tests hold against PyTorch: options and the loss of one minibatch. */
#ifndef ALGO_PPO_H
#define ALGO_PPO_H

#include "algo/policy_gradient.h"

enum ppo_value_clip { PPO_VALUE_CLIP_REPLACE, PPO_VALUE_CLIP_MAX };

struct ppo_options {
  int64_t n_steps, batch_size, n_epochs;
  double gamma, gae_lambda, lambda; /* lambda: NAN for gae_lambda */
  int estimator;                    /* enum advantage_estimator */
  struct option_schedule learning_rate, clip_range, clip_range_vf;
  int clip_range_vf_form; /* enum ppo_value_clip */
  struct policy_gradient_settings settings;
  double target_kl; /* NAN: no early stop */
};

struct ppo;

/* Loss and gradient (into model->parameters.gradients) of the samples index[0..n-1] at clip ranges of the moment
 * (clip_range_vf INFINITY: no value clipping). */
MUSTER_CHECKED muster_status ppo_minibatch_gradient(struct ppo *ppo, const uint32_t *index, size_t n, double clip_range,
                                                    double clip_range_vf, struct losses *losses);

/* The learner within, with the batch that the losses read, for tests that fill it by hand. */
struct policy_gradient *ppo_learner(struct ppo *ppo);

#endif
