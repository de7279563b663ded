#include "nn/distributions/bounded.h"

#include "base/random.h"
#include "nn/normals.h"

#include <math.h>

/* counters of random words: those of a distribution's own normal numbers are below */
enum { COUNTER_NOISE = 1 << 20, COUNTER_CHOICE = 2 << 20, COUNTER_UNIFORM };

void bounded_shape(struct policy_head *head, size_t outputs, size_t floats) {
  head->outputs = outputs;
  head->own_name = "random";
  head->own_count = 1;
  head->workspace_floats = floats * head->elements * TILE;
}

/* numbers of elements first .. first + 3, before they are scaled by the noise's std */
static void draw_noise(const struct policy_head *head, const struct action_random *random, size_t first, size_t rows,
                       float numbers[4][TILE]) {
  const struct action_noise *noise = &head->noise;
  if (noise->kind == ACTION_NOISE_NORMAL) {
    normals_of_actions(random, first + 4 * (size_t)COUNTER_NOISE, rows, numbers);
    return;
  }
  for (size_t i = first; i < head->elements && i < first + 4; i++)
    for (size_t r = 0; r < rows; r++)
      numbers[i - first][r] = normals_drift(noise->theta, noise->dt, random->seed, action_random_row(random, r),
                                            action_random_step(random, r), action_random_age(random, r), (uint32_t)i);
}

static void add_noise(const struct policy_head *head, size_t rows, const struct action_random *random, float *x) {
  const float std = (float)head->noise.std;
  for (size_t first = 0; first < head->elements; first += 4) {
    float numbers[4][TILE] = {{0}};
    draw_noise(head, random, first, rows, numbers);
    for (size_t i = first; i < head->elements && i < first + 4; i++)
      for (size_t r = 0; r < rows; r++)
        x[i * TILE + r] = fminf(fmaxf(x[i * TILE + r] + std * numbers[i - first][r], -1.0f), 1.0f);
  }
}

static void choose_randomly(struct policy_head *head, size_t r, const struct action_random *random, float *x) {
  uint32_t words[4];
  for (size_t i = 0; i < head->elements; i++) {
    if (i % 4 == 0)
      random_words(random->seed, RANDOM_ACTION, action_random_row(random, r), action_random_step(random, r),
                   COUNTER_UNIFORM + (uint32_t)(i / 4), words);
    x[i * TILE + r] = 2.0f * random_unit_float(words[i % 4]) - 1.0f;
  }
  head->log_prob[r] = -(float)M_LN2 * (float)head->elements;
}

void bounded_explore(struct policy_head *head, size_t rows, const struct action_random *random, float *x,
                     float *actions) {
  const float probability = head->own[0];
  for (size_t r = 0; r < rows && probability > 0; r++) {
    uint32_t words[4];
    random_words(random->seed, RANDOM_ACTION, action_random_row(random, r), action_random_step(random, r),
                 COUNTER_CHOICE, words);
    if (random_unit_float(words[0]) < probability) choose_randomly(head, r, random, x);
  }
  if (head->noise.kind != ACTION_NOISE_NONE) add_noise(head, rows, random, x);
  for (size_t i = 0; i < head->elements; i++)
    for (size_t r = 0; r < rows; r++) actions[r * head->elements + i] = bounded_action(head, i, x[i * TILE + r]);
}

const char *bounded_onnx(const struct policy_head *head, struct onnx *graph, const char *unit) {
  const char *half_width = onnx_vector(graph, head->elements, head->half_width);
  const char *from_centre = onnx_node(graph, "Mul", ONNX_LIST(unit, half_width), NULL);
  return onnx_node(graph, "Add", ONNX_LIST(from_centre, onnx_vector(graph, head->elements, head->centre)), NULL);
}

const char *bounded_noise_onnx(const struct policy_head *head, const struct action_onnx *io, const char *x) {
  struct onnx *graph = io->graph;
  if (head->noise.kind == ACTION_NOISE_NONE) return x;
  const char *std = onnx_number(graph, (float)head->noise.std);
  const char *noise = onnx_node(graph, "Mul", ONNX_LIST(io->noise, std), NULL);
  const char *sum = onnx_node(graph, "Add", ONNX_LIST(x, noise), NULL);
  return onnx_node(graph, "Clip", ONNX_LIST(sum, onnx_number(graph, -1), onnx_number(graph, 1)), NULL);
}
