/* The diagonal Gaussian over a Box space: the network's outputs are the means; the logarithms of the standard
 * deviations are parameters of their own, the same in every state (as Stable-Baselines3), or further outputs of the
 * network, clamped to [LOG_STD_MIN, LOG_STD_MAX] (policy.log_std: state).
 *
 * With mean m, log-deviation s and y = (a - m) / e^s, summed over the elements of an action:
 *   log pi(a) = -y^2 / 2 - s - log(2 pi) / 2,   H = 1/2 + log(2 pi) / 2 + s.
 * Gradients: d log pi / d m = y / e^s,   d log pi / d s = y^2 - 1,   d H / d s = 1.
 *
 * The probability is that of the action as drawn; what an environment does with actions beyond its bounds is not its
 * concern. The tile is held element-major, [elements, TILE], so that every loop runs across rows. */
#include "nn/distribution.h"

#include "base/random.h"
#include "math/vector.h"
#include "nn/layer.h"

#include <math.h>
#include <string.h>

#define LOG_STD_MIN (-20.0f)
#define LOG_STD_MAX 2.0f
#define HALF_LOG_2PI 0.918938533f
#define TWO_PI 6.28318531f

/* views into the private workspace */
struct workspace {
  float *log_std; /* [elements, TILE] s */
  float *std;     /* [elements, TILE] e^s */
  float *scaled;  /* [elements, TILE] y, after log_probability() */
};

static struct workspace workspace_views(const struct policy_head *head) {
  size_t elements = head->elements * TILE;
  return (struct workspace){head->workspace, head->workspace + elements, head->workspace + 2 * elements};
}

static void gaussian_shape(struct policy_head *head, bool state_dependent) {
  head->outputs = state_dependent ? 2 * head->elements : head->elements;
  head->own_name = state_dependent ? NULL : "log_std";
  head->own_count = state_dependent ? 0 : head->elements;
  head->workspace_floats = 3 * head->elements * TILE;
}

static float clamp_log_std(float value) {
  return value > LOG_STD_MAX ? LOG_STD_MAX : (value < LOG_STD_MIN ? LOG_STD_MIN : value);
}

/* at a limit the clamp lets no gradient through */
static bool passes_clamp(float value) { return value > LOG_STD_MIN && value < LOG_STD_MAX; }

/* fills the deviations of a tile, from the parameters or from the network */
static struct workspace take_deviations(const struct policy_head *head, size_t rows, const float *net, size_t net_ld) {
  struct workspace w = workspace_views(head);
  for (size_t i = 0; i < head->elements; i++) {
    float *log_std = w.log_std + i * TILE;
    const float *output = net + head->elements + i;
    for (size_t r = 0; r < TILE; r++) log_std[r] = head->own_count > 0 ? head->own[i] : 0.0f;
    for (size_t r = 0; r < rows && head->own_count == 0; r++) log_std[r] = clamp_log_std(output[r * net_ld]);
  }
  vector_exp(head->elements * TILE, w.log_std, w.std);
  return w;
}

/* log-probability of actions; sample() and evaluate() share it, so that they find the same bits */
static void log_probability(struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                            const float *actions, struct workspace w) {
  memset(head->log_prob, 0, TILE * sizeof *head->log_prob);
  for (size_t i = 0; i < head->elements; i++) {
    const float *log_std = w.log_std + i * TILE, *std = w.std + i * TILE;
    float *scaled = w.scaled + i * TILE;
    for (size_t r = 0; r < rows; r++) {
      float y = (actions[r * head->elements + i] - net[r * net_ld + i]) / std[r];
      scaled[r] = y;
      head->log_prob[r] += -0.5f * (y * y) - log_std[r] - HALF_LOG_2PI;
    }
  }
}

/* Standard normal numbers of elements first .. first + 3 (Box and Muller 1958): four random words of a row, at the
 * counter first / 4, give two pairs. */
static void draw_normals(const struct action_random *random, size_t first, size_t rows, float normals[4][TILE]) {
  float radius[2][TILE], angle[2][TILE];
  memset(radius, 0, sizeof radius);
  for (size_t r = 0; r < rows; r++) {
    uint32_t words[4];
    random_words(random->seed, RANDOM_ACTION, action_random_row(random, r), action_random_step(random, r),
                 (uint32_t)(first / 4), words);
    for (int pair = 0; pair < 2; pair++) {
      radius[pair][r] = 1.0f - random_unit_float(words[2 * pair]); /* in (0, 1] */
      angle[pair][r] = TWO_PI * random_unit_float(words[2 * pair + 1]);
    }
  }
  for (int pair = 0; pair < 2; pair++) {
    vector_log(TILE, radius[pair], radius[pair]);
    for (size_t r = 0; r < rows; r++) {
      float length = sqrtf(-2.0f * radius[pair][r]);
      normals[2 * pair][r] = length * cosf(angle[pair][r]);
      normals[2 * pair + 1][r] = length * sinf(angle[pair][r]);
    }
  }
}

static void gaussian_sample(struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                            struct action_mask mask, const struct action_random *random, void *actions) {
  (void)mask;
  float *action = actions;
  struct workspace w = take_deviations(head, rows, net, net_ld);
  for (size_t first = 0; first < head->elements; first += 4) {
    float normals[4][TILE];
    draw_normals(random, first, rows, normals);
    for (size_t i = first; i < head->elements && i < first + 4; i++)
      for (size_t r = 0; r < rows; r++)
        action[r * head->elements + i] = net[r * net_ld + i] + w.std[i * TILE + r] * normals[i - first][r];
  }
  log_probability(head, rows, net, net_ld, action, w);
}

static void gaussian_mode(struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                          struct action_mask mask, void *actions) {
  (void)mask;
  for (size_t r = 0; r < rows; r++)
    memcpy((float *)actions + r * head->elements, net + r * net_ld, head->elements * sizeof(float));
}

static void gaussian_evaluate(struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                              struct action_mask mask, const void *actions) {
  (void)mask;
  struct workspace w = take_deviations(head, rows, net, net_ld);
  log_probability(head, rows, net, net_ld, actions, w);
  memset(head->entropy, 0, TILE * sizeof *head->entropy);
  for (size_t i = 0; i < head->elements; i++)
    for (size_t r = 0; r < TILE; r++) head->entropy[r] += 0.5f + HALF_LOG_2PI + w.log_std[i * TILE + r];
}

static void gaussian_gradient(struct policy_head *head, size_t rows, const void *actions, const float *d_log_prob,
                              float d_entropy, float *d_net, size_t d_net_ld) {
  (void)actions;
  struct workspace w = workspace_views(head);
  for (size_t i = 0; i < head->elements; i++) {
    const float *y = w.scaled + i * TILE, *std = w.std + i * TILE, *log_std = w.log_std + i * TILE;
    double own_gradient = 0.0;
    for (size_t r = 0; r < rows; r++) {
      float d_log_std = d_log_prob[r] * (y[r] * y[r] - 1.0f) + d_entropy;
      d_net[r * d_net_ld + i] = d_log_prob[r] * y[r] / std[r];
      own_gradient += d_log_std;
      if (head->own_count == 0) d_net[r * d_net_ld + head->elements + i] = passes_clamp(log_std[r]) ? d_log_std : 0.0f;
    }
    if (head->own_count > 0) head->own_gradients[i] += (float)own_gradient;
  }
}

/* With noise n an action is m + e^s n, and its log-probability -n^2 / 2 - s - log(2 pi) / 2:
 * d a / d m = 1,   d a / d s = e^s n,   d log pi / d s = -1. */
static void gaussian_pathwise(struct policy_head *head, size_t rows, const float *d_actions, const float *d_log_prob,
                              float *d_net, size_t d_net_ld) {
  const struct workspace w = workspace_views(head);
  for (size_t i = 0; i < head->elements; i++) {
    const float *noise = w.scaled + i * TILE, *std = w.std + i * TILE, *log_std = w.log_std + i * TILE;
    double own_gradient = 0.0;
    for (size_t r = 0; r < rows; r++) {
      float d_action = d_actions[r * head->elements + i];
      float d_log_std = d_action * std[r] * noise[r] - d_log_prob[r];
      d_net[r * d_net_ld + i] = d_action;
      own_gradient += d_log_std;
      if (head->own_count == 0) d_net[r * d_net_ld + head->elements + i] = passes_clamp(log_std[r]) ? d_log_std : 0.0f;
    }
    if (head->own_count > 0) head->own_gradients[i] += (float)own_gradient;
  }
}

const struct distribution distribution_gaussian = {
    .name = "Gaussian",
    .summary = "a normal distribution for each element of the action, whose means are the outputs",
    .action_kind = MUSTER_SPACE_BOX,
    .shape = gaussian_shape,
    .sample = gaussian_sample,
    .mode = gaussian_mode,
    .evaluate = gaussian_evaluate,
    .gradient = gaussian_gradient,
    .pathwise = gaussian_pathwise,
};
