/* The inside of PPO that tests hold against PyTorch: options and the loss of one minibatch. */
#ifndef ALGO_PPO_H
#define ALGO_PPO_H

#include "algo/algorithm.h"

enum ppo_value_clip { PPO_VALUE_CLIP_REPLACE, PPO_VALUE_CLIP_MAX };

struct ppo_options {
  int64_t n_steps, batch_size, n_epochs;
  double gamma, gae_lambda;
  struct option_schedule learning_rate, clip_range, clip_range_vf;
  int clip_range_vf_form; /* enum ppo_value_clip */
  double ent_coef, vf_coef, max_grad_norm;
  bool normalize_advantage;
  double target_kl; /* NAN: no early stop */
  double adam_epsilon;
};

/* The parts of the loss over one minibatch: loss = policy + ent_coef * entropy + vf_coef * value. */
struct ppo_loss {
  double policy;           /* -mean min(r A, clip(r) A) */
  double value;            /* mean (R - V)^2 */
  double entropy;          /* -mean H */
  double approx_kl;        /* mean (r - 1 - log r) (Schulman, http://joschu.net/blog/kl-approx.html) */
  double clip_fraction;    /* share of samples with |r - 1| > clip_range */
  double ratio_mismatches; /* samples whose ratio is not exactly 1 */
};

struct ppo;

/* Loss and gradient (into model->parameters.gradients) of the samples index[0..n-1] at clip ranges of the moment
 * (clip_range_vf <= 0: no value clipping). */
void ppo_minibatch_gradient(struct ppo *ppo, const uint32_t *index, size_t n, double clip_range, double clip_range_vf,
                            struct ppo_loss *loss);

/* Clips the gradient to max_grad_norm (its global norm, torch.nn.utils.clip_grad_norm_) and takes one Adam step.
 * NUMERIC error, with nothing changed, when the norm is not finite. */
MUSTER_CHECKED muster_status ppo_optimizer_step(struct ppo *ppo, double learning_rate, double *gradient_norm);

/* The batch that the losses read, for tests that fill it by hand. */
struct batch *ppo_batch(struct ppo *ppo);

#endif
