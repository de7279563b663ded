/* An actor: receives the policy, rolls out its environments with it, sends the rollout, until the learner says stop. */
#ifndef TRAIN_ACTOR_H
#define TRAIN_ACTOR_H

#include "algo/algorithm.h"
#include "nn/model.h"
#include "train/worker.h"

struct actor {
  struct worker *worker;             /* borrowed */
  struct model *model;               /* the policy: its own, or the learner's on a rank that does both; borrowed */
  char *actions;                     /* [rows, action_bytes] of one step */
  uint32_t first_row;                /* of this actor's rows among all */
  bool has_faults;                   /* whether faults were tolerated in the last rollout */
  double seconds;                    /* that the last rollout took */
  int64_t steps;                     /* of all environments, so far */
  int64_t rollouts;                  /* before this one, of this actor: the place of its random numbers */
  bool envs_are_dead;                /* whether isolated environments have died too often */
  const struct algorithm_type *type; /* where actors compute gradients, from worker->rollout; else NULL */
  void *algorithm;
  int crash_dump_files; /* written so far for tolerated faults */
};

/* Takes memory from the worker's arena. */
MUSTER_CHECKED muster_status actor_create(struct worker *worker, struct model *model, struct actor *actor);

/* Starts every environment: fresh, or where env_states says a run was interrupted. */
MUSTER_CHECKED muster_status actor_start_envs(struct actor *actor, bool from_states);

/* Saves the states of this actor's environments into env_states. */
void actor_save_states(struct actor *actor);

/* Rolls out every environment with the policy that the model holds, into worker->rollout: for n_steps, or until enough
 * other actors are done; or, of whole episodes, until each has ended its first one or n_steps are over, then starts the
 * next episode everywhere. Leaves the clock in STAGE_GATHER. */
MUSTER_CHECKED muster_status actor_roll_out(struct actor *actor);

/* Takes the policy of the command at hand, or all parameters where it has them. */
void actor_take_parameters(struct actor *actor);

/* Rolls out with the policy of the command at hand, behind which the model has its own again; the caller packs it. */
MUSTER_CHECKED muster_status actor_roll_out_commanded(struct actor *actor);

/* This rank's part in the gathers of environment states and of a rollout; `actor` NULL: it does not act, and has none.
 * Collective with the learner's. */
MUSTER_CHECKED muster_status actor_send_states(struct worker *worker, struct actor *actor);
MUSTER_CHECKED muster_status actor_send_rollout(struct worker *worker, const struct actor *actor);

/* Waits for the next command that is none of an evaluation, and plays the evaluations that come before it; `actor` as
 * above. */
MUSTER_CHECKED muster_status actor_await_command(struct worker *worker, struct actor *actor);

/* Takes part in an evaluation whose first order is still to come: the one that follows a rollout, or that of the end,
 * where a run that is finished has one. */
MUSTER_CHECKED muster_status actor_await_evaluation(struct worker *worker, struct actor *actor);
MUSTER_CHECKED muster_status actor_evaluate_at_end(struct worker *worker, struct actor *actor);

/* After the loop: tells the learner where this rank's time went. Collective with learner_finish(). */
MUSTER_CHECKED muster_status actor_finish(struct worker *worker);

#endif
