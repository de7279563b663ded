#include "algo/sac.h"

#include "base/random.h"

#include <string.h>

/* The copies of n_chosen critics, drawn for each update (Chen et al. 2021, algorithm 1): the first places of a random
 * order. */
void sac_run_targets(struct critic_learning *learning) {
  const size_t n = learning->n_critics, chosen = ((const struct sac *)learning)->n_chosen;
  const struct replay_learning *base = &learning->base;
  struct model_network *copies[CRITICS_MAX];
  memcpy(copies, learning->target, n * sizeof *copies);
  for (size_t i = 0; i < chosen && chosen < n; i++) {
    uint32_t words[4];
    random_words(base->seed, RANDOM_NOISE, UINT32_MAX, (uint32_t)base->updates, (uint32_t)i, words);
    const size_t k = i + (size_t)(((uint64_t)words[0] * (n - i)) >> 32);
    struct model_network *copy = copies[k];
    copies[k] = copies[i];
    copies[i] = copy;
  }
  critic_learning_run(learning, copies, chosen);
}

muster_status sac_learn_temperature(struct critic_learning *learning, const struct actor_losses *losses,
                                    double learning_rate) {
  struct sac *sac = (struct sac *)learning;
  if (!sac->learns_temperature) return MUSTER_OK;
  const double n = (double)learning->base.settings.batch_size, gap = losses->log_prob / n + sac->target_entropy;
  const float gradient = (float)-gap;
  sac->ent_coef_loss = -sac->log_ent_coef * gap;
  optimizer_step(&sac->optimizer, &sac->log_ent_coef, &gradient, 1.0, learning_rate);
  return MUSTER_OK;
}
