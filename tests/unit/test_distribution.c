/* Action distributions: what every entry of the registry must do, and the categorical one against formulas in double.
 */
#include "base/arena.h"
#include "base/random.h"
#include "nn/distribution.h"
#include "nn/mlp.h"
#include "support/check.h"
#include "support/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_OUTPUTS = 16 };

static void create_tile(const struct distribution *distribution, size_t outputs, struct arena *arena,
                        struct distribution_tile *tile) {
  CHECK_OK_FATAL(ARENA_TAKE(arena, TILE, "log-probabilities", &tile->log_prob));
  CHECK_OK_FATAL(ARENA_TAKE(arena, TILE, "entropies", &tile->entropy));
  CHECK_OK_FATAL(ARENA_TAKE(arena, distribution->workspace_floats(outputs), "workspace", &tile->workspace));
}

/* --- every entry --- */

/* an action space of this kind */
static muster_space example_space(muster_space_kind kind) {
  static const int32_t counts[] = {5, 3};
  static const float low[] = {-1, -2}, high[] = {1, 2};
  switch (kind) {
  case MUSTER_SPACE_DISCRETE: return (muster_space){.kind = kind, .counts = counts};
  case MUSTER_SPACE_MULTI_DISCRETE: return (muster_space){.kind = kind, .rank = 1, .shape = {2}, .counts = counts};
  default: return (muster_space){.kind = kind, .rank = 1, .shape = {2}, .low = low, .high = high};
  }
}

static void test_registry(void) {
  const struct distribution *const *list = distribution_list();
  CU_ASSERT_PTR_NOT_NULL_FATAL(list[0]);
  for (size_t i = 0; list[i] != NULL; i++) {
    const muster_space space = example_space(list[i]->action_kind);
    const struct distribution *found;
    CHECK_OK_FATAL(distribution_for(&space, &found));
    CU_ASSERT_PTR_EQUAL(found, list[i]);
    CU_ASSERT_TRUE(strlen(list[i]->name) > 0 && list[i]->outputs(&space) > 0);
    for (size_t k = 0; k < i; k++) CU_ASSERT_NOT_EQUAL(strcmp(list[i]->name, list[k]->name), 0);
  }
  const muster_space image = {.kind = MUSTER_SPACE_BOX_U8, .rank = 1, .shape = {4}};
  const struct distribution *found;
  CHECK_FAILS(distribution_for(&image, &found), MUSTER_ERROR_USAGE, "action space");
}

/* samples are reproducible, their log-probabilities are those that evaluate() finds at any other place, and the mode is
 * at least as probable */
static void check_entry(const struct distribution *distribution, struct arena *arena) {
  enum { ROWS = 48 };
  const muster_space space = example_space(distribution->action_kind);
  size_t outputs = distribution->outputs(&space), elements = muster_space_elements(&space), ld = outputs + 3;
  struct distribution_tile tile;
  create_tile(distribution, outputs, arena, &tile);
  float net[TILE * (MAX_OUTPUTS + 3)], turned[TILE * (MAX_OUTPUTS + 3)], log_prob[ROWS];
  int32_t actions[TILE * 4], again[TILE * 4];
  CU_ASSERT_FATAL(outputs <= MAX_OUTPUTS && elements <= 4);
  fill_normal(net, ROWS * ld, 2.0, 1, 0);
  const struct action_random random = {.seed = 2, .first_env = 3, .step = 4};
  distribution->sample(outputs, ROWS, net, ld, &random, &tile, actions);
  memcpy(log_prob, tile.log_prob, sizeof log_prob);
  distribution->sample(outputs, ROWS, net, ld, &random, &tile, again);
  CU_ASSERT_EQUAL(memcmp(actions, again, ROWS * elements * sizeof *actions), 0);

  /* the last sixteen rows first, and nothing else in the tile */
  for (size_t r = 0; r < 16; r++) {
    memcpy(turned + r * ld, net + (ROWS - 1 - r) * ld, ld * sizeof *net);
    memcpy(again + r * elements, actions + (ROWS - 1 - r) * elements, elements * sizeof *actions);
  }
  distribution->evaluate(outputs, 16, turned, ld, again, &tile);
  for (size_t r = 0; r < 16; r++) CU_ASSERT_EQUAL(tile.log_prob[r], log_prob[ROWS - 1 - r]);

  distribution->mode(outputs, ROWS, net, ld, again);
  distribution->evaluate(outputs, ROWS, net, ld, again, &tile);
  for (size_t r = 0; r < ROWS; r++) CU_ASSERT_TRUE(tile.log_prob[r] >= log_prob[r] && isfinite(tile.entropy[r]));
}

static void test_every_entry(void) {
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  for (const struct distribution *const *entry = distribution_list(); *entry != NULL; entry++)
    check_entry(*entry, arena);
  arena_destroy(&arena);
}

/* --- categorical --- */

struct fixture {
  struct arena *arena;
  const struct distribution *distribution;
  struct distribution_tile tile;
};

static void setup(struct fixture *f, int32_t choices) {
  const muster_space space = {.kind = MUSTER_SPACE_DISCRETE, .counts = &choices};
  CHECK_OK_FATAL(arena_create(&f->arena));
  CHECK_OK_FATAL(distribution_for(&space, &f->distribution));
  CU_ASSERT_EQUAL(f->distribution->outputs(&space), (size_t)choices);
  create_tile(f->distribution, (size_t)choices, f->arena, &f->tile);
}

/* probabilities and entropy of n logits in double */
static void softmax(const double *logits, size_t n, double *log_prob, double *entropy) {
  double max = logits[0], z = 0;
  for (size_t a = 1; a < n; a++) max = fmax(max, logits[a]);
  for (size_t a = 0; a < n; a++) z += exp(logits[a] - max);
  *entropy = 0;
  for (size_t a = 0; a < n; a++) {
    log_prob[a] = logits[a] - max - log(z);
    *entropy -= exp(log_prob[a]) * log_prob[a];
  }
}

/* Frequencies of 4000 draws a row against their probabilities. Chi-square has 4 degrees of freedom a row: beyond 25
 * with probability 5e-5, and the sum over 64 rows beyond 350 with 1e-4. */
static void test_frequencies(void) {
  enum { CHOICES = 5, STEPS = 4000 };
  struct fixture f;
  setup(&f, CHOICES);
  float net[TILE * CHOICES];
  static int32_t counts[TILE][CHOICES];
  memset(counts, 0, sizeof counts);
  fill_normal(net, TILE * CHOICES, 1.0, 11, 0);
  for (uint32_t step = 0; step < STEPS; step++) {
    const struct action_random random = {.seed = 12, .first_env = 100, .step = step};
    int32_t actions[TILE];
    f.distribution->sample(CHOICES, TILE, net, CHOICES, &random, &f.tile, actions);
    for (size_t r = 0; r < TILE; r++) {
      CU_ASSERT_FATAL(actions[r] >= 0 && actions[r] < CHOICES);
      counts[r][actions[r]]++;
    }
  }
  double sum = 0;
  for (size_t r = 0; r < TILE; r++) {
    double logits[CHOICES], log_prob[CHOICES], entropy, chi_square = 0;
    for (size_t a = 0; a < CHOICES; a++) logits[a] = net[r * CHOICES + a];
    softmax(logits, CHOICES, log_prob, &entropy);
    for (size_t a = 0; a < CHOICES; a++)
      chi_square += pow(counts[r][a] - STEPS * exp(log_prob[a]), 2) / (STEPS * exp(log_prob[a]));
    CU_ASSERT_TRUE(chi_square < 25);
    sum += chi_square;
  }
  CU_ASSERT_TRUE(sum > 170 && sum < 350);
  arena_destroy(&f.arena);
}

/* a draw belongs to its environment and step, not to its row */
static void test_sample_address(void) {
  enum { CHOICES = 3 };
  struct fixture f;
  setup(&f, CHOICES);
  float net[TILE * CHOICES] = {0};
  int32_t all[TILE], part[TILE], later[TILE], other[TILE];
  struct action_random random = {.seed = 5, .first_env = 10, .step = 6};
  f.distribution->sample(CHOICES, TILE, net, CHOICES, &random, &f.tile, all);
  random.first_env = 30;
  f.distribution->sample(CHOICES, 8, net, CHOICES, &random, &f.tile, part);
  CU_ASSERT_EQUAL(memcmp(part, all + 20, 8 * sizeof *part), 0);
  random = (struct action_random){.seed = 5, .first_env = 10, .step = 7};
  f.distribution->sample(CHOICES, TILE, net, CHOICES, &random, &f.tile, later);
  random = (struct action_random){.seed = 6, .first_env = 10, .step = 6};
  f.distribution->sample(CHOICES, TILE, net, CHOICES, &random, &f.tile, other);
  CU_ASSERT_NOT_EQUAL(memcmp(all, later, sizeof all), 0);
  CU_ASSERT_NOT_EQUAL(memcmp(all, other, sizeof all), 0);
  arena_destroy(&f.arena);
}

/* the greatest logit, the first among equals */
static void test_mode(void) {
  static const float net[8][4] = {{1, 2, 3, 0},     {5, 5, 5, 5},     {-9, -8, -7, -6}, {0, 1, 1, 0},
                                  {50, -50, 49, 0}, {-1, -1, -1, -2}, {0, 0, 0, 1e-7f}, {3, 2, 1, 0}};
  static const int32_t expected[8] = {2, 0, 3, 1, 0, 0, 3, 0};
  struct fixture f;
  setup(&f, 4);
  int32_t actions[8];
  f.distribution->mode(4, 8, &net[0][0], 4, actions);
  for (size_t r = 0; r < 8; r++) CU_ASSERT_EQUAL(actions[r], expected[r]);
  arena_destroy(&f.arena);
}

/* logits of eight rows that try the arithmetic: large, equal, far apart, all the same but one */
static void hard_logits(size_t outputs, float *net) {
  fill_normal(net, 8 * outputs, 3.0, 21, (uint32_t)outputs);
  for (size_t a = 0; a < outputs; a++) {
    net[0 * outputs + a] = 0.0f;
    net[1 * outputs + a] = 50.0f;
    net[2 * outputs + a] = a % 2 == 0 ? 50.0f : -50.0f;
    net[3 * outputs + a] = a + 1 == outputs ? 50.0f : -50.0f;
    net[4 * outputs + a] = -50.0f + (float)a;
    net[5 * outputs + a] = 50.0f - 1e-3f * (float)a;
  }
}

/* against softmax() in double, also where logits are far apart or large */
static void test_log_prob_and_entropy(void) {
  static const int32_t choices[] = {1, 2, 3, 5, 16};
  for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
    size_t outputs = (size_t)choices[i];
    struct fixture f;
    setup(&f, choices[i]);
    float net[8 * MAX_OUTPUTS];
    hard_logits(outputs, net);
    for (int32_t action = 0; action < choices[i]; action++) {
      int32_t actions[8];
      for (size_t r = 0; r < 8; r++) actions[r] = action;
      f.distribution->evaluate(outputs, 8, net, outputs, actions, &f.tile);
      for (size_t r = 0; r < 8; r++) {
        double logits[MAX_OUTPUTS], log_prob[MAX_OUTPUTS], entropy;
        for (size_t a = 0; a < outputs; a++) logits[a] = net[r * outputs + a];
        softmax(logits, outputs, log_prob, &entropy);
        CHECK_CLOSE(f.tile.log_prob[r], log_prob[action], 1e-6);
        CHECK_CLOSE(f.tile.entropy[r], entropy, 1e-6);
      }
    }
    /* what is never probable is never drawn */
    for (uint32_t step = 0; step < 200; step++) {
      const struct action_random random = {.seed = 1, .step = step};
      int32_t actions[8];
      f.distribution->sample(outputs, 8, net, outputs, &random, &f.tile, actions);
      CU_ASSERT_EQUAL(actions[2] % 2, 0);
      CU_ASSERT_EQUAL(actions[3], choices[i] - 1);
    }
    arena_destroy(&f.arena);
  }
}

/* what gradient() differentiates, in double */
static double objective(const double *logits, size_t outputs, size_t action, double d_log_prob, double d_entropy) {
  double log_prob[MAX_OUTPUTS], entropy;
  softmax(logits, outputs, log_prob, &entropy);
  return d_log_prob * log_prob[action] + d_entropy * entropy;
}

/* the gradient against central differences in double; it sums to zero, since a shift of all logits changes nothing */
static void test_gradient(void) {
  static const int32_t choices[] = {1, 2, 5, 16};
  static const float d_entropies[] = {0.0f, 0.7f, -2.0f};
  for (size_t i = 0; i < 12; i++) {
    size_t outputs = (size_t)choices[i % 4];
    const float d_entropy = d_entropies[i / 4];
    struct fixture f;
    setup(&f, choices[i % 4]);
    float net[8 * MAX_OUTPUTS], d_log_prob[TILE] = {0}, d_net[8 * MAX_OUTPUTS];
    int32_t actions[8];
    hard_logits(outputs, net);
    fill_normal(d_log_prob, 8, 1.0, 31, (uint32_t)i);
    for (size_t r = 0; r < 8; r++) actions[r] = (int32_t)(r % outputs);
    f.distribution->evaluate(outputs, 8, net, outputs, actions, &f.tile);
    f.distribution->gradient(outputs, 8, actions, d_log_prob, d_entropy, &f.tile, d_net, outputs);
    for (size_t r = 0; r < 8; r++) {
      double logits[MAX_OUTPUTS], sum = 0;
      const double h = 1e-5;
      for (size_t a = 0; a < outputs; a++) logits[a] = net[r * outputs + a];
      for (size_t a = 0; a < outputs; a++) {
        double logit = logits[a];
        logits[a] = logit + h;
        double above = objective(logits, outputs, (size_t)actions[r], d_log_prob[r], d_entropy);
        logits[a] = logit - h;
        double below = objective(logits, outputs, (size_t)actions[r], d_log_prob[r], d_entropy);
        logits[a] = logit;
        CHECK_CLOSE(d_net[r * outputs + a], (above - below) / (2 * h), 1e-6);
        sum += d_net[r * outputs + a];
      }
      CHECK_CLOSE(sum, 0, 1e-6);
    }
    arena_destroy(&f.arena);
  }
}

static const struct check_case cases[] = {
    {"registry", test_registry},
    {"what every distribution does", test_every_entry},
    {"categorical: frequencies", test_frequencies},
    {"categorical: the address of a draw", test_sample_address},
    {"categorical: mode", test_mode},
    {"categorical: log-probability and entropy", test_log_prob_and_entropy},
    {"categorical: gradient", test_gradient},
};

CHECK_MAIN("distribution", cases)
