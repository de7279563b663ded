#include "nn/distributions/bounded.h"

#include "base/random.h"

#include <math.h>

/* counters of random words: those of normal numbers are below */
enum { COUNTER_CHOICE = 1 << 20, COUNTER_UNIFORM };

void bounded_shape(struct policy_head *head, size_t outputs, size_t floats) {
  head->outputs = outputs;
  head->own_name = "random";
  head->own_count = 1;
  head->workspace_floats = floats * head->elements * TILE;
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
