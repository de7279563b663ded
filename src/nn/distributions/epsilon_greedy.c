/* Epsilon-greedy choice among Discrete actions, whose values are the network's outputs (Sutton and Barto, section 2.2):
 *
 *   pi(a) = epsilon / n + (1 - epsilon) [a = argmax Q],  n: the choices that are allowed
 *
 * Of equal values the first one is the greatest. epsilon is a parameter of its own, `policy/epsilon`, which no gradient
 * moves by itself: an algorithm sets it as its schedule says, and it reaches the actors with the policy.
 *
 *   H = -sum_a pi(a) log pi(a)
 *   d log pi(a) / d epsilon = (1 / n - [a = argmax Q]) / pi(a),  of the outputs: 0, as they move no probability */
#include "nn/distribution.h"

#include "base/random.h"
#include "nn/layer.h"

#include <math.h>
#include <string.h>

/* what a row's outputs say */
struct greedy {
  size_t best, allowed; /* the action of the greatest value; how many may be chosen */
};

static bool is_allowed(struct action_mask mask, size_t row, size_t action) {
  return mask.bytes == NULL || mask.bytes[row * mask.stride + action] != 0;
}

static struct greedy find_greedy(const struct policy_head *head, const float *values, struct action_mask mask,
                                 size_t row) {
  struct greedy greedy = {0, 0};
  for (size_t a = 0; a < head->choices; a++) {
    if (!is_allowed(mask, row, a)) continue;
    if (greedy.allowed++ == 0 || values[a] > values[greedy.best]) greedy.best = a;
  }
  return greedy;
}

/* the action that stands at this place among those that are allowed */
static size_t nth_allowed(const struct policy_head *head, struct action_mask mask, size_t row, size_t place) {
  for (size_t a = 0; a < head->choices; a++)
    if (is_allowed(mask, row, a) && place-- == 0) return a;
  return 0;
}
