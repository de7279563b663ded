/* The batch of ranks that learn: the rollouts of all environments, gathered. Where several ranks learn together, all of
 * them have the same one. */
#ifndef TRAIN_GATHERING_H
#define TRAIN_GATHERING_H

#include "algo/learner_group.h"
#include "comm/group.h"
#include "experience/trajectory.h"
#include "train/run.h"

/* What the leading rank sends the other learners with a batch. */
struct batch_head {
  double progress_remaining;  /* of the run, in [0, 1] */
  int32_t final_observations; /* last observations of truncated episodes in the batch */
  int32_t is_skipped;         /* nothing is learned from it */
};

struct gathering {
  struct run *run; /* borrowed */
  /* The rollouts of all environments; in an asynchronous run the trajectories that wait to be learned from. Where
   * several ranks learn, it is in memory that those of a node share. */
  struct trajectory batch;
  struct batch_head *head;       /* in front of the batch in shared memory */
  unsigned char *env_states;     /* [N, env_state_bytes]; only on the rank that leads */
  struct group *group;           /* NULL: one rank learns alone */
  struct learner_group learners; /* the group, as the algorithm sees it */
  struct arena *shared;          /* over the memory of the batch; NULL: alone */
};

/* Empty on ranks that do not learn. Collective. On failure gathering_release() is still to be called. */
MUSTER_CHECKED muster_status gathering_create(struct run *run, struct gathering *gathering);

/* Brings the leading rank's batch and its head to all ranks that learn, on all nodes. Collective over the group; does
 * nothing where one rank learns alone. */
MUSTER_CHECKED muster_status gathering_share(struct gathering *gathering);

/* Before run_release(). */
void gathering_release(struct gathering *gathering);

#endif
