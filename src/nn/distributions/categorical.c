/* Categorical distributions: one over the choices of a Discrete space, or one for each element of a MultiDiscrete
 * space, independent of each other. The network's outputs are their logits, element after element. This file is the
 * annotated template for new distributions.
 *
 * With l the logits of an element in a row, m = max l, x_a = l_a - m, z = sum_a exp(x_a) in ascending order of a:
 *   log pi(a) = x_a - log z,   H = log z - sum_a pi(a) x_a,
 * both summed over the elements. Gradients: d log pi(a) / d l_b = [a = b] - pi(b),  d H / d l_b = -pi(b) (log pi(b) +
 * H). A masked choice has the logit MASKED, so that pi = 0 exactly and its terms and gradients vanish.
 *
 * The tile is held choice-major, [choices, TILE], so that every loop runs across rows. */
#include "nn/distribution.h"

#include "base/random.h"
#include "math/vector.h"
#include "nn/layer.h"

#include <string.h>

/* so far below any logit that exp() of the difference is 0, but finite, so that 0 times it is 0 */
#define MASKED (-1e30f)

/* views into the private workspace */
struct workspace {
  float *shifted;  /* [choices, TILE] x_a */
  float *prob;     /* [choices, TILE] exp(x_a), after evaluate() pi(a) */
  float *log_sum;  /* [elements, TILE] log z */
  float *entropy;  /* [elements, TILE] H, after evaluate() */
  float *sum;      /* [TILE] z of one element */
  float *log_prob; /* [TILE] of one element */
};

static struct workspace workspace_views(const struct policy_head *head) {
  size_t choices = head->choices * TILE, elements = head->elements * TILE;
  float *floats = head->workspace;
  return (struct workspace){floats,
                            floats + choices,
                            floats + 2 * choices,
                            floats + 2 * choices + elements,
                            floats + 2 * (choices + elements),
                            floats + 2 * (choices + elements) + TILE};
}

static void categorical_shape(struct policy_head *head, bool state_dependent) {
  (void)state_dependent;
  head->outputs = head->choices;
  head->workspace_floats = (2 * (head->choices + head->elements) + 2) * TILE;
}

/* one element's part of the workspace: `first` is its first choice */
static struct workspace element_views(struct workspace w, size_t element, size_t first) {
  w.shifted += first * TILE;
  w.prob += first * TILE;
  w.log_sum += element * TILE;
  w.entropy += element * TILE;
  return w;
}

/* copies the logits of one element, choice-major; masked ones become MASKED, those of rows after the last 0 */
static void take_logits(size_t choices, size_t rows, const float *net, size_t net_ld, struct action_mask mask,
                        float *shifted) {
  for (size_t a = 0; a < choices; a++) {
    float *x = shifted + a * TILE;
    for (size_t r = 0; r < rows; r++) x[r] = net[r * net_ld + a];
    for (size_t r = rows; r < TILE; r++) x[r] = 0.0f;
    if (mask.bytes == NULL) continue;
    for (size_t r = 0; r < rows; r++)
      if (mask.bytes[r * mask.stride + a] == 0) x[r] = MASKED;
  }
}

/* computes the shifted logits of one element, their exponentials, the sum of these and its logarithm */
static void softmax(size_t choices, struct workspace w) {
  float *max = w.sum;
  memcpy(max, w.shifted, TILE * sizeof *max);
  for (size_t a = 1; a < choices; a++)
    for (size_t r = 0; r < TILE; r++) max[r] = w.shifted[a * TILE + r] > max[r] ? w.shifted[a * TILE + r] : max[r];
  for (size_t a = 0; a < choices; a++)
    for (size_t r = 0; r < TILE; r++) w.shifted[a * TILE + r] -= max[r];
  vector_exp(choices * TILE, w.shifted, w.prob);
  memcpy(w.sum, w.prob, TILE * sizeof *w.sum);
  for (size_t a = 1; a < choices; a++)
    for (size_t r = 0; r < TILE; r++) w.sum[r] += w.prob[a * TILE + r];
  vector_log(TILE, w.sum, w.log_sum);
}

/* the mask of an element whose first choice is `first` */
static struct action_mask element_mask(struct action_mask mask, size_t first) {
  if (mask.bytes != NULL) mask.bytes += first;
  return mask;
}

/* one random word for each row: element i draws at counter i */
static void draw_words(const struct action_random *random, size_t element, size_t rows, uint32_t *words) {
  if (element == 0 && random->rows == NULL) {
    random_words_rows(random->seed, RANDOM_ACTION, random->first_row, random->step, rows, words);
    return;
  }
  for (size_t r = 0; r < rows; r++) {
    uint32_t four[4];
    random_words(random->seed, RANDOM_ACTION, action_random_row(random, r), action_random_step(random, r),
                 (uint32_t)element, four);
    words[r] = four[0];
  }
}

static void categorical_sample(struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                               struct action_mask mask, const struct action_random *random, void *actions) {
  int32_t *action = actions;
  memset(head->log_prob, 0, TILE * sizeof *head->log_prob);
  for (size_t element = 0, first = 0; element < head->elements; first += (size_t)head->counts[element++]) {
    size_t choices = (size_t)head->counts[element];
    struct workspace w = element_views(workspace_views(head), element, first);
    take_logits(choices, rows, net + first, net_ld, element_mask(mask, first), w.shifted);
    softmax(choices, w);
    uint32_t words[TILE];
    draw_words(random, element, rows, words);

    /* the inverse of the cumulative distribution: the first choice whose running sum exceeds u z. Since u <= 1 - 2^-24,
     * u z rounds to less than z: the search ends at a choice whose probability is not 0. */
    for (size_t r = 0; r < rows; r++) {
      float threshold = random_unit_float(words[r]) * w.sum[r], running = w.prob[r];
      size_t a = 0;
      while (running <= threshold && a + 1 < choices) running += w.prob[++a * TILE + r];
      action[r * head->elements + element] = (int32_t)a;
      head->log_prob[r] += w.shifted[a * TILE + r] - w.log_sum[r];
    }
  }
}

static void categorical_mode(struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                             struct action_mask mask, void *actions) {
  int32_t *action = actions;
  for (size_t r = 0; r < rows; r++) {
    const float *logits = net + r * net_ld;
    const uint8_t *allowed = mask.bytes != NULL ? mask.bytes + r * mask.stride : NULL;
    for (size_t element = 0; element < head->elements; element++) {
      size_t choices = (size_t)head->counts[element], best = 0;
      float highest = 2.0f * MASKED;
      for (size_t a = 0; a < choices; a++) {
        float logit = allowed == NULL || allowed[a] != 0 ? logits[a] : MASKED;
        if (logit > highest) {
          highest = logit;
          best = a;
        }
      }
      *action++ = (int32_t)best;
      logits += choices;
      if (allowed != NULL) allowed += choices;
    }
  }
}

/* computes probabilities and entropy of one element, after softmax() */
static void normalize_probabilities(size_t choices, struct workspace w) {
  for (size_t r = 0; r < TILE; r++) {
    w.entropy[r] = w.log_sum[r];
    w.sum[r] = 1.0f / w.sum[r];
  }
  for (size_t a = 0; a < choices; a++) {
    float *prob = w.prob + a * TILE;
    const float *x = w.shifted + a * TILE;
    for (size_t r = 0; r < TILE; r++) {
      prob[r] *= w.sum[r];
      w.entropy[r] -= prob[r] * x[r];
    }
  }
}

static void categorical_probabilities(struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                                      struct action_mask mask, float *probabilities) {
  for (size_t element = 0, first = 0; element < head->elements; first += (size_t)head->counts[element++]) {
    const size_t choices = (size_t)head->counts[element];
    const struct workspace w = element_views(workspace_views(head), element, first);
    take_logits(choices, rows, net + first, net_ld, element_mask(mask, first), w.shifted);
    softmax(choices, w);
    normalize_probabilities(choices, w);
    for (size_t a = 0; a < choices; a++)
      for (size_t r = 0; r < rows; r++) probabilities[r * head->choices + first + a] = w.prob[a * TILE + r];
  }
}

static void categorical_evaluate(struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                                 struct action_mask mask, const void *actions) {
  const int32_t *action = actions;
  memset(head->log_prob, 0, TILE * sizeof *head->log_prob);
  memset(head->entropy, 0, TILE * sizeof *head->entropy);
  for (size_t element = 0, first = 0; element < head->elements; first += (size_t)head->counts[element++]) {
    size_t choices = (size_t)head->counts[element];
    struct workspace w = element_views(workspace_views(head), element, first);
    take_logits(choices, rows, net + first, net_ld, element_mask(mask, first), w.shifted);
    softmax(choices, w);
    for (size_t r = 0; r < rows; r++)
      head->log_prob[r] += w.shifted[(size_t)action[r * head->elements + element] * TILE + r] - w.log_sum[r];
    normalize_probabilities(choices, w);
    for (size_t r = 0; r < TILE; r++) head->entropy[r] += w.entropy[r];
  }
}

static void categorical_gradient(struct policy_head *head, size_t rows, const void *actions, const float *d_log_prob,
                                 float d_entropy, float *d_net, size_t d_net_ld) {
  const int32_t *action = actions;
  for (size_t element = 0, first = 0; element < head->elements; first += (size_t)head->counts[element++]) {
    struct workspace w = element_views(workspace_views(head), element, first);
    for (size_t a = 0; a < (size_t)head->counts[element]; a++) {
      const float *prob = w.prob + a * TILE, *x = w.shifted + a * TILE;
      for (size_t r = 0; r < rows; r++) {
        float hit = action[r * head->elements + element] == (int32_t)a ? 1.0f : 0.0f;
        float log_prob = x[r] - w.log_sum[r];
        d_net[r * d_net_ld + first + a] =
            d_log_prob[r] * (hit - prob[r]) - d_entropy * prob[r] * (log_prob + w.entropy[r]);
      }
    }
  }
}

/* The choice of one element whose logits are [batch, choices]: that of the highest logit, or the first one whose
 * running sum of e^(l - max l) exceeds noise [batch, 1] times all of them. */
static const char *choice_onnx(struct onnx *graph, const char *logits, const char *noise) {
  if (noise == NULL) return onnx_node(graph, "ArgMax", ONNX_LIST(logits), ONNX_ATTRIBUTES(ONNX_INT("axis", 1)));
  const char *most =
      onnx_node(graph, "ReduceMax", ONNX_LIST(logits), ONNX_ATTRIBUTES(ONNX_INTS("axes", (int64_t[]){1}, 1)));
  const char *shifted = onnx_node(graph, "Sub", ONNX_LIST(logits, most), NULL);
  const char *weights = onnx_node(graph, "Exp", ONNX_LIST(shifted), NULL);
  const char *axis = onnx_integers(graph, 1, (int64_t[]){1});
  const char *running = onnx_node(graph, "CumSum", ONNX_LIST(weights, axis), NULL);
  const char *all =
      onnx_node(graph, "ReduceMax", ONNX_LIST(running), ONNX_ATTRIBUTES(ONNX_INTS("axes", (int64_t[]){1}, 1)));
  const char *threshold = onnx_node(graph, "Mul", ONNX_LIST(noise, all), NULL);
  const char *passed = onnx_node(graph, "LessOrEqual", ONNX_LIST(running, threshold), NULL);
  return onnx_node(graph, "ReduceSum", ONNX_LIST(onnx_cast(graph, passed, ONNX_INT64), axis), NULL);
}

static const char *categorical_onnx(const struct policy_head *head, const struct action_onnx *io) {
  struct onnx *graph = io->graph;
  const char *logits = onnx_node(graph, "Where", ONNX_LIST(io->mask, io->net, onnx_number(graph, MASKED)), NULL);
  const char *joined = NULL;
  for (size_t element = 0, first = 0; element < head->elements; first += (size_t)head->counts[element++]) {
    const char *own = onnx_columns(graph, logits, first, first + (size_t)head->counts[element]);
    const char *noise = io->noise != NULL ? onnx_columns(graph, io->noise, element, element + 1) : NULL;
    const char *choice = choice_onnx(graph, own, noise);
    joined = joined == NULL ? choice : onnx_join(graph, 2, (const char *const[]){joined, choice});
  }
  return joined;
}

const struct distribution distribution_categorical = {
    .name = "Categorical",
    .summary = "one of several choices, whose logits are the outputs",
    .action_kind = MUSTER_SPACE_DISCRETE,
    .shape = categorical_shape,
    .sample = categorical_sample,
    .mode = categorical_mode,
    .evaluate = categorical_evaluate,
    .gradient = categorical_gradient,
    .probabilities = categorical_probabilities,
    .onnx = categorical_onnx,
    .noise = DISTRIBUTION_NOISE_UNIFORM,
};

const struct distribution distribution_multi_categorical = {
    .name = "MultiCategorical",
    .summary = "a choice for each element of the action, independent of the others",
    .action_kind = MUSTER_SPACE_MULTI_DISCRETE,
    .shape = categorical_shape,
    .sample = categorical_sample,
    .mode = categorical_mode,
    .evaluate = categorical_evaluate,
    .gradient = categorical_gradient,
    .probabilities = categorical_probabilities,
    .onnx = categorical_onnx,
    .noise = DISTRIBUTION_NOISE_UNIFORM,
};
