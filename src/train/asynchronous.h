/* What the files of asynchronous schedules share: training where nobody waits (IMPALA, Espeholt et al. 2018; A3C, Mnih
 * et al. 2016): actors deliver rollouts, or gradients of their own rollouts, as they are full, and go on with the
 * newest policy that has come; the learner takes what has come, learns, and tells the new policy. Messages and commands
 * go through comm/channel.h; algorithms say what they correct for.
 *
 * A checkpoint, like the end, is a pause: a command asks for it, and each actor, when its rollout is delivered,
 * delivers the states of its environments and waits for the next command. Until all have done so the learner takes what
 * comes, so that nothing is under way when it writes; trajectories that it has not learned from by then are kept in the
 * checkpoint. An evaluation is such a pause, too: then commands ask the actors to play, and they deliver how far they
 * are. */
#ifndef TRAIN_ASYNCHRONOUS_H
#define TRAIN_ASYNCHRONOUS_H

#include "train/learner.h"
#include "train/message.h"

/* a message that was taken and waits for the next update */
struct held_message {
  int rank;
  const struct message *message;
};

/* what is done with what actors send: trajectories or gradients */
struct sent {
  muster_status (*learn_from_next)(struct learner *learner); /* takes messages until there is enough for one update */
  muster_status (*take_in_pause)(struct learner *learner,
                                 const struct held_message *taken); /* all actors come to rest */
};

/* learner->schedule_data */
struct asynchronous_learner {
  const struct sent *sent;
  int64_t capacity;   /* trajectories that the batch has room for */
  int64_t *versions;  /* [capacity] of the trajectories in the batch: updates that the policy that acted had had */
  int64_t *under_way; /* [ranks] the same of the next message of each actor */
  struct held_message *held; /* [CHANNEL_SLOTS * ranks] oldest first */
  int n_held;
  int64_t trajectories, final_observations; /* in the batch */
  int64_t rollouts;                         /* the most that an actor has made */
  double terms[ALGORITHM_MAX_TERMS];        /* of the gradient that is applied */
  bool evaluation_waits;                    /* for the actors to pause */
};

static inline struct asynchronous_learner *asynchronous_of(const struct learner *learner) {
  return learner->schedule_data;
}

/* --- actors (train/asynchronous_actor.c) --- */

/* An actor that computes gradients has an algorithm of its own for it. */
MUSTER_CHECKED muster_status asynchronous_prepare_gradients(struct actor *actor);
void asynchronous_begin_rollout(struct actor *actor);
MUSTER_CHECKED muster_status asynchronous_before_step(struct actor *actor, size_t t, bool *is_over);

/* Does what the command asks for and sends it: a slice of an evaluation, the states of the environments, or one more
 * rollout. */
MUSTER_CHECKED muster_status asynchronous_take_turn(struct actor *actor);
MUSTER_CHECKED muster_status asynchronous_act(struct actor *actor);

/* --- the batch (train/asynchronous_batch.c) --- */

/* Takes the rollout of a message, behind what is in the batch, where it stays unless it is of no use: of too old a
 * policy, with faults, or learned from by its gradient. */
MUSTER_CHECKED muster_status asynchronous_take_rollout(struct learner *learner, int rank,
                                                       const struct message *message);
void asynchronous_empty_batch(struct learner *learner);

/* As in struct schedule: the trajectories that wait, and how far the actors' random numbers are. */
int asynchronous_state(struct learner *learner, struct tensor list[SCHEDULE_MAX_STATE]);
MUSTER_CHECKED muster_status asynchronous_restore_counts(struct learner *learner, struct checkpoint_reader *reader);
MUSTER_CHECKED muster_status asynchronous_restored(struct learner *learner);

#endif
