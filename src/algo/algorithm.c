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

enum model_critic algorithm_no_critic(const void *options) {
  (void)options;
  return MODEL_NO_CRITIC;
}
