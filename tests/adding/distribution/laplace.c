/* The Laplace distribution (Kotz et al. 2001, section 2.1) over a Box space, as torch.distributions.Laplace: heavier
 * tails than the Gaussian's. Of each element the network's output is the median m; the logarithm of the scale, s, is a
 * parameter of its own, or a second output. With y = (a - m) / e^s, summed over the elements of an action:
 *   log pi(a) = -|y| - s - log 2,   H = 1 + log 2 + s
 *   d log pi / d m = sign(y) / e^s,   d log pi / d s = |y| - 1,   d H / d s = 1
 * A sample is a = m + e^s y: |y| has the exponential distribution, and its sign is a coin's. As the noise y stays,
 *   d a / d m = 1,   d a / d s = e^s y,   d log pi / d m = 0,   d log pi / d s = -1 */
#include "base/random.h"
#include "math/vector.h"
#include "nn/distribution.h"
#include "nn/layer.h"

#include <math.h>
#include <string.h>

#define LOG_2 0.693147181f

static void laplace_shape(struct policy_head *head, bool state_dependent) {
  head->outputs = state_dependent ? 2 * head->elements : head->elements;
  head->own_name = state_dependent ? NULL : "log_scale";
  head->own_count = state_dependent ? 0 : head->elements;
  head->workspace_floats = 3 * TILE * head->elements;
}

/* what is kept of a tile, [TILE, elements] each: s, e^s and y */
static float *log_scales(const struct policy_head *head) { return head->workspace; }
static float *scales(const struct policy_head *head) { return head->workspace + TILE * head->elements; }
static float *noises(const struct policy_head *head) { return head->workspace + 2 * TILE * head->elements; }

static void take_scales(const struct policy_head *head, size_t rows, const float *net, size_t net_ld) {
  const size_t n = head->elements;
  for (size_t r = 0; r < rows; r++)
    for (size_t i = 0; i < n; i++)
      log_scales(head)[r * n + i] = head->own_count > 0 ? head->own[i] : net[r * net_ld + n + i];
  vector_exp(rows * n, log_scales(head), scales(head));
}

/* sample() and evaluate() share it, so that they find the same bits */
static void log_probability(struct policy_head *head, size_t rows, const float *net, size_t net_ld, const float *a) {
  const size_t n = head->elements;
  memset(head->log_prob, 0, TILE * sizeof *head->log_prob);
  for (size_t k = 0; k < rows * n; k++) {
    noises(head)[k] = (a[k] - net[k / n * net_ld + k % n]) / scales(head)[k];
    head->log_prob[k / n] -= fabsf(noises(head)[k]) + log_scales(head)[k] + LOG_2;
  }
}

static void laplace_sample(struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                           struct action_mask mask, const struct action_random *random, void *actions) {
  (void)mask;
  const size_t n = head->elements;
  float *a = actions;
  uint32_t words[4];
  take_scales(head, rows, net, net_ld);
  for (size_t k = 0; k < rows * n; k++) {
    random_words(random->seed, RANDOM_ACTION, action_random_row(random, k / n), action_random_step(random, k / n),
                 (uint32_t)(k % n), words);
    float magnitude = 1.0f - random_unit_float(words[0]); /* in (0, 1] */
    vector_log(1, &magnitude, &magnitude);
    a[k] = net[k / n * net_ld + k % n] + scales(head)[k] * (words[1] % 2 == 0 ? magnitude : -magnitude);
  }
  log_probability(head, rows, net, net_ld, a);
}

static void laplace_mode(struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                         struct action_mask mask, void *actions) {
  (void)mask;
  for (size_t r = 0; r < rows; r++)
    memcpy((float *)actions + r * head->elements, net + r * net_ld, head->elements * sizeof(float));
}

static void laplace_evaluate(struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                             struct action_mask mask, const void *actions) {
  (void)mask;
  take_scales(head, rows, net, net_ld);
  log_probability(head, rows, net, net_ld, actions);
  memset(head->entropy, 0, TILE * sizeof *head->entropy);
  for (size_t k = 0; k < rows * head->elements; k++)
    head->entropy[k / head->elements] += 1.0f + LOG_2 + log_scales(head)[k];
}

/* the gradient of s is a parameter's or an output's */
static void give_log_scale(struct policy_head *head, size_t k, float d_log_scale, float *d_net, size_t d_net_ld) {
  const size_t n = head->elements;
  if (head->own_count > 0)
    head->own_gradients[k % n] += d_log_scale;
  else
    d_net[k / n * d_net_ld + n + k % n] = d_log_scale;
}

static void laplace_gradient(struct policy_head *head, size_t rows, const void *actions, const float *d_log_prob,
                             float d_entropy, float *d_net, size_t d_net_ld) {
  (void)actions;
  const size_t n = head->elements;
  for (size_t k = 0; k < rows * n; k++) {
    const float y = noises(head)[k], sign = (y > 0) - (y < 0);
    d_net[k / n * d_net_ld + k % n] = d_log_prob[k / n] * sign / scales(head)[k];
    give_log_scale(head, k, d_log_prob[k / n] * (fabsf(y) - 1.0f) + d_entropy, d_net, d_net_ld);
  }
}

static void laplace_pathwise(struct policy_head *head, size_t rows, const float *d_actions, const float *d_log_prob,
                             float *d_net, size_t d_net_ld) {
  const size_t n = head->elements;
  for (size_t k = 0; k < rows * n; k++) {
    d_net[k / n * d_net_ld + k % n] = d_actions[k];
    give_log_scale(head, k, d_actions[k] * scales(head)[k] * noises(head)[k] - d_log_prob[k / n], d_net, d_net_ld);
  }
}

const struct distribution distribution_laplace = {
    .name = "Laplace",
    .summary = "a Laplace distribution for each element of the action, whose medians are the outputs",
    .action_kind = MUSTER_SPACE_BOX,
    .shape = laplace_shape,
    .sample = laplace_sample,
    .mode = laplace_mode,
    .evaluate = laplace_evaluate,
    .gradient = laplace_gradient,
    .pathwise = laplace_pathwise,
};
