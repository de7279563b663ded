/* Asynchronous training, where nobody waits (IMPALA, Espeholt et al. 2018; A3C, Mnih et al. 2016). As soon as an actor
 * has a rollout, it sends it, or the gradient of it, to the learner, and goes on with the newest policy that has come.
 * The learner takes the messages that have come, learns from them, and gives a command with the new policy. Messages
 * and commands go through comm/channel.h. Rollouts are of older policies, which algorithms correct for, or do not.
 *
 * Before a checkpoint, and at the end, the actors pause: a command asks for it; then each actor finishes and sends its
 * rollout, sends the states of its environments, and waits for the next command. Meanwhile the learner goes on to take
 * messages, so that none is under way when it writes the checkpoint. Trajectories that it has not learned from by then
 * are kept in the checkpoint. In an evaluation the actors pause, too: commands ask them to play episodes, and they send
 * the results. */
#ifndef TRAIN_ASYNCHRONOUS_H
#define TRAIN_ASYNCHRONOUS_H

#include "train/learner.h"
#include "train/message.h"
#include "train/repeated_schedule.h"

/* a message that has come and waits for the next update */
struct held_message {
  int rank;
  const struct message *message;
  size_t bytes;
  bool is_noted; /* its wait is counted */
  /* in a run that repeats a schedule, in place of a message: trajectories whose messages have come and are kept */
  const struct recorded_row *row;
};

/* what is done with the messages of actors, which bring trajectories or gradients */
struct sent {
  /* one turn: takes messages, as many as the schedule has before it learns, and learns */
  muster_status (*learn_from_next)(struct learner *learner);
  /* takes one, also while the actors begin to pause */
  muster_status (*take)(struct learner *learner, const struct held_message *taken);
};

/* what the learner keeps: learner->schedule_data */
struct asynchronous_learner {
  const struct sent *sent;
  int64_t capacity;          /* trajectories that the batch has room for */
  int64_t *versions;         /* [capacity] of the trajectories in the batch: updates before the policy that acted */
  int64_t *under_way;        /* [ranks] the same of the next message of each actor */
  struct held_message *held; /* [CHANNEL_SLOTS * ranks] oldest first */
  int n_held;
  int64_t trajectories, final_observations; /* in the batch */
  int64_t rollouts;                         /* the most that an actor has made */
  double terms[ALGORITHM_MAX_TERMS];        /* of the gradient that is applied */
  bool evaluation_waits;                    /* for the actors to pause */

  /* where trajectories go into a replay */
  struct rate_limiter limiter;
  int64_t taken; /* trajectories that went in since the last turn ended */
};

static inline struct asynchronous_learner *asynchronous_of(const struct learner *learner) {
  return learner->schedule_data;
}

/* --- actors (train/asynchronous_actor.c) --- */

/* Gives an actor that computes gradients an algorithm of its own. */
MUSTER_CHECKED muster_status asynchronous_prepare_gradients(struct actor *actor);
void asynchronous_begin_rollout(struct actor *actor);
MUSTER_CHECKED muster_status asynchronous_before_step(struct actor *actor, size_t t, bool *is_over);

/* Does what the command asks for, and sends the result: a slice of an evaluation, the states of the environments, or
 * one more rollout. */
MUSTER_CHECKED muster_status asynchronous_take_turn(struct actor *actor);
MUSTER_CHECKED muster_status asynchronous_act(struct actor *actor);

/* --- the learner (train/asynchronous_learner.c): what its schedules share --- */

/* Waits for the next message; a rank that acts and learns sends it first. asynchronous_first_message() has the oldest
 * that was held back go before. */
MUSTER_CHECKED muster_status asynchronous_next_message(struct learner *learner, struct held_message *next);
MUSTER_CHECKED muster_status asynchronous_first_message(struct learner *learner, struct held_message *next);
/* Takes all that comes before the next update in the schedule that is repeated. */
MUSTER_CHECKED muster_status asynchronous_repeat(struct learner *learner);
/* Counts how far the policy that acted is behind. */
void asynchronous_count_lag(struct learner *learner, int64_t acted, int64_t trajectories);
/* Writes a row that still waits for its evaluation: before the next update. */
MUSTER_CHECKED muster_status asynchronous_flush_row(struct learner *learner);
/* Counts an iteration, and has schedule->update() learn. */
MUSTER_CHECKED muster_status asynchronous_learn(struct learner *learner);
/* Reports the iteration, if there was one since `before`, and empties the batch. */
MUSTER_CHECKED muster_status asynchronous_end_iteration(struct learner *learner, int64_t before);

MUSTER_CHECKED muster_status asynchronous_prepare_learner(struct learner *learner, const struct sent *sent);

/* As in struct schedule. */
MUSTER_CHECKED muster_status asynchronous_connect(struct transport *transport, const struct endpoints *endpoints);
MUSTER_CHECKED muster_status asynchronous_lead(struct learner *learner);
MUSTER_CHECKED muster_status asynchronous_follow(struct learner *learner);
MUSTER_CHECKED muster_status asynchronous_iterate(struct learner *learner);
MUSTER_CHECKED muster_status asynchronous_play_slice(struct learner *learner);
MUSTER_CHECKED muster_status asynchronous_end_evaluation(struct learner *learner);
int64_t asynchronous_give_up_rollouts(struct learner *learner);

/* --- the batch (train/asynchronous_batch.c) --- */

/* Takes what is in the head of a message of any kind. */
void asynchronous_note_message(struct learner *learner, int rank, const struct message *message);
/* Takes a message, records that, and gives its slot back. Its rollout is counted, and added to the end of the batch,
 * unless it is not learned from: since its policy is too old, it has faults, or its gradient came with it. `*version`:
 * of its policy. */
MUSTER_CHECKED muster_status asynchronous_take_rollout(struct learner *learner, const struct held_message *taken,
                                                       int64_t *version);
void asynchronous_empty_batch(struct learner *learner);

/* As in struct schedule: the trajectories that wait, and the number of rollouts, which random numbers go by. */
int asynchronous_state(struct learner *learner, struct tensor list[SCHEDULE_MAX_STATE]);
MUSTER_CHECKED muster_status asynchronous_restore_counts(struct learner *learner, struct checkpoint_reader *reader);
MUSTER_CHECKED muster_status asynchronous_restored(struct learner *learner);

#endif
