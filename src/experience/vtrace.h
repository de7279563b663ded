/* V-trace: estimates the value of a policy pi from a trajectory in which another policy, mu, chose the actions
 * (Espeholt et al. 2018, IMPALA, section 4). */
#ifndef EXPERIENCE_VTRACE_H
#define EXPERIENCE_VTRACE_H

#include "experience/advantage.h"

struct vtrace_settings {
  float gamma;
  float lambda;     /* factor of c_i (remark 2 of the paper); 1: as in its eq. 1 */
  float rho_bar;    /* clip of the ratios in the TD residuals: decides which policy's values are learned */
  float c_bar;      /* clip of the ratios in the traces: decides how far back a residual reaches */
  float pg_rho_bar; /* clip of the ratio that weighs the advantage; NAN: no weight, for a loss with a ratio of its own
                     */
};

/* Writes targets [T] for the critic (eq. 1),
 *   v_s = V(x_s) + sum_{t >= s} gamma^(t - s) (prod_{i = s}^{t - 1} c_i) delta_t,
 *   delta_t = rho_t (r_t + gamma V(x_{t+1}) - V(x_t)),   rho_t = min(rho_bar, w_t),   c_i = lambda min(c_bar, w_i),
 * and advantages [T] for the policy gradient (section 4.2),
 *   min(pg_rho_bar, w_t) (r_t + gamma v_{t+1} - V(x_t)),
 * with ratios [T] w_t = pi(a_t | x_t) / mu(a_t | x_t). The end of an episode ends the sum: after termination the next
 * value is 0, after truncation that of the true last observation. With all ratios 1, lambda 1 and clips of 1 or more,
 * the targets are n-step returns, and the advantages have the same bits as those of advantage_baseline(). */
void vtrace(const struct advantage_row *row, const float *ratios, const struct vtrace_settings *settings,
            float *targets, float *advantages);

#endif
