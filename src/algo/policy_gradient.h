/* What all policy gradients share: the gradient of a minibatch, the clip of its norm, and the step of the optimizer. An
 * algorithm adds the weights of its samples and the loss of its policy.
 *
 *   L = policy loss + vf_coef * value loss - ent_coef * mean H
 *
 * A minibatch is run in tiles of 64 samples: forward, loss, backward. Values that are learned from rollouts in the same
 * way share all but the loss (pqn.c). */
#ifndef ALGO_POLICY_GRADIENT_H
#define ALGO_POLICY_GRADIENT_H

#include "algo/algorithm.h"
#include "algo/batch.h"
#include "algo/divided_step.h"
#include "algo/gradient_sum.h"
#include "config/option.h"
#include "nn/optimizer.h"

/* The parts of the loss over one minibatch: loss = policy + ent_coef * entropy + vf_coef * value. All are doubles: they
 * are summed as the terms of a gradient_sum. */
struct losses {
  double policy;           /* by the algorithm's definition */
  double value;            /* mean (R - V)^2; 0 without a critic */
  double entropy;          /* -mean H */
  double approx_kl;        /* mean (r - 1 - log r), r = pi / pi_old (Schulman, http://joschu.net/blog/kl-approx.html) */
  double clip_fraction;    /* share of samples with |r - 1| > clip_range */
  double ratio_mismatches; /* samples whose ratio is not exactly 1 */
  double reference_kl;     /* mean k3 of the policy and a frozen reference */
};

struct policy_gradient;

/* The loss of one tile, whose samples are in policy->tile and whose forward pass and evaluate() are done. */
struct tile_loss {
  /* Where the policy network's outputs are learned as they are, such as values of actions, in place of the two
   * functions below: fills policy->d_net[TILE, linear_padded(outputs)] with dL/d(outputs), 0 in the rows that complete
   * the tile, and adds the samples' terms. There is no critic, and no entropy in the loss. Otherwise NULL. */
  void (*outputs)(struct policy_gradient *policy, const float *net, size_t net_ld, float inverse_n,
                  struct losses *losses);
  /* Fills policy->d_log_prob[TILE] with dL/d log pi(a_r | s_r), 0 beyond the tile's rows, and adds the samples' terms
   * to the sums in `losses`. weight[TILE]: the advantages, normalised if that is wished. inverse_n: 1 / minibatch. */
  void (*policy)(struct policy_gradient *policy, const float *weight, float inverse_n, const void *context,
                 struct losses *losses);
  /* Fills policy->d_value[TILE, linear_padded(model_value_outputs())] with vf_coef * dL/d(value network's outputs), 0
   * in the rows that complete the tile, and adds to losses->value. NULL: there is no critic. */
  void (*value)(struct policy_gradient *policy, const float *value, size_t value_ld, float inverse_n,
                const void *context, struct losses *losses);
  const void *context;
};

/* The options that all policy gradients may have (their rows are in options.h): the struct of an algorithm's options
 * begins with them. The field of an option that an algorithm does not have is 0: no weight, no normalisation, Adam. */
struct policy_gradient_settings {
  int64_t n_steps;
  double gamma;
  struct option_schedule learning_rate, ent_coef;
  double vf_coef, max_grad_norm;
  bool normalize_advantage;
  char optimizer[OPTION_STRING_SIZE]; /* its name; "": Adam */
  double optimizer_epsilon;
};

/* The state of an algorithm begins with this; many have no more. */
struct policy_gradient {
  const void *options; /* the algorithm's own, which begin with the settings; borrowed */
  struct policy_gradient_settings settings;
  struct model *model;   /* borrowed */
  struct stages *stages; /* borrowed; may be NULL */
  struct optimizer optimizer;
  struct divided_step step;
  struct batch batch;
  uint64_t seed;
  double ent_coef; /* in this update */
  int64_t epochs;  /* counted over the run: passes over samples, and the number of each one's random order */
  uint32_t *order; /* [rows * T] */
  struct gradient_sum sum;
  uint32_t gradients_sent; /* made here, for steps that are made elsewhere */

  /* of the tile that is computed now */
  struct batch_tile tile;
  const uint32_t *tile_samples; /* [tile.rows] which ones they are */
  float *d_log_prob;            /* [TILE] */
  float *d_net;                 /* [TILE, linear_padded(outputs)] */
  float *d_value;               /* [TILE, linear_padded(model_value_outputs())] */
};

/* What a policy gradient does unless it says otherwise: it learns from rollouts of n_steps of every environment, has a
 * critic V(s), and keeps the optimizer and the count of epochs. */
extern const struct algorithm_base policy_gradient_base;

/* For .networks: there is no critic. */
const struct model_network_spec *policy_gradient_no_critic(const void *options);

/* --- the losses that several algorithms have --- */

/* -mean weight * log pi(a | s): the policy gradient itself. */
void policy_loss_log_prob(struct policy_gradient *policy, const float *weight, float inverse_n, const void *context,
                          struct losses *losses);
/* -mean min(r weight, clip(r) weight) with r = pi / pi_old (Schulman et al. 2017, eq. 7); `context`: a float, the clip
 * range. */
void policy_loss_clipped(struct policy_gradient *policy, const float *weight, float inverse_n, const void *context,
                         struct losses *losses);
/* mean (R - V(s))^2. */
void value_loss_squared(struct policy_gradient *policy, const float *value, size_t value_ld, float inverse_n,
                        const void *context, struct losses *losses);

/* --- steps --- */

/* Before the steps of an update: sets the numbers that change over the run, but for the learning rate. */
void policy_gradient_begin_update(struct policy_gradient *policy, double progress_remaining);

/* Loss and gradient (into model->parameters.gradients) of samples index[0..n-1], the same on all learners. Collective
 * over the group; fails only where learners cannot tell each other their parts. */
MUSTER_CHECKED muster_status policy_gradient_gradient(struct policy_gradient *policy, const struct tile_loss *loss,
                                                      const uint32_t *index, size_t n, struct losses *losses);

/* The NUMERIC error of a minibatch (counted from 0) whose loss is not finite: it names the parts of the loss, and the
 * sample where that began. */
MUSTER_CHECKED muster_status policy_gradient_loss_error(const struct policy_gradient *policy,
                                                        const struct losses *losses, int64_t minibatch);

/* One step of the optimizer, the gradient clipped to max_grad_norm, and the new weights packed: divided_step_make().
 * Collective over the group. */
MUSTER_CHECKED muster_status policy_gradient_optimizer_step(struct policy_gradient *policy, double learning_rate,
                                                            double *gradient_norm);

/* What an update adds up for its metrics, as SB3 does: the losses of all minibatches and the KL of the last epoch's,
 * the one at which target_kl stopped included; and the norms of the gradients, one for each step of the optimizer. */
struct update_totals {
  int64_t minibatches, epoch_minibatches, steps;
  struct losses sums;
  double gradient_norm, epoch_kl, last_loss, first_ratio_mismatch;
  bool stopped; /* approx_kl went past target_kl */
};

/* One gradient over all samples of the batch, and one step. */
MUSTER_CHECKED muster_status policy_gradient_single_step(struct policy_gradient *policy, const struct tile_loss *loss,
                                                         double learning_rate, struct update_totals *totals);

/* A whole update of one such step, once the batch has its samples, weights and returns: at the present learning rate,
 * and with the common metrics. */
MUSTER_CHECKED muster_status policy_gradient_single_update(struct policy_gradient *policy, const struct tile_loss *loss,
                                                           double progress_remaining, double *metrics);

/* n_epochs passes over the samples in random minibatches, a step for each; `target_kl`: stops when approx_kl exceeds
 * 1.5 times this, NAN: never. */
struct epochs_settings {
  int64_t n_epochs, batch_size;
  double learning_rate, target_kl;
};
MUSTER_CHECKED muster_status policy_gradient_epochs(struct policy_gradient *policy, const struct tile_loss *loss,
                                                    const struct epochs_settings *epochs, struct update_totals *totals);

/* Fills log_prob[rows * T] with log pi(a | s) under the model's present weights, for every sample of the batch. */
void policy_gradient_log_probs(struct policy_gradient *policy, float *log_prob);

/* --- metrics --- */

/* The metrics that all policy gradients have come first; those of a ratio to the old policy follow, where there is one.
 */
enum {
  METRIC_LOSS,
  METRIC_POLICY_GRADIENT_LOSS,
  METRIC_VALUE_LOSS,
  METRIC_ENTROPY_LOSS,
  METRIC_EXPLAINED_VARIANCE,
  METRIC_GRADIENT_NORM,
  METRIC_LEARNING_RATE,
  METRIC_N_UPDATES,
  METRIC_STD,
  METRICS_COMMON,
  METRIC_APPROX_KL = METRICS_COMMON,
  METRIC_CLIP_FRACTION,
  METRIC_CLIP_RANGE,
  METRIC_FIRST_RATIO_MISMATCH,
  METRICS_RATIO
};
#define METRIC_NAMES_COMMON                                                                                            \
  "train/loss", "train/policy_gradient_loss", "train/value_loss", "train/entropy_loss", "train/explained_variance",    \
      "train/gradient_norm", "train/learning_rate", "train/n_updates", "train/std"
#define METRIC_NAMES_RATIO                                                                                             \
  METRIC_NAMES_COMMON, "train/approx_kl", "train/clip_fraction", "train/clip_range", "train/first_ratio_mismatch"

/* For algorithms that have no further metrics. */
extern const char *const policy_gradient_metrics[];

void policy_gradient_fill_common(const struct policy_gradient *policy, const struct update_totals *totals,
                                 double learning_rate, double *metrics);
void policy_gradient_fill_ratio(const struct update_totals *totals, double clip_range, double *metrics);

#endif
