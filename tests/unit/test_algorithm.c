/* What every algorithm of the registry must do, whatever it computes. */
#include "algo/algorithm.h"
#include "algo/table_learning.h"
#include "support/check.h"
#include "support/model.h"
#include "support/replays.h"

#include <stdio.h>

enum { ENVS = 3 };

/* an algorithm and a small random rollout that it learns from */
struct work {
  struct arena *arena;
  void *options;
  struct model model;
  struct trajectory rollout;
  void *algorithm;
};

/* whether the distribution that an algorithm requests is of Box actions */
static bool acts_in_box(const struct policy_request *request) {
  for (const struct distribution *const *entry = distribution_list(); *entry != NULL; entry++)
    if (strcmp((*entry)->name, request->distribution) == 0) return (*entry)->action_kind == MUSTER_SPACE_BOX;
  return false;
}

static void start(const struct algorithm_type *type, uint64_t seed, size_t n_envs, struct work *w) {
  struct network_shape shape = {.obs_dim = 4, .actions = 3, .layers = 1, .hidden = {16}};
  *w = (struct work){.options = calloc(1, type->options_size)};
  CHECK_OK_FATAL(arena_create(&w->arena));
  CHECK_OK_FATAL(option_set_defaults(type->options, w->options));
  shape.request = algorithm_request(type, w->options);
  if (shape.request.table) shape.states = 5;
  if (acts_in_box(&shape.request)) {
    static const float low[] = {-1, -2}, high[] = {1, 2};
    shape.kind = MUSTER_SPACE_BOX;
    shape.elements = 2;
    shape.low = low;
    shape.high = high;
  }
  create_model(&shape, algorithm_networks(type, w->options), w->arena, &w->model);
  randomize_model(&w->model, 3);
  size_t n_steps = algorithm_needs(type, w->options).n_steps;
  CU_ASSERT_FATAL(n_steps > 0);
  create_rollout(&shape, n_envs, n_steps, w->arena, &w->rollout);
  fill_rollout(&w->model, 4, &w->rollout);
  struct algorithm_context context = {w->options, &w->model, &w->rollout, seed, w->arena, NULL, NULL, true};
  CHECK_OK_FATAL(algorithm_create(type, &context, &w->algorithm));
}

static void stop(struct work *w) {
  arena_destroy(&w->arena);
  free(w->options);
}

static bool same_parameters(const struct work *a, const struct work *b) {
  CU_ASSERT_EQUAL_FATAL(a->model.parameters.count, b->model.parameters.count);
  return memcmp(a->model.parameters.values, b->model.parameters.values, a->model.parameters.count * sizeof(float)) == 0;
}

/* names are unique and found; a wrong name is answered with the nearest right one */
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
  /* what is an option here, and an algorithm elsewhere */
  const struct algorithm_type *none;
  CHECK_FAILS(algorithm_find("tqc", &none), MUSTER_ERROR_USAGE,
              "unknown algorithm 'tqc': it is sac with quantiles: 25");
  CHECK_FAILS(algorithm_find("qrdqn", &none), MUSTER_ERROR_USAGE, "it is dqn with distributional: qr here");
}

/* every type is complete; of an incomplete one, the check names what it lacks */
static void test_whole(void) {
  for (const struct algorithm_type *const *type = algorithm_list(); *type != NULL; type++)
    CU_ASSERT_PTR_NULL(algorithm_lacks(*type));
  const struct algorithm_type *whole, *halves;
  CHECK_OK_FATAL(algorithm_find("ppo", &whole));
  CHECK_OK_FATAL(algorithm_find("a3c", &halves));
#define LACKS(of, member)                                                                                              \
  do {                                                                                                                 \
    struct algorithm_type partial = *(of);                                                                             \
    partial.member = NULL;                                                                                             \
    const char *lack = algorithm_lacks(&partial);                                                                      \
    CU_ASSERT_PTR_NOT_NULL_FATAL(lack);                                                                                \
    CU_ASSERT_STRING_EQUAL(lack, #member);                                                                             \
  } while (0)
  LACKS(whole, name);
  LACKS(whole, summary);
  LACKS(whole, base);
  LACKS(whole, options);
  LACKS(whole, metrics);
  LACKS(whole, update);
  LACKS(halves, gradient);
  LACKS(halves, apply);
#define BASE_LACKS(member)                                                                                             \
  do {                                                                                                                 \
    struct algorithm_base base = *whole->base;                                                                         \
    struct algorithm_type partial = *whole;                                                                            \
    base.member = 0;                                                                                                   \
    partial.base = &base;                                                                                              \
    const char *lack = algorithm_lacks(&partial);                                                                      \
    CU_ASSERT_PTR_NOT_NULL_FATAL(lack);                                                                                \
    CU_ASSERT_STRING_EQUAL(lack, "base." #member);                                                                     \
  } while (0)
  BASE_LACKS(name);
  BASE_LACKS(options_size);
  BASE_LACKS(size);
  BASE_LACKS(check);
  BASE_LACKS(needs);
  BASE_LACKS(networks);
  BASE_LACKS(discount);
  BASE_LACKS(create);
  BASE_LACKS(state);
  BASE_LACKS(take_rollout);
  BASE_LACKS(intermediates);

  /* a struct too small to hold its base */
  struct algorithm_type small = *whole;
  small.options_size = whole->base->options_size - 1;
  CU_ASSERT_STRING_EQUAL(algorithm_lacks(&small), "options_size");
  small = *whole;
  small.size = whole->base->size - 1;
  CU_ASSERT_STRING_EQUAL(algorithm_lacks(&small), "size");
}

/* one wrong entry is enough to refuse a list; the message names the entry and what it lacks */
static void test_list(void) {
  CHECK_OK(algorithm_check_list(algorithm_list()));
  struct algorithm_type broken = *algorithm_list()[1];
  broken.update = NULL;
  const struct algorithm_type *const list[] = {algorithm_list()[0], &broken, NULL};
  char part[128];
  snprintf(part, sizeof part, "'%s' is not whole: its table lacks update", broken.name);
  CHECK_FAILS(algorithm_check_list(list), MUSTER_ERROR_INTERNAL, part);
}

/* what an algorithm itself defines is added to what its base does, or replaces it */
static void test_base(void) {
  const struct algorithm_type *whole;
  CHECK_OK_FATAL(algorithm_find("grpo", &whole));
  struct algorithm_type bare = *whole;
  bare.check = NULL;
  bare.needs = NULL;
  bare.create = NULL;
  bare.state = NULL;
  bare.networks = NULL;
  CU_ASSERT_PTR_NULL(algorithm_lacks(&bare));
  struct work own, base;
  start(whole, 7, ENVS, &own);
  start(&bare, 7, ENVS, &base);
  CU_ASSERT_TRUE(algorithm_needs(whole, own.options).whole_episodes &&
                 !algorithm_needs(&bare, own.options).whole_episodes);
  CU_ASSERT_EQUAL(algorithm_needs(whole, own.options).n_steps, algorithm_needs(&bare, own.options).n_steps);
  CU_ASSERT_EQUAL(algorithm_networks(whole, own.options), model_no_critic);
  CU_ASSERT_EQUAL(algorithm_networks(&bare, own.options), model_critic_v);
  struct tensor list[ALGORITHM_MAX_STATE];
  int n = algorithm_state(&bare, base.algorithm, list);
  CU_ASSERT_EQUAL(algorithm_state(whole, own.algorithm, list), n + 1);
  CU_ASSERT_STRING_EQUAL(list[n].name, "algorithm/updates");
  stop(&own);
  stop(&base);
}

/* the table parses its own defaults, which pass its own check; no key and no metric is named twice */
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
    CHECK_OK(algorithm_check(*type, document, object, 8));
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

/* takes in the rollout, as often as needed until an update follows */
static muster_status take_rollouts(const struct algorithm_type *type, struct work *w) {
  int64_t updates = 0;
  while (updates == 0) MUSTER_TRY(algorithm_take_rollout(type, w->algorithm, 1.0, &updates));
  return MUSTER_OK;
}

/* takes in the rollout, as often as needed, and makes one update */
static muster_status learn(const struct algorithm_type *type, struct work *w, double progress, double *metrics) {
  MUSTER_TRY(take_rollouts(type, w));
  return type->update(w->algorithm, progress, metrics);
}

/* two updates: what is learned of a step may wait for the action after it */
static muster_status learn_twice(const struct algorithm_type *type, struct work *w, double *metrics) {
  MUSTER_TRY(learn(type, w, 1.0, metrics));
  return learn(type, w, 1.0, metrics);
}

/* Updates change the parameters, keep them finite, and are the same for the same seed. Where minibatches come in a
 * random order, another seed gives others; tables have their own test of what is random in them. */
static void test_update(void) {
  for (const struct algorithm_type *const *type = algorithm_list(); *type != NULL; type++) {
    struct work work, twin, other;
    start(*type, 7, ENVS, &work);
    start(*type, 7, ENVS, &twin);
    start(*type, 8, ENVS, &other);
    double metrics[ALGORITHM_MAX_METRICS], twin_metrics[ALGORITHM_MAX_METRICS];
    CHECK_OK_FATAL(learn_twice(*type, &twin, twin_metrics));
    for (size_t i = 0; i < work.model.parameters.count; i++) CU_ASSERT_FATAL(isfinite(twin.model.parameters.values[i]));
    CU_ASSERT_FALSE(same_parameters(&work, &twin));
    CHECK_OK_FATAL(learn_twice(*type, &work, metrics));
    CHECK_OK_FATAL(learn_twice(*type, &other, metrics));
    CU_ASSERT_TRUE(same_parameters(&work, &twin));
    if ((*type)->base != &table_learning_base)
      CU_ASSERT_EQUAL(same_parameters(&work, &other), !has_option(*type, "batch_size"));
    for (size_t i = 0; (*type)->metrics[i] != NULL; i++) CU_ASSERT_FALSE(isinf(twin_metrics[i]));
    stop(&work);
    stop(&twin);
    stop(&other);
  }
}

/* copies parameters, state and replay into another algorithm of the same type, which has to list the same tensors */
static void copy_state(const struct algorithm_type *type, struct work *work, struct work *other) {
  struct tensor list[ALGORITHM_MAX_STATE], target[ALGORITHM_MAX_STATE];
  int n = algorithm_state(type, work->algorithm, list);
  CU_ASSERT_FATAL(n > 0 && n <= ALGORITHM_MAX_STATE);
  CU_ASSERT_EQUAL_FATAL(algorithm_state(type, other->algorithm, target), n);
  for (int i = 0; i < n; i++) {
    for (int k = 0; k < i; k++) CU_ASSERT_NOT_EQUAL(strcmp(list[i].name, list[k].name), 0);
    CU_ASSERT_FATAL(tensor_bytes(&list[i]) > 0 && list[i].data != NULL);
    CU_ASSERT_STRING_EQUAL(list[i].name, target[i].name);
    CU_ASSERT_EQUAL_FATAL(tensor_bytes(&list[i]), tensor_bytes(&target[i]));
    memcpy(target[i].data, list[i].data, tensor_bytes(&list[i]));
  }
  memcpy(other->model.parameters.values, work->model.parameters.values, work->model.parameters.count * sizeof(float));
  struct replay_log *log = algorithm_replay_log(type, work->algorithm);
  if (log != NULL) copy_replay(log, algorithm_replay_log(type, other->algorithm));
}

/* every tensor of the state has its own name, a size and memory; and none is missing: copied into a fresh algorithm,
 * the state goes on bit for bit */
static void test_state(void) {
  for (const struct algorithm_type *const *type = algorithm_list(); *type != NULL; type++) {
    struct work work, fresh;
    start(*type, 7, ENVS, &work);
    start(*type, 7, ENVS, &fresh);
    double metrics[ALGORITHM_MAX_METRICS], fresh_metrics[ALGORITHM_MAX_METRICS];
    CHECK_OK_FATAL(learn(*type, &work, 1.0, metrics));

    copy_state(*type, &work, &fresh);
    CHECK_OK_FATAL(learn(*type, &work, 0.5, metrics));
    CHECK_OK_FATAL(learn(*type, &fresh, 0.5, fresh_metrics));
    CU_ASSERT_TRUE(same_parameters(&work, &fresh));
    stop(&work);
    stop(&fresh);
  }
}

/* a reward that is not finite stops the update before it spoils parameters or state */
static void test_not_finite(void) {
  for (const struct algorithm_type *const *type = algorithm_list(); *type != NULL; type++) {
    struct work work, untouched;
    start(*type, 7, ENVS, &work);
    start(*type, 7, ENVS, &untouched);
    for (size_t i = 0; i < work.rollout.n_envs * work.rollout.n_steps; i++) work.rollout.reward[i] = NAN;
    double metrics[ALGORITHM_MAX_METRICS];
    CHECK_OK(take_rollouts(*type, &untouched));
    CHECK_FAILS(learn(*type, &work, 1.0, metrics), MUSTER_ERROR_NUMERIC, "not finite");
    CU_ASSERT_TRUE(same_parameters(&work, &untouched));
    stop(&work);
    stop(&untouched);
  }
}

/* copies the contents of one rollout to the first rows of one with more rows */
static void copy_rollout(const struct trajectory *from, struct trajectory *to) {
  trajectory_copy_rows(from, 0, to);
  to->final_observations.count = 0;
  trajectory_append_final_observations(from, to);
}

/* with memory for more environments than an update uses, the update is the same to the last bit */
static void test_rows_in_use(void) {
  for (const struct algorithm_type *const *type = algorithm_list(); *type != NULL; type++) {
    /* what goes on from rollout to rollout always has the same environments */
    if (has_option(*type, "train_freq")) continue;
    struct work work, roomy;
    start(*type, 7, ENVS, &work);
    start(*type, 7, ENVS + 2, &roomy);
    double metrics[ALGORITHM_MAX_METRICS], roomy_metrics[ALGORITHM_MAX_METRICS];
    /* first an update that uses all of the memory; then one that uses less */
    CHECK_OK_FATAL(learn(*type, &roomy, 1.0, roomy_metrics));
    CHECK_OK_FATAL(learn(*type, &work, 1.0, metrics));
    copy_state(*type, &work, &roomy);
    fill_rollout(&work.model, 9, &work.rollout);
    copy_rollout(&work.rollout, &roomy.rollout);
    roomy.rollout.n_envs = roomy.rollout.n_rows = ENVS;
    CHECK_OK_FATAL(learn(*type, &work, 0.5, metrics));
    CHECK_OK_FATAL(learn(*type, &roomy, 0.5, roomy_metrics));
    CU_ASSERT_TRUE(same_parameters(&work, &roomy));
    for (size_t i = 0; (*type)->metrics[i] != NULL; i++)
      CU_ASSERT_TRUE(metrics[i] == roomy_metrics[i] || (isnan(metrics[i]) && isnan(roomy_metrics[i])));
    stop(&work);
    stop(&roomy);
  }
}

/* a gradient that one rank computes and another one applies gives the same update as one rank alone, to the last bit */
static void test_halves(void) {
  for (const struct algorithm_type *const *type = algorithm_list(); *type != NULL; type++) {
    struct work whole, actor, learner;
    start(*type, 7, ENVS, &whole);
    bool halves = algorithm_needs(*type, whole.options).asynchronous == ASYNCHRONOUS_GRADIENTS;
    CU_ASSERT_EQUAL_FATAL((*type)->gradient != NULL, halves);
    CU_ASSERT_EQUAL_FATAL((*type)->apply != NULL, halves);
    stop(&whole);
    if (!halves) continue;

    start(*type, 7, ENVS, &whole);
    start(*type, 7, ENVS, &actor);
    start(*type, 7, ENVS, &learner);
    learner.rollout.n_envs = learner.rollout.n_rows = 0;
    size_t bytes = whole.model.parameters.count * sizeof(float);
    double metrics[ALGORITHM_MAX_METRICS], halves_metrics[ALGORITHM_MAX_METRICS], terms[ALGORITHM_MAX_TERMS];
    for (int update = 0; update < 3; update++) {
      CHECK_OK_FATAL((*type)->gradient(actor.algorithm, terms));
      memcpy(learner.model.parameters.gradients, actor.model.parameters.gradients, bytes);
      CHECK_OK_FATAL((*type)->apply(learner.algorithm, 0.5, terms, halves_metrics));
      memcpy(actor.model.parameters.values, learner.model.parameters.values, bytes);
      CHECK_OK_FATAL(learn(*type, &whole, 0.5, metrics));
      CU_ASSERT_TRUE(same_parameters(&whole, &learner));
      for (size_t i = 0; (*type)->metrics[i] != NULL; i++)
        CU_ASSERT_TRUE(metrics[i] == halves_metrics[i] || (isnan(metrics[i]) && isnan(halves_metrics[i])));
    }

    /* a gradient that is not finite changes nothing */
    memcpy(whole.model.parameters.values, learner.model.parameters.values, bytes);
    learner.model.parameters.gradients[3] = NAN;
    CHECK_FAILS((*type)->apply(learner.algorithm, 0.5, terms, metrics), MUSTER_ERROR_NUMERIC, "not finite");
    CU_ASSERT_TRUE(same_parameters(&whole, &learner));
    stop(&whole);
    stop(&actor);
    stop(&learner);
  }
}

/* a wrong setting, and what the check says about it with eight environments */
static void test_checks(void) {
  static const struct {
    const char *name, *options, *part;
  } wrong[] = {
      {"a3c", "n_steps: 1000000000", "algorithm.n_steps: 1000000000: makes rollouts of 8000000000 samples"},
      {"impala", "n_steps: 100000000, batch: 20", "batches of up to 2800000000 samples with batch 20 and num_envs 8"},
      {"impala", "on_lag: block", "algorithm.on_lag: block: "},
      {"impala", "on_lag: block", "expects a max_policy_lag of at least 1"},
      {"impala", "on_lag: block", "algorithm.max_policy_lag is null, no limit"},
      {"appo", "on_lag: block, max_policy_lag: 0", "algorithm.max_policy_lag is 0, "},
      {"appo", "n_steps: 10, batch: 4, batch_size: 41",
       "batch_size: 41: is larger than the batch: n_steps 10 x batch 4"},
      {"appo", "n_steps: 1, batch: 1, batch_size: 1", "whose advantage cannot be normalised"},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    const struct algorithm_type *type;
    struct document *document;
    char text[256];
    snprintf(text, sizeof text, "algorithm: {%s}", wrong[i].options);
    CHECK_OK_FATAL(algorithm_find(wrong[i].name, &type));
    void *object = calloc(1, type->options_size);
    CHECK_OK_FATAL(document_create(&document));
    CHECK_OK_FATAL(document_read_text(document, "test", text, strlen(text)));
    CHECK_OK_FATAL(document_apply(document, type->options, object));
    CHECK_FAILS(algorithm_check(type, document, object, 8), MUSTER_ERROR_USAGE, wrong[i].part);
    document_destroy(&document);
    free(object);
  }
}

/* what the run loop learns about the lag */
static void test_plans(void) {
  const struct algorithm_type *type;
  struct document *document;
  const char *text = "algorithm: {n_steps: 7, batch: 5, max_policy_lag: 3, on_lag: block}";
  CHECK_OK_FATAL(algorithm_find("impala", &type));
  void *object = calloc(1, type->options_size);
  CHECK_OK_FATAL(document_create(&document));
  CHECK_OK_FATAL(document_read_text(document, "test", text, strlen(text)));
  CHECK_OK_FATAL(document_apply(document, type->options, object));
  CHECK_OK(algorithm_check(type, document, object, 8));
  const struct rollout_needs needs = algorithm_needs(type, object);
  CU_ASSERT_TRUE(needs.n_steps == 7 && needs.batch == 5 && needs.max_policy_lag == 3 && needs.block_on_lag);
  CU_ASSERT_TRUE(needs.asynchronous == ASYNCHRONOUS_TRAJECTORIES && !needs.whole_episodes);
  document_destroy(&document);
  free(object);
}

/* an update that says what the next of these numbers are, in the first and the last place */
static muster_status say_next(void *algorithm, double progress_remaining, double *metrics) {
  static const double first[] = {0.1, NAN, 0.1, 0.1}, last[] = {1, 2, 6, NAN};
  int *update = algorithm;
  CU_ASSERT_EQUAL(progress_remaining, 0.5);
  if (*update == 4) return status_error(MUSTER_ERROR_NUMERIC, "not finite");
  metrics[0] = first[*update];
  metrics[ALGORITHM_MAX_METRICS - 1] = last[(*update)++];
  return MUSTER_OK;
}

/* metrics of several updates are the mean of those that say something; one that fails changes nothing */
static void test_means(void) {
  const struct algorithm_type type = {.update = say_next};
  struct algorithm_means means;
  int update = 0;
  algorithm_forget_means(&means);
  CU_ASSERT_TRUE(isnan(means.mean[0]));
  for (int i = 0; i < 4; i++) CHECK_OK(algorithm_update(&type, &update, 0.5, &means));
  CHECK_FAILS(algorithm_update(&type, &update, 0.5, &means), MUSTER_ERROR_NUMERIC, "not finite");
  CU_ASSERT_EQUAL(means.mean[0], 0.1);
  CU_ASSERT_EQUAL(means.mean[ALGORITHM_MAX_METRICS - 1], 3);
  CU_ASSERT_TRUE(isnan(means.mean[1]));
  algorithm_forget_means(&means);
  update = 2;
  CHECK_OK(algorithm_update(&type, &update, 0.5, &means));
  CU_ASSERT_EQUAL(means.mean[ALGORITHM_MAX_METRICS - 1], 6);
}

static const struct check_case cases[] = {
    {"registry", test_registry},
    {"whole, or what it lacks", test_whole},
    {"a list with a type that is not whole", test_list},
    {"a base, and what is added to it", test_base},
    {"options and metrics", test_options_and_metrics},
    {"an update learns and is reproducible", test_update},
    {"metrics of several updates", test_means},
    {"the state is whole", test_state},
    {"what is not finite is refused", test_not_finite},
    {"more room than rows in use", test_rows_in_use},
    {"gradient and apply are the update", test_halves},
    {"checks of several options", test_checks},
    {"the plan", test_plans},
};

CHECK_MAIN("algorithm", cases)
