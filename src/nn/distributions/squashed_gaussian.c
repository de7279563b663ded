/* The squashed Gaussian over a Box with bounds (Haarnoja et al. 2018, appendix C): a Gaussian number u goes through
 * tanh and from [-1, 1] to the bounds. The network's outputs are the means m and the logarithms s of the deviations,
 * which are clamped to [-20, 2].
 *
 *   u = m + e^s n,   x = tanh(u),   action = middle + half_width * x
 *   log pi(x) = sum over the elements of  -n^2 / 2 - s - log(2 pi) / 2 - log(1 - x^2 + 1e-6)
 *
 * The probability is that of x in [-1, 1], whatever the bounds, so that an entropy means the same in every environment.
 * 1e-6 is that of Stable-Baselines3, whose losses are those of most published results: with it the last term stays
 * below 13.82, and its slope goes to 0 where tanh is saturated. The exact form -log(1 - x^2) differs from it by 2.7e-4
 * at |u| = 3.5 already. Both lose all digits where 1 - x^2 is computed from x; here it is 4 e / (1 + e)^2, e = e^(-2
 * |u|), from u itself, so all digits are right for every u.
 *
 * With w = 1 - x^2:  d x / d u = w,   d log pi / d u = 2 x w / (w + 1e-6),   d u / d m = 1,   d u / d s = e^s n,
 * and s itself has d log pi / d s = -1 besides. */
#include "math/vector.h"
#include "nn/distributions/bounded.h"
#include "nn/normals.h"

#include <math.h>
#include <string.h>

#define HALF_LOG_2PI 0.918938533f
#define LOG_STD_MIN (-20.0f)
#define LOG_STD_MAX 2.0f
#define INSIDE 1e-6f

/* The values of one tile: views of head->workspace, [elements, TILE] each. */
struct squashed {
  float *log_std, *std, *noise;
  float *squashed; /* x */
  float *slope;    /* 1 - x^2 */
  float *passes;   /* 1 where the log-deviation is within its limits, 0 where it is clamped */
  float *work;
};

enum { SQUASHED_ARRAYS = 7 };

static struct squashed views(const struct policy_head *head) {
  const size_t n = head->elements * TILE;
  float *first = head->workspace;
  return (struct squashed){first, first + n, first + 2 * n, first + 3 * n, first + 4 * n, first + 5 * n, first + 6 * n};
}

static void squashed_shape(struct policy_head *head, bool state_dependent) {
  (void)state_dependent;
  bounded_shape(head, 2 * head->elements, SQUASHED_ARRAYS);
}

/* fills deviations, and e^(-2 |u|) and u in `slope` and `squashed`, which they become from that */
static void take_outputs(const struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                         struct squashed tile) {
  const size_t elements = head->elements;
  for (size_t i = 0; i < elements; i++)
    for (size_t r = 0; r < TILE; r++) {
      const float raw = r < rows ? net[r * net_ld + elements + i] : 0.0f;
      tile.passes[i * TILE + r] = raw >= LOG_STD_MIN && raw <= LOG_STD_MAX ? 1.0f : 0.0f;
      tile.log_std[i * TILE + r] = raw < LOG_STD_MIN ? LOG_STD_MIN : raw > LOG_STD_MAX ? LOG_STD_MAX : raw;
    }
  vector_exp(elements * TILE, tile.log_std, tile.std);
  for (size_t i = 0; i < elements; i++)
    for (size_t r = 0; r < TILE; r++) {
      const size_t k = i * TILE + r;
      const float u = r < rows ? net[r * net_ld + i] + tile.std[k] * tile.noise[k] : 0.0f;
      tile.squashed[k] = u;
      tile.slope[k] = -2.0f * fabsf(u);
    }
}

/* the actions and their log-probabilities of the noise in the workspace */
static void squash(struct policy_head *head, size_t rows, const float *net, size_t net_ld, float *actions) {
  const struct squashed tile = views(head);
  const size_t elements = head->elements, n = elements * TILE;
  take_outputs(head, rows, net, net_ld, tile);
  vector_exp(n, tile.slope, tile.slope);
  vector_tanh(n, tile.squashed, tile.squashed);
  for (size_t k = 0; k < n; k++) {
    const float e = tile.slope[k];
    tile.slope[k] = 4.0f * e / ((1.0f + e) * (1.0f + e));
    tile.work[k] = tile.slope[k] + INSIDE;
  }
  vector_log(n, tile.work, tile.work);
  memset(head->log_prob, 0, TILE * sizeof *head->log_prob);
  for (size_t i = 0; i < elements; i++)
    for (size_t r = 0; r < rows; r++) {
      const size_t k = i * TILE + r;
      head->log_prob[r] += -0.5f * (tile.noise[k] * tile.noise[k]) - tile.log_std[k] - HALF_LOG_2PI - tile.work[k];
      actions[r * elements + i] = bounded_action(head, i, tile.squashed[k]);
    }
}

static void squashed_from_noise(struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                                const float *noise, float *actions) {
  const struct squashed tile = views(head);
  for (size_t i = 0; i < head->elements; i++) memcpy(tile.noise + i * TILE, noise + i * TILE, rows * sizeof *noise);
  squash(head, rows, net, net_ld, actions);
}

static void squashed_sample(struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                            struct action_mask mask, const struct action_random *random, void *actions) {
  (void)mask;
  const struct squashed tile = views(head);
  for (size_t first = 0; first < head->elements; first += 4) {
    float normals[4][TILE];
    normals_of_actions(random, first, rows, normals);
    for (size_t i = first; i < head->elements && i < first + 4; i++)
      memcpy(tile.noise + i * TILE, normals[i - first], rows * sizeof *tile.noise);
  }
  squash(head, rows, net, net_ld, actions);
  bounded_explore(head, rows, random, tile.squashed, actions);
}

/* the squashed means */
static void squashed_mode(struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                          struct action_mask mask, void *actions) {
  (void)mask;
  float *action = actions, *work = views(head).work;
  for (size_t i = 0; i < head->elements; i++)
    for (size_t r = 0; r < rows; r++) work[r * head->elements + i] = net[r * net_ld + i];
  vector_tanh(rows * head->elements, work, work);
  for (size_t i = 0; i < head->elements; i++)
    for (size_t r = 0; r < rows; r++)
      action[r * head->elements + i] = bounded_action(head, i, work[r * head->elements + i]);
}

static void squashed_pathwise(struct policy_head *head, size_t rows, const float *d_actions, const float *d_log_prob,
                              float *d_net, size_t d_net_ld) {
  const struct squashed tile = views(head);
  const size_t elements = head->elements;
  for (size_t i = 0; i < elements; i++)
    for (size_t r = 0; r < rows; r++) {
      const size_t k = i * TILE + r;
      const float w = tile.slope[k], d_x = d_actions[r * elements + i] * head->half_width[i];
      const float d_u = d_x * w + d_log_prob[r] * (2.0f * tile.squashed[k] * w / (w + INSIDE));
      d_net[r * d_net_ld + i] = d_u;
      d_net[r * d_net_ld + elements + i] = tile.passes[k] * (d_u * tile.std[k] * tile.noise[k] - d_log_prob[r]);
    }
}

/* The algorithm's action noise is for learning, and no part of the distribution: it is left out. */
static const char *squashed_onnx(const struct policy_head *head, const struct action_onnx *io) {
  struct onnx *graph = io->graph;
  const size_t n = head->elements;
  const char *u = onnx_columns(graph, io->net, 0, n);
  if (io->noise != NULL) {
    const char *log_std = onnx_columns(graph, io->net, n, 2 * n);
    log_std = onnx_node(graph, "Clip",
                        ONNX_LIST(log_std, onnx_number(graph, LOG_STD_MIN), onnx_number(graph, LOG_STD_MAX)), NULL);
    const char *std = onnx_node(graph, "Exp", ONNX_LIST(log_std), NULL);
    const char *drawn = onnx_node(graph, "Mul", ONNX_LIST(std, io->noise), NULL);
    u = onnx_node(graph, "Add", ONNX_LIST(u, drawn), NULL);
  }
  return bounded_onnx(head, graph, onnx_node(graph, "Tanh", ONNX_LIST(u), NULL));
}

const struct distribution distribution_squashed_gaussian = {
    .name = "SquashedGaussian",
    .summary = "tanh of a Gaussian, scaled to the bounds; the outputs are its means and log-deviations",
    .action_kind = MUSTER_SPACE_BOX,
    .is_requested = true,
    .needs_bounds = true,
    .shape = squashed_shape,
    .sample = squashed_sample,
    .mode = squashed_mode,
    .pathwise = squashed_pathwise,
    .from_noise = squashed_from_noise,
    .onnx = squashed_onnx,
};
