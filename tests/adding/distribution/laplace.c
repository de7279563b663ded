/* The Laplace distribution (Kotz et al. 2001, section 2.1) over a Box space, as torch.distributions.Laplace: heavier
 * tails than the Gaussian's. The network's outputs are the medians m; s, the logarithm of the scale, is a parameter or
 * a further output (location_scale.h).
 *
 * With y = (a - m) / e^s, summed over the elements of an action:
 *   log pi(a) = -|y| - s - log 2,   H = 1 + log 2 + s.
 * Gradients: d log pi / d m = sign(y) / e^s,   d log pi / d s = |y| - 1,   d H / d s = 1.
 *
 * A sample is a = m + e^s y: |y| has the exponential distribution, and its sign is a coin's. As the noise y stays,
 *   d a / d m = 1,   d a / d s = e^s y,   d log pi / d m = 0,   d log pi / d s = -1. */
#include "base/random.h"
#include "math/vector.h"
#include "nn/distributions/location_scale.h"

#include <math.h>
#include <string.h>

#define LOG_2 0.693147181f

static void laplace_shape(struct policy_head *head, bool state_dependent) {
  location_scale_shape(head, state_dependent, "log_scale");
}

/* sample() and evaluate() share it, so that they find the same bits */
static void log_probability(struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                            const float *actions, struct location_scale tile) {
  location_scale_find_noise(head, rows, net, net_ld, actions);
  memset(head->log_prob, 0, TILE * sizeof *head->log_prob);
  for (size_t i = 0; i < head->elements; i++)
    for (size_t r = 0; r < rows; r++)
      head->log_prob[r] -= fabsf(tile.noise[i * TILE + r]) + tile.log_scale[i * TILE + r] + LOG_2;
}

static void laplace_sample(struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                           struct action_mask mask, const struct action_random *random, void *actions) {
  (void)mask;
  float *action = actions;
  const struct location_scale tile = location_scale_take(head, rows, net, net_ld);
  for (size_t i = 0; i < head->elements; i++)
    for (size_t r = 0; r < rows; r++) {
      uint32_t words[4];
      random_words(random->seed, RANDOM_ACTION, action_random_row(random, r), action_random_step(random, r),
                   (uint32_t)i, words);
      float logarithm = 1.0f - random_unit_float(words[0]); /* of a number in (0, 1] */
      vector_log(1, &logarithm, &logarithm);
      const float noise = words[1] % 2 == 0 ? -logarithm : logarithm;
      action[r * head->elements + i] = net[r * net_ld + i] + tile.scale[i * TILE + r] * noise;
    }
  log_probability(head, rows, net, net_ld, action, tile);
}

static void laplace_evaluate(struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                             struct action_mask mask, const void *actions) {
  (void)mask;
  const struct location_scale tile = location_scale_take(head, rows, net, net_ld);
  log_probability(head, rows, net, net_ld, actions, tile);
  memset(head->entropy, 0, TILE * sizeof *head->entropy);
  for (size_t i = 0; i < head->elements; i++)
    for (size_t r = 0; r < TILE; r++) head->entropy[r] += 1.0f + LOG_2 + tile.log_scale[i * TILE + r];
}

static void laplace_gradient(struct policy_head *head, size_t rows, const void *actions, const float *d_log_prob,
                             float d_entropy, float *d_net, size_t d_net_ld) {
  (void)actions;
  const struct location_scale tile = location_scale_views(head);
  for (size_t i = 0; i < head->elements; i++) {
    float d_median[TILE], d_log_scale[TILE];
    for (size_t r = 0; r < rows; r++) {
      const float y = tile.noise[i * TILE + r], sign = (y > 0) - (y < 0);
      d_median[r] = d_log_prob[r] * sign / tile.scale[i * TILE + r];
      d_log_scale[r] = d_log_prob[r] * (fabsf(y) - 1.0f) + d_entropy;
    }
    location_scale_give(head, i, rows, d_median, d_log_scale, d_net, d_net_ld);
  }
}

static void laplace_pathwise(struct policy_head *head, size_t rows, const float *d_actions, const float *d_log_prob,
                             float *d_net, size_t d_net_ld) {
  const struct location_scale tile = location_scale_views(head);
  for (size_t i = 0; i < head->elements; i++) {
    float d_median[TILE], d_log_scale[TILE];
    for (size_t r = 0; r < rows; r++) {
      d_median[r] = d_actions[r * head->elements + i];
      d_log_scale[r] = d_median[r] * tile.scale[i * TILE + r] * tile.noise[i * TILE + r] - d_log_prob[r];
    }
    location_scale_give(head, i, rows, d_median, d_log_scale, d_net, d_net_ld);
  }
}

const struct distribution distribution_laplace = {
    .name = "Laplace",
    .summary = "a Laplace distribution for each element of the action, whose medians are the outputs",
    .action_kind = MUSTER_SPACE_BOX,
    .shape = laplace_shape,
    .sample = laplace_sample,
    .mode = location_scale_mode,
    .evaluate = laplace_evaluate,
    .gradient = laplace_gradient,
    .pathwise = laplace_pathwise,
};
