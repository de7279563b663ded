/* What is gathered on ranks that learn: the rollouts of all environments, as one batch, and how those that learn
 * together get the same one. */
#ifndef TRAIN_GATHERING_H
#define TRAIN_GATHERING_H

#include "algo/learner_group.h"
#include "comm/group.h"
#include "experience/trajectory.h"
#include "train/run.h"

/* What the learning rank that leads tells the others with a batch. */
struct batch_head {
  double progress_remaining;  /* of the run, in [0, 1] */
  int32_t final_observations; /* last observations of truncated episodes in the batch */
  int32_t is_skipped;         /* nothing is learned from it */
};

struct gathering {
  struct run *run; /* borrowed */
  /* of all environments; where several ranks learn, in memory that those of a node share. Of an asynchronous run: the
   * trajectories that wait to be learned from. */
  struct trajectory batch;
  struct batch_head *head;       /* in front of the batch in shared memory */
  unsigned char *env_states;     /* [N, env_state_bytes]; only on the rank that leads */
  struct group *group;           /* NULL: one rank learns alone */
  struct learner_group learners; /* the same for the algorithm */
  struct arena *shared;          /* over the memory of the batch; NULL: alone */
};

/* Empty on ranks that do not learn. Collective. On failure gathering_release() is still to be called. */
MUSTER_CHECKED muster_status gathering_create(struct run *run, struct gathering *gathering);

/* Hands the batch of the rank that leads to all that learn, on all nodes, with its head; the others learn how many
 * final_observations it has. Collective over the group; nothing where one learns alone. */
MUSTER_CHECKED muster_status gathering_share(struct gathering *gathering);

/* Before run_release(). */
void gathering_release(struct gathering *gathering);

#endif
