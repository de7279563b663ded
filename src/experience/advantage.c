#include "experience/advantage.h"

#include "env/pool.h"

#include <math.h>

float advantage_next_value(const struct advantage_row *row, size_t t) {
  if (row->ended[t] == 0) return row->values[t + 1];
  return (row->ended[t] & ENV_TERMINATED) != 0 ? 0.0f : row->bootstrap[t];
}

/* delta_t = r_t + gamma V(s_{t+1}) - V(s_t) */
static inline float td_residual(const struct advantage_row *row, size_t t, float gamma) {
  return row->rewards[t] + gamma * advantage_next_value(row, t) - row->values[t];
}

void advantage_gae(const struct advantage_row *row, float gamma, float gae_lambda, float *advantages, float *returns) {
  float advantage = 0.0f;
  for (size_t t = row->n_steps; t-- > 0;) {
    /* the end of an episode ends the sum; after a truncation the critic estimates the rest */
    float carry = row->ended[t] != 0 ? 0.0f : gamma * gae_lambda * advantage;
    advantage = td_residual(row, t, gamma) + carry;
    advantages[t] = advantage;
    returns[t] = advantage + row->values[t];
  }
}

void advantage_td_residual(const struct advantage_row *row, float gamma, float *advantages, float *returns) {
  for (size_t t = 0; t < row->n_steps; t++) {
    advantages[t] = td_residual(row, t, gamma);
    returns[t] = advantages[t] + row->values[t];
  }
}

void advantage_baseline(const struct advantage_row *row, float gamma, float *advantages, float *returns) {
  float advantage = 0.0f;
  for (size_t t = row->n_steps; t-- > 0;) {
    advantage = td_residual(row, t, gamma) + (row->ended[t] != 0 ? 0.0f : gamma * advantage);
    advantages[t] = advantage;
    returns[t] = advantage + row->values[t];
  }
}

void advantage_return_to_go(const struct advantage_row *row, float gamma, float *returns) {
  float sum = 0.0f;
  for (size_t t = row->n_steps; t-- > 0;) {
    sum = row->rewards[t] + (row->ended[t] != 0 ? 0.0f : gamma * sum);
    returns[t] = sum;
  }
}

void advantage_total_return(const struct advantage_row *row, float gamma, float *returns) {
  advantage_return_to_go(row, gamma, returns);
  for (size_t t = 1; t < row->n_steps; t++)
    if (row->ended[t - 1] == 0) returns[t] = returns[t - 1];
}

double explained_variance(size_t n_rows, size_t n_steps, const int32_t *lengths, const float *values,
                          const float *returns) {
  /* two passes: the means, then the squares about them */
  double mean_return = 0, mean_residual = 0, variance_return = 0, variance_residual = 0;
  for (int pass = 0; pass < 2; pass++) {
    size_t samples = 0;
    for (size_t n = 0; n < n_rows; n++) {
      size_t length = lengths != NULL ? (size_t)lengths[n] : n_steps;
      samples += length;
      for (size_t t = 0; t < length; t++) {
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
    mean_return /= (double)samples;
    mean_residual /= (double)samples;
  }
  return variance_return > 0 ? 1.0 - variance_residual / variance_return : (double)NAN;
}
