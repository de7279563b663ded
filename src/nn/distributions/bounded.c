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

/* standard numbers of elements first .. first + 3 */
static void draw_noise(const struct policy_head *head, const struct action_random *random, size_t first, size_t rows,
                       float noise[4][TILE]) {
  if (head->action_noise == ACTION_NOISE_NORMAL) {
    normals_of_actions(random, first + 4 * (size_t)COUNTER_NOISE, rows, noise);
    return;
  }
  for (size_t i = first; i < head->elements && i < first + 4; i++)
    for (size_t r = 0; r < rows; r++)
      noise[i - first][r] =
          normals_drift(random->seed, action_random_row(random, r), action_random_step(random, r), (uint32_t)i);
}

void bounded_act_with_noise(const struct policy_head *head, size_t rows, const float *x,
                            const struct action_random *random, float *actions) {
  const float std = (float)head->noise_std;
  for (size_t first = 0; first < head->elements; first += 4) {
    float noise[4][TILE] = {{0}};
    if (head->action_noise != ACTION_NOISE_NONE) draw_noise(head, random, first, rows, noise);
    for (size_t i = first; i < head->elements && i < first + 4; i++)
      for (size_t r = 0; r < rows; r++)
        actions[r * head->elements + i] =
            bounded_action(head, i, fminf(fmaxf(x[i * TILE + r] + std * noise[i - first][r], -1.0f), 1.0f));
  }
}

static void act_randomly(struct policy_head *head, size_t r, const struct action_random *random, float *action) {
  uint32_t words[4];
  for (size_t i = 0; i < head->elements; i++) {
    if (i % 4 == 0)
      random_words(random->seed, RANDOM_ACTION, action_random_row(random, r), action_random_step(random, r),
                   COUNTER_UNIFORM + (uint32_t)(i / 4), words);
    action[i] = bounded_action(head, i, 2.0f * random_unit_float(words[i % 4]) - 1.0f);
  }
  head->log_prob[r] = -(float)M_LN2 * (float)head->elements;
}

void bounded_explore(struct policy_head *head, size_t rows, const struct action_random *random, float *actions) {
  const float probability = head->own[0];
  for (size_t r = 0; r < rows && probability > 0; r++) {
    uint32_t words[4];
    random_words(random->seed, RANDOM_ACTION, action_random_row(random, r), action_random_step(random, r),
                 COUNTER_CHOICE, words);
    if (random_unit_float(words[0]) < probability) act_randomly(head, r, random, actions + r * head->elements);
  }
}
