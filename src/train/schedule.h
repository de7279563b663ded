/* A schedule: in which order rollouts, updates, checkpoints and evaluations come, and who waits for whom. One file
 * each, schedule_*.c, which ends with its table of functions; schedule_in_step.c is the one to read first. A new
 * schedule is a new file and a line in schedule_of().
 *
 * What schedules share whose actors wait for the learner is in train/synchronous.h, what those share whose actors do
 * not is in train/asynchronous.h. */
#ifndef TRAIN_SCHEDULE_H
#define TRAIN_SCHEDULE_H

#include "experience/trajectory.h"
#include "setup/config.h"
#include "store/checkpoint.h"

#define SCHEDULE_MAX_STATE (8 + TRAJECTORY_TENSORS) /* tensors of a checkpoint */

struct actor;
struct learner;
struct endpoints;
struct run;
struct transport;

/* Every member is set. What a schedule lets the learner keep is in learner->schedule_data. */
struct schedule {
  const char *name; /* as users read it */

  /* --- facts --- */
  bool rolls_out_in_place;           /* a rank that acts and learns writes its rollout into the batch, from which nobody
                                        learns meanwhile */
  bool actors_compute_gradients;     /* from their own rollouts, with all parameters; the learner applies them */
  bool reports_policy_lag;           /* columns of metrics.csv: how old the policies were that acted */
  bool is_deterministic;             /* the answer does not depend on the ranks, nor on their speed */
  bool counts_together;              /* all ranks count the same iterations */
  bool next_command_ends_evaluation; /* end_evaluation() is only called where no other command follows */

  /* --- set-up --- */

  /* Environments whose rollouts the batch has room for. */
  size_t (*batch_envs)(const struct run *run);
  /* Prepares the exchange of commands, rollouts and evaluations. Collective. */
  muster_status (*connect)(struct transport *transport, const struct endpoints *endpoints);
  /* What the rank that leads needs besides, before a checkpoint is restored. Takes memory from the arena. */
  muster_status (*prepare_learner)(struct learner *learner);
  /* The same of an actor. */
  muster_status (*prepare_actor)(struct actor *actor);

  /* --- the loops; collective --- */

  muster_status (*lead)(struct learner *learner);   /* of the rank that leads, until its command says stop */
  muster_status (*follow)(struct learner *learner); /* of another that learns */
  muster_status (*act)(struct actor *actor);        /* of one that only acts */

  /* --- an actor's rollout --- */

  /* Counts it: actor->rollouts is the place of its random numbers. */
  void (*begin_rollout)(struct actor *actor);
  /* Before step t of all environments; `*is_over`: the rollout ends without it. */
  muster_status (*before_step)(struct actor *actor, size_t t, bool *is_over);

  /* --- learning --- */

  /* From the batch, or from the gradient that has come; on all that learn together. NUMERIC errors as of an algorithm's
   * update(). */
  muster_status (*update)(struct learner *learner);
  /* One rollout and what is learned from it, on a rank that acts and learns alone, without commands, reports and
   * checkpoints: for measurements. */
  muster_status (*iterate)(struct learner *learner);

  /* --- an evaluation, while all actors wait --- */

  /* Tells the actors of a slice, whose command is prepared, plays this rank's part, and takes how far the actors are.
   */
  muster_status (*play_slice)(struct learner *learner);
  /* Tells them that it is over; the command is prepared. */
  muster_status (*end_evaluation)(struct learner *learner);

  /* --- what a checkpoint holds of it --- */

  /* Lists it, as views of live memory; returns the number of tensors. */
  int (*state)(struct learner *learner, struct tensor list[SCHEDULE_MAX_STATE]);
  /* When a checkpoint is read: what the shapes of others depend on, before state() lists them; and after all of it was
   * read. Errors FORMAT name the tensor. */
  muster_status (*restore_counts)(struct learner *learner, struct checkpoint_reader *reader);
  muster_status (*restored)(struct learner *learner);
  /* A rank is lost, and what is under way with it. Returns the most rollouts that any actor may have begun; random
   * numbers of those that go on begin behind them. */
  int64_t (*give_up_rollouts)(struct learner *learner);
};

extern const struct schedule schedule_in_step, schedule_pipelined, schedule_asynchronous,
    schedule_asynchronous_gradients;

/* The one that a config asks for. */
const struct schedule *schedule_of(const struct run_config *config);

/* What many of them have (train/schedule_defaults.c): no tensor, no number that others depend on, nothing to prepare.
 */
int schedule_no_state(struct learner *learner, struct tensor list[SCHEDULE_MAX_STATE]);
muster_status schedule_no_counts(struct learner *learner, struct checkpoint_reader *reader);
muster_status schedule_no_learner(struct learner *learner);
muster_status schedule_no_actor(struct actor *actor);

#endif
