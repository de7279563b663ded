/* Running normalisation of observations and scaling of rewards, as Stable-Baselines3's VecNormalize: observations
 * become clip((x - mean) / sqrt(variance + epsilon)), rewards clip(r / sqrt(variance of the discounted returns +
 * epsilon)). Means and variances merge as in Chan et al. 1979, from a count of 1e-4.
 *
 * VecNormalize updates its statistics at each step. Here the learner does so once for each rollout, over the raw
 * rollout in a fixed order, so that they depend on the seed alone and not on the ranks. Observations are normalised
 * with the statistics of before the rollout, for acting and for learning from it alike, so that the learner finds the
 * actor's log-probabilities; rewards, which the learner alone scales, with those that include the rollout. */
#ifndef EXPERIENCE_NORMALIZER_H
#define EXPERIENCE_NORMALIZER_H

#include "config/option.h"
#include "experience/trajectory.h"
#include "nn/encoder.h"
#include "store/checkpoint.h"

struct normalize_options {
  bool norm_obs, norm_reward;
  double clip_obs, clip_reward; /* NAN: 10 where normalised, else none */
  double epsilon;
};

extern const struct option_table normalize_option_table;

#define NORMALIZER_STATE 7

struct normalizer {
  const struct normalize_options *options; /* borrowed */
  struct encoder *encoder;                 /* borrowed; gets the statistics of observations */
  double gamma;
  double *obs_mean, *obs_variance; /* [observation elements]; only with norm_obs */
  double obs_count;
  size_t rows;
  double *returns; /* [rows] discounted returns of the running episodes; only with norm_reward */
  double return_mean, return_variance, return_count;
  double *rollout_mean, *rollout_square; /* [observation elements] of the last rollout */
};

/* Prepares an encoder for observations under these options: every rank does so. USAGE error where they do not fit. */
MUSTER_CHECKED muster_status normalizer_prepare(const struct normalize_options *options, struct arena *arena,
                                                struct encoder *encoder);

/* The learner's statistics, at their start, for a rollout of so many rows; the encoder is prepared. `gamma`: the
 * discount of the returns. With 0 rows: for a frozen policy, whose statistics are to be restored. */
MUSTER_CHECKED muster_status normalizer_create(const struct normalize_options *options, struct encoder *encoder,
                                               size_t rows, double gamma, struct arena *arena,
                                               struct normalizer *normalizer);

/* Before the update: merges the rollout's discounted returns, then scales and clips its rewards in place. The rollout
 * is one of all environments, or of some that follow each other. */
void normalizer_scale_rewards(struct normalizer *normalizer, struct trajectory *rollout);

/* After the update: merges the rollout's observations (those that were acted on) and gives the encoder the statistics
 * for the next rollout. */
void normalizer_observe(struct normalizer *normalizer, const struct trajectory *rollout);

/* Forgets the discounted returns of the episodes that are being played. */
void normalizer_restart(struct normalizer *normalizer);

/* The state as tensors "normalizer/...", for a checkpoint; returns their number. After they were restored, publish()
 * gives the encoder the statistics. */
int normalizer_state(struct normalizer *normalizer, struct tensor list[NORMALIZER_STATE]);
void normalizer_publish(const struct normalizer *normalizer);

#endif
