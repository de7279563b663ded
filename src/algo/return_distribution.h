/* Losses of algorithms that learn the distribution of the return after each action, not its mean alone. An action has
 * `atoms` outputs (nn/distribution.h): quantiles, or the logits of fixed returns.
 *
 * Quantile regression (Dabney et al. 2018, algorithm 1), with N quantiles theta_i at tau_i = (i + 1/2) / N and N
 * targets y_j = R + discount * theta_j(next s, a*; target network): L = mean w sum_i mean_j |tau_i - [delta_ij < 0]|
 * H(delta_ij),  delta_ij = y_j - theta_i,  Huber's H of 1
 *
 * Categorical (Bellemare et al. 2017, algorithm 1), with N atoms z_i from `low` to `high`: the target network's
 * probabilities of the shifted atoms R + discount * z_j, clipped to [low, high], are divided between the two nearest
 * atoms, which gives m_i:
 *   L = mean w (-sum_i m_i log p_i(s, a)) */
#ifndef ALGO_RETURN_DISTRIBUTION_H
#define ALGO_RETURN_DISTRIBUTION_H

#include "algo/value_learning.h"

#define RETURN_ATOMS_MAX 1024

/* Both are a value_loss; next actions are chosen as learning->chooses_next says, which is not CHOICE_NONE. */
void quantile_regression_loss(struct value_learning *learning, const struct value_pass *pass,
                              struct value_losses *losses);
void categorical_loss(struct value_learning *learning, const struct value_pass *pass, struct value_losses *losses);

/* m[n] of n atoms from low to high, of which the next ones have these probabilities [n]. */
void categorical_project(size_t n, double low, double high, double reward, double discount, const double *probabilities,
                         double *m);

#endif
