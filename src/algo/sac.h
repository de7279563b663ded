/* What the two forms of sac share (sac_common.c): that for Box actions in sac.c, and that for Discrete ones in
 * sac_discrete.c. */
#ifndef ALGO_SAC_H
#define ALGO_SAC_H

#include "algo/critic_learning.h"

struct sac {
  struct critic_learning base;
  bool learns_temperature;
  float log_ent_coef; /* the logarithm of the temperature */
  double ent_coef;    /* the temperature in this update */
  double target_entropy;
  double ent_coef_loss; /* of the last update; NAN where it was not learned */
  struct optimizer optimizer;
  size_t n_chosen; /* critics whose copies count in a target */
};

/* Runs the copies that count in the targets of this update over what was taken: all, or some that are drawn. */
void sac_run_targets(struct critic_learning *learning);

/* A critic_rules.finish: the temperature's step. */
MUSTER_CHECKED muster_status sac_learn_temperature(struct critic_learning *learning, const struct actor_losses *losses,
                                                   double learning_rate);

/* The rules for Discrete actions. */
extern const struct critic_rules sac_discrete_rules;

/* The entropy of so many choices towards which the temperature is learned by default: 0.98 of the largest one
 * (Christodoulou 2019, section 4). */
double sac_discrete_target_entropy(size_t choices);

#endif
