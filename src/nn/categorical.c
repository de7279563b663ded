/* The categorical distribution over a Discrete space: the network's outputs are logits. This file is the annotated
 * template of a distribution.
 *
 * With l the logits of a row, m = max l, x_a = l_a - m, z = sum_a exp(x_a) in ascending order of a:
 *   log pi(a) = x_a - log z,   H = log z - sum_a pi(a) x_a.
 * Gradients: d log pi(a) / d l_b = [a = b] - pi(b),   d H / d l_b = -pi(b) (log pi(b) + H).
 *
 * The tile is held choice-major, [outputs, TILE], so that every loop runs across rows. */
#include "nn/distribution.h"

#include "base/random.h"
#include "math/vector.h"
#include "nn/mlp.h"

#include <math.h>
#include <string.h>

/* views into the private workspace */
struct workspace {
  float *shifted; /* [outputs, TILE] x_a */
  float *prob;    /* [outputs, TILE] exp(x_a), after evaluate() pi(a) */
  float *log_sum; /* [TILE] log z */
  float *sum;     /* [TILE] z */
};

static struct workspace workspace_views(float *floats, size_t outputs) {
  return (struct workspace){floats, floats + outputs * TILE, floats + 2 * outputs * TILE,
                            floats + (2 * outputs + 1) * TILE};
}

static size_t categorical_workspace_floats(size_t outputs) { return (2 * outputs + 2) * TILE; }

static size_t categorical_outputs(const muster_space *action) { return (size_t)action->counts[0]; }

/* fills the workspace from the logits: shifted, exponentials, their sum and its logarithm */
static struct workspace softmax(size_t outputs, size_t rows, const float *net, size_t net_ld, float *floats) {
  struct workspace w = workspace_views(floats, outputs);
  float *max = w.sum;
  for (size_t r = 0; r < TILE; r++) max[r] = r < rows ? net[r * net_ld] : 0.0f;
  for (size_t a = 0; a < outputs; a++) {
    float *x = w.shifted + a * TILE;
    for (size_t r = 0; r < rows; r++) x[r] = net[r * net_ld + a];
    for (size_t r = rows; r < TILE; r++) x[r] = 0.0f;
    for (size_t r = 0; r < TILE; r++) max[r] = x[r] > max[r] ? x[r] : max[r];
  }
  for (size_t a = 0; a < outputs; a++)
    for (size_t r = 0; r < TILE; r++) w.shifted[a * TILE + r] -= max[r];
  vector_exp(outputs * TILE, w.shifted, w.prob);
  memcpy(w.sum, w.prob, TILE * sizeof *w.sum);
  for (size_t a = 1; a < outputs; a++)
    for (size_t r = 0; r < TILE; r++) w.sum[r] += w.prob[a * TILE + r];
  vector_log(TILE, w.sum, w.log_sum);
  return w;
}

static void categorical_sample(size_t outputs, size_t rows, const float *net, size_t net_ld,
                               const struct action_random *random, struct distribution_tile *tile, void *actions) {
  struct workspace w = softmax(outputs, rows, net, net_ld, tile->workspace);
  int32_t *action = actions;
  uint32_t words[TILE];
  random_words_rows(random->seed, RANDOM_ACTION, random->first_env, random->step, rows, words);

  /* the inverse of the cumulative distribution: the first choice whose running sum exceeds u z */
  for (size_t r = 0; r < rows; r++) {
    float threshold = random_unit_float(words[r]) * w.sum[r], running = w.prob[r];
    size_t a = 0;
    while (running <= threshold && a + 1 < outputs) running += w.prob[++a * TILE + r];
    action[r] = (int32_t)a;
    tile->log_prob[r] = w.shifted[a * TILE + r] - w.log_sum[r];
  }
}

static void categorical_mode(size_t outputs, size_t rows, const float *net, size_t net_ld, void *actions) {
  int32_t *action = actions;
  for (size_t r = 0; r < rows; r++) {
    const float *logits = net + r * net_ld;
    size_t best = 0;
    for (size_t a = 1; a < outputs; a++)
      if (logits[a] > logits[best]) best = a;
    action[r] = (int32_t)best;
  }
}

static void categorical_evaluate(size_t outputs, size_t rows, const float *net, size_t net_ld, const void *actions,
                                 struct distribution_tile *tile) {
  struct workspace w = softmax(outputs, rows, net, net_ld, tile->workspace);
  const int32_t *action = actions;
  for (size_t r = 0; r < rows; r++) tile->log_prob[r] = w.shifted[(size_t)action[r] * TILE + r] - w.log_sum[r];

  for (size_t r = 0; r < TILE; r++) {
    tile->entropy[r] = w.log_sum[r];
    w.sum[r] = 1.0f / w.sum[r];
  }
  for (size_t a = 0; a < outputs; a++) {
    float *prob = w.prob + a * TILE;
    const float *x = w.shifted + a * TILE;
    for (size_t r = 0; r < TILE; r++) {
      prob[r] *= w.sum[r];
      tile->entropy[r] -= prob[r] * x[r];
    }
  }
}

static void categorical_gradient(size_t outputs, size_t rows, const void *actions, const float *d_log_prob,
                                 float d_entropy, const struct distribution_tile *tile, float *d_net, size_t d_net_ld) {
  struct workspace w = workspace_views(tile->workspace, outputs);
  const int32_t *action = actions;
  for (size_t a = 0; a < outputs; a++) {
    float *prob = w.prob + a * TILE, *x = w.shifted + a * TILE;
    for (size_t r = 0; r < rows; r++) {
      float hit = action[r] == (int32_t)a ? 1.0f : 0.0f;
      float log_prob = x[r] - w.log_sum[r];
      d_net[r * d_net_ld + a] = d_log_prob[r] * (hit - prob[r]) - d_entropy * prob[r] * (log_prob + tile->entropy[r]);
    }
  }
}

const struct distribution distribution_categorical = {
    .name = "Categorical",
    .action_kind = MUSTER_SPACE_DISCRETE,
    .outputs = categorical_outputs,
    .workspace_floats = categorical_workspace_floats,
    .sample = categorical_sample,
    .mode = categorical_mode,
    .evaluate = categorical_evaluate,
    .gradient = categorical_gradient,
};
