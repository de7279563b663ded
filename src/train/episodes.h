/* Statistics of the last hundred episodes that have ended: what "mean return" means everywhere in muster. The return of
 * an episode is the sum of its rewards as the environment gave them; the mean over its agents, where it has several. */
#ifndef TRAIN_EPISODES_H
#define TRAIN_EPISODES_H

#include "experience/trajectory.h"
#include "store/checkpoint.h"

#define EPISODES_WINDOW 100
#define EPISODES_STATE 6

struct episodes {
  size_t n_envs;
  double *running_return;                                    /* [n_envs] of the episodes that have not ended */
  int64_t *running_length;                                   /* [n_envs] */
  double returns[EPISODES_WINDOW], lengths[EPISODES_WINDOW]; /* the last ones, as a ring */
  int64_t finished;                                          /* episodes so far */
};

MUSTER_CHECKED muster_status episodes_create(size_t n_envs, struct arena *arena, struct episodes *episodes);

/* Adds a rollout of all environments, or of some that follow each other: in the order of steps, then of environments,
 * so that the result does not depend on the ranks. */
void episodes_add_rollout(struct episodes *episodes, const struct trajectory *rollout);

/* Forgets the episodes that have not ended. */
void episodes_restart(struct episodes *episodes);

/* Mean and standard deviation (of the population) of the returns in the window, and the mean length; NAN before the
 * first episode ends. */
struct episodes_summary {
  double mean_return, std_return, mean_length;
  int32_t count; /* episodes in the window */
};
struct episodes_summary episodes_summarize(const struct episodes *episodes);

/* The state as tensors "episodes/...", for a checkpoint; returns their number. */
int episodes_state(struct episodes *episodes, struct tensor list[EPISODES_STATE]);

#endif
