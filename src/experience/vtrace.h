/* V-trace: what a policy pi is worth, from a trajectory that another one, mu, has acted (Espeholt et al. 2018, IMPALA,
 * section 4). */
#ifndef EXPERIENCE_VTRACE_H
#define EXPERIENCE_VTRACE_H

#include "experience/advantage.h"

struct vtrace_settings {
  float gamma;
  float lambda;     /* 1: as the paper's eq. 1; less: c_i has it as a factor (remark 2) */
  float rho_bar;    /* clip of the ratios in the TD residuals: decides which policy's values are learned */
  float c_bar;      /* clip of the ratios in the traces: decides how far back a residual reaches */
  float pg_rho_bar; /* clip of the ratio that weighs the advantage; NAN: no weight, for a loss that has the ratio itself
                     */
};

/* Writes targets [T] for the critic (eq. 1),
 *   v_s = V(x_s) + sum_{t >= s} gamma^(t - s) (prod_{i = s}^{t - 1} c_i) delta_t,
 *   delta_t = rho_t (r_t + gamma V(x_{t+1}) - V(x_t)),   rho_t = min(rho_bar, w_t),   c_i = lambda min(c_bar, w_i),
 * and advantages [T] for the policy gradient (section 4.2),
 *   min(pg_rho_bar, w_t) (r_t + gamma v_{t+1} - V(x_t)),
 * with ratios [T] w_t = pi(a_t | x_t) / mu(a_t | x_t). Either end of an episode cuts the sum: after termination the
 * next value is 0, after truncation that of the true last observation. With all ratios 1, lambda 1 and clips of 1 or
 * more, the targets are n-step returns and the advantages those of advantage_baseline(), in every float. */
void vtrace(const struct advantage_row *row, const float *ratios, const struct vtrace_settings *settings,
            float *targets, float *advantages);

#endif
