/* Estimators of the advantage of an action, from a trajectory and the critic's values: the weights Psi_t of the policy
 * gradient sum_t Psi_t grad log pi(a_t | s_t) (Schulman et al. 2016, eq. 1). */
#ifndef EXPERIENCE_ADVANTAGE_H
#define EXPERIENCE_ADVANTAGE_H

#include <stddef.h>
#include <stdint.h>

/* One row's rollout, borrowed. */
struct advantage_row {
  size_t n_steps;         /* T */
  const float *rewards;   /* [T] */
  const uint8_t *ended;   /* [T] ENV_TERMINATED, ENV_TRUNCATED */
  const float *values;    /* [T + 1] V of the observations that the rollout holds */
  const float *bootstrap; /* [T] V of the true last observation; read only where an episode was truncated */
};

/* The value of the state after step t: 0 after termination; after truncation that of the true last observation. */
float advantage_next_value(const struct advantage_row *row, size_t t);

/* Generalized advantage estimation (Schulman et al. 2016, eq. 16):
 *   delta_t = r_t + gamma V(s_{t+1}) - V(s_t),   A_t = delta_t + gamma lambda A_{t+1};
 * the end of an episode, by termination or truncation, ends the sum. Writes advantages [T] and returns [T] = A_t +
 * V(s_t). */
void advantage_gae(const struct advantage_row *row, float gamma, float gae_lambda, float *advantages, float *returns);

/* The TD residual: A_t = delta_t, and returns [T] = delta_t + V(s_t). The same floats as GAE with lambda 0. */
void advantage_td_residual(const struct advantage_row *row, float gamma, float *advantages, float *returns);

/* Return minus value: A_t = sum_l gamma^l r_{t+l} - V(s_t), where the critic's value stands for the rewards after the
 * rollout or a truncation. It is computed as the sum of the TD residuals, which is equal to it (eq. 18): the same
 * floats as GAE with lambda 1. */
void advantage_baseline(const struct advantage_row *row, float gamma, float *advantages, float *returns);

/* Return-to-go without a critic: G_t = r_t + gamma G_{t+1}, where G is zero after the end of an episode or of the
 * row. */
void advantage_return_to_go(const struct advantage_row *row, float gamma, float *returns);

/* The return of the whole episode: like advantage_return_to_go(), but each step gets the G of the episode's first step
 * in the row. */
void advantage_total_return(const struct advantage_row *row, float gamma, float *returns);

/* 1 - Var(returns - values) / Var(returns) over values [rows, T + 1] (the last of each row left out) and returns [rows,
 * T], the first lengths[row] steps of each row (NULL: all T); NAN when the returns do not vary. */
double explained_variance(size_t n_rows, size_t n_steps, const int32_t *lengths, const float *values,
                          const float *returns);

#endif
