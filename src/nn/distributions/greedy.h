/* Epsilon-greedy choice among Discrete actions by their values (Sutton and Barto, section 2.2):
 *
 *   pi(a) = epsilon / n + (1 - epsilon) [a = argmax Q],  n: the choices that are allowed
 *
 * Here is what distributions share that choose so; each says how the values follow from the network's outputs. Of equal
 * values the first one is the greatest. epsilon is a parameter of its own, `policy/epsilon`, which no gradient moves:
 * the algorithm sets it by its schedule, and it reaches the actors with the policy.
 *
 *   H = -sum_a pi(a) log pi(a)
 *   d log pi(a) / d epsilon = (1 / n - [a = argmax Q]) / pi(a),  of the outputs: 0, as they move no probability */
#ifndef NN_DISTRIBUTIONS_GREEDY_H
#define NN_DISTRIBUTIONS_GREEDY_H

#include "nn/distribution.h"

/* Fills values[choices] from the outputs of one row: [choices, atoms]. */
typedef void (*greedy_values)(const struct policy_head *head, const float *outputs, float *values);

/* The functions of a distribution's table; for the first four it adds its values. */
void greedy_sample(struct policy_head *head, greedy_values values_of, size_t rows, const float *net, size_t net_ld,
                   struct action_mask mask, const struct action_random *random, void *actions);
void greedy_mode(struct policy_head *head, greedy_values values_of, size_t rows, const float *net, size_t net_ld,
                 struct action_mask mask, void *actions);
void greedy_probabilities(struct policy_head *head, greedy_values values_of, size_t rows, const float *net,
                          size_t net_ld, struct action_mask mask, float *probabilities);
void greedy_evaluate(struct policy_head *head, greedy_values values_of, size_t rows, const float *net, size_t net_ld,
                     struct action_mask mask, const void *actions);
void greedy_gradient(struct policy_head *head, size_t rows, const void *actions, const float *d_log_prob,
                     float d_entropy, float *d_net, size_t d_net_ld);
void greedy_shape(struct policy_head *head, bool state_dependent);

/* For .onnx: choices by values [batch, choices]. Of the two numbers of noise the first one says whether a row explores,
 * the second one which of the allowed actions it takes then. */
enum { GREEDY_NOISE_NUMBERS = 2 };
const char *greedy_onnx(const struct policy_head *head, const struct action_onnx *io, const char *values);

/* Defines the functions of a table whose values are values_of(). */
#define GREEDY_FUNCTIONS(values_of)                                                                                    \
  static void sample(struct policy_head *head, size_t rows, const float *net, size_t net_ld, struct action_mask mask,  \
                     const struct action_random *random, void *actions) {                                              \
    greedy_sample(head, values_of, rows, net, net_ld, mask, random, actions);                                          \
  }                                                                                                                    \
  static void mode(struct policy_head *head, size_t rows, const float *net, size_t net_ld, struct action_mask mask,    \
                   void *actions) {                                                                                    \
    greedy_mode(head, values_of, rows, net, net_ld, mask, actions);                                                    \
  }                                                                                                                    \
  static void evaluate(struct policy_head *head, size_t rows, const float *net, size_t net_ld,                         \
                       struct action_mask mask, const void *actions) {                                                 \
    greedy_evaluate(head, values_of, rows, net, net_ld, mask, actions);                                                \
  }                                                                                                                    \
  static void probabilities(struct policy_head *head, size_t rows, const float *net, size_t net_ld,                    \
                            struct action_mask mask, float *out) {                                                     \
    greedy_probabilities(head, values_of, rows, net, net_ld, mask, out);                                               \
  }                                                                                                                    \
  static void values(const struct policy_head *head, size_t rows, const float *net, size_t net_ld, float *out) {       \
    for (size_t r = 0; r < rows; r++) values_of(head, net + r * net_ld, out + r * head->choices);                      \
  }

#endif
