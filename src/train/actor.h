/* An actor: receives the policy, rolls out its environments with it, sends the rollout, until the learner says stop. */
#ifndef TRAIN_ACTOR_H
#define TRAIN_ACTOR_H

#include "algo/algorithm.h"
#include "nn/model.h"
#include "train/transport.h"

struct actor {
  struct run *run; /* borrowed, as the transport is */
  struct transport *transport;
  struct trajectory own, *rollout;   /* of its environments; on a rank that learns, too, rows of the batch where the
                                        schedule rolls out in place */
  bool is_in_place;                  /* they are */
  unsigned char *env_states;         /* [environments, env_state_bytes], as last saved */
  struct model *model;               /* the policy: its own, or the learner's on a rank that does both; borrowed */
  char *actions;                     /* [rows, action_bytes] of one step */
  uint32_t first_row;                /* of this actor's rows among all */
  bool has_faults;                   /* whether faults were tolerated in the last rollout */
  double seconds;                    /* that the last rollout took */
  int64_t steps;                     /* of all environments, so far */
  int64_t rollouts;                  /* before this one, of this actor: the place of its random numbers */
  bool envs_are_dead;                /* whether isolated environments have died too often */
  const struct algorithm_type *type; /* where actors compute gradients, from the rollout; else NULL */
  void *algorithm;
  int crash_dump_files; /* written so far for tolerated faults */
};

/* Takes memory from the run's arena. `gathering`: in whose batch it rolls out where it may; `transport` is created
 * afterwards. */
MUSTER_CHECKED muster_status actor_create(struct gathering *gathering, struct transport *transport, struct model *model,
                                          struct actor *actor);

/* Starts every environment: fresh, or where env_states says a run was interrupted. */
MUSTER_CHECKED muster_status actor_start_envs(struct actor *actor, bool from_states);

/* Saves the states of this actor's environments into env_states. */
void actor_save_states(struct actor *actor);

/* Rolls out every environment with the policy that the model holds, into actor->rollout: for n_steps, or until enough
 * other actors are done; or, of whole episodes, until each has ended its first one or n_steps are over, then starts the
 * next episode everywhere. Leaves the clock in STAGE_GATHER. */
MUSTER_CHECKED muster_status actor_roll_out(struct actor *actor);

/* Takes the policy of the last command, or all parameters where it has them. */
void actor_take_parameters(struct actor *actor);

/* Rolls out with the policy of the last command, behind which the model has its own again; the caller packs it. */
MUSTER_CHECKED muster_status actor_roll_out_commanded(struct actor *actor);

/* This rank's part in the gathers of environment states and of a rollout; `actor` NULL: it does not act, and has none.
 * Collective with the learner's. */
MUSTER_CHECKED muster_status actor_send_states(struct transport *transport, struct actor *actor);
MUSTER_CHECKED muster_status actor_send_rollout(struct transport *transport, const struct actor *actor);

/* Waits for the next command that is none of an evaluation, and plays the evaluations that come before it; `actor`
 * as above. */
MUSTER_CHECKED muster_status actor_await_command(struct transport *transport, struct actor *actor);

/* Takes part in an evaluation whose first command is still to come: the one that follows a rollout, or that of the end,
 * where a run that is finished has one. */
MUSTER_CHECKED muster_status actor_await_evaluation(struct transport *transport, struct actor *actor);
MUSTER_CHECKED muster_status actor_evaluate_at_end(struct transport *transport, struct actor *actor);

/* After the loop: tells the learner where this rank's time went. Collective with learner_finish(). */
MUSTER_CHECKED muster_status actor_finish(struct run *run);

#endif
