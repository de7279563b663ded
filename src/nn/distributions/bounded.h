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

/* The actions that numbers x [elements, TILE] in [-1, 1] stand for, with the algorithm's action noise: it is added to
 * x, with the deviation noise_std, and the sum is cut to [-1, 1], as Stable-Baselines3 does. normal independent numbers
 *   ornstein-uhlenbeck    numbers of a process that drifts (nn/normals.h), one for each row of the run and element */
void bounded_act_with_noise(const struct policy_head *head, size_t rows, const float *x,
                            const struct action_random *random, float *actions);

/* Puts random actions, and their log_prob, in place of those of the rows that act randomly. */
void bounded_explore(struct policy_head *head, size_t rows, const struct action_random *random, float *actions);

#endif
