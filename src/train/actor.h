/* An actor: receives the policy, rolls out its environments with it, sends the rollout, until the learner says stop. */
#ifndef TRAIN_ACTOR_H
#define TRAIN_ACTOR_H

#include "algo/algorithm.h"
#include "nn/model.h"
#include "train/transport.h"

struct actor {
  struct run *run;       /* borrowed, as the transport is */
  struct env_pool *pool; /* its environments, borrowed: the run's */
  struct transport *transport;
  struct trajectory own, *rollout; /* of its environments: `own`, or rows of the batch on this rank */
  bool is_in_place;          /* the rollout is rows of the batch: this rank learns, too, and its schedule allows it */
  unsigned char *env_states; /* [environments, env_state_bytes], as last saved */
  struct model *model;       /* the policy: its own, or the learner's on a rank that acts and learns; borrowed */
  char *actions;             /* [rows, action_bytes] of one step */
  uint32_t first_row;        /* of this actor's rows among all */
  uint32_t *ages;            /* [rows] steps of the running episodes, where the noise of actions starts with them */
  bool has_faults;           /* whether faults were tolerated in the last rollout */
  double seconds;            /* that the last rollout took */
  int64_t steps;             /* of all environments, so far */
  int64_t rollouts;          /* before this one, of this actor: the place of its random numbers */
  bool envs_are_dead;        /* whether isolated environments have died too often */
  const struct algorithm_type *type; /* where actors compute gradients, from the rollout; else NULL */
  void *algorithm;
  int crash_dump_files; /* written so far for tolerated faults */
};

/* Takes memory from the run's arena. Both are borrowed: the actor may roll out in the batch of `gathering`; `transport`
 * is created afterwards. */
MUSTER_CHECKED muster_status actor_create(struct gathering *gathering, struct transport *transport, struct model *model,
                                          struct actor *actor);

/* Starts every environment: with a fresh episode, or in the state that env_states holds. */
MUSTER_CHECKED muster_status actor_start_envs(struct actor *actor, bool from_states);

/* Saves the states of this actor's environments into env_states. */
void actor_save_states(struct actor *actor);

/* Rolls out every environment with the policy that the model holds, into actor->rollout: for n_steps, or until enough
 * other actors are done; or, of whole episodes, until each has ended its first one or n_steps are over, then starts the
 * next episode everywhere. Leaves the clock in STAGE_GATHER. */
MUSTER_CHECKED muster_status actor_roll_out(struct actor *actor);

/* Takes the policy of the last command, or all parameters where it has them. */
void actor_take_parameters(struct actor *actor);

/* Rolls out with the policy of the last command; then the model has its own parameters again, which the caller packs.
 */
MUSTER_CHECKED muster_status actor_roll_out_commanded(struct actor *actor);

/* This rank's part in gathering the states of environments, and a rollout; `actor` NULL: it does not act, and only
 * takes part. Collective. */
MUSTER_CHECKED muster_status actor_send_states(struct transport *transport, struct actor *actor);
MUSTER_CHECKED muster_status actor_send_rollout(struct transport *transport, const struct actor *actor);

/* Waits for the next command, and plays the evaluations that are commanded before it; `actor` as above. */
MUSTER_CHECKED muster_status actor_await_command(struct transport *transport, struct actor *actor);

/* Waits for the first command of an evaluation, and takes part in it: the one that follows a rollout, or the one at the
 * end of a run that is finished. */
MUSTER_CHECKED muster_status actor_await_evaluation(struct transport *transport, struct actor *actor);
MUSTER_CHECKED muster_status actor_evaluate_at_end(struct transport *transport, struct actor *actor);

/* After the loop: tells the learner where this rank's time went. Collective with learner_finish(). */
MUSTER_CHECKED muster_status actor_finish(struct run *run);

#endif
