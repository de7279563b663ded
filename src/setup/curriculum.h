/* A curriculum: options of the environment that change over a run (env.schedules). A value is a function of the steps
 * that were collected when a rollout begins, and of nothing else, so neither ranks nor resumptions matter. Evaluations
 * play with the values of the end of the run. */
#ifndef SETUP_CURRICULUM_H
#define SETUP_CURRICULUM_H

#include "config/option.h"
#include "env/pool.h"

struct curriculum {
  int32_t count;
  char key[OPTION_MAP_MAX][64];
  struct option_schedule schedule[OPTION_MAP_MAX];
};

/* Reads env.schedules. USAGE error where a value is no schedule; `*wrong` is then its index. */
MUSTER_CHECKED muster_status curriculum_read(const struct option_map *schedules, struct curriculum *out,
                                             int32_t *wrong);

/* The part of a run of so many steps that is left, from 1 to 0. */
double curriculum_progress_remaining(int64_t steps, int64_t total_steps);

/* Gives the environments the values of that time. USAGE error, which begins with the key ("env.schedules.mines: "). */
MUSTER_CHECKED muster_status curriculum_apply(const struct curriculum *curriculum, double progress_remaining,
                                              struct env_pool *pool);

/* Gives the environments values of the whole run, one after the other: those of the points of all schedules, and of
 * many times between; last those of the beginning. The same errors: better told at the start than in the midst. */
MUSTER_CHECKED muster_status curriculum_try(const struct curriculum *curriculum, struct env_pool *pool);

#endif
