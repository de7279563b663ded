#include "rollout/advantage.h"

#include "env/pool.h"

#include <math.h>

void advantage_gae(size_t n_steps, const float *rewards, const float *values, const float *bootstrap,
                   const uint8_t *ended, float gamma, float gae_lambda, float *advantages, float *returns) {
  float advantage = 0.0f;
  for (size_t t = n_steps; t-- > 0;) {
    float next_value = values[t + 1], carry = gamma * gae_lambda * advantage;
    if (ended[t] != 0) {
      /* termination ends the return; truncation only hides its rest, which the critic estimates */
      next_value = (ended[t] & ENV_TERMINATED) != 0 ? 0.0f : bootstrap[t];
      carry = 0.0f;
    }
    advantage = rewards[t] + gamma * next_value - values[t] + carry;
    advantages[t] = advantage;
    returns[t] = advantage + values[t];
  }
}

double explained_variance(size_t n_rows, size_t n_steps, const float *values, const float *returns) {
  /* two passes: the means, then the squares about them */
  double mean_return = 0, mean_residual = 0, variance_return = 0, variance_residual = 0;
  for (int pass = 0; pass < 2; pass++) {
    for (size_t n = 0; n < n_rows; n++) {
      for (size_t t = 0; t < n_steps; t++) {
        double target = returns[n * n_steps + t], residual = target - values[n * (n_steps + 1) + t];
        if (pass == 0) {
          mean_return += target;
          mean_residual += residual;
        } else {
          variance_return += (target - mean_return) * (target - mean_return);
          variance_residual += (residual - mean_residual) * (residual - mean_residual);
        }
      }
    }
    if (pass > 0) continue;
    mean_return /= (double)(n_rows * n_steps);
    mean_residual /= (double)(n_rows * n_steps);
  }
  return variance_return > 0 ? 1.0 - variance_residual / variance_return : (double)NAN;
}
