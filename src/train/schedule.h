/* A schedule: the order of rollouts, updates, checkpoints and evaluations, and who waits for whom. Each has a file,
 * schedule_*.c, which ends with its table of functions; read schedule_in_step.c first. A new schedule is a new file and
 * a line in schedule_of().
 *
 * Schedules whose actors wait for the learner share train/synchronous.h, those whose actors do not wait share
 * train/asynchronous.h. */
#ifndef TRAIN_SCHEDULE_H
#define TRAIN_SCHEDULE_H

#include "experience/rate_limiter.h"
#include "experience/trajectory.h"
#include "setup/config.h"
#include "store/checkpoint.h"

#define SCHEDULE_MAX_STATE (8 + RATE_LIMITER_STATE + TRAJECTORY_TENSORS) /* tensors of a checkpoint */

struct actor;
struct learner;
struct endpoints;
struct run;
struct transport;

/* All members are required. A schedule's own data are in learner->schedule_data. */
struct schedule {
  const char *name; /* as users read it */

  /* --- facts --- */
  bool rolls_out_in_place;           /* ranks that act and learn write their rollouts into the batch: nobody learns from
                                        it meanwhile */
  bool actors_compute_gradients;     /* of their own rollouts, with all parameters; the learner applies them */
  bool records_schedule;             /* its run writes down what came when, and may repeat what another one has */
  bool reports_policy_lag;           /* metrics.csv has columns for how old the policies were that acted */
  bool limits_rates;                 /* and for the ratio of samples to steps, which a rate limiter keeps */
  bool is_deterministic;             /* the result depends neither on the ranks nor on their speed */
  bool counts_together;              /* all ranks count the same iterations */
  bool commands_ahead;               /* the command after a rollout is given before what is learned from it */
  bool next_command_ends_evaluation; /* end_evaluation() is only called at the end of the run */

  /* --- set-up --- */

  /* The number of environments whose rollouts the batch has room for. */
  size_t (*batch_envs)(const struct run *run);
  /* Prepares sending commands, rollouts and evaluations. Collective. */
  muster_status (*connect)(struct transport *transport, const struct endpoints *endpoints);
  /* Creates the schedule's own data of the leading rank, before a checkpoint is restored. Takes memory from the arena.
   */
  muster_status (*prepare_learner)(struct learner *learner);
  /* The same of an actor. */
  muster_status (*prepare_actor)(struct actor *actor);

  /* --- the loops; collective --- */

  muster_status (*lead)(struct learner *learner);   /* of the leading rank, until its command says stop */
  muster_status (*follow)(struct learner *learner); /* of another rank that learns */
  muster_status (*act)(struct actor *actor);        /* of a rank that only acts */

  /* --- an actor's rollout --- */

  /* Sets actor->rollouts, its number, which its random numbers depend on. */
  void (*begin_rollout)(struct actor *actor);
  /* Before step t of all environments; `*is_over`: the rollout ends without it. */
  muster_status (*before_step)(struct actor *actor, size_t t, bool *is_over);

  /* --- learning --- */

  /* Updates from the batch, or with the gradient that has come; on all ranks that learn together. NUMERIC errors as of
   * an algorithm's update(). */
  muster_status (*update)(struct learner *learner);
  /* One rollout and its update, on a single rank, without commands, reports and checkpoints: for measurements. */
  muster_status (*iterate)(struct learner *learner);

  /* --- an evaluation, while all actors wait --- */

  /* Sends the prepared command of a slice, plays this rank's part, and takes the episodes of the actors. */
  muster_status (*play_slice)(struct learner *learner);
  /* Sends the prepared command that ends it. */
  muster_status (*end_evaluation)(struct learner *learner);

  /* --- its part of a checkpoint --- */

  /* Lists it as tensors in live memory; returns their number. */
  int (*state)(struct learner *learner, struct tensor list[SCHEDULE_MAX_STATE]);
  /* When a checkpoint is read: the first reads the tensors that shapes of others depend on, before state() lists those;
   * the second is called after all were read. Errors FORMAT name the tensor. */
  muster_status (*restore_counts)(struct learner *learner, struct checkpoint_reader *reader);
  muster_status (*restored)(struct learner *learner);
  /* A rank is lost, and the rollouts under way with it. Returns the most rollouts that any actor may have begun: a
   * resumed run counts on from there. */
  int64_t (*give_up_rollouts)(struct learner *learner);
};

extern const struct schedule schedule_in_step, schedule_pipelined, schedule_asynchronous,
    schedule_asynchronous_gradients, schedule_asynchronous_replay;

/* The schedule of a config. */
const struct schedule *schedule_of(const struct run_config *config);

/* For schedules without tensors or data of their own (train/schedule_defaults.c). */
int schedule_no_state(struct learner *learner, struct tensor list[SCHEDULE_MAX_STATE]);
muster_status schedule_no_counts(struct learner *learner, struct checkpoint_reader *reader);
muster_status schedule_no_learner(struct learner *learner);
muster_status schedule_no_actor(struct actor *actor);

#endif
