#include "algo/algorithm.h"

#include "base/nearest.h"
#include "base/registry.h"
#include "config/other_tools.h"

#include <string.h>

/* the registry: one line for each algorithm, the table that its file defines, in the order in which they build on each
 * other */
#define ALGORITHMS(ENTRY)                                                                                              \
  ENTRY(algorithm_reinforce)                                                                                           \
  ENTRY(algorithm_reinforce_baseline)                                                                                  \
  ENTRY(algorithm_actor_critic)                                                                                        \
  ENTRY(algorithm_a2c)                                                                                                 \
  ENTRY(algorithm_ppo)                                                                                                 \
  ENTRY(algorithm_grpo)                                                                                                \
  ENTRY(algorithm_a3c)                                                                                                 \
  ENTRY(algorithm_impala)                                                                                              \
  ENTRY(algorithm_appo)                                                                                                \
  ENTRY(algorithm_q_learning)                                                                                          \
  ENTRY(algorithm_sarsa)                                                                                               \
  ENTRY(algorithm_expected_sarsa)                                                                                      \
  ENTRY(algorithm_double_q_learning)                                                                                   \
  ENTRY(algorithm_dqn)                                                                                                 \
  ENTRY(algorithm_pqn)                                                                                                 \
  ENTRY(algorithm_ddpg)                                                                                                \
  ENTRY(algorithm_td3)                                                                                                 \
  ENTRY(algorithm_sac)

#define DECLARE(type) extern const struct algorithm_type type;
#define LIST(type) &type,

ALGORITHMS(DECLARE)

static const struct algorithm_type *const algorithms[] = {ALGORITHMS(LIST) NULL};

const struct algorithm_type *const *algorithm_list(void) { return algorithms; }

static muster_status check_whole(const struct algorithm_type *type) {
  return registry_check_entry("algorithm", type->name, algorithm_lacks(type));
}

muster_status algorithm_check_list(const struct algorithm_type *const *list) {
  for (; *list != NULL; list++) MUSTER_TRY(check_whole(*list));
  return MUSTER_OK;
}

muster_status algorithm_find(const char *name, const struct algorithm_type **out) {
  struct nearest nearest = nearest_start(name);
  for (const struct algorithm_type *const *type = algorithms; *type != NULL; type++) {
    nearest_offer(&nearest, (*type)->name);
    if (strcmp((*type)->name, name) != 0) continue;
    MUSTER_TRY(check_whole(*type));
    *out = *type;
    return MUSTER_OK;
  }
  const char *here = other_tools_algorithm(name);
  if (here != NULL) return status_error(MUSTER_ERROR_USAGE, "unknown algorithm '%s': it is %s here", name, here);
  return status_error(MUSTER_ERROR_USAGE, "unknown algorithm '%s'; %s", name, nearest_advise(&nearest).text);
}

/* --- the functions of a type --- */

muster_status algorithm_check(const struct algorithm_type *type, const struct document *document, const void *options,
                              int64_t num_envs) {
  MUSTER_TRY(type->base->check(document, options, num_envs));
  return type->check != NULL ? type->check(document, options, num_envs) : MUSTER_OK;
}

struct rollout_needs algorithm_needs(const struct algorithm_type *type, const void *options) {
  struct rollout_needs needs = type->base->needs(options);
  if (type->needs != NULL) type->needs(options, &needs);
  return needs;
}

const struct model_network_spec *algorithm_networks(const struct algorithm_type *type, const void *options) {
  return type->networks != NULL ? type->networks(options) : type->base->networks(options);
}

double algorithm_discount(const struct algorithm_type *type, const void *options) {
  return type->base->discount(options);
}

muster_status algorithm_create(const struct algorithm_type *type, const struct algorithm_context *context, void **out) {
  void *algorithm;
  size_t size = type->size > 0 ? type->size : type->base->size;
  MUSTER_TRY(arena_take(context->arena, 1, size, type->name, &algorithm));
  MUSTER_TRY(type->base->create(context, algorithm));
  if (type->create != NULL) MUSTER_TRY(type->create(context, algorithm));
  *out = algorithm;
  return MUSTER_OK;
}

int algorithm_state(const struct algorithm_type *type, void *algorithm, struct tensor list[ALGORITHM_MAX_STATE]) {
  int n = type->base->state(algorithm, list);
  return type->state != NULL ? n + type->state(algorithm, list + n) : n;
}

struct replay_log *algorithm_replay_log(const struct algorithm_type *type, void *algorithm) {
  return type->base->replay_log != NULL ? type->base->replay_log(algorithm) : NULL;
}

struct policy_request algorithm_request(const struct algorithm_type *type, const void *options) {
  struct policy_request request = {0};
  if (type->request != NULL) type->request(options, &request);
  return request;
}

muster_status algorithm_take_rollout(const struct algorithm_type *type, void *algorithm, double progress_remaining,
                                     int64_t *updates) {
  return type->take_rollout != NULL ? type->take_rollout(algorithm, progress_remaining, updates)
                                    : type->base->take_rollout(algorithm, progress_remaining, updates);
}

muster_status algorithm_update(const struct algorithm_type *type, void *algorithm, double progress_remaining,
                               struct algorithm_means *means) {
  double metrics[ALGORITHM_MAX_METRICS];
  for (int i = 0; i < ALGORITHM_MAX_METRICS; i++) metrics[i] = NAN;
  MUSTER_TRY(type->update(algorithm, progress_remaining, metrics));
  for (int i = 0; i < ALGORITHM_MAX_METRICS; i++) {
    if (isnan(metrics[i])) continue;
    /* in this form the mean of equal numbers is that number */
    means->mean[i] =
        means->updates[i] == 0 ? metrics[i] : means->mean[i] + (metrics[i] - means->mean[i]) / (means->updates[i] + 1);
    means->updates[i]++;
  }
  return MUSTER_OK;
}

void algorithm_forget_means(struct algorithm_means *means) {
  for (int i = 0; i < ALGORITHM_MAX_METRICS; i++) means->mean[i] = NAN, means->updates[i] = 0;
}

void algorithm_measure(const struct algorithm_type *type, const void *algorithm, double *metrics) {
  if (type->base->measure != NULL) type->base->measure(algorithm, metrics);
  if (type->measure != NULL) type->measure(algorithm, metrics);
}

int algorithm_intermediates(const struct algorithm_type *type, void *algorithm,
                            struct tensor list[ALGORITHM_MAX_STATE]) {
  return type->base->intermediates(algorithm, list);
}

/* --- what a table lacks --- */

static const char *base_lacks(const struct algorithm_base *base) {
  if (base->name == NULL) return "base.name";
  if (base->options_size == 0) return "base.options_size";
  if (base->size == 0) return "base.size";
  if (base->check == NULL) return "base.check";
  if (base->needs == NULL) return "base.needs";
  if (base->networks == NULL) return "base.networks";
  if (base->discount == NULL) return "base.discount";
  if (base->create == NULL) return "base.create";
  if (base->state == NULL) return "base.state";
  if (base->take_rollout == NULL) return "base.take_rollout";
  return base->intermediates == NULL ? "base.intermediates" : NULL;
}

const char *algorithm_lacks(const struct algorithm_type *type) {
  if (type->name == NULL) return "name";
  if (type->summary == NULL) return "summary";
  if (type->base == NULL) return "base";
  const char *lack = base_lacks(type->base);
  if (lack != NULL) return lack;
  if (type->options == NULL) return "options";
  if (type->options_size < type->base->options_size) return "options_size";
  if (type->size > 0 && type->size < type->base->size) return "size";
  if (type->metrics == NULL) return "metrics";
  if (type->update == NULL) return "update";
  /* whether gradients are sent may depend on the options: the halves come together */
  if (type->apply != NULL && type->gradient == NULL) return "gradient";
  if (type->gradient != NULL && type->apply == NULL) return "apply";
  return NULL;
}
