/* Estimators of the advantage from a trajectory and the critic's values. */
#ifndef ROLLOUT_ADVANTAGE_H
#define ROLLOUT_ADVANTAGE_H

#include <stddef.h>
#include <stdint.h>

/* Generalized advantage estimation (Schulman et al. 2016, eq. 16) for one row:
 *   delta_t = r_t + gamma V(s_{t+1}) - V(s_t),   A_t = delta_t + gamma lambda A_{t+1},
 * where V(s_{t+1}) is 0 after termination and bootstrap[t], the value of the true last observation, after truncation;
 * either end cuts the sum. `values` [T + 1] of the observations that the rollout holds; `bootstrap` [T] is read only
 * where an episode was truncated; `ended` [T]. Writes advantages [T] and returns [T] = A_t + V(s_t). */
void advantage_gae(size_t n_steps, const float *rewards, const float *values, const float *bootstrap,
                   const uint8_t *ended, float gamma, float gae_lambda, float *advantages, float *returns);

/* 1 - Var(returns - values) / Var(returns) over values [rows, T + 1] (the last of each row left out) and returns [rows,
 * T]; NAN when the returns do not vary. */
double explained_variance(size_t n_rows, size_t n_steps, const float *values, const float *returns);

#endif
