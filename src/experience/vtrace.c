#include "experience/vtrace.h"

#include <math.h>

static inline float clip(float ratio, float bar) { return ratio > bar ? bar : ratio; }

void vtrace(const struct advantage_row *row, const float *ratios, const struct vtrace_settings *settings,
            float *targets, float *advantages) {
  /* v_s - V(x_s) by a recursion from the end (remark 1); it is zero after the end of an episode */
  float correction = 0.0f;
  for (size_t t = row->n_steps; t-- > 0;) {
    float residual = row->rewards[t] + settings->gamma * advantage_next_value(row, t) - row->values[t];
    float carry = row->ended[t] != 0 ? 0.0f : settings->gamma * correction;
    /* r_t + gamma v_{t+1} - V(x_t) is the residual plus gamma (v_{t+1} - V(x_{t+1})) */
    float weight = isnan(settings->pg_rho_bar) ? 1.0f : clip(ratios[t], settings->pg_rho_bar);
    advantages[t] = weight * (residual + carry);
    correction =
        clip(ratios[t], settings->rho_bar) * residual + settings->lambda * clip(ratios[t], settings->c_bar) * carry;
    targets[t] = row->values[t] + correction;
  }
}
