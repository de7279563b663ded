/* The diagonal Gaussian over a Box space: the network's outputs are the means, and the logarithms of the standard
 * deviations are the distribution's own parameters or further outputs (location_scale.h).
 *
 * With mean m, log-deviation s and y = (a - m) / e^s, summed over the elements of an action:
 *   log pi(a) = -y^2 / 2 - s - log(2 pi) / 2,   H = 1/2 + log(2 pi) / 2 + s.
 * Gradients: d log pi / d m = y / e^s,   d log pi / d s = y^2 - 1,   d H / d s = 1.
 *
 * The probability is that of the action as drawn, before an environment clips it to its bounds or does anything else
 * with it. */
#include "nn/distributions/location_scale.h"
#include "nn/normals.h"

#include <string.h>

#define HALF_LOG_2PI 0.918938533f

static void gaussian_shape(struct policy_head *head, bool state_dependent) {
  location_scale_shape(head, state_dependent, "log_std");
}

/* log-probability of actions; sample() and evaluate() share it, so that they find the same bits */
static void log_probability(struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                            const float *actions, struct location_scale tile) {
  location_scale_find_noise(head, rows, net, net_ld, actions);
  memset(head->log_prob, 0, TILE * sizeof *head->log_prob);
  for (size_t i = 0; i < head->elements; i++) {
    const float *log_std = tile.log_scale + i * TILE, *y = tile.noise + i * TILE;
    for (size_t r = 0; r < rows; r++) head->log_prob[r] += -0.5f * (y[r] * y[r]) - log_std[r] - HALF_LOG_2PI;
  }
}

static void gaussian_sample(struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                            struct action_mask mask, const struct action_random *random, void *actions) {
  (void)mask;
  float *action = actions;
  const struct location_scale tile = location_scale_take(head, rows, net, net_ld);
  for (size_t first = 0; first < head->elements; first += 4) {
    float normals[4][TILE];
    normals_of_actions(random, first, rows, normals);
    for (size_t i = first; i < head->elements && i < first + 4; i++)
      for (size_t r = 0; r < rows; r++)
        action[r * head->elements + i] = net[r * net_ld + i] + tile.scale[i * TILE + r] * normals[i - first][r];
  }
  log_probability(head, rows, net, net_ld, action, tile);
}

static void gaussian_evaluate(struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                              struct action_mask mask, const void *actions) {
  (void)mask;
  const struct location_scale tile = location_scale_take(head, rows, net, net_ld);
  log_probability(head, rows, net, net_ld, actions, tile);
  memset(head->entropy, 0, TILE * sizeof *head->entropy);
  for (size_t i = 0; i < head->elements; i++)
    for (size_t r = 0; r < TILE; r++) head->entropy[r] += 0.5f + HALF_LOG_2PI + tile.log_scale[i * TILE + r];
}

static void gaussian_gradient(struct policy_head *head, size_t rows, const void *actions, const float *d_log_prob,
                              float d_entropy, float *d_net, size_t d_net_ld) {
  (void)actions;
  const struct location_scale tile = location_scale_views(head);
  for (size_t i = 0; i < head->elements; i++) {
    const float *y = tile.noise + i * TILE, *std = tile.scale + i * TILE;
    float d_mean[TILE], d_log_std[TILE];
    for (size_t r = 0; r < rows; r++) {
      d_mean[r] = d_log_prob[r] * y[r] / std[r];
      d_log_std[r] = d_log_prob[r] * (y[r] * y[r] - 1.0f) + d_entropy;
    }
    location_scale_give(head, i, rows, d_mean, d_log_std, d_net, d_net_ld);
  }
}

/* With noise n an action is m + e^s n, and its log-probability -n^2 / 2 - s - log(2 pi) / 2:
 * d a / d m = 1,   d a / d s = e^s n,   d log pi / d s = -1. */
static void gaussian_pathwise(struct policy_head *head, size_t rows, const float *d_actions, const float *d_log_prob,
                              float *d_net, size_t d_net_ld) {
  const struct location_scale tile = location_scale_views(head);
  for (size_t i = 0; i < head->elements; i++) {
    const float *noise = tile.noise + i * TILE, *std = tile.scale + i * TILE;
    float d_mean[TILE], d_log_std[TILE];
    for (size_t r = 0; r < rows; r++) {
      d_mean[r] = d_actions[r * head->elements + i];
      d_log_std[r] = d_mean[r] * std[r] * noise[r] - d_log_prob[r];
    }
    location_scale_give(head, i, rows, d_mean, d_log_std, d_net, d_net_ld);
  }
}

const struct distribution distribution_gaussian = {
    .name = "Gaussian",
    .summary = "a normal distribution for each element of the action, whose means are the outputs",
    .action_kind = MUSTER_SPACE_BOX,
    .shape = gaussian_shape,
    .sample = gaussian_sample,
    .mode = location_scale_mode,
    .evaluate = gaussian_evaluate,
    .gradient = gaussian_gradient,
    .pathwise = gaussian_pathwise,
    .onnx = location_scale_onnx,
};
