#include "algo/algorithm.h"

#include "base/nearest.h"

#include <string.h>

extern const struct algorithm_type algorithm_a2c, algorithm_a3c, algorithm_actor_critic, algorithm_appo, algorithm_grpo,
    algorithm_impala, algorithm_ppo, algorithm_reinforce, algorithm_reinforce_baseline;

/* the registry: one line an algorithm, in the order in which they build on each other */
static const struct algorithm_type *const algorithms[] = {
    &algorithm_reinforce,    &algorithm_reinforce_baseline,
    &algorithm_actor_critic, &algorithm_a2c,
    &algorithm_ppo,          &algorithm_grpo,
    &algorithm_a3c,          &algorithm_impala,
    &algorithm_appo,         NULL,
};

const struct algorithm_type *const *algorithm_list(void) { return algorithms; }

muster_status algorithm_find(const char *name, const struct algorithm_type **out) {
  struct nearest nearest = nearest_start(name);
  for (const struct algorithm_type *const *type = algorithms; *type != NULL; type++) {
    nearest_offer(&nearest, (*type)->name);
    if (strcmp((*type)->name, name) != 0) continue;
    const char *lack = algorithm_lacks(*type);
    if (lack != NULL)
      return status_error(MUSTER_ERROR_INTERNAL, "the algorithm '%s' is not whole: its table lacks %s", name, lack);
    *out = *type;
    return MUSTER_OK;
  }
  return status_error(MUSTER_ERROR_USAGE, "unknown algorithm '%s'; %s", name, nearest_advise(&nearest).text);
}

muster_status algorithm_check_size(const struct document *document, int64_t n_steps, int64_t num_envs) {
  if (n_steps <= INT32_MAX / num_envs) return MUSTER_OK;
  return document_error(document, "algorithm.n_steps",
                        "makes rollouts of %lld samples with num_envs %lld; expects at most %d",
                        (long long)(n_steps * num_envs), (long long)num_envs, INT32_MAX);
}

enum model_critic algorithm_critic_v(const void *options) {
  (void)options;
  return MODEL_CRITIC_V;
}

/* --- what may be missing, and what may not --- */

muster_status algorithm_check(const struct algorithm_type *type, const struct document *document, const void *options,
                              int64_t num_envs) {
  return type->check != NULL ? type->check(document, options, num_envs) : MUSTER_OK;
}

enum model_critic algorithm_critic(const struct algorithm_type *type, const void *options) {
  return type->critic != NULL ? type->critic(options) : MODEL_NO_CRITIC;
}

double algorithm_discount(const struct algorithm_type *type, const void *options) {
  return type->discount != NULL ? type->discount(options) : 1.0;
}

muster_status algorithm_take_rollout(const struct algorithm_type *type, void *algorithm, int64_t *updates) {
  *updates = 1;
  return type->take_rollout != NULL ? type->take_rollout(algorithm, updates) : MUSTER_OK;
}

int algorithm_intermediates(const struct algorithm_type *type, void *algorithm,
                            struct tensor list[ALGORITHM_MAX_STATE]) {
  return type->intermediates != NULL ? type->intermediates(algorithm, list) : 0;
}

int algorithm_state(const struct algorithm_type *type, void *algorithm, struct tensor list[ALGORITHM_MAX_STATE]) {
  return type->state != NULL ? type->state(algorithm, list) : 0;
}

const char *algorithm_lacks(const struct algorithm_type *type) {
  if (type->name == NULL) return "name";
  if (type->summary == NULL) return "summary";
  if (type->options == NULL) return "options";
  if (type->metrics == NULL) return "metrics";
  if (type->plan == NULL) return "plan";
  if (type->create == NULL) return "create";
  if (type->update == NULL) return "update";
  /* whether gradients are sent may depend on the options: the halves come together */
  if (type->apply != NULL && type->gradient == NULL) return "gradient";
  if (type->gradient != NULL && type->apply == NULL) return "apply";
  return NULL;
}
