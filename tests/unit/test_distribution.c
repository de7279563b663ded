/* Action distributions: what every entry of the registry must do, the categorical one against formulas in double, and
 * all of them against PyTorch (tests/golden/distributions.h5). */
#include "base/arena.h"
#include "base/random.h"
#include "nn/distribution.h"
#include "nn/layer.h"
#include "nn/normals.h"
#include "support/check.h"
#include "support/golden.h"
#include "support/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_OUTPUTS = 16 };
static const struct action_mask all_allowed = {NULL, 0};

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

/* the head of this distribution, which an algorithm requests where nobody else has it */
static muster_status make_head(const muster_space *space, const char *name, bool state_dependent, struct arena *arena,
                               struct policy_head *head) {
  struct policy_request request = {.atoms = 3, .low = -2, .high = 2};
  for (const struct distribution *const *entry = distribution_list(); *entry != NULL; entry++)
    if (strcmp((*entry)->name, name) == 0 && (*entry)->is_requested)
      snprintf(request.distribution, sizeof request.distribution, "%s", name);
  return policy_head_create(space, &request, name, state_dependent, arena, head);
}

/* a head with its own parameters, where it has any, and memory for their gradients */
static void create_head(const muster_space *space, const char *name, bool state_dependent, struct arena *arena,
                        struct policy_head *head) {
  CHECK_OK_FATAL(make_head(space, name, state_dependent, arena, head));
  float *own;
  CHECK_OK_FATAL(ARENA_TAKE(arena, head->own_count, "parameters", &own));
  CHECK_OK_FATAL(ARENA_TAKE(arena, head->own_count, "gradients", &head->own_gradients));
  /* within the range of any parameter: epsilon is a probability */
  fill_normal(own, head->own_count, 0.1, 7, 0);
  for (size_t i = 0; i < head->own_count; i++) own[i] += 0.5f;
  head->own = own;
}

static void test_registry(void) {
  const struct distribution *const *list = distribution_list();
  CU_ASSERT_PTR_NOT_NULL_FATAL(list[0]);
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  for (size_t i = 0; list[i] != NULL; i++) {
    const muster_space space = example_space(list[i]->action_kind);
    struct policy_head head;
    CHECK_OK_FATAL(make_head(&space, list[i]->name, false, arena, &head));
    CU_ASSERT_PTR_EQUAL(head.distribution, list[i]);
    CU_ASSERT_TRUE(strlen(list[i]->name) > 0 && strlen(list[i]->summary) > 0 && head.outputs > 0);
    CU_ASSERT_EQUAL(head.own_name == NULL, head.own_count == 0);
    for (size_t k = 0; k < i; k++) CU_ASSERT_NOT_EQUAL(strcmp(list[i]->name, list[k]->name), 0);
  }
  const muster_space image = {.kind = MUSTER_SPACE_BOX_U8, .rank = 1, .shape = {4}};
  struct policy_head head;
  CHECK_FAILS(make_head(&image, "", false, arena, &head), MUSTER_ERROR_USAGE, "action space");
  arena_destroy(&arena);
}

/* of an incomplete table, the check names what it lacks; a list with such a table is refused */
static void test_lacks(void) {
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  const muster_space space = example_space(MUSTER_SPACE_BOX);
  struct policy_head head;
  create_head(&space, "Gaussian", false, arena, &head);
  struct distribution partial;
  const struct distribution *const list[] = {distribution_list()[0], &partial, NULL};
#define LACKS(member)                                                                                                  \
  do {                                                                                                                 \
    partial = *head.distribution;                                                                                      \
    partial.member = NULL;                                                                                             \
    const char *lack = distribution_lacks(&partial);                                                                   \
    CU_ASSERT_PTR_NOT_NULL_FATAL(lack);                                                                                \
    CU_ASSERT_STRING_EQUAL(lack, #member);                                                                             \
    CHECK_FAILS(distribution_check_list(list), MUSTER_ERROR_INTERNAL, "is not whole: its table lacks " #member);       \
  } while (0)
  LACKS(name);
  LACKS(summary);
  LACKS(shape);
  LACKS(sample);
  LACKS(mode);
  LACKS(evaluate);
  LACKS(gradient);
  LACKS(pathwise);
  const muster_space discrete = example_space(MUSTER_SPACE_DISCRETE);
  create_head(&discrete, "Categorical", false, arena, &head);
  LACKS(probabilities);
  CHECK_FAILS(distribution_check_list(list), MUSTER_ERROR_INTERNAL, "the distribution 'Categorical' is not whole");
  CHECK_OK(distribution_check_list(distribution_list()));
  arena_destroy(&arena);
}

enum { ENTRY_ROWS = 45 };

/* log-probabilities of samples are those that evaluate() finds in any other row, and the mode is at least as probable
 */
static void check_evaluation(struct policy_head *head, const float *net, const int32_t *actions,
                             const float *log_prob) {
  const struct distribution *distribution = head->distribution;
  const size_t elements = head->elements, ld = head->outputs + 3;
  float turned[TILE * (MAX_OUTPUTS + 3)];
  int32_t again[TILE * 4];
  /* the last thirteen rows, moved to the front of a tile that holds nothing else */
  for (size_t r = 0; r < 13; r++) {
    memcpy(turned + r * ld, net + (ENTRY_ROWS - 1 - r) * ld, ld * sizeof *net);
    memcpy(again + r * elements, actions + (ENTRY_ROWS - 1 - r) * elements, elements * sizeof *actions);
  }
  distribution->evaluate(head, 13, turned, ld, all_allowed, again);
  for (size_t r = 0; r < 13; r++) CU_ASSERT_EQUAL(head->log_prob[r], log_prob[ENTRY_ROWS - 1 - r]);

  distribution->mode(head, ENTRY_ROWS, net, ld, all_allowed, again);
  distribution->evaluate(head, ENTRY_ROWS, net, ld, all_allowed, again);
  for (size_t r = 0; r < ENTRY_ROWS; r++)
    CU_ASSERT_TRUE(head->log_prob[r] >= log_prob[r] && isfinite(head->entropy[r]));
}

/* Probabilities of choices are those that samples were drawn with, also under a mask, and sum to 1 for each element;
 * the mode is the choice of the greatest value, where the outputs are values. */
static void check_probabilities(const struct distribution *distribution, struct arena *arena) {
  enum { ROWS = ENTRY_ROWS };
  if (distribution->action_kind == MUSTER_SPACE_BOX) return;
  const muster_space space = example_space(distribution->action_kind);
  struct policy_head head;
  create_head(&space, distribution->name, false, arena, &head);
  const size_t choices = head.choices, ld = head.outputs + 3;
  float net[TILE * (MAX_OUTPUTS + 3)], probabilities[ROWS * MAX_OUTPUTS], values[ROWS * MAX_OUTPUTS];
  int32_t actions[TILE * 4];
  uint8_t bytes[ROWS * MAX_OUTPUTS];
  fill_normal(net, ROWS * ld, 2.0, 1, 0);
  for (size_t i = 0; i < ROWS * choices; i++) bytes[i] = i % 3 != 1;
  const struct action_random random = {.seed = 2, .first_row = 3, .step = 4};
  for (int masked = 0; masked < 2; masked++) {
    const struct action_mask mask = {masked ? bytes : NULL, choices};
    distribution->probabilities(&head, ROWS, net, ld, mask, probabilities);
    distribution->sample(&head, ROWS, net, ld, mask, &random, actions);
    for (size_t r = 0; r < ROWS; r++) {
      const float *chance = probabilities + r * choices;
      double log_prob = 0;
      for (size_t i = 0; i < head.elements; chance += head.counts[i++]) {
        double sum = 0;
        for (int32_t a = 0; a < head.counts[i]; a++) sum += chance[a];
        CHECK_CLOSE(sum, 1, 1e-6);
        log_prob += log(chance[actions[r * head.elements + i]]);
      }
      CHECK_CLOSE(log_prob, head.log_prob[r], 1e-5);
      for (size_t a = 0; masked && a < choices; a++)
        CU_ASSERT_EQUAL(probabilities[r * choices + a] == 0, bytes[r * choices + a] == 0);
    }
  }
  if (distribution->values == NULL) return;
  distribution->values(&head, ROWS, net, ld, values);
  distribution->mode(&head, ROWS, net, ld, all_allowed, actions);
  for (size_t r = 0; r < ROWS; r++)
    for (size_t a = 0; a < choices; a++)
      CU_ASSERT_TRUE(values[r * choices + a] <= values[r * choices + (size_t)actions[r]]);
}

/* samples are reproducible */
static void check_entry(const struct distribution *distribution, bool state_dependent, struct arena *arena) {
  enum { ROWS = ENTRY_ROWS };
  const muster_space space = example_space(distribution->action_kind);
  struct policy_head head;
  create_head(&space, distribution->name, state_dependent, arena, &head);
  size_t outputs = head.outputs, elements = head.elements, ld = outputs + 3;
  float net[TILE * (MAX_OUTPUTS + 3)], log_prob[ROWS];
  int32_t actions[TILE * 4], again[TILE * 4];
  CU_ASSERT_FATAL(outputs <= MAX_OUTPUTS && elements <= 4);
  fill_normal(net, ROWS * ld, 2.0, 1, 0);
  const struct action_random random = {.seed = 2, .first_row = 3, .step = 4};
  distribution->sample(&head, ROWS, net, ld, all_allowed, &random, actions);
  memcpy(log_prob, head.log_prob, sizeof log_prob);
  distribution->sample(&head, ROWS, net, ld, all_allowed, &random, again);
  CU_ASSERT_EQUAL(memcmp(actions, again, ROWS * elements * sizeof *actions), 0);

  if (distribution->evaluate != NULL) check_evaluation(&head, net, actions, log_prob);

  /* a draw depends on its row of the run and its step, not on its position in the tile */
  struct action_random later = {.seed = 2, .first_row = 3, .step = 5};
  distribution->sample(&head, ROWS, net, ld, all_allowed, &later, again);
  CU_ASSERT_NOT_EQUAL(memcmp(actions, again, ROWS * elements * sizeof *actions), 0);
  later = (struct action_random){.seed = 2, .first_row = 13, .step = 4};
  distribution->sample(&head, 9, net + 10 * ld, ld, all_allowed, &later, again);
  CU_ASSERT_EQUAL(memcmp(actions + 10 * elements, again, 9 * elements * sizeof *actions), 0);
}

/* the slope along one float of sum(d_log_prob * log pi(a)) + d_entropy * sum(H), for given actions */
static double density_slope(struct policy_head *head, size_t rows, const float *net, const void *actions,
                            const float *d_log_prob, float d_entropy, float *at) {
  const float h = 1.0f / 256, before = *at;
  double sides[2] = {0, 0};
  for (int side = 0; side < 2; side++) {
    *at = side == 0 ? before - h : before + h;
    head->distribution->evaluate(head, rows, net, head->outputs, all_allowed, actions);
    for (size_t r = 0; r < rows; r++)
      sides[side] += (double)d_log_prob[r] * head->log_prob[r] + (double)d_entropy * head->entropy[r];
  }
  *at = before;
  return (sides[1] - sides[0]) / (2 * h);
}

/* gradient() against central differences of evaluate(); the gradients of the head's own parameters are added to what is
 * there */
static void check_gradient(const struct distribution *distribution, bool state_dependent, struct arena *arena) {
  enum { ROWS = 13 };
  if (distribution->gradient == NULL) return;
  const muster_space space = example_space(distribution->action_kind);
  struct policy_head head;
  create_head(&space, distribution->name, state_dependent, arena, &head);
  const size_t outputs = head.outputs;
  const float d_entropy = 0.7f;
  float net[TILE * MAX_OUTPUTS], d_net[TILE * MAX_OUTPUTS], d_log_prob[TILE] = {0}, actions[TILE * 4];
  double expected[ROWS * MAX_OUTPUTS], own[MAX_OUTPUTS];
  fill_normal(net, ROWS * outputs, 0.7, 71, 0);
  fill_normal(d_log_prob, ROWS, 1.0, 72, 0);
  const struct action_random random = {.seed = 8, .first_row = 3, .step = 4};
  distribution->sample(&head, ROWS, net, outputs, all_allowed, &random, actions);
  for (size_t i = 0; i < ROWS * outputs; i++)
    expected[i] = density_slope(&head, ROWS, net, actions, d_log_prob, d_entropy, &net[i]);
  for (size_t i = 0; i < head.own_count; i++)
    own[i] = density_slope(&head, ROWS, net, actions, d_log_prob, d_entropy, (float *)head.own + i);
  for (int times = 1; times <= 2; times++) {
    distribution->evaluate(&head, ROWS, net, outputs, all_allowed, actions);
    distribution->gradient(&head, ROWS, actions, d_log_prob, d_entropy, d_net, outputs);
    CU_ASSERT_TRUE(relative_error(d_net, expected, ROWS * outputs) <= 2e-3);
    for (size_t i = 0; i < head.own_count; i++) CHECK_CLOSE(head.own_gradients[i], times * own[i], 2e-3);
  }
}

/* actions with the same noise each time */
static void act_with_noise(struct policy_head *head, size_t rows, const float *net, float *actions) {
  const struct distribution *distribution = head->distribution;
  if (distribution->from_noise == NULL) {
    const struct action_random random = {.seed = 8, .first_row = 3, .step = 4};
    distribution->sample(head, rows, net, head->outputs, all_allowed, &random, actions);
    return;
  }
  float noise[4 * TILE];
  fill_normal(noise, head->elements * TILE, 1.0, 64, 0);
  distribution->from_noise(head, rows, net, head->outputs, noise, actions);
}

/* the slope along one float of sum(d_actions * a) + sum(d_log_prob * log pi(a)), for actions with the same noise */
static double path_slope(struct policy_head *head, size_t rows, const float *net, const float *d_actions,
                         const float *d_log_prob, float *at) {
  const float h = 1.0f / 256, before = *at;
  double sides[2] = {0, 0};
  for (int side = 0; side < 2; side++) {
    float actions[TILE * 4];
    *at = side == 0 ? before - h : before + h;
    act_with_noise(head, rows, net, actions);
    for (size_t i = 0; i < rows * head->elements; i++) sides[side] += (double)d_actions[i] * actions[i];
    for (size_t r = 0; r < rows; r++) sides[side] += (double)d_log_prob[r] * head->log_prob[r];
  }
  *at = before;
  return (sides[1] - sides[0]) / (2 * h);
}

/* actions as a function of parameters and noise: pathwise() against central differences of actions with that noise */
static void check_pathwise(const struct distribution *distribution, bool state_dependent, struct arena *arena) {
  enum { ROWS = 13 };
  const muster_space space = example_space(distribution->action_kind);
  struct policy_head head;
  create_head(&space, distribution->name, state_dependent, arena, &head);
  CU_ASSERT_EQUAL_FATAL(distribution->pathwise != NULL, space.kind == MUSTER_SPACE_BOX);
  if (distribution->pathwise == NULL) return;
  const size_t outputs = head.outputs;
  float net[TILE * MAX_OUTPUTS], d_net[TILE * MAX_OUTPUTS], d_actions[TILE * 4], d_log_prob[TILE], actions[TILE * 4];
  double expected[ROWS * MAX_OUTPUTS], own[MAX_OUTPUTS];
  CU_ASSERT_FATAL(outputs <= MAX_OUTPUTS && head.elements <= 4);
  fill_normal(net, ROWS * outputs, 0.7, 61, 0);
  fill_normal(d_actions, ROWS * head.elements, 1.0, 62, 0);
  fill_normal(d_log_prob, ROWS, 1.0, 63, 0);
  for (size_t i = 0; i < ROWS * outputs; i++)
    expected[i] = path_slope(&head, ROWS, net, d_actions, d_log_prob, &net[i]);
  for (size_t i = 0; i < head.own_count; i++)
    own[i] = path_slope(&head, ROWS, net, d_actions, d_log_prob, (float *)head.own + i);

  act_with_noise(&head, ROWS, net, actions);
  distribution->pathwise(&head, ROWS, d_actions, d_log_prob, d_net, outputs);
  CU_ASSERT_TRUE(relative_error(d_net, expected, ROWS * outputs) <= 2e-3);
  CU_ASSERT_TRUE(relative_error(head.own_gradients, own, head.own_count) <= 2e-3);

  if (distribution->evaluate == NULL) return;
  /* gradients of own parameters are added to what is there, and evaluate() of the same actions can take the place of
   * sample() */
  float again[TILE * MAX_OUTPUTS];
  distribution->evaluate(&head, ROWS, net, outputs, all_allowed, actions);
  distribution->pathwise(&head, ROWS, d_actions, d_log_prob, again, outputs);
  CU_ASSERT_EQUAL(memcmp(again, d_net, ROWS * outputs * sizeof *d_net), 0);
  for (size_t i = 0; i < head.own_count; i++) own[i] *= 2;
  CU_ASSERT_TRUE(relative_error(head.own_gradients, own, head.own_count) <= 2e-3);
}

/* a deviation beyond its limits gets no gradient, neither from actions nor from log-probabilities */
static void test_clamped_deviations(void) {
  const muster_space space = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {1}};
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct policy_head head;
  create_head(&space, "", true, arena, &head);
  const float net[] = {0.5f, 3.0f, 0.5f, -21.0f, 0.5f, 1.0f}, ones[] = {1, 1, 1};
  const struct action_random random = {.seed = 9};
  float actions[3], d_net[6];
  head.distribution->sample(&head, 3, net, 2, all_allowed, &random, actions);
  head.distribution->pathwise(&head, 3, ones, ones, d_net, 2);
  CU_ASSERT_TRUE(d_net[1] == 0 && d_net[3] == 0 && d_net[5] != 0);
  CU_ASSERT_TRUE(d_net[0] == 1 && d_net[2] == 1 && d_net[4] == 1);
  arena_destroy(&arena);
}

/* distributions are chosen by name, among those that fit the actions */
static void test_names(void) {
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  for (const struct distribution *const *entry = distribution_list(); *entry != NULL; entry++) {
    const muster_space space = example_space((*entry)->action_kind);
    struct policy_head head;
    CHECK_OK(distribution_check((*entry)->name));
    CHECK_OK_FATAL(make_head(&space, (*entry)->name, false, arena, &head));
    CU_ASSERT_PTR_EQUAL(head.distribution, *entry);
  }
  const muster_space space = example_space(MUSTER_SPACE_BOX);
  struct policy_head head;
  CHECK_OK(distribution_check(""));
  CHECK_FAILS(distribution_check("Gausian"), MUSTER_ERROR_USAGE,
              "expects the name of a distribution, or null: the nearest one is 'Gaussian'");
  CHECK_FAILS(make_head(&space, "Categorical", false, arena, &head), MUSTER_ERROR_USAGE,
              "policy.distribution: not for actions of this kind and this algorithm; expects null or 'Gaussian'");
  arena_destroy(&arena);
}

static void test_every_entry(void) {
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  for (const struct distribution *const *entry = distribution_list(); *entry != NULL; entry++) {
    check_entry(*entry, false, arena);
    check_probabilities(*entry, arena);
    check_entry(*entry, true, arena);
    check_gradient(*entry, false, arena);
    check_gradient(*entry, true, arena);
    check_pathwise(*entry, false, arena);
    check_pathwise(*entry, true, arena);
  }
  arena_destroy(&arena);
}

/* --- categorical --- */

struct fixture {
  struct arena *arena;
  const struct distribution *distribution;
  struct policy_head head;
};

static void setup(struct fixture *f, int32_t choices) {
  const muster_space space = {.kind = MUSTER_SPACE_DISCRETE, .counts = &choices};
  CHECK_OK_FATAL(arena_create(&f->arena));
  create_head(&space, "", false, f->arena, &f->head);
  f->distribution = f->head.distribution;
  CU_ASSERT_EQUAL(f->head.outputs, (size_t)choices);
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
    const struct action_random random = {.seed = 12, .first_row = 100, .step = step};
    int32_t actions[TILE];
    f.distribution->sample(&f.head, TILE, net, CHOICES, all_allowed, &random, actions);
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

/* a draw depends on its environment and step, not on its row */
static void test_sample_address(void) {
  enum { CHOICES = 3 };
  struct fixture f;
  setup(&f, CHOICES);
  float net[TILE * CHOICES] = {0};
  int32_t all[TILE], part[TILE], later[TILE], other[TILE];
  struct action_random random = {.seed = 5, .first_row = 10, .step = 6};
  f.distribution->sample(&f.head, TILE, net, CHOICES, all_allowed, &random, all);
  random.first_row = 30;
  f.distribution->sample(&f.head, 8, net, CHOICES, all_allowed, &random, part);
  CU_ASSERT_EQUAL(memcmp(part, all + 20, 8 * sizeof *part), 0);
  random = (struct action_random){.seed = 5, .first_row = 10, .step = 7};
  f.distribution->sample(&f.head, TILE, net, CHOICES, all_allowed, &random, later);
  random = (struct action_random){.seed = 6, .first_row = 10, .step = 6};
  f.distribution->sample(&f.head, TILE, net, CHOICES, all_allowed, &random, other);
  CU_ASSERT_NOT_EQUAL(memcmp(all, later, sizeof all), 0);
  CU_ASSERT_NOT_EQUAL(memcmp(all, other, sizeof all), 0);
  arena_destroy(&f.arena);
}

/* the largest logit, the first one of equals */
static void test_mode(void) {
  static const float net[8][4] = {{1, 2, 3, 0},     {5, 5, 5, 5},     {-9, -8, -7, -6}, {0, 1, 1, 0},
                                  {50, -50, 49, 0}, {-1, -1, -1, -2}, {0, 0, 0, 1e-7f}, {3, 2, 1, 0}};
  static const int32_t expected[8] = {2, 0, 3, 1, 0, 0, 3, 0};
  struct fixture f;
  setup(&f, 4);
  int32_t actions[8];
  f.distribution->mode(&f.head, 8, &net[0][0], 4, all_allowed, actions);
  for (size_t r = 0; r < 8; r++) CU_ASSERT_EQUAL(actions[r], expected[r]);
  arena_destroy(&f.arena);
}

/* logits of eight rows that are hard to compute with: large, equal, far apart, all the same but one */
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
      f.distribution->evaluate(&f.head, 8, net, outputs, all_allowed, actions);
      for (size_t r = 0; r < 8; r++) {
        double logits[MAX_OUTPUTS], log_prob[MAX_OUTPUTS], entropy;
        for (size_t a = 0; a < outputs; a++) logits[a] = net[r * outputs + a];
        softmax(logits, outputs, log_prob, &entropy);
        CHECK_CLOSE(f.head.log_prob[r], log_prob[action], 1e-6);
        CHECK_CLOSE(f.head.entropy[r], entropy, 1e-6);
      }
    }
    /* a choice of probability zero is never drawn */
    for (uint32_t step = 0; step < 200; step++) {
      const struct action_random random = {.seed = 1, .step = step};
      int32_t actions[8];
      f.distribution->sample(&f.head, 8, net, outputs, all_allowed, &random, actions);
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
    f.distribution->evaluate(&f.head, 8, net, outputs, all_allowed, actions);
    f.distribution->gradient(&f.head, 8, actions, d_log_prob, d_entropy, d_net, outputs);
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

/* --- masks --- */

/* masked choices are never drawn and never the mode, and the others behave as a distribution over fewer choices; a mask
 * at the border of its row leaves one choice, whose probability is one */
static void test_masks(void) {
  enum { CHOICES = 6, ALLOWED = 3 };
  static const uint8_t which[CHOICES] = {0, 1, 0, 1, 1, 0};
  struct fixture all, few;
  setup(&all, CHOICES);
  setup(&few, ALLOWED);
  float net[TILE * CHOICES], left[TILE * ALLOWED];
  uint8_t mask[TILE * (CHOICES + 2)];
  memset(mask, 7, sizeof mask);
  fill_normal(net, TILE * CHOICES, 2.0, 41, 0);
  for (size_t r = 0; r < TILE; r++) {
    memcpy(mask + r * (CHOICES + 2), which, CHOICES);
    for (size_t a = 0, k = 0; a < CHOICES; a++)
      if (which[a]) left[r * ALLOWED + k++] = net[r * CHOICES + a];
  }
  static const int32_t place[ALLOWED] = {1, 3, 4};
  const struct action_mask masked = {mask, CHOICES + 2};
  for (uint32_t step = 0; step < 300; step++) {
    const struct action_random random = {.seed = 3, .step = step};
    int32_t actions[TILE], expected[TILE];
    all.distribution->sample(&all.head, TILE, net, CHOICES, masked, &random, actions);
    few.distribution->sample(&few.head, TILE, left, ALLOWED, all_allowed, &random, expected);
    for (size_t r = 0; r < TILE; r++) CU_ASSERT_EQUAL(actions[r], place[expected[r]]);
    CU_ASSERT_EQUAL(memcmp(all.head.log_prob, few.head.log_prob, TILE * sizeof(float)), 0);
  }
  int32_t modes[TILE], expected[TILE];
  all.distribution->mode(&all.head, TILE, net, CHOICES, masked, modes);
  few.distribution->mode(&few.head, TILE, left, ALLOWED, all_allowed, expected);
  for (size_t r = 0; r < TILE; r++) CU_ASSERT_EQUAL(modes[r], place[expected[r]]);

  /* only one choice left, also where its logit is far below the others */
  for (size_t a = 0; a < CHOICES; a++) {
    uint8_t single[CHOICES] = {0};
    single[a] = 1;
    float logits[CHOICES] = {80, 80, 80, 80, 80, 80}, d_net[CHOICES];
    logits[a] = -80;
    int32_t action = -1, mode = -1;
    const float d_log_prob = 2.0f;
    const struct action_mask one = {single, CHOICES};
    const struct action_random random = {.seed = 4, .step = (uint32_t)a};
    all.distribution->sample(&all.head, 1, logits, CHOICES, one, &random, &action);
    all.distribution->mode(&all.head, 1, logits, CHOICES, one, &mode);
    CU_ASSERT_TRUE(action == (int32_t)a && mode == (int32_t)a && all.head.log_prob[0] == 0.0f);
    all.distribution->evaluate(&all.head, 1, logits, CHOICES, one, &action);
    all.distribution->gradient(&all.head, 1, &action, &d_log_prob, 1.0f, d_net, CHOICES);
    CU_ASSERT_TRUE(all.head.log_prob[0] == 0.0f && all.head.entropy[0] == 0.0f);
    for (size_t b = 0; b < CHOICES; b++) CU_ASSERT_EQUAL(d_net[b], 0.0f);
  }
  arena_destroy(&all.arena);
  arena_destroy(&few.arena);
}

/* --- Gaussian --- */

/* Of 64 x 2000 draws in each of five dimensions: mean, variance, skewness and kurtosis of (a - m) / e^s, and the
 * correlation of neighbours, within four to five standard errors. */
static void test_normal_moments(void) {
  enum { ELEMENTS = 5, STEPS = 2000 };
  const muster_space space = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {ELEMENTS}};
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct policy_head head;
  create_head(&space, "", false, arena, &head);
  float net[TILE * ELEMENTS];
  fill_normal(net, TILE * ELEMENTS, 1.0, 51, 0);
  double moments[ELEMENTS][4] = {{0}}, products[ELEMENTS] = {0};
  for (uint32_t step = 0; step < STEPS; step++) {
    const struct action_random random = {.seed = 52, .step = step};
    float actions[TILE * ELEMENTS];
    head.distribution->sample(&head, TILE, net, ELEMENTS, all_allowed, &random, actions);
    for (size_t r = 0; r < TILE; r++) {
      double y[ELEMENTS];
      for (size_t i = 0; i < ELEMENTS; i++) {
        y[i] = (actions[r * ELEMENTS + i] - net[r * ELEMENTS + i]) / exp(head.own[i]);
        for (int power = 1; power <= 4; power++) moments[i][power - 1] += pow(y[i], power);
      }
      for (size_t i = 0; i < ELEMENTS; i++) products[i] += y[i] * y[(i + 1) % ELEMENTS];
    }
  }
  const double n = TILE * STEPS;
  for (size_t i = 0; i < ELEMENTS; i++) {
    CU_ASSERT_TRUE(fabs(moments[i][0] / n) < 4.5 / sqrt(n));
    CU_ASSERT_TRUE(fabs(moments[i][1] / n - 1) < 4.5 * sqrt(2 / n));
    CU_ASSERT_TRUE(fabs(moments[i][2] / n) < 4.5 * sqrt(15 / n));
    CU_ASSERT_TRUE(fabs(moments[i][3] / n - 3) < 4.5 * sqrt(96 / n));
    CU_ASSERT_TRUE(fabs(products[i] / n) < 4.5 / sqrt(n));
  }
  arena_destroy(&arena);
}

/* the mode is the mean */
static void test_gaussian_mode(void) {
  const muster_space space = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {2}};
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct policy_head head;
  create_head(&space, "", true, arena, &head);
  CU_ASSERT_TRUE(head.outputs == 4 && head.own_count == 0);
  const float net[] = {1, 2, 9, 9, 3, -4, 9, 9};
  float actions[4];
  head.distribution->mode(&head, 2, net, 4, all_allowed, actions);
  CU_ASSERT_TRUE(actions[0] == 1 && actions[1] == 2 && actions[2] == 3 && actions[3] == -4);
  arena_destroy(&arena);
}

/* --- squashed Gaussian, and noise that lasts --- */

/* Against PyTorch, out to saturation and beyond both limits of the deviation (tests/golden/sac.h5, squash/): actions,
 * log-probabilities and their gradients in the form that has 1e-6. */
static void test_squash(void) {
  static const char file[] = "sac.h5";
  static const float low = -1, high = 1;
  const muster_space space = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {1}, .low = &low, .high = &high};
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct policy_head head;
  create_head(&space, "SquashedGaussian", false, arena, &head);
  struct golden mean = golden_read(file, "squash/f64/mu"), deviation = golden_read(file, "squash/f64/log_std_raw"),
                drawn = golden_read(file, "squash/f64/noise"), action = golden_read(file, "squash/f64/action"),
                log_prob = golden_read(file, "squash/f64/log_prob"), d_mean = golden_read(file, "squash/f64/grad_mu"),
                d_deviation = golden_read(file, "squash/f64/grad_log_std_raw");
  float net[2 * TILE], noise[TILE] = {0}, actions[TILE], d_net[2 * TILE], d_actions[TILE] = {0}, ones[TILE];
  CU_ASSERT_FATAL(mean.n <= TILE);
  for (size_t r = 0; r < mean.n; r++) {
    net[2 * r] = (float)mean.values[r];
    net[2 * r + 1] = (float)deviation.values[r];
    noise[r] = (float)drawn.values[r];
    ones[r] = 1;
  }
  head.distribution->from_noise(&head, mean.n, net, 2, noise, actions);
  head.distribution->pathwise(&head, mean.n, d_actions, ones, d_net, 2);
  for (size_t r = 0; r < mean.n; r++) {
    CU_ASSERT_DOUBLE_EQUAL(actions[r], action.values[r], 3e-7);
    CHECK_CLOSE(head.log_prob[r], log_prob.values[r], 2e-6);
    CHECK_CLOSE(d_net[2 * r], d_mean.values[r], 2e-6);
    CHECK_CLOSE(d_net[2 * r + 1], d_deviation.values[r], 2e-6);
  }
  golden_free(&mean), golden_free(&deviation), golden_free(&drawn), golden_free(&action), golden_free(&log_prob);
  golden_free(&d_mean), golden_free(&d_deviation);
  arena_destroy(&arena);
}

/* with policy/random 1 actions are uniform within the bounds: mean and variance within 4.5 standard errors */
static void test_random_actions(void) {
  static const char *const names[] = {"SquashedGaussian", "Deterministic"};
  const muster_space space = example_space(MUSTER_SPACE_BOX);
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  for (size_t k = 0; k < 2; k++) {
    struct policy_head head;
    create_head(&space, names[k], false, arena, &head);
    *(float *)head.own = 1;
    float net[TILE * 4] = {0}, actions[TILE * 2];
    double sum[2] = {0}, squares[2] = {0};
    const double n = 200 * TILE;
    for (uint32_t step = 0; step < 200; step++) {
      const struct action_random random = {.seed = 5, .step = step};
      head.distribution->sample(&head, TILE, net, head.outputs, all_allowed, &random, actions);
      for (size_t r = 0; r < TILE; r++)
        for (size_t i = 0; i < 2; i++) {
          const double unit = actions[2 * r + i] / space.high[i];
          CU_ASSERT_FATAL(unit >= -1 && unit <= 1);
          sum[i] += unit;
          squares[i] += unit * unit;
        }
    }
    for (size_t i = 0; i < 2; i++) {
      CU_ASSERT_TRUE(fabs(sum[i] / n) < 4.5 * sqrt(1.0 / 3 / n));
      CU_ASSERT_TRUE(fabs(squares[i] / n - 1.0 / 3) < 4.5 * sqrt(4.0 / 45 / n));
    }
  }
  arena_destroy(&arena);
}

/* Random actions have the algorithm's noise as well: a random one with noise is the sum, cut to the bounds, of the same
 * one without noise and of what noise makes of 0. */
static void test_noise_of_random_actions(void) {
  const muster_space space = example_space(MUSTER_SPACE_BOX);
  const struct action_noise noise = {.kind = ACTION_NOISE_ORNSTEIN_UHLENBECK, .std = 0.1, .theta = 0.15, .dt = 0.5};
  const struct action_random random = {.seed = 5, .step = 7};
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct policy_head head;
  create_head(&space, "Deterministic", false, arena, &head);
  float zeros[TILE * 2] = {0}, drawn[TILE * 2], drift[TILE * 2], both[TILE * 2];
  *(float *)head.own = 1;
  head.distribution->sample(&head, TILE, zeros, head.outputs, all_allowed, &random, drawn);
  head.noise = noise;
  head.distribution->sample(&head, TILE, zeros, head.outputs, all_allowed, &random, both);
  *(float *)head.own = 0;
  head.distribution->sample(&head, TILE, zeros, head.outputs, all_allowed, &random, drift);
  for (size_t k = 0; k < TILE * 2; k++) {
    const float most = space.high[k % 2];
    CU_ASSERT_TRUE(drift[k] != 0 && fabsf(drift[k]) < most);
    CU_ASSERT_DOUBLE_EQUAL(both[k], fminf(fmaxf(drawn[k] + drift[k], -most), most), 1e-6 * most);
  }
  arena_destroy(&arena);
}

/* The process of normals_drift(): over many rows its mean, its variance, and its correlation with itself some steps
 * later in the episode, within 4.5 standard errors: those of a recursion that starts at 0. Episodes begin at step 0, in
 * the middle, and before and after the numbers that are drawn alone, at multiples of 65536. */
static void check_drift(double theta, double dt) {
  enum { ROWS = 10000 };
  static const uint32_t begin[] = {0, 12345, 65535, 131072 - 40}, ages[] = {0, 3, 700, 100},
                        later[] = {0, 1, 10, 100, 1000};
  const double decay = 1 - theta * dt;
  for (size_t k = 0; k < 4; k++) {
    double sum = 0, products[5] = {0}, variances[5];
    const uint32_t age = ages[k], step = begin[k] + age;
    for (size_t i = 0; i < 5; i++)
      variances[i] = dt * (1 - pow(decay, 2.0 * (age + later[i] + 1))) / (1 - decay * decay);
    for (uint32_t row = 0; row < ROWS; row++) {
      const double x = normals_drift(theta, dt, 3, row, step, age, 1);
      sum += x;
      for (size_t i = 0; i < 5; i++)
        products[i] += x * normals_drift(theta, dt, 3, row, step + later[i], age + later[i], 1) / ROWS;
    }
    CU_ASSERT_TRUE(fabs(sum / ROWS) < 4.5 * sqrt(variances[0] / ROWS));
    for (size_t i = 0; i < 5; i++) {
      const double expected = pow(decay, later[i]) * variances[0];
      const double error = sqrt((variances[0] * variances[i] + expected * expected) / ROWS);
      CU_ASSERT_TRUE(fabs(products[i] - expected) < 4.5 * error);
    }
  }
  /* each row and element has its own; the changes from step to step are those of the recursion */
  double changes = 0, across = 0;
  for (uint32_t row = 0; row < ROWS; row++) {
    const double before = normals_drift(theta, dt, 3, row, 77, 20, 0);
    const double change = normals_drift(theta, dt, 3, row, 78, 21, 0) - decay * before;
    changes += change * change / ROWS;
    across += before * normals_drift(theta, dt, 3, row, 78, 0, 0) / ROWS;
  }
  CU_ASSERT_TRUE(fabs(changes / dt - 1) < 4.5 * sqrt(2.0 / ROWS));
  CU_ASSERT_TRUE(normals_drift(theta, dt, 3, 0, 5, 2, 0) != normals_drift(theta, dt, 3, 1, 5, 2, 0));
  CU_ASSERT_TRUE(normals_drift(theta, dt, 3, 0, 5, 2, 0) != normals_drift(theta, dt, 3, 0, 5, 2, 1));
  /* an episode knows nothing of the one before */
  CU_ASSERT_TRUE(fabs(across) < 4.5 * dt * sqrt((1 - pow(decay, 42)) / (1 - decay * decay) / ROWS));
}

/* A row's noise starts with its own episode: at age 0 its deviation is that of one change, whatever step the run is at;
 * without ages every row is as old as its step. */
static void test_noise_starts_with_the_episode(void) {
  const muster_space space = example_space(MUSTER_SPACE_BOX);
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct policy_head head;
  create_head(&space, "Deterministic", false, arena, &head);
  head.noise = (struct action_noise){.kind = ACTION_NOISE_ORNSTEIN_UHLENBECK, .std = 0.1, .theta = 0.15, .dt = 0.25};
  *(float *)head.own = 0;
  uint32_t ages[TILE];
  for (uint32_t r = 0; r < TILE; r++) ages[r] = r % 2 == 0 ? 0 : 40 + r;
  const struct action_random random = {.seed = 5, .first_row = 3, .step = 4000, .ages = ages};
  float zeros[TILE * 2] = {0}, actions[TILE * 2];
  head.distribution->sample(&head, TILE, zeros, head.outputs, all_allowed, &random, actions);
  for (uint32_t r = 0; r < TILE; r++)
    for (uint32_t i = 0; i < 2; i++) {
      const float x = normals_drift(0.15, 0.25, 5, 3 + r, 4000, ages[r], i);
      CU_ASSERT_DOUBLE_EQUAL(actions[2 * r + i], fminf(fmaxf(0.1f * x, -1), 1) * space.high[i], 1e-6 * space.high[i]);
    }
  const struct action_random old = {.seed = 5, .first_row = 3, .step = 50};
  head.distribution->sample(&head, 1, zeros, head.outputs, all_allowed, &old, actions);
  CU_ASSERT_DOUBLE_EQUAL(actions[0], 0.1f * normals_drift(0.15, 0.25, 5, 3, 50, 50, 0) * space.high[0],
                         1e-6 * space.high[0]);
  arena_destroy(&arena);
}

static void test_drift(void) {
  check_drift(0.15, 0.01);
  check_drift(0.15, 0.3);
  check_drift(1.0, 1.0); /* numbers that know nothing of each other */
}

/* numbers of a minibatch: their moments, and that neither tiles nor the other elements matter */
static void test_minibatch_normals(void) {
  enum { ELEMENTS = 3, UPDATES = 300 };
  double moments[4] = {0};
  float noise[ELEMENTS * TILE], again[ELEMENTS * TILE];
  for (uint32_t update = 0; update < UPDATES; update++) {
    normals_of_minibatch(6, update, 1, TILE, TILE, ELEMENTS, noise);
    for (size_t k = 0; k < ELEMENTS * TILE; k++)
      for (int power = 1; power <= 4; power++) moments[power - 1] += pow(noise[k], power);
  }
  const double n = ELEMENTS * TILE * UPDATES;
  CU_ASSERT_TRUE(fabs(moments[0] / n) < 4.5 / sqrt(n));
  CU_ASSERT_TRUE(fabs(moments[1] / n - 1) < 4.5 * sqrt(2 / n));
  CU_ASSERT_TRUE(fabs(moments[2] / n) < 4.5 * sqrt(15 / n));
  CU_ASSERT_TRUE(fabs(moments[3] / n - 3) < 4.5 * sqrt(96 / n));
  normals_of_minibatch(6, UPDATES - 1, 1, TILE + 8, 21, 2, again);
  for (size_t i = 0; i < 2; i++)
    for (size_t r = 0; r < 21; r++) CU_ASSERT_EQUAL(again[i * TILE + r], noise[i * TILE + r + 8]);
  normals_of_minibatch(6, UPDATES - 1, 0, TILE, TILE, ELEMENTS, again);
  CU_ASSERT_TRUE(again[0] != noise[0]);
}

/* --- against PyTorch --- */

#define GOLDEN "distributions.h5"

static struct golden read_golden(const char *group, const char *name) {
  char path[96];
  snprintf(path, sizeof path, "%s/%s", group, name);
  return golden_read(GOLDEN, path);
}

static void check_golden(const char *group, const char *name, const float *values, double tolerance) {
  struct golden golden = read_golden(group, name);
  double error = relative_error(values, golden.values, golden.n);
  if (!(error <= tolerance)) printf("\n    %s/%s: relative error %g\n", group, name, error);
  CU_ASSERT_TRUE(error <= tolerance);
  golden_free(&golden);
}

/* floats of a dataset; `as_int`: int32 bits instead */
static void read_values(const char *group, const char *name, bool as_int, void *values, size_t max) {
  struct golden golden = read_golden(group, name);
  CU_ASSERT_FATAL(golden.n <= max);
  for (size_t i = 0; i < golden.n; i++) {
    if (as_int)
      ((int32_t *)values)[i] = (int32_t)golden.values[i];
    else
      ((float *)values)[i] = (float)golden.values[i];
  }
  golden_free(&golden);
}

static void check_group(const char *group, muster_space_kind kind, size_t elements, bool masked, bool state) {
  int32_t counts[4] = {0}, actions[TILE * 4];
  bool discrete = kind != MUSTER_SPACE_BOX;
  if (discrete) read_values(group, "counts", true, counts, 4);
  const muster_space space = {
      .kind = kind, .rank = kind == MUSTER_SPACE_DISCRETE ? 0 : 1, .shape = {(int32_t)elements}, .counts = counts};
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct policy_head head;
  create_head(&space, "", state, arena, &head);
  static float net[TILE * MAX_OUTPUTS], d_net[TILE * MAX_OUTPUTS], d_log_prob[TILE], own[4];
  uint8_t mask[TILE * MAX_OUTPUTS];
  read_values(group, "net", false, net, TILE * MAX_OUTPUTS);
  read_values(group, "actions", discrete, actions, TILE * 4);
  read_values(group, "d_log_prob", false, d_log_prob, TILE);
  if (head.own_count > 0) read_values(group, "log_std", false, own, 4);
  head.own = own;
  if (masked) {
    struct golden bytes = read_golden(group, "mask");
    for (size_t i = 0; i < bytes.n; i++) mask[i] = (uint8_t)bytes.values[i];
    golden_free(&bytes);
  }
  const struct action_mask allowed = {masked ? mask : NULL, head.outputs};
  head.distribution->evaluate(&head, TILE, net, head.outputs, allowed, actions);
  head.distribution->gradient(&head, TILE, actions, d_log_prob, (float)golden_attribute(GOLDEN, group, "d_entropy"),
                              d_net, head.outputs);
  check_golden(group, "log_prob", head.log_prob, 1e-6);
  check_golden(group, "entropy", head.entropy, 1e-6);
  check_golden(group, "grad/net", d_net, 2e-6);
  if (head.own_count > 0) check_golden(group, "grad/log_std", head.own_gradients, 2e-6);

  /* the gradient of masked choices is exactly zero */
  for (size_t i = 0; masked && i < TILE * head.outputs; i++) CU_ASSERT_TRUE(mask[i] || d_net[i] == 0.0f);
  arena_destroy(&arena);
}

/* the gradient through sampled actions; the file says how many rows and elements there are */
static void check_pathwise_group(const char *group, bool state) {
  struct golden sampled = read_golden(group, "actions");
  const size_t rows = sampled.shape[0], elements = sampled.shape[1];
  const muster_space space = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {(int32_t)elements}};
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct policy_head head;
  create_head(&space, "Gaussian", state, arena, &head);
  static float net[TILE * MAX_OUTPUTS], d_net[TILE * MAX_OUTPUTS], actions[TILE * 4], d_actions[TILE * 4];
  static float d_log_prob[TILE], own[4];
  CU_ASSERT_FATAL(rows <= TILE && elements <= 4 && head.outputs <= MAX_OUTPUTS);
  read_values(group, "net", false, net, rows * head.outputs);
  read_values(group, "actions", false, actions, rows * elements);
  read_values(group, "d_actions", false, d_actions, rows * elements);
  read_values(group, "d_log_prob", false, d_log_prob, rows);
  if (!state) read_values(group, "log_std", false, own, elements);
  head.own = own;
  head.distribution->evaluate(&head, rows, net, head.outputs, all_allowed, actions);
  head.distribution->pathwise(&head, rows, d_actions, d_log_prob, d_net, head.outputs);
  check_golden(group, "grad/net", d_net, 2e-6);
  if (!state) check_golden(group, "grad/log_std", head.own_gradients, 2e-6);
  golden_free(&sampled);
  arena_destroy(&arena);
}

static void test_golden(void) {
  check_group("categorical", MUSTER_SPACE_DISCRETE, 1, false, false);
  check_group("categorical_masked", MUSTER_SPACE_DISCRETE, 1, true, false);
  check_group("multi", MUSTER_SPACE_MULTI_DISCRETE, 3, false, false);
  check_group("multi_masked", MUSTER_SPACE_MULTI_DISCRETE, 3, true, false);
  check_group("gaussian", MUSTER_SPACE_BOX, 3, false, false);
  check_group("gaussian_state", MUSTER_SPACE_BOX, 2, false, true);
  check_pathwise_group("gaussian_pathwise", false);
  check_pathwise_group("gaussian_state_pathwise", true);
}

/* Rows of a run explore less and less: of 3 rows with epsilon 0.25 and alpha 2 with 0.25, 0.25^2 and 0.25^3, of which a
 * fifth takes the greedy action; the same wherever a row is computed. Where the rows of the run are not known, all have
 * epsilon. */
static void test_epsilon_of_rows(void) {
  enum { ROWS = 3, STEPS = 20000, CHOICES = 5 };
  const muster_space space = example_space(MUSTER_SPACE_DISCRETE);
  const struct policy_request request = {.distribution = "EpsilonGreedy", .exploration_alpha = 2};
  const double expected[2][ROWS] = {{0.25, 0.25, 0.25}, {0.25, 0.0625, 0.015625}};
  const float epsilon = 0.25f;
  float net[ROWS * CHOICES] = {0};
  struct policy_head head;
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  CHECK_OK_FATAL(policy_head_create(&space, &request, "", false, arena, &head));
  head.own = &epsilon;
  for (size_t r = 0; r < ROWS; r++) net[r * CHOICES + 2] = 1;
  for (uint32_t known = 0; known < 2; known++) {
    int others[ROWS] = {0};
    for (uint32_t step = 0; step < STEPS; step++) {
      struct action_random random = {.seed = 5, .step = step, .n_rows = known * ROWS};
      int32_t actions[ROWS], alone;
      head.distribution->sample(&head, ROWS, net, CHOICES, (struct action_mask){NULL, 0}, &random, actions);
      for (size_t r = 0; r < ROWS; r++) others[r] += actions[r] != 2;
      random.first_row = 1;
      head.distribution->sample(&head, 1, net, CHOICES, (struct action_mask){NULL, 0}, &random, &alone);
      CU_ASSERT_EQUAL(alone, actions[1]);
    }
    for (size_t r = 0; r < ROWS; r++) {
      const double mean = STEPS * expected[known][r] * (CHOICES - 1) / CHOICES;
      CU_ASSERT_TRUE(fabs(others[r] - mean) < 5 * sqrt(mean));
    }
  }
  arena_destroy(&arena);
}

static const struct check_case cases[] = {
    {"epsilon of rows", test_epsilon_of_rows},
    {"registry", test_registry},
    {"what a table lacks", test_lacks},
    {"names", test_names},
    {"what every distribution does", test_every_entry},
    {"categorical: frequencies", test_frequencies},
    {"categorical: the address of a draw", test_sample_address},
    {"categorical: mode", test_mode},
    {"categorical: log-probability and entropy", test_log_prob_and_entropy},
    {"categorical: gradient", test_gradient},
    {"categorical: masks", test_masks},
    {"Gaussian: moments of draws", test_normal_moments},
    {"Gaussian: mode", test_gaussian_mode},
    {"Gaussian: deviations at their limits", test_clamped_deviations},
    {"squashed Gaussian: against PyTorch", test_squash},
    {"random actions", test_random_actions},
    {"noise of random actions", test_noise_of_random_actions},
    {"Ornstein-Uhlenbeck noise", test_drift},
    {"noise starts with the episode", test_noise_starts_with_the_episode},
    {"normal numbers of a minibatch", test_minibatch_normals},
    {"against PyTorch", test_golden},
};

CHECK_MAIN("distribution", cases)
