/* What distributions share that act within the finite bounds of a Box: an action is the middle of the bounds plus half
 * their width times a number in [-1, 1], element by element; and before it has learned anything a policy acts at
 * random.
 *
 * The one parameter of their own, policy/random, is the probability that an action is drawn uniformly within the
 * bounds. The algorithm sets it; it has no gradient. */
#ifndef NN_DISTRIBUTIONS_BOUNDED_H
#define NN_DISTRIBUTIONS_BOUNDED_H

#include "nn/distribution.h"
#include "nn/layer.h"

/* For .shape; with so many floats of workspace for each element and row. */
void bounded_shape(struct policy_head *head, size_t outputs, size_t floats);

/* Element i of an action from a number in [-1, 1]. */
static inline float bounded_action(const struct policy_head *head, size_t i, float unit) {
  return head->centre[i] + head->half_width[i] * unit;
}

/* For .onnx: actions from numbers [batch, elements] in [-1, 1]. */
const char *bounded_onnx(const struct policy_head *head, struct onnx *graph, const char *unit);

/* The action noise for .onnx: the numbers x [batch, elements] with `noise` of the algorithm's deviation added, cut to
 * [-1, 1]; x itself where the algorithm adds none. */
const char *bounded_noise_onnx(const struct policy_head *head, const struct action_onnx *io, const char *x);

/* The actions [rows, elements] by which a policy explores that would act by x [elements, TILE], numbers in [-1, 1]. Of
 * rows that act randomly x and log_prob are replaced; the algorithm's action noise is added to all, and the sum is cut
 * to [-1, 1], as in Stable-Baselines3. A noise that drifts has a process for each row of the run and element, which
 * starts at 0 with each episode. log_prob does not count the noise. */
void bounded_explore(struct policy_head *head, size_t rows, const struct action_random *random, float *x,
                     float *actions);

#endif
