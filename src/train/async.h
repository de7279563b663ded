/* Training where nobody waits (IMPALA, Espeholt et al. 2018; A3C, Mnih et al. 2016): actors deliver rollouts, or
 * gradients of their own rollouts, as they are full, and go on with the newest policy that has come; the learner takes
 * what has come, learns, and tells the new policy. Messages and orders go through comm/channel.h; algorithms say what
 * they correct for.
 *
 * A checkpoint, like the end, is a pause: an command asks for it, and each actor, when its rollout is delivered,
 * delivers the states of its environments and waits for the next order. Until all have done so the learner takes what
 * comes, so that nothing is under way when it writes; trajectories that it has not learned from by then are kept in the
 * checkpoint. An evaluation is such a pause, too: then orders ask the actors to play, and they deliver how far they
 * are. */
#ifndef TRAIN_ASYNC_H
#define TRAIN_ASYNC_H

#include "train/learner.h"

#define ASYNC_STATE 16
#define ASYNC_COUNTS 2 /* the first of them decide about the shapes of others */

/* a message that was taken and waits for the next update */
struct held_message {
  int rank;
  const struct message *message;
};

struct async {
  int64_t capacity;   /* trajectories that the batch has room for */
  int64_t *versions;  /* [capacity] of the trajectories in the batch: updates that the policy that acted had had */
  int64_t *under_way; /* [ranks] the same of the next message of each actor */
  struct held_message *held; /* [CHANNEL_SLOTS * ranks] oldest first */
  int n_held;
  int64_t trajectories, final_observations; /* in the batch */
  int64_t rollouts;                         /* the most that an actor has made */
  double terms[ALGORITHM_MAX_TERMS];        /* of the gradient that is applied */
  struct policy_lag lag;
  bool evaluation_waits; /* for the actors to pause */
};

/* Gives a learner what it needs beside; after its algorithm is created. */
MUSTER_CHECKED muster_status async_create(struct learner *learner);

/* Lists what a checkpoint must hold beside: trajectories that wait to be learned from, and how far the actors' random
 * numbers are; returns the number of tensors. How many wait must be known first when a checkpoint is read. */
int async_state(struct learner *learner, struct tensor list[ASYNC_STATE]);
MUSTER_CHECKED muster_status async_restore_counts(struct learner *learner, struct checkpoint_reader *reader);
/* Checks the observations and actions that were restored. Error FORMAT names the tensor and the value. */
MUSTER_CHECKED muster_status async_check(const struct learner *learner);

/* What is under way is lost with its actor: the random numbers of those that go on begin behind it. Returns the most
 * rollouts that an actor may have begun. */
int64_t async_give_up(struct learner *learner);

/* Plays an evaluation of the policy as it is, while all actors wait for an order, as learner_evaluate() does; what
 * comes of it is left to the caller. */
MUSTER_CHECKED muster_status async_play_slices(struct learner *learner, bool *is_done);

/* One update of a rank that acts and learns, without orders, reports and checkpoints: for measurements. */
MUSTER_CHECKED muster_status async_iterate(struct learner *learner);

/* The life of the learner, until an command said stop; and of a rank that only acts. Collective. */
MUSTER_CHECKED muster_status async_lead(struct learner *learner);
MUSTER_CHECKED muster_status async_act(struct actor *actor);

#endif
