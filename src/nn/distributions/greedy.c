#include "nn/distributions/greedy.h"

#include "base/random.h"
#include "nn/layer.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* what a row's outputs say */
struct greedy {
  size_t best, allowed; /* the action of the greatest value; how many may be chosen */
};

static bool is_allowed(struct action_mask mask, size_t row, size_t action) {
  return mask.bytes == NULL || mask.bytes[row * mask.stride + action] != 0;
}

static struct greedy find_greedy(const struct policy_head *head, greedy_values values_of, const float *outputs,
                                 struct action_mask mask, size_t row) {
  struct greedy greedy = {0, 0};
  float *values = head->workspace + 2 * TILE;
  values_of(head, outputs, values);
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

void greedy_shape(struct policy_head *head, bool state_dependent) {
  (void)state_dependent;
  head->outputs = head->choices * head->atoms;
  head->own_name = "epsilon";
  head->own_count = 1;
  head->workspace_floats = 2 * TILE + head->choices;
}

static double epsilon_of(const struct policy_head *head) { return fmin(fmax(head->own[0], 0.0), 1.0); }

/* the probability of the greedy action, or of another one */
static double probability(struct greedy greedy, double epsilon, bool is_best) {
  return epsilon / (double)greedy.allowed + (is_best ? 1.0 - epsilon : 0.0);
}

/* The epsilon of a row, which falls from the first row of the run to the last: epsilon^(1 + alpha i / (n - 1)), i from
 * 0 on (Ape-X, Horgan et al. 2018). */
static double epsilon_of_row(const struct policy_head *head, const struct action_random *random, size_t r) {
  const double epsilon = epsilon_of(head);
  if (head->exploration_alpha == 0 || random->n_rows < 2) return epsilon;
  const double place = (double)action_random_row(random, r) / (double)(random->n_rows - 1);
  return pow(epsilon, 1 + head->exploration_alpha * place);
}

/* The first word of a row says whether it explores, the second one which of the allowed actions it takes then. */
void greedy_sample(struct policy_head *head, greedy_values values_of, size_t rows, const float *net, size_t net_ld,
                   struct action_mask mask, const struct action_random *random, void *actions) {
  int32_t *action = actions;
  for (size_t r = 0; r < rows; r++) {
    const struct greedy greedy = find_greedy(head, values_of, net + r * net_ld, mask, r);
    const double epsilon = epsilon_of_row(head, random, r);
    uint32_t words[4];
    random_words(random->seed, RANDOM_ACTION, action_random_row(random, r), action_random_step(random, r), 0, words);
    const bool explores = random_unit_float(words[0]) < (float)epsilon;
    const size_t place = (size_t)(((uint64_t)words[1] * greedy.allowed) >> 32);
    const size_t taken = explores ? nth_allowed(head, mask, r, place) : greedy.best;
    action[r] = (int32_t)taken;
    head->log_prob[r] = (float)log(probability(greedy, epsilon, taken == greedy.best));
  }
}

void greedy_mode(struct policy_head *head, greedy_values values_of, size_t rows, const float *net, size_t net_ld,
                 struct action_mask mask, void *actions) {
  for (size_t r = 0; r < rows; r++)
    ((int32_t *)actions)[r] = (int32_t)find_greedy(head, values_of, net + r * net_ld, mask, r).best;
}

void greedy_probabilities(struct policy_head *head, greedy_values values_of, size_t rows, const float *net,
                          size_t net_ld, struct action_mask mask, float *probabilities) {
  const double epsilon = epsilon_of(head);
  for (size_t r = 0; r < rows; r++) {
    const struct greedy greedy = find_greedy(head, values_of, net + r * net_ld, mask, r);
    for (size_t a = 0; a < head->choices; a++)
      *probabilities++ = is_allowed(mask, r, a) ? (float)probability(greedy, epsilon, a == greedy.best) : 0.0f;
  }
}

/* Leaves the derivatives of log-probability and entropy with respect to epsilon in the workspace, for gradient(). */
void greedy_evaluate(struct policy_head *head, greedy_values values_of, size_t rows, const float *net, size_t net_ld,
                     struct action_mask mask, const void *actions) {
  const int32_t *action = actions;
  const double epsilon = epsilon_of(head);
  float *d_log_prob = head->workspace, *d_entropy = head->workspace + TILE;
  for (size_t r = 0; r < rows; r++) {
    const struct greedy greedy = find_greedy(head, values_of, net + r * net_ld, mask, r);
    const bool is_best = (size_t)action[r] == greedy.best;
    const double n = (double)greedy.allowed, best = probability(greedy, epsilon, true),
                 other = probability(greedy, epsilon, false), taken = is_best ? best : other;
    const double log_best = log(best), log_other = other > 0 ? log(other) : 0;
    const bool moves = epsilon > 0 && epsilon < 1;
    head->log_prob[r] = (float)log(taken);
    head->entropy[r] = (float)-(best * log_best + (n - 1) * other * log_other);
    d_log_prob[r] = moves ? (float)((1 / n - is_best) / taken) : 0.0f;
    d_entropy[r] = moves ? (float)((1 - 1 / n) * (log_best - log_other)) : 0.0f;
  }
}

void greedy_gradient(struct policy_head *head, size_t rows, const void *actions, const float *d_log_prob,
                     float d_entropy, float *d_net, size_t d_net_ld) {
  (void)actions;
  double sum = 0;
  for (size_t r = 0; r < rows; r++) {
    memset(d_net + r * d_net_ld, 0, head->outputs * sizeof *d_net);
    sum += (double)d_log_prob[r] * head->workspace[r] + (double)d_entropy * head->workspace[TILE + r];
  }
  head->own_gradients[0] += (float)sum;
}

/* the place-th of the allowed actions, place = floor(noise * how many they are) */
static const char *explore_onnx(struct onnx *graph, const char *mask, const char *noise) {
  const char *axis = onnx_integers(graph, 1, (int64_t[]){1});
  const char *allowed = onnx_cast(graph, mask, ONNX_FLOAT);
  const char *running = onnx_node(graph, "CumSum", ONNX_LIST(allowed, axis), NULL);
  const char *count = onnx_node(graph, "ReduceSum", ONNX_LIST(allowed, axis), NULL);
  const char *place =
      onnx_node(graph, "Floor", ONNX_LIST(onnx_node(graph, "Mul", ONNX_LIST(noise, count), NULL)), NULL);
  const char *passed = onnx_node(graph, "LessOrEqual", ONNX_LIST(running, place), NULL);
  return onnx_node(graph, "ReduceSum", ONNX_LIST(onnx_cast(graph, passed, ONNX_INT64), axis), NULL);
}

const char *greedy_onnx(const struct policy_head *head, const struct action_onnx *io, const char *values) {
  struct onnx *graph = io->graph;
  values = onnx_node(graph, "Where", ONNX_LIST(io->mask, values, onnx_number(graph, -FLT_MAX)), NULL);
  const char *best = onnx_node(graph, "ArgMax", ONNX_LIST(values), ONNX_ATTRIBUTES(ONNX_INT("axis", 1)));
  if (io->noise == NULL) return best;
  const char *chance = onnx_columns(graph, io->noise, 0, 1);
  const char *explores = onnx_node(graph, "Less", ONNX_LIST(chance, onnx_number(graph, (float)epsilon_of(head))), NULL);
  const char *other = explore_onnx(graph, io->mask, onnx_columns(graph, io->noise, 1, GREEDY_NOISE_NUMBERS));
  return onnx_node(graph, "Where", ONNX_LIST(explores, other, best), NULL);
}
