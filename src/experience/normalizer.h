/* Running normalisation of observations and scaling of rewards, as Stable-Baselines3's VecNormalize: observations
 * become clip((x - mean) / sqrt(variance + epsilon)), rewards clip(r / sqrt(variance of the discounted returns +
 * epsilon)). Means and variances merge as in Chan et al. 1979, from a count of 1e-4.
 *
 * VecNormalize updates its statistics at each step. Here the learner does so once for each rollout, over the raw
 * rollout in a fixed order, so that they depend on the seed alone and not on the ranks. Observations are normalised
 * with the statistics from before the rollout, both for acting and for learning from it, so that the learner computes
 * the same log-probabilities as the actor. Rewards, which only the learner scales, are scaled with statistics that
 * include the rollout. */
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

/* Whether these options fit observations of this kind; the error (USAGE) begins with the option's key. */
MUSTER_CHECKED muster_status normalizer_check(const struct normalize_options *options, muster_space_kind observation);

/* Prepares an encoder for observations under these options. Every rank calls it. USAGE error where they do not fit. */
MUSTER_CHECKED muster_status normalizer_prepare(const struct normalize_options *options, struct arena *arena,
                                                struct encoder *encoder);

/* Makes the learner's initial statistics, for a rollout of `rows` rows; the encoder must be prepared. `gamma`: the
 * discount of the returns. With 0 rows: for a frozen policy, whose statistics are restored afterwards. */
MUSTER_CHECKED muster_status normalizer_create(const struct normalize_options *options, struct encoder *encoder,
                                               size_t rows, double gamma, struct arena *arena,
                                               struct normalizer *normalizer);

/* Before the update: merges the rollout's discounted returns into the statistics, then scales and clips its rewards in
 * place. The rollout holds all environments, or a contiguous range of them. */
void normalizer_scale_rewards(struct normalizer *normalizer, struct trajectory *rollout);

/* After the update: merges the rollout's observations (those for which actions were chosen) into the statistics, and
 * gives these to the encoder for the next rollout. */
void normalizer_observe(struct normalizer *normalizer, const struct trajectory *rollout);

/* Sets the discounted returns of the running episodes to zero. */
void normalizer_restart(struct normalizer *normalizer);

/* Lists the state as tensors "normalizer/..." for a checkpoint; returns how many there are. After they were restored,
 * call normalizer_publish(), which gives the encoder the statistics. */
int normalizer_state(struct normalizer *normalizer, struct tensor list[NORMALIZER_STATE]);
void normalizer_publish(const struct normalizer *normalizer);

#endif
