/* Where the time of every rank went: gathered at the end of a run, for a table and the summary. */
#ifndef TRAIN_TIMINGS_H
#define TRAIN_TIMINGS_H

#include "store/json.h"
#include "train/run.h"

/* Seconds of a rank besides those of its stages. */
enum {
  TIMING_POLICY = STAGES, /* of rollouts, in the policy; measured at some steps and scaled to all */
  TIMING_ENVIRONMENTS,    /* of rollouts: the rest */
  TIMING_TOTAL,           /* of its loop: the sum of the stages */
  TIMINGS
};

struct rank_timing {
  char host[COMM_HOST_SIZE];
  double seconds[TIMINGS];
};

struct timings {
  const struct topology *topology; /* borrowed */
  struct rank_timing *rank;        /* [topology->ranks]; only on the learner */
};

/* Gathers the sums of each rank's clock on the learner, after the last iteration. Collective. timings_release() is to
 * be called on failure, too. */
MUSTER_CHECKED muster_status timings_collect(struct run *run, struct timings *timings);
void timings_release(struct timings *timings);

/* The table: stages downwards; across each rank where there are few, else the learner and the least, the median and the
 * largest of the actors in each stage. On the learner. */
MUSTER_CHECKED muster_status timings_print(FILE *file, const struct timings *timings);

/* The learner's seconds as an object "stage_seconds", and every rank's as an array "ranks_seconds". */
void timings_write(struct json *json, const struct timings *timings);

#endif
