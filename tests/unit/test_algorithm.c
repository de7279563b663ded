/* What every algorithm of the registry must do, whatever it computes. */
#include "algo/algorithm.h"
#include "support/check.h"
#include "support/model.h"

#include <stdio.h>

enum { ENVS = 3 };

/* an algorithm at work on a small random rollout */
struct work {
  struct arena *arena;
  void *options;
  struct model model;
  struct trajectory rollout;
  void *algorithm;
};

static void start(const struct algorithm_type *type, uint64_t seed, struct work *w) {
  static const struct network_shape shape = {.obs_dim = 4, .actions = 3, .layers = 1, .hidden = {16}};
  *w = (struct work){.options = calloc(1, type->options_size)};
  CHECK_OK_FATAL(arena_create(&w->arena));
  CHECK_OK_FATAL(option_set_defaults(type->options, w->options));
  create_model(&shape, type->critic(w->options), w->arena, &w->model);
  randomize_model(&w->model, 3);
  size_t n_steps = type->plan(w->options).n_steps;
  CU_ASSERT_FATAL(n_steps > 0);
  create_rollout(&shape, ENVS, n_steps, w->arena, &w->rollout);
  fill_rollout(&w->model, 4, &w->rollout);
  struct algorithm_context context = {w->options, &w->model, &w->rollout, seed, w->arena, NULL};
  CHECK_OK_FATAL(type->create(&context, &w->algorithm));
}

static void stop(struct work *w) {
  arena_destroy(&w->arena);
  free(w->options);
}

static bool same_parameters(const struct work *a, const struct work *b) {
  CU_ASSERT_EQUAL_FATAL(a->model.parameters.count, b->model.parameters.count);
  return memcmp(a->model.parameters.values, b->model.parameters.values, a->model.parameters.count * sizeof(float)) == 0;
}

/* names are unique and found, wrong ones answered with the nearest */
static void test_registry(void) {
  const struct algorithm_type *const *types = algorithm_list();
  CU_ASSERT_PTR_NOT_NULL_FATAL(types[0]);
  for (size_t i = 0; types[i] != NULL; i++) {
    const struct algorithm_type *found;
    CHECK_OK_FATAL(algorithm_find(types[i]->name, &found));
    CU_ASSERT_PTR_EQUAL(found, types[i]);
    CU_ASSERT_TRUE(strlen(types[i]->summary) > 0);
    for (size_t k = 0; k < i; k++) CU_ASSERT_NOT_EQUAL(strcmp(types[i]->name, types[k]->name), 0);
    char typo[64];
    snprintf(typo, sizeof typo, "%sx", types[i]->name);
    CHECK_FAILS(algorithm_find(typo, &found), MUSTER_ERROR_USAGE, types[i]->name);
  }
}

/* the table parses its own defaults, which pass its own check; keys and metrics are named once */
static void test_options_and_metrics(void) {
  for (const struct algorithm_type *const *type = algorithm_list(); *type != NULL; type++) {
    const struct option_spec *options = (*type)->options->options;
    CU_ASSERT_STRING_EQUAL((*type)->options->section, "algorithm");
    CU_ASSERT_STRING_EQUAL((*type)->options->owner, (*type)->name);
    for (size_t i = 0; options[i].key != NULL; i++) {
      CU_ASSERT_TRUE(options[i].offset < (*type)->options_size);
      CU_ASSERT_TRUE(strlen(options[i].help) > 0);
      for (size_t k = 0; k < i; k++) CU_ASSERT_NOT_EQUAL(strcmp(options[i].key, options[k].key), 0);
    }
    void *object = calloc(1, (*type)->options_size);
    struct document *document;
    CHECK_OK_FATAL(document_create(&document));
    CHECK_OK(document_apply(document, (*type)->options, object));
    CHECK_OK((*type)->check(document, object, 8));
    document_destroy(&document);
    free(object);

    size_t n = 0;
    for (; (*type)->metrics[n] != NULL; n++)
      for (size_t k = 0; k < n; k++) CU_ASSERT_NOT_EQUAL(strcmp((*type)->metrics[n], (*type)->metrics[k]), 0);
    CU_ASSERT_TRUE(n > 0 && n <= ALGORITHM_MAX_METRICS);
  }
}

static bool has_option(const struct algorithm_type *type, const char *key) {
  for (const struct option_spec *option = type->options->options; option->key != NULL; option++)
    if (strcmp(option->key, key) == 0) return true;
  return false;
}

/* an update changes the parameters, keeps them finite, and is the same for the same seed, and where minibatches come in
 * a random order, for that alone */
static void test_update(void) {
  for (const struct algorithm_type *const *type = algorithm_list(); *type != NULL; type++) {
    struct work work, twin, other;
    start(*type, 7, &work);
    start(*type, 7, &twin);
    start(*type, 8, &other);
    double metrics[ALGORITHM_MAX_METRICS], twin_metrics[ALGORITHM_MAX_METRICS];
    CHECK_OK_FATAL((*type)->update(twin.algorithm, 1.0, twin_metrics));
    for (size_t i = 0; i < work.model.parameters.count; i++) CU_ASSERT_FATAL(isfinite(twin.model.parameters.values[i]));
    CU_ASSERT_FALSE(same_parameters(&work, &twin));
    CHECK_OK_FATAL((*type)->update(work.algorithm, 1.0, metrics));
    CHECK_OK_FATAL((*type)->update(other.algorithm, 1.0, metrics));
    CU_ASSERT_TRUE(same_parameters(&work, &twin));
    CU_ASSERT_EQUAL(same_parameters(&work, &other), !has_option(*type, "batch_size"));
    for (size_t i = 0; (*type)->metrics[i] != NULL; i++) CU_ASSERT_FALSE(isinf(twin_metrics[i]));
    stop(&work);
    stop(&twin);
    stop(&other);
  }
}

/* every tensor of the state has a name of its own, a size and memory; and nothing is missing: copied into a fresh
 * algorithm, it goes on bit for bit */
static void test_state(void) {
  for (const struct algorithm_type *const *type = algorithm_list(); *type != NULL; type++) {
    struct work work, fresh;
    start(*type, 7, &work);
    start(*type, 7, &fresh);
    double metrics[ALGORITHM_MAX_METRICS], fresh_metrics[ALGORITHM_MAX_METRICS];
    CHECK_OK_FATAL((*type)->update(work.algorithm, 1.0, metrics));

    struct tensor list[ALGORITHM_MAX_STATE], target[ALGORITHM_MAX_STATE];
    int n = (*type)->state(work.algorithm, list);
    CU_ASSERT_FATAL(n > 0 && n <= ALGORITHM_MAX_STATE);
    CU_ASSERT_EQUAL_FATAL((*type)->state(fresh.algorithm, target), n);
    for (int i = 0; i < n; i++) {
      for (int k = 0; k < i; k++) CU_ASSERT_NOT_EQUAL(strcmp(list[i].name, list[k].name), 0);
      CU_ASSERT_FATAL(tensor_bytes(&list[i]) > 0 && list[i].data != NULL);
      CU_ASSERT_STRING_EQUAL(list[i].name, target[i].name);
      CU_ASSERT_EQUAL_FATAL(tensor_bytes(&list[i]), tensor_bytes(&target[i]));
      memcpy(target[i].data, list[i].data, tensor_bytes(&list[i]));
    }
    memcpy(fresh.model.parameters.values, work.model.parameters.values, work.model.parameters.count * sizeof(float));
    CHECK_OK_FATAL((*type)->update(work.algorithm, 0.5, metrics));
    CHECK_OK_FATAL((*type)->update(fresh.algorithm, 0.5, fresh_metrics));
    CU_ASSERT_TRUE(same_parameters(&work, &fresh));
    stop(&work);
    stop(&fresh);
  }
}

/* a reward that is no number stops the update before it spoils parameters or state */
static void test_not_finite(void) {
  for (const struct algorithm_type *const *type = algorithm_list(); *type != NULL; type++) {
    struct work work, untouched;
    start(*type, 7, &work);
    start(*type, 7, &untouched);
    for (size_t i = 0; i < work.rollout.n_envs * work.rollout.n_steps; i++) work.rollout.reward[i] = NAN;
    double metrics[ALGORITHM_MAX_METRICS];
    CHECK_FAILS((*type)->update(work.algorithm, 1.0, metrics), MUSTER_ERROR_NUMERIC, "not finite");
    CU_ASSERT_TRUE(same_parameters(&work, &untouched));
    stop(&work);
    stop(&untouched);
  }
}

static const struct check_case cases[] = {
    {"registry", test_registry},
    {"options and metrics", test_options_and_metrics},
    {"an update learns and is reproducible", test_update},
    {"the state is whole", test_state},
    {"what is not finite is refused", test_not_finite},
};

CHECK_MAIN("algorithm", cases)
